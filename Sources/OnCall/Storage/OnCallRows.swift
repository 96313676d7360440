import Foundation
import Kernel
import PluginAPI

/// The rows that differ from what is stored, made ready before it is the writer's turn: there is one writer, and all wait for it.
struct OnCallRows: Sendable {
    typealias Values = [String: SQLValue]

    private var statements: [(sql: String, values: [Values])] = []
    private let drills: [DrillEvent]
    private let drillRepository: DrillRepository

    init(_ effects: OnCallEffects, of core: OnCallCore, property: String) throws {
        drills = effects.drills
        drillRepository = DrillRepository(property: property)
        let property = property.sql
        statements = [
            (
                """
                INSERT INTO oncall_route (property, plan, route, receiver, decision) VALUES (:property, :plan, :route, :receiver, :decision)
                ON CONFLICT (property, plan, route, receiver) DO UPDATE SET decision = excluded.decision
                """,
                try effects.routes.map { number in
                    let route = core.routes[number]
                    return [
                        "property": property, "plan": route.plan.sql, "route": route.decision.route.sql, "receiver": route.decision.receiver.sql,
                        "decision": try .json(StoredRoute(route.decision)),
                    ]
                }
            ),
            (
                """
                INSERT INTO oncall_alert (property, id, labels, annotations, starts_at, ends_at, updated_at, severity, flags, generator, origin, groups,
                    raised_at)
                VALUES (:property, :id, :labels, :annotations, :starts, :ends, :updated, :severity, :flags, :generator, :origin, :groups, :raised)
                ON CONFLICT (property, id) DO UPDATE SET labels = excluded.labels, annotations = excluded.annotations, starts_at = excluded.starts_at,
                    ends_at = excluded.ends_at, updated_at = excluded.updated_at, severity = excluded.severity, flags = excluded.flags,
                    generator = excluded.generator, origin = excluded.origin, groups = excluded.groups, raised_at = excluded.raised_at
                """, effects.alerts.compactMap { id in core.alerts[id].map { Self.values($0, id, property) } }
            ),
            (
                "DELETE FROM oncall_alert WHERE property = :property AND id = :id",
                effects.alerts.filter { core.alerts[$0] == nil }.map { ["property": property, "id": $0.stored.sql] }
            ),
            (
                """
                INSERT INTO oncall_group (property, id, labels, plan, route, receiver, has_flushed, next_flush, silent_reason, matter, told, due_at)
                VALUES (:property, :id, :labels, :plan, :route, :receiver, :flushed, :next, :silent, :matter, :told, :due)
                ON CONFLICT (property, id) DO UPDATE SET plan = excluded.plan, route = excluded.route, receiver = excluded.receiver,
                    has_flushed = excluded.has_flushed, next_flush = excluded.next_flush, silent_reason = excluded.silent_reason,
                    matter = excluded.matter, told = excluded.told, due_at = excluded.due_at
                """, try effects.groups.compactMap { id in try core.groups[id].map { try Self.values($0, id, core.routes[$0.route], property) } }
            ),
            (
                "DELETE FROM oncall_group WHERE property = :property AND id = :id",
                effects.groups.filter { core.groups[$0] == nil }.map { ["property": property, "id": $0.stored.sql] }
            ),
            (
                """
                INSERT INTO oncall_silence (property, id, silence) VALUES (:property, :id, :silence)
                ON CONFLICT (property, id) DO UPDATE SET silence = excluded.silence
                """,
                try effects.silences.compactMap { id in
                    try core.silences[id].map { ["property": property, "id": id.sql, "silence": try .json($0.silence)] }
                }
            ),
            (
                "DELETE FROM oncall_silence WHERE property = :property AND id = :id",
                effects.silences.filter { core.silences[$0] == nil }.map { ["property": property, "id": $0.sql] }
            ),
            (
                """
                INSERT INTO oncall_person (property, key, record) VALUES (:property, :key, :record)
                ON CONFLICT (property, key) DO UPDATE SET record = excluded.record
                """,
                try effects.people.compactMap { key in
                    try core.people[key].map { ["property": property, "key": key.sql, "record": try .json($0)] }
                }
            ),
            (
                """
                INSERT INTO oncall_news (property, key, record) VALUES (:property, :key, :record)
                ON CONFLICT (property, key) DO UPDATE SET record = excluded.record
                """,
                try effects.news.compactMap { key in try core.news[key].map { ["property": property, "key": key.sql, "record": try .json($0)] } }
            ),
        ]
        statements += try Self.history(of: effects, property: property)
    }

    /// Writes them, in the transaction that also holds what follows from them.
    func write(in transaction: any StorageTransaction) throws {
        for statement in statements {
            for values in statement.values { try transaction.run(statement.sql, values) }
        }
        try drillRepository.write(drills, in: transaction)
    }

    private static func values(_ alert: AlertRecord, _ id: UInt64, _ property: SQLValue) -> Values {
        [
            "property": property, "id": id.stored.sql, "labels": alert.labels.bytes.sql, "annotations": alert.annotations.bytes.sql,
            "starts": alert.startsAt.sql, "ends": alert.endsAt.sql, "updated": alert.updatedAt.sql, "severity": alert.severity.rawValue.sql,
            "flags": alert.flags.sql, "generator": alert.generatorURL.sql, "origin": alert.origin.sql, "groups": alert.groups.packed.sql,
            "raised": alert.raisedAt.sql,
        ]
    }

    private static func values(_ group: GroupRecord, _ id: UInt64, _ route: OnCallCore.Route, _ property: SQLValue) throws -> Values {
        [
            "property": property, "id": id.stored.sql, "labels": group.labels.bytes.sql, "plan": route.plan.sql, "route": route.decision.route.sql,
            "receiver": route.decision.receiver.sql, "flushed": group.hasFlushed.sql, "next": group.nextFlush.sql, "silent": group.silentReason.sql,
            "matter": try group.matter.map { try .json($0) } ?? .null, "told": (group.matter?.told.sorted().packed).sql,
            "due": (group.matter?.due).sql,
        ]
    }
}

extension AlertRecord {
    var flags: Int {
        get { (isEmergency ? 1 : 0) | (isTimeout ? 2 : 0) | (isOwn ? 4 : 0) | (isDrill ? 8 : 0) }
        set { (isEmergency, isTimeout, isOwn, isDrill) = (newValue & 1 != 0, newValue & 2 != 0, newValue & 4 != 0, newValue & 8 != 0) }
    }
}

extension Array<UInt64> {
    /// 8 bytes each, the highest first.
    var packed: [UInt8] { flatMap { number in stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> UInt64($0)) } } }

    init(packed bytes: [UInt8]) {
        self = stride(from: 0, to: bytes.count - bytes.count % 8, by: 8).map { start in
            bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }
        }
    }
}
