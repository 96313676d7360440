extension Duration: SettingValue {
    public static var shape: SettingShape { .duration }

    /// Reads `500ms`, `30s`, `5m`, `2h`, `7d` and sums such as `1h30m`. A bare number is refused: its unit would be a guess.
    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Duration? {
        guard let text = node.text, !node.isNull else { return mismatch(node, &diagnostics) }
        if let value = Duration(text: text) { return value }
        let remedy = Double(text) == nil ? "write for example 30s, 5m or 1h30m" : "say the unit: \(text)s or \(text)m?"
        diagnostics.error(.invalidValue, "“\(text)” is not a duration", remedy: remedy, at: node.mark)
        return nil
    }

    /// A duration from its text in YAML, or nil.
    public init?(text: String) {
        var rest = Substring(text.filter { $0 != " " })
        guard !rest.isEmpty else { return nil }
        if rest == "0" { self = .zero; return }
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            let unit = rest.dropFirst(digits.count).prefix { $0.isLetter }
            let factors = ["ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604_800]
            guard let count = Double(digits), let factor = factors[String(unit)] else { return nil }
            total += count * factor
            rest = rest.dropFirst(digits.count + unit.count)
        }
        guard total.isFinite, total < 1e10 else { return nil }
        self = .milliseconds(Int64((total * 1000).rounded()))
    }

    /// The length in seconds.
    public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }

    /// The length in whole milliseconds.
    public var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }

    /// The text that YAML would hold, in the largest units that fit.
    public var text: String {
        var rest = milliseconds, text = ""
        for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] as [(String, Int64)] where rest >= size {
            text += "\(rest / size)\(unit)"
            rest %= size
        }
        return text.isEmpty ? "0s" : text
    }

    public var printed: JSONValue { .string(text) }
}

/// A number of bytes.
public struct ByteCount: SettingValue, Hashable, Comparable, CustomStringConvertible {
    public var bytes: Int

    public init(bytes: Int) { self.bytes = bytes }
    public static func kilobytes(_ count: Int) -> ByteCount { ByteCount(bytes: count << 10) }
    public static func megabytes(_ count: Int) -> ByteCount { ByteCount(bytes: count << 20) }

    public static var shape: SettingShape { .byteCount }
    public static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }

    /// Reads `4096`, `512KB`, `8MB`, `2GB`; the units count by 1,024.
    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> ByteCount? {
        guard let text = node.text?.uppercased(), !node.isNull else { return mismatch(node, &diagnostics) }
        let digits = text.prefix { $0.isNumber }
        let shifts = ["": 0, "B": 0, "KB": 10, "K": 10, "MB": 20, "M": 20, "GB": 30, "G": 30]
        let unit = text.dropFirst(digits.count).filter { $0 != " " }
        guard let count = Int(digits), let shift = shifts[unit], count <= Int.max >> shift else {
            diagnostics.error(.invalidValue, "“\(text)” is not a size", remedy: "write for example 512KB or 8MB", at: node.mark)
            return nil
        }
        return ByteCount(bytes: count << shift)
    }

    public var description: String {
        for (unit, shift) in [("GB", 30), ("MB", 20), ("KB", 10)] where bytes > 0 && bytes % (1 << shift) == 0 { return "\(bytes >> shift)\(unit)" }
        return "\(bytes)"
    }

    public var printed: JSONValue { .string(description) }
}
