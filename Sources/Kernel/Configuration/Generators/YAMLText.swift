import PluginAPI

/// Writes values as YAML that reads back as the same, a literal `${` included.
enum YAMLText {
    /// A text, in quotes where it would otherwise mean something else.
    static func scalar(_ text: String) -> String {
        if isPlain(text) { return text }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case "\r": quoted += "\\r"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\x" + (digits.count < 2 ? "0" : "") + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// A value on one line.
    static func inline(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): scalar(Interpolation.escape(text))
        case .array(let values): "[" + values.map(inline).joined(separator: ", ") + "]"
        case .object(let members):
            "{" + members.sorted { $0.key < $1.key }.map { "\(scalar($0.key)): \(inline($0.value))" }.joined(separator: ", ") + "}"
        case .null: "null"
        default: value.words
        }
    }

    /// `name: value` in as many lines as its shape asks for, keys in the order of their declarations.
    static func lines(_ name: String, _ value: JSONValue, _ shape: SettingShape) -> [String] {
        let key = scalar(name) + ":"
        switch (shape.unwrapped, value) {
        case (_, .object(let members)) where members.isEmpty: return ["\(key) {}"]
        case (.object(let schema), .object(let members)):
            return [key] + indented(schema.definitions.flatMap { lines($0.name, members[$0.name] ?? .null, $0.shape) })
        case (.map(let inner), .object(let members)):
            return [key] + indented(members.sorted { $0.key < $1.key }.flatMap { lines($0.key, $0.value, inner) })
        case (.list(.object(let schema)), .array(let values)) where !values.isEmpty:
            let items = values.flatMap { value in
                let members = schema.definitions.flatMap { lines($0.name, value[$0.name] ?? .null, $0.shape) }
                return members.enumerated().map { ($0.offset == 0 ? "- " : "  ") + $0.element }
            }
            return [key] + indented(items)
        default: return ["\(key) \(inline(value))"]
        }
    }

    static func indented(_ lines: [String]) -> [String] { lines.map { "  " + $0 } }

    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.first, first.isLetter || first.isNumber || first == "/" || first == ".", Double(text) == nil else { return false }
        let words = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"]
        guard !words.contains(text.lowercased()), !text.contains(": "), !text.contains(" #"), text.last != ":", text.last != " " else { return false }
        return text.allSatisfy { $0.isLetter || $0.isNumber || " _-./:+@()".contains($0) }
    }
}
