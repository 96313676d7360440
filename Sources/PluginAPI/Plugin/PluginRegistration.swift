/// A plugin as the registry holds it: its type, and what can be known of it without constructing it.
public struct PluginRegistration: Sendable {
    public let type: any Plugin.Type
    public let manifest: PluginManifest
    public let kind: PluginKind
    public let schema: SettingsSchema

    public init<P: Plugin>(_ type: P.Type) {
        self.type = type
        manifest = type.manifest
        kind = type.kind
        schema = P.Settings.schema
    }
}
