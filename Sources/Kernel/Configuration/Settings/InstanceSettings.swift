import PluginAPI

/// What stands under an instance's name in `jack.yaml`, whatever its plugin.
struct InstanceSettings: PluginSettings {
    @Setting(help: "The plugin's id; the instance's name where it is left out.") var plugin: String?
    @Setting(help: "False to leave the instance off. Its variables need not be set then.") var enabled: Bool = true
    @Setting(help: "What to do when it does not start: end the program, try again, or leave it off.") var onStartFailure: StartFailurePolicy = .retry
    @Setting(help: "How long its start may take.", .range(.milliseconds(100)...(.seconds(3600))), advanced: true)
    var startTimeout: Duration = .seconds(30)
    @Setting(help: "Limits of calls into the instance.", advanced: true) var limits: CallLimits = CallLimits()
    @Setting(help: "How much it may bring in.", advanced: true) var inbound: InboundLimits = InboundLimits()
    @Setting(help: "Where it may send requests beyond what its settings name.", advanced: true) var network: NetworkSettings = NetworkSettings()
    @Setting(help: "The plugin's own settings.") var settings: AnyNode = AnyNode(node: nil)

    init() {}
}

/// A value that someone else will read.
struct AnyNode: SettingValue {
    let node: ConfigNode?

    static var shape: SettingShape { .map(.string()) }

    static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> AnyNode? {
        guard node.entries != nil else { return mismatch(node, &diagnostics) }
        return AnyNode(node: node)
    }

    var printed: JSONValue { .object([:]) }
}

/// What every instance may say, for whoever documents it.
public enum InstanceDeclarations {
    public static var schema: SettingsSchema { InstanceSettings.schema }
}
