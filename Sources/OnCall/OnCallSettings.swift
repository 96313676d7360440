import PluginAPI

/// The `oncall:` section of `jack.yaml`.
public struct OnCallSettings: PluginSettings {
    @Setting(help: "Alert instances that are told of every alert; none for all of them.") public var notify: [String] = []
    @Setting(help: "The least severity that is told; emergencies are always told.") public var severity: AlertSeverityChoice = .warning

    public init() {}
}

/// A severity in YAML.
public enum AlertSeverityChoice: String, SettingChoice, Sendable {
    case info, warning, error, critical

    var severity: AlertSeverity { AlertSeverity(rawValue: rawValue) ?? .warning }
}
