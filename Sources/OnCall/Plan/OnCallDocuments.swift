import PluginAPI

/// The documents of on call, for whoever makes a JSON Schema of them.
public enum OnCallDocuments {
    /// The declarations by the document's name.
    public static var all: [(name: String, schema: SettingsSchema)] {
        [
            ("oncall", SettingsSchema(SettingsSchema(RosterDocument.schema, and: OperationsDocument.schema), and: RoutesDocument.schema)),
            ("alert-rules", AlertRules.schema), ("oncall-test", ScenarioFile.schema),
        ]
    }
}

/// What `oncall.yaml` holds beside people and policies; Alertmanager's own documents say what may stand in it.
private struct RoutesDocument: PluginSettings {
    @Setting(help: "The file that holds the routes, where they do not stand here.") var alertmanager: String?
    @Setting(help: "Alertmanager's `global`.") var global: AnyNode?
    @Setting(help: "Alertmanager's `route`: where alerts go.") var route: AnyNode?
    @Setting(help: "Alertmanager's `receivers`, each with a `policy`, with `notify`, or with Alertmanager's own lists.") var receivers: AnyNode?
    @Setting(help: "Alertmanager's `inhibit_rules`.") var inhibitRules: AnyNode?
    @Setting(help: "Alertmanager's `time_intervals`.") var timeIntervals: AnyNode?
    @Setting(help: "Alertmanager's older `mute_time_intervals`.") var muteTimeIntervals: AnyNode?
    @Setting(help: "Alertmanager's `templates`; Jack reads none.") var templates: AnyNode?
    init() {}
}
