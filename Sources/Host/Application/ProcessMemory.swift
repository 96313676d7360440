import Foundation

/// Keeps the process small: by itself glibc holds on to what a moment's work needed.
enum ProcessMemory {
    /// Blocks larger than this are given back when they are freed; left to itself, glibc raises the limit with each such block. In bytes.
    private static let largeBlock: Int32 = 256 << 10

    /// Sets the allocator up. Call it first.
    static func configure() {
        #if canImport(Glibc)
            _ = mallopt(M_MMAP_THRESHOLD, largeBlock)
            _ = mallopt(M_TRIM_THRESHOLD, largeBlock)
        #endif
    }

    /// Gives free pages back to the system. Takes some milliseconds.
    static func trim() {
        #if canImport(Glibc)
            _ = malloc_trim(0)
        #endif
    }
}
