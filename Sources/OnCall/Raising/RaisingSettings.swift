import Foundation
import PluginAPI

/// What Jack watches beside guests: the `oncall.watch` section of `jack.yaml`.
public struct RaisingSettings: PluginSettings {
    @Setting(help: "The file of alert rules; none for no rules.") public var rules: String?
    @Setting(help: "Things that must be heard of (`POST /api/v1/heartbeats/<name>`), by name.") public var heartbeats: [String: HeartbeatSettings] =
        [:]
    @Setting(help: "The backup that must be there.") public var backup: BackupSettings = .init()
    @Setting(help: "The sign of life that Jack sends to an address outside.") public var beacon: BeaconSettings = .init()

    public init() {}

    /// What the declarations cannot say. Pure.
    public func check(_ report: inout ValidationReport) {
        for (name, heartbeat) in heartbeats.sorted(by: { $0.key < $1.key }) {
            if name.isEmpty || name.utf8.count > 100 || name.contains("/") {
                report.error("heartbeats.\(name)", "a heartbeat's name is a part of its address", remedy: "write a short name without a slash")
            }
            if heartbeat.every < .seconds(1) {
                report.error("heartbeats.\(name).every", "\(heartbeat.every.text) is no interval", remedy: "write at least 1s")
            }
        }
        if let file = backup.file, let slash = file.lastIndex(of: "/"), BackupSettings.isPattern(file[..<slash]) {
            report.error("backup.file", "a folder's name cannot be a pattern", remedy: "write the folder out, as in /backup/jack-*.db")
        }
        if let url = beacon.url, let problem = SettingConstraint<String>.url.problem(url) {
            report.error("beacon.url", problem, remedy: "write it whole, as https://hc.example.com/ping/1234")
        }
    }
}

/// One thing that must be heard of again and again.
public struct HeartbeatSettings: PluginSettings {
    @Setting(help: "How often it is heard of.") public var every: Duration = .seconds(300)
    @Setting(help: "How much later it may be.") public var grace: Duration = .seconds(60)
    @Setting(help: "How bad it is when it stops.") public var severity: AlertSeverityChoice = .error
    @Setting(help: "What has stopped then, for people.") public var summary: String?

    public init() {}
}

/// A backup that is made by whatever makes it.
public struct BackupSettings: PluginSettings {
    @Setting(
        help: "A file that each backup writes anew, or with * in its name all that backups write, of which the newest counts; none for no look.",
        example: "/backup/jack-*.db")
    public var file: String?
    @Setting(help: "How old it may be.") public var maximumAge: Duration = .seconds(26 * 3600)

    public init() {}

    /// True for a name that stands for several.
    static func isPattern(_ name: some StringProtocol) -> Bool { name.contains { "*?[".contains($0) } }
}

/// Jack's own sign of life.
public struct BeaconSettings: PluginSettings {
    @Setting(help: "Where it goes; none for nowhere.", example: "https://hc.example.com/ping/1234") public var url: String?
    @Setting(help: "How often.", .range(.seconds(5)...(.seconds(86_400)))) public var every: Duration = .seconds(60)
    @Setting(help: "Whether the address may be one of a private network; that of this machine may always.") public var allowPrivate: Bool = false

    public init() {}
}
