/// How much YAML is read before it is refused. A configuration is small; what is not is a mistake or an attack.
public struct YAMLLimits: Sendable {
    /// The size of a file in bytes.
    public var bytes: Int
    /// How deep mappings and lists may stand in one another, aliases expanded.
    public var depth: Int
    /// The number of scalars, mappings and lists, aliases expanded.
    public var nodes: Int

    public init(bytes: Int = 1 << 20, depth: Int = 64, nodes: Int = 50_000) {
        self.bytes = bytes
        self.depth = depth
        self.nodes = nodes
    }
}
