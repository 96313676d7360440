extension [UInt8] {
    /// The bytes of a file that is part of the program: `#embed` in a C target brings it in, and a C function there hands it out. SwiftPM's
    /// `.embedInCode` does for a small file; its list of numbers takes seconds to build for one of 50 KB.
    /// - Parameter file: returns where the bytes begin, and writes how many there are. They must stay as long as the program runs.
    public init(embedded file: (UnsafeMutablePointer<Int>) -> UnsafePointer<UInt8>?) {
        var count = 0
        let start = file(&count)
        self.init(UnsafeBufferPointer(start: start, count: start == nil ? 0 : count))
    }
}
