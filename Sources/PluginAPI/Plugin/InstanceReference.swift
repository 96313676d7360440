/// Another instance that an instance's settings name.
///
/// Whoever names an instance says so by ``Plugin/references(in:)``: `jack check` then finds a name that nobody has, and the instance may reach what it names, and
/// nothing else, by its ``PluginContext``.
public struct InstanceReference: Sendable, Hashable {
    /// The setting that holds the name; dots lead into nested settings.
    public var key: String
    /// The instance's name in YAML.
    public var name: String
    public var kind: PluginKind

    public init(key: String, name: String, kind: PluginKind) {
        self.key = key
        self.name = name
        self.kind = kind
    }
}
