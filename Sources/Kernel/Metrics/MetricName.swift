/// Names and values as Prometheus's text format wants them.
enum MetricName {
    /// A metric's name: letters, digits, underscores and colons, not beginning with a digit.
    static func metric(_ text: String) -> String { sanitized(text, colon: true) }

    /// A label's name: as a metric's but without colons. Names that Prometheus keeps for itself get a prefix.
    static func label(_ text: String) -> String {
        let name = sanitized(text, colon: false)
        return name.hasPrefix("__") || name == "le" || name == "quantile" ? "exported_" + name : name
    }

    /// A label's value between its quotes.
    static func escapedValue(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 0x5C || $0 == 0x22 || $0 == 0x0A }) else { return text }
        return text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    static func escapedHelp(_ text: String) -> String { text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n") }

    /// A number as the format writes it.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if let whole = Int64(exactly: value) { return String(whole) }
        return "\(value)"
    }

    private static func sanitized(_ text: String, colon: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "_": result.unicodeScalars.append(scalar)
            case ":" where colon: result.unicodeScalars.append(scalar)
            case "0"..."9":
                if result.isEmpty { result = "_" }
                result.unicodeScalars.append(scalar)
            default: result += "_"
            }
        }
        return result.isEmpty ? "_" : result
    }
}
