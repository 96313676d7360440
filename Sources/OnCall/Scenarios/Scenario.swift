import Foundation
import PluginAPI

/// One scenario of a hotel's own: what happens, and who must be paged for it. It is played through the real engine in virtual time.
struct ScenarioSettings: PluginSettings {
    @Setting(help: "What is tried, in a few words.", .notEmpty) var name: String
    @Setting(help: "When it begins, in the hotel's time.", example: "2026-12-24 02:10") var at: Marked<Stamp>
    @Setting(help: "What is raised, beside what guests' words bring about.") var alerts: Items<ScenarioAlert> = .init()
    @Setting(help: "What guests write.") var guests: Items<ScenarioGuest> = .init()
    @Setting(help: "What staff do about guests.") var staff: Items<ScenarioStaff> = .init()
    @Setting(help: "What people answer.") var answers: Items<ScenarioAnswer> = .init()
    @Setting(help: "Alert instances that cannot be reached: names, or {instance, from, until, hangs}.") var broken: Items<ScenarioOutage> = .init()
    @Setting(help: "Who must be paged. Whoever else is paged fails the scenario; an empty list means nobody.") var expect: Items<ScenarioPage>
    @Setting(help: "How long is watched, from the beginning.") var until: Duration = .seconds(2 * 3600)

    init() {}
}

/// An alert that is raised.
struct ScenarioAlert: PluginSettings {
    @Setting(help: "The label `alertname`.", .notEmpty) var alert: String
    @Setting(help: "How bad it is.") var severity: AlertSeverityChoice = .error
    @Setting(help: "Its other labels.") var labels: [String: String] = [:]
    @Setting(help: "Whether it is an emergency, as the safety lane raises it.") var emergency: Bool = false
    @Setting(help: "When, from the beginning.") var after: Duration = .zero
    @Setting(help: "How long it lasts; not set for longer than is watched.") var lasts: Duration?

    init() {}
}

/// What a person who was paged answers.
struct ScenarioAnswer: PluginSettings {
    enum Action: String, SettingChoice { case acknowledge, resolve, escalate }

    @Setting(help: "Who answers: a person of the plan.", .notEmpty) var by: String
    @Setting(help: "When, from the beginning.") var after: Duration = .zero
    @Setting(help: "What the answer is.") var action: Action = .acknowledge

    init() {}
}

/// A page that must leave, or a time in which none may.
struct ScenarioPage: PluginSettings {
    @Setting(help: "Who is paged: a person of the plan, or the label of a contact that is nobody's.") var to: String?
    @Setting(help: "True in place of `to` where nobody at all may be paged from `from` until `by`.") var nobody: Bool = false
    @Setting(help: "How: an alert instance, or a kind of contact such as sms; not set for any.") var through: String?
    @Setting(help: "From when on, from the beginning.") var from: Duration = .zero
    @Setting(help: "By when, from the beginning; needed beside `to`.") var by: Duration?

    init() {}
}

/// A file of scenarios.
struct ScenarioFile: PluginSettings {
    @Setting(help: "The plan that is tried, relative to this file; the configuration's where it is not set.") var plan: String?
    @Setting(help: "The scenarios.") var scenarios: Items<ScenarioSettings>

    init() {}
}
