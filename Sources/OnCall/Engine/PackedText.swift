/// Names and values in one piece of memory, sorted by name: what labels and annotations are while nobody looks at them. 100,000 alerts as dictionaries
/// would be four times as large.
///
/// Each name and each value ends with the byte 255, which no text in UTF-8 holds: these are the very bytes whose hash is an alert's fingerprint.
struct PackedText: Sendable, Hashable {
    static let separator: UInt8 = 0xFF
    let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    init(_ texts: [String: String]) {
        let sorted = texts.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(sorted.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 2 })
        for (name, value) in sorted {
            bytes.append(contentsOf: name.utf8)
            bytes.append(Self.separator)
            bytes.append(contentsOf: value.utf8)
            bytes.append(Self.separator)
        }
        self.bytes = bytes
    }

    var texts: [String: String] {
        var texts: [String: String] = [:]
        forEach { texts[$0] = $1 }
        return texts
    }

    func forEach(_ body: (_ name: String, _ value: String) -> Void) {
        var start = bytes.startIndex, name: String?
        for index in bytes.indices where bytes[index] == Self.separator {
            let text = String(decoding: bytes[start..<index], as: UTF8.self)
            if let known = name {
                body(known, text)
                name = nil
            } else {
                name = text
            }
            start = index + 1
        }
    }

    /// FNV-1a with 64 bits: what Prometheus and Alertmanager call the fingerprint of labels.
    var fingerprint: UInt64 { FNV.hash(bytes) }
}

/// FNV-1a with 64 bits.
enum FNV {
    static func hash(_ bytes: some Sequence<UInt8>, from start: UInt64 = 0xCBF2_9CE4_8422_2325) -> UInt64 {
        var hash = start
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }
}

extension UInt64 {
    /// 16 hexadecimal digits.
    var fingerprintText: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    init?(fingerprintText text: some StringProtocol) {
        guard text.utf8.count == 16 else { return nil }
        self.init(text, radix: 16)
    }

    /// As a table holds it.
    var stored: Int64 { Int64(bitPattern: self) }
    init(stored: Int64) { self = UInt64(bitPattern: stored) }
}
