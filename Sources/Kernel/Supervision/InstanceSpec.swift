import PluginAPI

/// What to do when an instance does not start.
public enum StartFailurePolicy: String, SettingChoice, Sendable {
    /// The whole program does not start.
    case fail
    /// Try again with back-off; the others run meanwhile.
    case retry
    /// Leave it off until told otherwise.
    case disable
}

/// One instance to run: a plugin, its settings, and how the kernel treats it.
public struct InstanceSpec: Sendable {
    public var name: String
    public var registration: PluginRegistration
    public var settings: any PluginSettings
    public var onStartFailure: StartFailurePolicy
    public var startTimeout: Duration
    public var limits: CallLimits
    /// How much it may bring in.
    public var inbound: InboundLimits
    /// Where it may send requests.
    public var network: NetworkSettings
    /// URLs outside of its settings that it is to send to: those of the people and programs that an on-call plan names.
    public private(set) var recipients: Set<String> = []
    /// Changes whenever anything that was configured changes: how a reload tells what to restart.
    public var fingerprint: String

    public init(
        name: String, registration: PluginRegistration, settings: any PluginSettings, onStartFailure: StartFailurePolicy = .retry,
        startTimeout: Duration = .seconds(30), limits: CallLimits = CallLimits(), inbound: InboundLimits = InboundLimits(),
        network: NetworkSettings = NetworkSettings(), fingerprint: String = ""
    ) {
        self.name = name
        self.registration = registration
        self.settings = settings
        self.onStartFailure = onStartFailure
        self.startTimeout = startTimeout
        self.limits = limits
        self.inbound = inbound
        self.network = network
        self.fingerprint = fingerprint
    }

    /// The same instance, which may send to these URLs too.
    public func reaching(_ recipients: Set<String>) -> InstanceSpec {
        guard !recipients.isEmpty else { return self }
        var spec = self
        spec.recipients = recipients
        // They may hold keys, and fingerprints are shown.
        spec.fingerprint += "/" + Fingerprint.of(recipients.sorted())
        return spec
    }

    /// The other instances that the settings name.
    public var references: [InstanceReference] { Self.references(registration.type, settings) }

    private static func references<P: Plugin>(_ type: P.Type, _ settings: any PluginSettings) -> [InstanceReference] {
        (settings as? P.Settings).map { P.references(in: $0) } ?? []
    }

    /// Constructs the plugin. No side effects.
    func make(_ context: PluginContext) throws -> any Plugin { try Self.make(registration.type, settings, context) }

    private static func make<P: Plugin>(_ type: P.Type, _ settings: any PluginSettings, _ context: PluginContext) throws -> any Plugin {
        guard let settings = settings as? P.Settings else {
            throw PluginFailure.permanent(.configuration, "the settings are \(Swift.type(of: settings)), and \(type) takes \(P.Settings.self)")
        }
        return try P(settings: settings, context: context)
    }
}
