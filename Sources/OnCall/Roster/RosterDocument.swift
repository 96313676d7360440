import PluginAPI

/// What `oncall.yaml` says of people, schedules and policies. Everything else in the file belongs to the routing tree.
struct RosterDocument: PluginSettings {
    @Setting(help: "The time zone of whatever names none of its own; the hotel's where it is left out.") var timezone: Marked<String>?
    @Setting(help: "Who may be paged, by a short name.") var people: Named<PersonSettings> = Named()
    @Setting(help: "People, schedules and contacts behind one name.") var teams: Named<Items<AnyNode>> = Named()
    @Setting(help: "Who is on call when.") var schedules: Named<ScheduleSettings> = Named()
    @Setting(help: "Who is paged, one level after the other, until somebody acknowledges.") var policies: Named<PolicySettings> = Named()
    @Setting(help: "One policy in the short form, for a plan that has no receivers.") var escalation: Marked<EscalationSettings>?
    @Setting(help: "What emergencies do.") var emergency: Marked<EmergencySettings>?
    @Setting(help: "Test pages that must be acknowledged, again and again.") var drills: Items<DrillSettings> = Items()
    init() {}
}

struct PersonSettings: PluginSettings {
    @Setting(help: "The person's name.") var name: String?
    @Setting(help: "Where the person lives, for quiet hours and absences.") var timezone: Marked<String>?
    @Setting(help: "The language of pages, such as pt or en-GB.") var locale: String?
    @Setting(help: "Other names that imported calendars use.") var aliases: [String] = []
    @Setting(help: "How the person is reached, the best way first; each is tried where the one before it fails.") var contacts: Items<AnyNode> =
        Items()
    @Setting(help: "By severity (it and worse ones) or `default`: which contacts are used, and after how long.")
    var rules: Named<Items<RuleSettings>> = Named()
    @Setting(help: "When the person is not paged.") var quietHours: Items<QuietHoursSettings> = Items()
    @Setting(help: "Holidays and the like: the person is not on call then.") var absences: Items<AbsenceSettings> = Items()
    init() {}
}

struct RuleSettings: PluginSettings {
    @Setting(help: "A contact's type, or its name where it has one.") var contact: Marked<String>
    @Setting(help: "How long after the person's turn came.", .range(.zero...(.seconds(86400)))) var after: Duration = .zero
    init() {}
}

struct QuietHoursSettings: PluginSettings {
    @Setting(help: "When they begin.") var start: TimeOfDay
    @Setting(help: "When they end; on the next day where that is not after the start.") var end: TimeOfDay
    @Setting(help: "This severity and worse ones page all the same.") var severityOverride: AlertSeverityChoice = .critical
    @Setting(help: "The days on which they begin; all where none is named.") var weekdays: [Weekday] = []
    @Setting(help: "Their time zone.") var timezone: Marked<String>?
    init() {}
}

struct AbsenceSettings: PluginSettings {
    @Setting(help: "The first day, or the time.") var from: Marked<Stamp>
    @Setting(help: "The last day, or the time.") var to: Marked<Stamp>
    @Setting(help: "Why.") var reason: String = ""
    init() {}
}

struct ScheduleSettings: PluginSettings {
    @Setting(help: "What people call it.") var name: String?
    @Setting(help: "The time zone of all its times.") var timezone: Marked<String>?
    @Setting(help: "Rotations; the last one that has somebody at a moment counts.") var layers: Items<LayerSettings> = Items()
    @Setting(help: "Swaps: somebody takes over for a time.") var overrides: Items<OverrideSettings> = Items()
    @Setting(help: "Times in which other shifts stand in place of the layers.") var temporary: Items<TemporarySettings> = Items()
    @Setting(help: "Days on which another layer, or one person, is on call.") var holidays: Items<HolidaySettings> = Items()
    init() {}
}

enum RotationKind: String, SettingChoice {
    case hourly, daily, weekly, monthly
}

struct LayerSettings: PluginSettings {
    @Setting(help: "The layer's name.") var name: String?
    @Setting(help: "In what measure people take turns.") var rotation: RotationKind = .weekly
    @Setting(help: "How many hours, days, weeks or months a turn lasts.", .range(1...1000)) var every: Int = 1
    @Setting(help: "When the turn passes on.") var handover: TimeOfDay = TimeOfDay(seconds: 9 * 3600)
    @Setting(help: "The day of the week on which a weekly turn passes on; the weekday of `start` where it is left out.") var weekday: Marked<Weekday>?
    @Setting(help: "The day of the month on which a monthly turn passes on; the last one in shorter months.", .range(1...31)) var day: Int = 1
    @Setting(
        help: "The day from which turns are counted, and before which nobody is on call; turns are counted from 2024-01-01 where it is left out.")
    var start: Marked<Stamp>?
    @Setting(help: "The layer's last day.") var until: Marked<Stamp>?
    @Setting(help: "Who takes turns, in this order.") var people: Items<String> = Items()
    @Setting(help: "The times in which the layer has anybody; always where there is none.") var restrictions: Items<RestrictionSettings> = Items()
    @Setting(help: "A calendar (RFC 5545), file or URL, that says who is on call, in place of a rotation.") var ical: Marked<String>?
    @Setting(help: "True for a layer that counts on the holidays which name it, and never else.") var holidaysOnly: Bool = false
    init() {}
}

struct RestrictionSettings: PluginSettings {
    @Setting(help: "The days on which the time begins; all where none is named.") var weekdays: [Weekday] = []
    @Setting(help: "When it begins: a time, or a day of the week and a time.") var from: TimeOfWeek
    @Setting(help: "When it ends.") var to: TimeOfWeek
    init() {}
}

struct OverrideSettings: PluginSettings {
    @Setting(help: "The first day, or the time.") var from: Marked<Stamp>
    @Setting(help: "The last day, or the time.") var to: Marked<Stamp>
    @Setting(help: "Who takes over; nobody where it is left out and `replaces` says who is off.") var person: Marked<String>?
    @Setting(help: "Whose turn it is that passes; everybody's where it is left out.") var replaces: Marked<String>?
    @Setting(help: "Why.") var reason: String = ""
    init() {}
}

struct TemporarySettings: PluginSettings {
    @Setting(help: "What it is for.") var name: String?
    @Setting(help: "The first day, or the time.") var from: Marked<Stamp>
    @Setting(help: "The last day, or the time.") var to: Marked<Stamp>
    @Setting(help: "Who is on call all that time.") var people: Items<String> = Items()
    @Setting(help: "Who is on call when, within that time.") var shifts: Items<ShiftSettings> = Items()
    init() {}
}

struct ShiftSettings: PluginSettings {
    @Setting(help: "The first day, or the time.") var from: Marked<Stamp>
    @Setting(help: "The last day, or the time.") var to: Marked<Stamp>
    @Setting(help: "Who is on call.") var person: Marked<String>
    init() {}
}

struct HolidaySettings: PluginSettings {
    @Setting(help: "What day it is.") var name: String?
    @Setting(help: "The days.") var dates: Items<Stamp>
    @Setting(help: "The layer that is on call, whatever its restrictions.") var layer: Marked<String>?
    @Setting(help: "The person who is on call.") var person: Marked<String>?
    init() {}
}

struct PolicySettings: PluginSettings {
    @Setting(help: "What people call it.") var name: String?
    @Setting(help: "Who is paged, in this order.") var levels: Items<LevelSettings>
    @Setting("repeat", help: "How often the levels are gone through again.", .range(0...20)) var rounds: Int = 0
    @Setting(help: "Who is paged when all levels have been gone through.") var fallback: Items<AnyNode> = Items()
    @Setting(help: "The policy that goes on then.") var then: Marked<String>?
    @Setting(help: "Within what time a person must be paged: one time, or one for each severity. `jack oncall coverage` proves it.")
    var respondWithin: Marked<BySeverity>?
    @Setting(help: "After how long an acknowledged matter that is not over is paged again; never where it is left out.") var acknowledgementLasts:
        Duration?
    @Setting(help: "When nobody is paged by this policy.") var quietHours: Items<QuietHoursSettings> = Items()
    init() {}
}

struct LevelSettings: PluginSettings {
    @Setting(help: "The level's name.") var name: String?
    @Setting(help: "People, schedules, teams, or contacts.") var notify: Items<AnyNode> = Items()
    @Setting(help: "How long the next level waits.", .range(.zero...(.seconds(604_800)))) var wait: Duration = .seconds(300)
    @Setting(help: "Only for this severity and worse ones.") var minSeverity: AlertSeverityChoice?
    @Setting(help: "Only for this severity and lesser ones.") var maxSeverity: AlertSeverityChoice?
    @Setting(help: "Whether the next level follows at once where this one reaches nobody.") var skipEmpty: Bool = true
    init() {}
}

struct EscalationSettings: PluginSettings {
    @Setting(help: "Who is paged, in this order.") var levels: Items<ShortLevelSettings>
    @Setting(help: "When only some severities page.") var quietHours: Items<QuietHoursSettings> = Items()
    @Setting("repeat", help: "How often the levels are gone through again.", .range(0...20)) var rounds: Int = 0
    @Setting(help: "Within what time a person must be paged.") var respondWithin: Marked<BySeverity>?
    @Setting(help: "After how long an acknowledged matter that is not over is paged again; never where it is left out.") var acknowledgementLasts:
        Duration?
    init() {}
}

struct ShortLevelSettings: PluginSettings {
    @Setting(help: "The level's name.") var name: String?
    @Setting(help: "Who is reached, and how.") var contacts: Items<AnyNode>
    @Setting(help: "How many minutes the next level waits.", .range(0...10080)) var waitMinutes: Int = 5
    init() {}
}

struct EmergencySettings: PluginSettings {
    @Setting(help: "The policy that every emergency follows; it must end at people by two independent alert plugins.") var policy: Marked<String>
    init() {}
}
