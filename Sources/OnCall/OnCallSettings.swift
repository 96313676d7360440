import PluginAPI

/// The `oncall:` section of `jack.yaml`.
public struct OnCallSettings: PluginSettings {
    @Setting(
        help:
            "The plan of who is told of what: an `oncall.yaml` or an `alertmanager.yml`, relative to this file. Not set: `notify` and `severity` decide.",
        example: "oncall.yaml") public var file: String?
    @Setting(help: "Alert instances that are told of every alert where there is no plan; none for all of them.") public var notify: [String] = []
    @Setting(help: "The least severity that is told where there is no plan; emergencies are always told.") public var severity: AlertSeverityChoice =
        .warning
    @Setting(
        help:
            "How long alerts, pages, answers and plans that are past are remembered, for `jack why`, `jack route explain --at` and `jack oncall backtest`.",
        .range(.seconds(86_400)...(.seconds(20 * 366 * 86_400)))) public var history: Duration = .seconds(400 * 86_400)
    @Setting(
        help:
            "How long further news of what a person was paged for (changed, acknowledged, over) waits after the last, to come in one message; 0s for each by itself. Emergencies never wait.",
        .range(.zero ... .seconds(3600))) public var newsWindow: Duration = .seconds(60)
    @Setting(help: "What Jack watches, and raises alerts for.") public var watch: RaisingSettings = .init()
    @Setting(help: "Who else may raise alerts: by webhook, or by mail.") public var sources: [AlertSourceSettings] = []
    @Setting(help: "How calendars behind an address are fetched.") public var calendars: CalendarFeedSettings = .init()

    public init() {}

    /// What the declarations cannot say. Pure.
    public func check(_ report: inout ValidationReport) {
        report.nested("watch") { watch.check(&$0) }
        report.nested("sources") { AlertSourceSettings.check(sources, &$0) }
    }
}

/// A severity in YAML.
public enum AlertSeverityChoice: String, SettingChoice, Sendable {
    case info, warning, error, critical

    var severity: AlertSeverity { AlertSeverity(rawValue: rawValue) ?? .warning }
}
