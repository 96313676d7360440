/// What a plugin is for. A kind is a value and a protocol, not a case of a closed list: a module may define another.
public struct PluginKind: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    public let rawValue: String
    /// The key in `jack.yaml` under which instances of this kind stand.
    public let section: String

    public init(rawValue: String) { self.init(rawValue, section: rawValue) }

    public init(_ name: String, section: String) {
        rawValue = name
        self.section = section
    }

    public static let channel = PluginKind("channel", section: "channels")
    public static let ai = PluginKind("ai", section: "ai")
    public static let pms = PluginKind("pms", section: "pms")
    public static let alert = PluginKind("alert", section: "alerts")

    public var description: String { rawValue }
}
