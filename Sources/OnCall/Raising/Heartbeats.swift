import Foundation
import Kernel
import PluginAPI

/// A heartbeat as people see it.
public struct HeartbeatView: Sendable, Hashable {
    public enum State: String, Sendable, Hashable {
        /// Nothing was heard of it yet, and need not have been.
        case waiting
        case alive
        /// It should have been heard of.
        case missing
    }

    public var name: String
    public var state: State
    public var interval: Duration
    public var lastSeenAt: Date?
    /// When it is missing if nothing is heard of it until then.
    public var dueAt: Date?

    public init(name: String, state: State, interval: Duration, lastSeenAt: Date?, dueAt: Date?) {
        self.name = name
        self.state = state
        self.interval = interval
        self.lastSeenAt = lastSeenAt
        self.dueAt = dueAt
    }
}

/// Who is told that something is alive.
public protocol HeartbeatKeeping: Sendable {
    /// Notes that something is alive, durably before it returns.
    /// - Throws: ``OnCallError`` `.notFound` where no heartbeat has the name.
    func beat(_ name: String) async throws -> HeartbeatView

    /// All of them, by name.
    func heartbeats() async throws -> [HeartbeatView]
}

/// Things that must be heard of, such as a nightly job or a lift's controller, and the alert for what is not.
///
/// When each is due is stored, and is a job: a restart forgets none. What could not be heard of because Jack itself was down gets its grace anew.
public struct Heartbeats: HeartbeatKeeping {
    /// The kind of job by which a heartbeat is looked at when it is due. Whoever puts Jack together registers ``perform(_:)`` for it.
    public static let jobKind = "heartbeat"

    private let settings: [String: HeartbeatSettings]
    private let engine: any StorageEngine
    private let jobs: JobQueue
    private let standing: StandingAlerts
    private let property: String
    private let clock: any TimeSource

    public init(
        _ settings: [String: HeartbeatSettings], engine: any StorageEngine, jobs: JobQueue, alerts: AlertIntake, property: String,
        clock: any TimeSource
    ) {
        self.settings = settings
        self.engine = engine
        self.jobs = jobs
        standing = StandingAlerts(intake: alerts, property: property)
        self.property = property
        self.clock = clock
    }

    /// Expects what is configured from now on, and nothing else. Once, at the start.
    /// - Throws: ``Kernel/StorageError``.
    public func arm() async throws { try await engine.write { try arm(in: $0) } }

    /// The same with what else changes, as after a reload.
    public func arm(in transaction: any StorageTransaction) throws {
        let now = clock.now
        for row in try transaction.rows("SELECT name FROM heartbeat WHERE property = :property", ["property": property.sql]) {
            let name = try row.string("name")
            guard settings[name] == nil else { continue }
            try transaction.run(
                "DELETE FROM heartbeat WHERE property = :property AND name = :name", ["property": property.sql, "name": name.sql])
            try standing.end(Self.fingerprint(name), summary: "\(name) is not expected any more", at: now, in: transaction)
        }
        for (name, setting) in settings {
            let known = try row(name, transaction)
            let seen = known?.dateIfPresent("seen_at")
            // What is new has its whole interval; what fell due while Jack was down, its grace.
            let usual = (seen ?? now).addingTimeInterval((setting.every + setting.grace).seconds)
            let due =
                known == nil
                ? usual : max(seen == nil ? try known?.date("due_at") ?? usual : usual, now.addingTimeInterval(setting.grace.seconds))
            try expect(name, seen: seen, due: due, in: transaction)
        }
    }

    public func beat(_ name: String) async throws -> HeartbeatView {
        guard let setting = settings[name] else {
            let remedy = Suggestion.remedy(for: name, among: settings.keys.sorted()) ?? "name it under oncall.watch.heartbeats"
            throw OnCallError(.notFound, "there is no heartbeat “\(name.prefix(100))”; \(remedy)")
        }
        let now = clock.now, due = now.addingTimeInterval((setting.every + setting.grace).seconds)
        try await engine.write { transaction in
            try expect(name, seen: now, due: due, in: transaction)
            try standing.end(Self.fingerprint(name), summary: "\(name) is heard of again", at: now, in: transaction)
        }
        return HeartbeatView(name: name, state: .alive, interval: setting.every, lastSeenAt: now, dueAt: due)
    }

    public func heartbeats() async throws -> [HeartbeatView] {
        let now = clock.now
        return try await engine.read { reader in
            try settings.sorted { $0.key < $1.key }.map { name, setting in
                let known = try row(name, reader), seen = known?.dateIfPresent("seen_at"), due = known?.dateIfPresent("due_at")
                let state: HeartbeatView.State = due.map { $0 <= now } == true ? .missing : seen == nil ? .waiting : .alive
                return HeartbeatView(name: name, state: state, interval: setting.every, lastSeenAt: seen, dueAt: due)
            }
        }
    }

    /// Looks whether a heartbeat that was due has come.
    public func perform(_ payload: [UInt8]) async throws {
        let name = String(decoding: payload, as: UTF8.self), now = clock.now
        guard let setting = settings[name] else { return }
        try await engine.write { transaction in
            guard let known = try row(name, transaction) else { return }
            let due = try known.date("due_at"), seen = known.dateIfPresent("seen_at")
            // The clock may have been put back since the job was made.
            guard due <= now else { return try expect(name, seen: seen, due: due, in: transaction) }
            let severity = setting.severity.severity
            let what = setting.summary ?? "nothing is heard of \(name)"
            try standing.raise(
                Alert(
                    fingerprint: Self.fingerprint(name), name: "HeartbeatMissing", severity: severity,
                    summary: what,
                    detail: "It comes every \(setting.every.text); "
                        + (seen.map { "the last was at \($0.iso8601)." } ?? "none has ever come."),
                    labels: [
                        "alertname": "HeartbeatMissing", "severity": severity.rawValue, "type": "heartbeat", "property": property, "heartbeat": name,
                    ], annotations: seen.map { ["last_seen": $0.iso8601] } ?? [:], startsAt: now),
                in: transaction)
        }
    }

    private func expect(_ name: String, seen: Date?, due: Date, in transaction: any StorageTransaction) throws {
        try transaction.run(
            """
            INSERT INTO heartbeat (property, name, seen_at, due_at) VALUES (:property, :name, :seen, :due)
            ON CONFLICT (property, name) DO UPDATE SET seen_at = excluded.seen_at, due_at = excluded.due_at
            """, ["property": property.sql, "name": name.sql, "seen": seen.sql, "due": due.sql])
        try jobs.enqueue(Self.jobKind, payload: Array(name.utf8), at: due, key: "\(Self.jobKind):\(name)", in: transaction)
    }

    private func row(_ name: String, _ reader: any StorageReader) throws -> SQLRow? {
        try reader.row(
            "SELECT seen_at, due_at FROM heartbeat WHERE property = :property AND name = :name", ["property": property.sql, "name": name.sql])
    }

    private static func fingerprint(_ name: String) -> String { "heartbeat:\(name)" }
}
