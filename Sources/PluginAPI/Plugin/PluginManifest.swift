/// What can be known of a plugin without constructing it.
public struct PluginManifest: Sendable {
    /// How far an operator may rely on it.
    public enum Stability: String, Sendable, Codable, Comparable {
        case experimental, beta, stable

        public static func < (left: Stability, right: Stability) -> Bool { left.rank < right.rank }
        private var rank: Int {
            switch self {
            case .experimental: 0;
            case .beta: 1;
            case .stable: 2
            }
        }
    }

    /// The name in YAML: lower case, digits and hyphens.
    public let id: String
    /// One line for `jack plugins list`.
    public let summary: String
    public let stability: Stability
    public let capabilities: Set<PluginCapability>
    /// Where data goes when this plugin runs; empty for a plugin that keeps everything on the machine.
    public let destinations: [DataDestination]
    /// The vendor's document that the plugin follows.
    public let documentation: String?
    /// Which rules of quality it meets.
    public let quality: PluginQuality

    /// Variables of the environment that stand over settings of the instance which is named like the plugin: the variable, and the setting's path with
    /// dots, such as `smtp.host`. An instance that the file does not have comes about by them.
    public let environment: [String: String]

    /// How on-call plans write down whom an alert sink of this plugin reaches, or whom a page through a channel of this plugin reaches; empty for a sink whose
    /// own settings say it, and for a channel by which nobody is paged.
    public let contacts: [ContactForm]

    /// The kind of the instances by which an alert sink sends, where it sends by others: it carries the ``contacts`` of those that its settings name
    /// (``Plugin/references(in:)``), beside its own.
    public let sendsThrough: PluginKind?

    /// Whether an alert sink reaches people: each alert sink says so. Nil for the other kinds.
    public let reachesPeople: PeopleReach?

    /// How many calls the vendor takes, where `limits:` of an instance says nothing else; nil for no limit.
    public let limits: VendorLimits?

    public init(
        id: String, summary: String, stability: Stability, capabilities: Set<PluginCapability> = [], destinations: [DataDestination] = [],
        documentation: String? = nil, environment: [String: String] = [:], contacts: [ContactForm] = [],
        sendsThrough: PluginKind? = nil, reachesPeople: PeopleReach? = nil, limits: VendorLimits? = nil,
        quality: PluginQuality = [:]
    ) {
        self.id = id
        self.summary = summary
        self.stability = stability
        self.capabilities = capabilities
        self.destinations = destinations
        self.documentation = documentation
        self.quality = quality
        self.environment = environment
        self.contacts = contacts
        self.sendsThrough = sendsThrough
        self.reachesPeople = reachesPeople
        self.limits = limits
    }
}

/// Something that a plugin can do and others of its kind may not.
public struct PluginCapability: RawRepresentable, Sendable, Hashable, ExpressibleByStringLiteral {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public init(stringLiteral value: String) { rawValue = value }
}

/// How many calls a vendor takes of one instance. The kernel keeps to it; what is beyond waits.
public struct VendorLimits: Sendable, Hashable {
    /// Calls a second.
    public let rate: Double
    /// Calls that may come at once before the rate holds.
    public let burst: Int

    public init(rate: Double, burst: Int) {
        self.rate = rate
        self.burst = burst
    }

    /// For people: “80 calls a second, 80 at once”.
    public var words: String { "\(rate == rate.rounded() ? String(Int(rate)) : String(rate)) calls a second, \(burst) at once" }
}

/// A party that receives data when a plugin runs.
public struct DataDestination: Sendable, Hashable {
    /// What of the hotel's data goes there.
    public enum DataClass: String, Sendable, Hashable, CaseIterable {
        case guestText, guestIdentity, reservation, knowledge, alert, operational
    }

    /// Who: a host name, or the setting that names it.
    public let recipient: String
    public let purpose: String
    public let classes: Set<DataClass>

    public init(_ recipient: String, purpose: String, classes: Set<DataClass>) {
        self.recipient = recipient
        self.purpose = purpose
        self.classes = classes
    }
}
