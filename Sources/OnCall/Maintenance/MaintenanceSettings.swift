import PluginAPI

/// The `maintenance:` section of `oncall.yaml`.
struct MaintenanceSettings: PluginSettings {
    @Setting(help: "The times in which work is done every week.") var windows: Items<MaintenanceWindowSettings> = Items()
    @Setting(help: "How Jack looks whether all is well at the end, and what it does where it is not.") var recovery: RecoverySettings = .init()
    init() {}
}

/// A time that comes again every week.
struct MaintenanceWindowSettings: PluginSettings {
    @Setting(help: "Its name.") var name: Marked<String>
    @Setting(help: "The days on which it begins; all where none is named.") var weekdays: [Weekday] = []
    @Setting(help: "When it begins.") var from: Marked<TimeOfDay>
    @Setting(help: "When it ends; on the next day where that is not after the begin.") var to: Marked<TimeOfDay>
    @Setting(help: "The time zone of both; the plan's where it is left out.") var timezone: Marked<String>?
    @Setting(help: "Labels of what is worked on, as routes write them: alerts that have all of them page nobody. None mutes nothing.")
    var matchers: Items<String> = Items()
    @Setting(help: "Whether guests' new requests are answered with 503 and told when to come back.") var refuseRequests: Bool = false
    @Setting(help: "What is done, for people.") var comment: String?
    init() {}
}

/// What happens at the end of a window.
struct RecoverySettings: PluginSettings {
    @Setting(help: "How often it is looked again, while not all is well.", .range(.seconds(1)...(.seconds(3600)))) var every: Duration = .seconds(30)
    @Setting(help: "Whether the configuration that was in force at the begin is taken back where not all is well.") var rollback: Bool = false
    @Setting(help: "A program with its arguments, run where not all is well: an absolute path, and no shell.") var command: Items<String> = Items()
    @Setting(help: "How long the program may take.", .range(.seconds(1)...(.seconds(3600)))) var timeout: Duration = .seconds(300)
    init() {}
}
