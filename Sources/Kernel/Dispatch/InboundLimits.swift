import PluginAPI

/// How much an instance may bring in; the `inbound:` of an instance in YAML.
///
/// The defaults are far above what a hotel sees: a channel that sends 80 messages a second, the most that vendors allow, gets back some 240 receipts a second.
public struct InboundLimits: PluginSettings, Hashable {
    @Setting(
        help: "Webhooks a second, and messages that come by a socket or a mailbox; 0 for no limit. Webhooks beyond it get 429, the others wait.",
        .range(0...100_000))
    public var rate: Double = 500
    @Setting(help: "How many may come at once before the rate holds.", .range(1...1_000_000)) public var burst: Int = 5000
    @Setting(
        help: "The longest that the plugin may take over one webhook or page, or to open a socket; beyond it the caller gets 503.",
        .range(.milliseconds(100)...(.seconds(60))))
    public var timeout: Duration = .seconds(10)

    public init() {}

    public static func == (left: InboundLimits, right: InboundLimits) -> Bool { left.printed == right.printed }
    public func hash(into hasher: inout Hasher) { hasher.combine(printed) }
}
