import PluginAPI

/// One instance as it is configured and switched on.
public struct InstanceConfiguration: Sendable {
    /// What the kernel needs to run it.
    public internal(set) var spec: InstanceSpec
    /// Where its name stands.
    public let mark: SourceMark
    /// What stands under its name, expanded, without `plugin` and `enabled`. Holds secrets.
    let node: ConfigNode

    public var name: String { spec.name }
    public var kind: PluginKind { spec.registration.kind }
    public var registration: PluginRegistration { spec.registration }
    public var settings: any PluginSettings { spec.settings }
    /// Changes whenever anything under the instance's name does, expanded variables included, and with nothing else.
    public var fingerprint: String { spec.fingerprint }
}

/// An instance that is switched off.
public struct DisabledInstance: Sendable {
    public let name: String
    public let registration: PluginRegistration
    public let mark: SourceMark

    public var kind: PluginKind { registration.kind }
}
