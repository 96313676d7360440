import Foundation
import Kernel
import PluginAPI

/// What an earlier process left.
struct StoredOnCall: Sendable {
    var plans: [(version: String, archive: [UInt8])] = []
    var routes: [OnCallCore.Route] = []
    var alerts: [(id: UInt64, record: AlertRecord)] = []
    var groups: [(id: UInt64, record: GroupRecord, key: OnCallCore.RouteKey)] = []
    var silences: [Silence] = []
    var people: [(key: String, record: PersonRecord)] = []
    var news: [(key: String, record: NewsRecord)] = []
    /// Rows that cannot be read: what they told of is lost, and said.
    var unreadable: [String] = []
}

/// The tables of on call: ``OnCallSchema``.
struct OnCallRepository: Sendable {
    let property: String

    func load(_ reader: any StorageReader) throws -> StoredOnCall {
        var stored = StoredOnCall()
        let mine = ["property": property.sql]
        stored.plans = try reader.rows("SELECT version, archive FROM oncall_plan WHERE property = :property ORDER BY version", mine).map {
            (try $0.string("version"), try $0.blob("archive"))
        }
        for row in try reader.rows("SELECT plan, route, receiver, decision FROM oncall_route WHERE property = :property", mine) {
            Self.read("route", row.stringIfPresent("route"), &stored) { stored in
                let decision = try row.json("decision", as: StoredRoute.self)
                stored.routes.append(
                    .init(
                        plan: try row.string("plan"),
                        decision: decision.decision(route: try row.string("route"), receiver: try row.string("receiver"))))
            }
        }
        for row in try reader.rows(
            """
            SELECT id, labels, plan, route, receiver, has_flushed, next_flush, silent_reason, matter, told FROM oncall_group
            WHERE property = :property ORDER BY id
            """, mine)
        {
            Self.read("group", row.intIfPresent("id").map(String.init), &stored) { stored in
                var group = GroupRecord(labels: PackedText(bytes: try row.blob("labels")), route: -1, nextFlush: try row.date("next_flush"))
                group.hasFlushed = try row.bool("has_flushed")
                group.silentReason = try row.string("silent_reason")
                if row.stringIfPresent("matter") != nil {
                    group.matter = try row.json("matter", as: Matter.self)
                    group.matter?.told = Set([UInt64](packed: row.blobIfPresent("told") ?? []))
                }
                stored.groups.append(
                    (
                        UInt64(stored: Int64(try row.int("id"))), group,
                        .init(plan: try row.string("plan"), route: try row.string("route"), receiver: try row.string("receiver"))
                    ))
            }
        }
        for row in try reader.rows(
            """
            SELECT id, labels, annotations, starts_at, ends_at, updated_at, severity, flags, generator, origin, groups, raised_at FROM oncall_alert
            WHERE property = :property ORDER BY id
            """, mine)
        {
            Self.read("alert", row.intIfPresent("id").map(String.init), &stored) { stored in
                var alert = AlertRecord(
                    labels: PackedText(bytes: try row.blob("labels")), annotations: PackedText(bytes: try row.blob("annotations")),
                    startsAt: try row.date("starts_at"), endsAt: try row.date("ends_at"), updatedAt: try row.date("updated_at"),
                    severity: AlertSeverity(rawValue: try row.string("severity")) ?? .error)
                alert.flags = try row.int("flags")
                alert.generatorURL = try row.string("generator")
                alert.origin = try row.string("origin")
                alert.groups = [UInt64](packed: try row.blob("groups"))
                // Rows of before there was a history do not say it.
                alert.raisedAt = try row.int("raised_at") == 0 ? alert.startsAt : row.date("raised_at")
                stored.alerts.append((UInt64(stored: Int64(try row.int("id"))), alert))
            }
        }
        for row in try reader.rows("SELECT id, silence FROM oncall_silence WHERE property = :property ORDER BY id", mine) {
            Self.read("silence", row.stringIfPresent("id"), &stored) { $0.silences.append(try row.json("silence", as: Silence.self)) }
        }
        for row in try reader.rows("SELECT key, record FROM oncall_person WHERE property = :property ORDER BY key", mine) {
            Self.read("person", row.stringIfPresent("key"), &stored) {
                $0.people.append((try row.string("key"), try row.json("record", as: PersonRecord.self)))
            }
        }
        for row in try reader.rows("SELECT key, record FROM oncall_news WHERE property = :property ORDER BY key", mine) {
            Self.read("news", row.stringIfPresent("key"), &stored) {
                $0.news.append((try row.string("key"), try row.json("record", as: NewsRecord.self)))
            }
        }
        return stored
    }

    /// One row that is broken must not hide the others.
    private static func read(_ kind: String, _ id: String?, _ stored: inout StoredOnCall, _ body: (inout StoredOnCall) throws -> Void) {
        do { try body(&stored) } catch { stored.unreadable.append("\(kind) \(id ?? "?"): \("\(error)".prefix(200))") }
    }

    /// Keeps a plan's text for as long as something goes by it.
    func store(plan version: String, _ archive: [UInt8], at now: Date, in transaction: any StorageTransaction) throws {
        try transaction.run(
            """
            INSERT INTO oncall_plan (property, version, archive, stored_at) VALUES (:property, :version, :archive, :now)
            ON CONFLICT (property, version) DO UPDATE SET archive = excluded.archive
            """, ["property": property.sql, "version": version.sql, "archive": archive.sql, "now": now.sql])
    }

    /// Forgets the plans and routes that nothing goes by any more. History keeps the plans that were in force.
    func forgetPlans(but used: Set<String>, in transaction: any StorageTransaction) throws {
        for row in try transaction.rows(
            "SELECT version FROM oncall_plan WHERE property = :property UNION SELECT plan FROM oncall_route WHERE property = :property",
            ["property": property.sql])
        {
            let version = try row.string("version")
            guard !used.contains(version) else { continue }
            let arguments = ["property": property.sql, "version": version.sql]
            try transaction.run(
                """
                DELETE FROM oncall_plan WHERE property = :property AND version = :version
                    AND version NOT IN (SELECT version FROM oncall_plan_in_force WHERE property = :property)
                """, arguments)
            try transaction.run("DELETE FROM oncall_route WHERE property = :property AND plan = :version", arguments)
        }
    }

    /// What of on call is overdue, in words, the longest first: steps of open matters, and groups that were to be told, or looked at again, and were not. What a
    /// watchman looks at, beside the engine and not through it.
    func overdue(before date: Date, _ reader: any StorageReader) throws -> [String] {
        try reader.rows(
            """
            SELECT labels, matter, receiver, MIN(COALESCE(due_at, next_flush), next_flush) AS at FROM oncall_group
            WHERE property = :property AND (due_at < :date OR next_flush < :date) ORDER BY at LIMIT 100
            """, ["property": property.sql, "date": date.sql]
        ).map { row in
            let receiver = try row.string("receiver"), at = try row.date("at").iso8601
            guard row.stringIfPresent("matter") != nil else {
                let labels = PackedText(bytes: try row.blob("labels")).texts.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.prefix(60))" }
                return
                    "the alerts of \(receiver) (\(labels.prefix(5).joined(separator: " "))), of which nobody was told, should have been looked at by \(at)"
            }
            return "\(try row.json("matter", as: MatterName.self).id) of \(receiver) should have taken its next step at \(at)"
        }
    }

    private struct MatterName: Decodable { var id: String }
}
