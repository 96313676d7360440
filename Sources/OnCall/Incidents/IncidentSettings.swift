import PluginAPI

/// What `oncall.yaml` says of incidents and of maintenance, beside people, policies and routes.
struct OperationsDocument: PluginSettings {
    @Setting(help: "Incidents: what is promised, what is done step by step, and what opens one.") var incidents: IncidentsSettings = .init()
    @Setting(help: "When what Jack watches, or Jack itself, is worked on.") var maintenance: MaintenanceSettings = .init()
    init() {}
}

/// The `incidents:` section.
struct IncidentsSettings: PluginSettings {
    @Setting(help: "What is promised and done, by priority: P1, P2, P3 and P4.") var priorities: Named<IncidentPrioritySettings> = Named()
    @Setting(help: "Which alerts open an incident when somebody is first paged for them; the first that fits counts.")
    var open: Items<IncidentRuleSettings> = Items()
    init() {}
}

/// What one priority promises.
struct IncidentPrioritySettings: PluginSettings {
    @Setting(help: "Within what time somebody must have taken it: 15m for P1, 1h for P2, 4h for P3 and 24h for P4 where it is left out.")
    var respondWithin: Marked<Duration>?
    @Setting(help: "How bad the alert is that says that something of it is late.") var severity: AlertSeverityChoice?
    @Setting(help: "How long it is watched after it was resolved; 15m where it is left out, 0s for not at all.") var watch: Duration?
    @Setting(help: "Within what time its post-mortem is filed: 48h for P1 and P2 where it is left out, 0s for none.") var postmortemWithin: Duration?
    @Setting(help: "What is done, in this order; `jack incident show` prints the usual one.") var playbook: Items<PlaybookStepSettings> = Items()
    init() {}
}

/// One step of a playbook.
struct PlaybookStepSettings: PluginSettings {
    @Setting(help: "Its name. `acknowledge`, `mitigate` and `resolve` move the incident on.") var step: Marked<String>
    @Setting(help: "How long it may take, from when the step before it is done; as long as it takes where it is left out.") var within:
        Marked<Duration>?
    @Setting("do", help: "What to do, for whoever does it.") var actions: Items<String> = Items()
    init() {}
}

/// One rule by which an alert opens an incident.
struct IncidentRuleSettings: PluginSettings {
    @Setting(help: "Labels that the alert must have, as routes write them.") var matchers: Items<String>
    @Setting(help: "The incident's priority.") var priority: IncidentPriority
    @Setting(help: "Its title; the alert's name where it is left out.") var title: String?
    init() {}
}

/// How bad an incident is, by the handbook's table.
public enum IncidentPriority: String, SettingChoice, Codable, Hashable {
    /// The service is down.
    case p1 = "P1"
    /// Much of it does not work.
    case p2 = "P2"
    /// A part is slow or wrong.
    case p3 = "P3"
    /// A flaw that can wait.
    case p4 = "P4"
}
