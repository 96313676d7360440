import Foundation
import Kernel
import Logging
import PluginAPI
import Synchronization

/// Raises alerts for what goes wrong in Jack itself: instances that fail, and a backup that is not there.
///
/// Of what could not be dealt with or delivered the kernel tells in the transaction that gives it up (`DeadLetters`).
public final class SystemAlerts: Sendable {
    private let engine: any StorageEngine
    private let standing: StandingAlerts
    private let property: String
    private let backup: BackupSettings
    private let clock: any TimeSource
    private let logger: Logger
    private let changes: EventSubscription<InstanceChanged>
    /// What was raised of an instance and is not over, by its name.
    private let firing = Mutex<[String: Alert]>([:])

    /// How often the backup is looked at.
    static let backupInterval = Duration.seconds(300)
    private static let prefix = "instance:"

    /// Watches from now on; ``run()`` raises what was seen.
    public init(
        engine: any StorageEngine, alerts: AlertIntake, property: String = "", backup: BackupSettings = BackupSettings(), bus: EventBus,
        clock: any TimeSource, logger: Logger
    ) {
        self.engine = engine
        self.property = property
        self.backup = backup
        standing = StandingAlerts(intake: alerts, property: property)
        self.clock = clock
        self.logger = logger
        changes = bus.subscribe(to: InstanceChanged.self)
    }

    /// Ends what stands of instances that the configuration has no more, and of a backup that nobody looks for any more: nothing else would ever
    /// end it. Before ``run()``.
    public func expect(_ instances: Set<String>, in transaction: any StorageTransaction) throws {
        let now = clock.now
        for alert in try standing.all(Self.prefix, in: transaction) {
            let name = String(alert.fingerprint.dropFirst(Self.prefix.count))
            guard !instances.contains(name) else { continue }
            try standing.end(alert.fingerprint, summary: "\(name) is not configured any more", at: now, in: transaction)
        }
        guard backup.file == nil else { return }
        try standing.end("backup:\(property)", summary: "no backup is looked for any more", at: now, in: transaction)
    }

    /// Raises alerts until the task is cancelled.
    public func run() async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { for await change in self.changes { await self.note(change) } }
            if backup.file != nil {
                tasks.addTask {
                    repeat { await self.lookAtBackup() } while (try? await self.clock.sleep(for: Self.backupInterval)) != nil
                }
            }
        }
    }

    /// Watches no more, also where ``run()`` was never called: who subscribes and does not read holds everybody up in the end.
    public func end() { changes.cancel() }

    // MARK: Instances

    private func note(_ change: InstanceChanged) async {
        let status = change.status
        switch status.state {
        case .failed, .degraded:
            let alert = alert(status)
            let isNews = firing.withLock { firing in
                // An instance that is started again and again fails again and again: that is one trouble, unless it grows worse.
                if let known = firing[status.name], known.name == alert.name, known.severity >= alert.severity { return false }
                firing[status.name] = alert
                return true
            }
            guard isNews else { return }
            await write(alert) { [standing] transaction in
                // What stood open when the process ended is the same trouble still.
                if let known = try standing.get(alert.fingerprint, in: transaction), known.name == alert.name, known.severity >= alert.severity {
                    return
                }
                try standing.replace(alert, in: transaction)
            }
        case .running:
            firing.withLock { $0[status.name] = nil }
            let (name, now) = (status.name, clock.now), summary = "\(status.kind) \(status.name) is running again"
            await write(nil) { [standing] transaction in
                // It ends as severe as it began: whoever was told of the one is told of the other.
                try standing.end("\(Self.prefix)\(name)", summary: summary, at: now, in: transaction)
            }
        case .starting, .stopping, .stopped: return
        }
    }

    private func alert(_ status: InstanceStatus) -> Alert {
        let name = status.needsCredentials ? "CredentialsRejected" : "InstanceUnhealthy"
        let severity: AlertSeverity = status.state == .degraded ? .warning : .error
        var labels = [
            "alertname": name, "severity": severity.rawValue, "type": Self.type(of: status.kind), "instance": status.name,
            "kind": status.kind.rawValue, "plugin": status.plugin,
        ]
        if !property.isEmpty { labels["property"] = property }
        return Alert(
            fingerprint: "\(Self.prefix)\(status.name)", name: name, severity: severity,
            summary: "\(status.kind) \(status.name) is \(status.state.rawValue)" + (status.reason.map { ": \($0)" } ?? ""), labels: labels,
            startsAt: status.since)
    }

    /// The label by which the handbook's table routes.
    private static func type(of kind: PluginKind) -> String {
        switch kind {
        case .channel: "channel_outage"
        case .ai: "ai_provider_down"
        case .alert: "alert_sink_down"
        default: "\(kind.rawValue)_outage"
        }
    }

    // MARK: The backup

    /// Raises an alert where the backup's file is missing or too old, and ends it once it is there again.
    func lookAtBackup() async {
        guard let file = backup.file else { return }
        let now = clock.now, found = Self.files(file), made = found.filter { !$0.isEmpty }.map(\.made).max()
        let age = made.map { now.timeIntervalSince($0) }, fingerprint = "backup:\(property)"
        if let age, age <= backup.maximumAge.seconds {
            return await write(nil) { [standing] transaction in
                try standing.end(fingerprint, summary: "there is a backup again", at: now, in: transaction)
            }
        }
        let what =
            age.map { "the last backup is \(Int(($0 / 3600).rounded(.down))) hours old" }
            ?? (found.isEmpty ? "there is no backup" : "the last backup is empty")
        var labels = ["alertname": "BackupMissing", "severity": "error", "type": "backup"]
        if !property.isEmpty { labels["property"] = property }
        let alert = Alert(
            fingerprint: fingerprint, name: "BackupMissing", severity: .error, summary: what,
            detail: "It is expected at \(file), no older than \(backup.maximumAge.text).", labels: labels, startsAt: now)
        await write(alert) { [standing] in try standing.raise(alert, in: $0) }
    }

    /// The files that a path means, whose name may be a pattern as a shell has it. What a link leads to counts, and nothing but files.
    private static func files(_ path: String) -> [(made: Date, isEmpty: Bool)] {
        let slash = path.lastIndex(of: "/"), pattern = slash.map { String(path[path.index(after: $0)...]) } ?? path
        var paths = [path]
        if BackupSettings.isPattern(pattern) {
            let folder = slash.map { String(path[...$0]) } ?? "."
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            paths = names.filter { fnmatch(pattern, $0, FNM_PERIOD) == 0 }.map { "\(folder)/\($0)" }
        }
        return paths.compactMap { path in
            let real = URL(filePath: path).resolvingSymlinksInPath().path
            guard let known = try? FileManager.default.attributesOfItem(atPath: real), known[.type] as? FileAttributeType == .typeRegular,
                let made = known[.modificationDate] as? Date
            else { return nil }
            return (made, (known[.size] as? NSNumber)?.int64Value == 0)
        }
    }

    private func write(_ alert: Alert?, _ body: @escaping @Sendable (any StorageTransaction) throws -> Void) async {
        do {
            try await engine.write { try body($0) }
        } catch {
            logger.error(
                "an alert could not be written",
                metadata: ["alert": "\(alert?.name ?? "the end of one")", "summary": "\(alert?.summary ?? "")", "error": "\(error)"])
        }
    }
}
