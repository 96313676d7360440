import PluginAPI

/// One entry of `receivers:`: its name, and all that stands in it, for whoever knows what receivers do.
public struct ReceiverDefinition: Sendable, Hashable {
    public var name: String
    public var node: ConfigNode
    /// Where its name stands.
    public var mark: SourceMark

    public init(name: String, node: ConfigNode, mark: SourceMark) {
        self.name = name
        self.node = node
        self.mark = mark
    }
}

/// An alert instance of the configuration, as plans may name it.
public struct SinkDescription: Sendable, Hashable {
    /// The instance's name in YAML.
    public var instance: String
    /// Its plugin's id.
    public var plugin: String
    /// How plans write down whom it reaches.
    public var contacts: [ContactForm]
    /// ``PluginAPI/PeopleReach``, as the instance is set up.
    public var reachesHuman: Bool
    /// The plugin that does the carrying: that of the channel it sends through, or its own. Sinks with the same one are not independent of each other.
    public var carrier: String
    /// Who must be there for it to work: the vendor's host. Two carriers may hang on one vendor.
    public var vendor: String
    /// True where each telling is one more message to a person, as through a channel: ``Contact/bundlesNews``.
    public var writesMessages: Bool
    /// The settings that the instance has: ``PluginAPI/ContactForm/needs``.
    public var settings: Set<String>

    public init(
        instance: String, plugin: String, contacts: [ContactForm] = [], reachesHuman: Bool = false, carrier: String? = nil,
        vendor: String? = nil, writesMessages: Bool = false, settings: Set<String> = []
    ) {
        self.instance = instance
        self.plugin = plugin
        self.contacts = contacts
        self.reachesHuman = reachesHuman
        self.carrier = carrier ?? plugin
        self.vendor = vendor ?? self.carrier
        self.writesMessages = writesMessages
        self.settings = settings
    }
}
