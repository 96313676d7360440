/// A type whose properties are declared with ``Setting``.
///
/// Conform with an empty `init() {}`; everything else is made from the declarations. A settings type may itself be the type of a setting.
public protocol PluginSettings: SettingValue, Decodable {
    /// A value with every default, whose required settings are not set. Used to read the declarations, and by tests.
    init()
}

extension PluginSettings {
    /// The declarations of this type.
    public static var schema: SettingsSchema { SettingsSchema(Self.self) }

    public static var shape: SettingShape { .object(schema) }

    /// Reads the settings strictly. Pure: nothing outside is asked.
    public static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Self? {
        guard let values = schema.values(node, &diagnostics) else { return nil }
        do {
            return try Self(from: SettingsDecoder(values: values))
        } catch {
            diagnostics.error(.invalidValue, "the settings could not be read: \(error)", at: node.mark)
            return nil
        }
    }

    /// The values by name, secrets redacted.
    public var printed: JSONValue {
        // Names come from the declarations: a decoded value carries its settings' values alone.
        let names = Dictionary(Self.schema.definitions.map { ($0.property, $0.name) }) { first, _ in first }
        return .object(
            Mirror(reflecting: self).children.reduce(into: [:]) { members, child in
                guard let label = child.label, let setting = child.value as? any AnySetting else { return }
                let property = label.hasPrefix("_") ? String(label.dropFirst()) : label
                members[names[property] ?? property] = setting.printedValue ?? .null
            })
    }
}

/// Settings of a plugin that has none.
public struct NoSettings: PluginSettings {
    public init() {}
}
