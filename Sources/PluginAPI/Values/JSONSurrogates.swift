extension Sequence<UInt8> {
    /// JSON text in which U+FFFD stands for each half of a surrogate pair that is alone: `"\ud83d"`, as a program writes it that cuts a name within an
    /// emoji. RFC 8259 (§8.2) leaves open what a reader does with it; Foundation's refuses it, and what somebody said would be lost for a mark that
    /// nobody can see.
    public var withoutLoneSurrogates: [UInt8] {
        var bytes = Array(self)
        var index = 0
        while index < bytes.count, let escape = bytes[index...].firstIndex(of: UInt8(ascii: "\\")) {
            index = escape + 2
            guard let unit = Self.unit(at: escape, in: bytes), (0xD800...0xDFFF).contains(unit) else { continue }
            index = escape + 6
            if unit < 0xDC00, let low = Self.unit(at: index, in: bytes), (0xDC00...0xDFFF).contains(low) {
                index += 6
            } else {
                bytes.replaceSubrange(escape + 2..<escape + 6, with: "fffd".utf8)
            }
        }
        return bytes
    }

    /// The code unit of the escape that begins at a place, such as `\ud83d`; nil for another one, and where there is none.
    private static func unit(at place: Int, in bytes: [UInt8]) -> UInt16? {
        guard place + 6 <= bytes.count, bytes[place] == UInt8(ascii: "\\"), bytes[place + 1] == UInt8(ascii: "u") else { return nil }
        return UInt16(String(decoding: bytes[place + 2..<place + 6], as: UTF8.self), radix: 16)
    }
}
