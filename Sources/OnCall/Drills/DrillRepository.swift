import Foundation
import Kernel
import PluginAPI

/// The tables of drills: ``DrillSchema``.
struct DrillRepository: Sendable {
    let property: String

    /// Writes what happened, in the transaction that also holds what follows from it. Written again, it is the same.
    func write(_ events: [DrillEvent], in transaction: any StorageTransaction) throws {
        for event in events { try write(event, in: transaction) }
    }

    private func write(_ event: DrillEvent, in transaction: any StorageTransaction) throws {
        let mine = ["property": property.sql]
        func run(_ sql: String, _ values: [String: SQLValue]) throws { try transaction.run(sql, values.merging(mine) { $1 }) }
        switch event {
        case .began(let order, let at):
            try run(
                """
                INSERT INTO oncall_drill (property, id, kind, subject, within_s, at_night, is_planned, ordered_by, began_at, outcome)
                VALUES (:property, :id, :kind, :subject, :within, :night, :planned, :by, :at, 'open') ON CONFLICT (property, id) DO NOTHING
                """,
                [
                    "id": order.id.sql, "kind": order.subject.kind.rawValue.sql, "subject": order.subject.name.sql, "within": order.within.sql,
                    "night": order.atNight.sql, "planned": order.isPlanned.sql, "by": order.by.sql, "at": at.sql,
                ])
        case .paged(let drill, let page, let person, let contact, let level, let at):
            try run(
                """
                INSERT INTO oncall_drill_page (property, id, drill, person, contact, instance, way, level, sent_at, is_proven)
                VALUES (:property, :id, :drill, :person, :contact, :instance, :way, :level, :at, 0) ON CONFLICT (property, id) DO NOTHING
                """,
                [
                    "id": page.sql, "drill": drill.sql, "person": person.sql, "contact": contact.label.sql, "instance": contact.instance.sql,
                    "way": contact.way.sql, "level": level.sql, "at": at.sql,
                ])
        case .failed(let page, let reason):
            try run("UPDATE oncall_drill_page SET failure = :reason WHERE property = :property AND id = :id", ["id": page.sql, "reason": reason.sql])
        case .missed(let drill, let level, let at):
            try run(
                """
                UPDATE oncall_drill_page SET missed_at = :at
                WHERE property = :property AND drill = :drill AND level = :level AND missed_at IS NULL AND failure IS NULL
                """, ["drill": drill.sql, "level": level.sql, "at": at.sql])
        case .acknowledged(let drill, let by, let way, let pages, let at):
            try run(
                """
                UPDATE oncall_drill SET outcome = 'acknowledged', acknowledged_by = :by, way = :way, ended_at = :at
                WHERE property = :property AND id = :drill
                """, ["drill": drill.sql, "by": by.sql, "way": way.sql, "at": at.sql])
            for page in pages {
                try run("UPDATE oncall_drill_page SET is_proven = 1 WHERE property = :property AND id = :id", ["id": page.sql])
            }
        case .ended(let drill, let reached, let at):
            try run(
                "UPDATE oncall_drill SET outcome = :outcome, ended_at = :at WHERE property = :property AND id = :drill",
                ["drill": drill.sql, "outcome": (reached ? "missed" : "nobody").sql, "at": at.sql])
        }
    }

    func isKnown(_ id: String, _ reader: any StorageReader) throws -> Bool {
        try reader.row("SELECT id FROM oncall_drill WHERE property = :property AND id = :id", ["property": property.sql, "id": id.sql]) != nil
    }

    /// The drills that began within a time, in their order.
    func drills(from start: Date, to end: Date, _ reader: any StorageReader) throws -> [DrillRecord] {
        let arguments = ["property": property.sql, "start": start.sql, "end": end.sql]
        var pages: [String: [DrillRecord.Page]] = [:]
        for row in try reader.rows(
            """
            SELECT p.id, p.drill, p.person, p.contact, p.instance, p.level, p.sent_at, p.failure, p.missed_at, p.is_proven
            FROM oncall_drill_page p JOIN oncall_drill d ON d.property = p.property AND d.id = p.drill
            WHERE p.property = :property AND d.began_at >= :start AND d.began_at < :end ORDER BY p.sent_at, p.level, p.id
            """, arguments)
        {
            pages[try row.string("drill"), default: []].append(
                .init(
                    id: try row.string("id"), person: row.stringIfPresent("person"), contact: try row.string("contact"),
                    instance: try row.string("instance"), level: try row.int("level"), sentAt: try row.date("sent_at"),
                    failure: row.stringIfPresent("failure"), missedAt: row.dateIfPresent("missed_at"), isProven: try row.bool("is_proven")))
        }
        return try reader.rows(
            """
            SELECT id, kind, subject, within_s, at_night, is_planned, ordered_by, began_at, outcome, acknowledged_by, way, ended_at FROM oncall_drill
            WHERE property = :property AND began_at >= :start AND began_at < :end ORDER BY began_at, id
            """, arguments
        ).map { row in
            let id = try row.string("id")
            return DrillRecord(
                order: DrillOrder(
                    id: id, subject: DrillSubject(.init(rawValue: try row.string("kind")) ?? .receiver, try row.string("subject")),
                    within: try row.int("within_s"), atNight: try row.bool("at_night"), by: try row.string("ordered_by"),
                    isPlanned: try row.bool("is_planned")), beganAt: try row.date("began_at"),
                outcome: .init(rawValue: try row.string("outcome")) ?? .open, acknowledgedBy: row.stringIfPresent("acknowledged_by"),
                way: row.stringIfPresent("way"), endedAt: row.dateIfPresent("ended_at"), pages: pages[id] ?? [])
        }
    }

    /// Which contacts a drill has ever proven.
    func proven(_ reader: any StorageReader) throws -> Set<String> {
        Set(
            try reader.rows(
                "SELECT DISTINCT person, way FROM oncall_drill_page WHERE property = :property AND is_proven = 1", ["property": property.sql]
            ).map { "\($0.stringIfPresent("person") ?? "")|\(try $0.string("way"))" })
    }
}

/// A drill, and what came of it.
public struct DrillRecord: Sendable, Hashable {
    public enum Outcome: String, Sendable, Hashable, CaseIterable {
        case open, acknowledged, missed
        /// Nobody could be paged.
        case nobody
    }

    /// One page of a drill.
    public struct Page: Sendable, Hashable {
        public var id: String
        public var person: String?
        /// In words: `phone of Ana`.
        public var contact: String
        public var instance: String
        public var level: Int
        public var sentAt: Date
        /// Why it did not arrive.
        public var failure: String?
        /// When the time to acknowledge it was over.
        public var missedAt: Date?
        /// True where the answer shows that it arrived.
        public var isProven: Bool
    }

    public var order: DrillOrder
    public var beganAt: Date
    public var outcome: Outcome
    public var acknowledgedBy: String?
    /// By which way it was acknowledged: `through sms`, `link`, `command`.
    public var way: String?
    public var endedAt: Date?
    public var pages: [Page]

    /// How long after the first page somebody acknowledged, in seconds.
    public var acknowledgedAfter: TimeInterval? {
        guard outcome == .acknowledged, let endedAt, let first = pages.first?.sentAt else { return nil }
        return endedAt.timeIntervalSince(first)
    }
}

extension Contact {
    /// Which contact it is, without the number.
    var way: String { FNV.hash(key.utf8).fingerprintText }
}
