/// A type that a setting may have.
public protocol SettingValue: Sendable {
    /// What values look like.
    static var shape: SettingShape { get }

    /// Reads a value; on a mistake adds a diagnostic at the node's mark and returns nil. Pure.
    static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Self?

    /// The value as `config show` and the generated reference print it; secrets say only that they are set.
    var printed: JSONValue { get }
}

extension SettingValue {
    /// Adds the usual diagnostic for a node that is of another kind than expected.
    public static func mismatch(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Self? {
        diagnostics.error(.wrongType, "expected \(shape.words), found \(node.kindDescription)", at: node.mark)
        return nil
    }
}

extension String: SettingValue {
    public static var shape: SettingShape { .string() }
    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> String? {
        guard let text = node.text, !node.isNull else { return mismatch(node, &diagnostics) }
        return text
    }
    public var printed: JSONValue { .string(self) }
}

extension Bool: SettingValue {
    public static var shape: SettingShape { .boolean }
    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Bool? {
        switch node.text?.lowercased() {
        case "true"?, "yes"?, "on"?: true
        case "false"?, "no"?, "off"?: false
        default: mismatch(node, &diagnostics)
        }
    }
    public var printed: JSONValue { .bool(self) }
}

extension Int: SettingValue {
    public static var shape: SettingShape { .integer }
    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Int? {
        guard let text = node.text, let value = Int(text.replacing("_", with: "")) else { return mismatch(node, &diagnostics) }
        return value
    }
    public var printed: JSONValue { .int(self) }
}

extension Double: SettingValue {
    public static var shape: SettingShape { .number }
    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Double? {
        guard let text = node.text, let value = Double(text), value.isFinite else { return mismatch(node, &diagnostics) }
        return value
    }
    public var printed: JSONValue { .double(self) }
}

extension Optional: SettingValue where Wrapped: SettingValue {
    public static var shape: SettingShape { .optional(Wrapped.shape) }
    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Wrapped?? {
        if node.isNull { return .some(nil) }
        guard let value = Wrapped.decode(node, &diagnostics) else { return nil }
        return .some(value)
    }
    public var printed: JSONValue { self?.printed ?? .null }
}

extension Array: SettingValue where Element: SettingValue {
    public static var shape: SettingShape { .list(Element.shape) }
    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> [Element]? {
        guard let elements = node.elements else { return mismatch(node, &diagnostics) }
        let values = elements.map { Element.decode($0, &diagnostics) }
        return values.contains { $0 == nil } ? nil : values.compactMap { $0 }
    }
    public var printed: JSONValue { .array(map(\.printed)) }
}

extension Dictionary: SettingValue where Key == String, Value: SettingValue {
    public static var shape: SettingShape { .map(Value.shape) }
    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> [String: Value]? {
        guard let entries = node.entries else { return mismatch(node, &diagnostics) }
        var values: [String: Value] = [:], sound = true
        for entry in entries {
            if let value = Value.decode(entry.value, &diagnostics) { values[entry.key] = value } else { sound = false }
        }
        return sound ? values : nil
    }
    public var printed: JSONValue { .object(mapValues(\.printed)) }
}

/// A closed choice: an enum of strings conforms by naming this protocol.
public protocol SettingChoice: SettingValue, RawRepresentable<String>, CaseIterable {}

extension SettingChoice {
    public static var shape: SettingShape { .choice(allCases.map(\.rawValue)) }
    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Self? {
        guard let text = node.text, !node.isNull else { return mismatch(node, &diagnostics) }
        if let value = Self(rawValue: text) { return value }
        let names = allCases.map(\.rawValue)
        diagnostics.error(
            .invalidValue, "“\(text)” is not one of \(names.joined(separator: ", "))",
            remedy: Suggestion.nearest(to: text, among: names).map { "did you mean “\($0)”?" }, at: node.mark)
        return nil
    }
    public var printed: JSONValue { .string(rawValue) }
}
