import Foundation
import Kernel
import PluginAPI

/// An occurrence of an alert that is over, on its way into history.
struct PastAlert: Sendable {
    var id: UInt64
    var record: AlertRecord
    var overAt: Date
    /// True where the same alert goes on with other labels, or another severity.
    var goesOn = false
}

/// Something that was told to somebody, on its way into history.
struct PastPage: Sendable {
    var placed: OnCallEffects.Placed
    /// True where it left although it could not be stored.
    var isPastOutbox: Bool

    init(_ placed: OnCallEffects.Placed, isPastOutbox: Bool = false) {
        self.placed = placed
        self.isPastOutbox = isPastOutbox
    }

    /// The alerts that it tells of; of many it shows the worst.
    var alerts: [UInt64] { placed.order.page.alerts.compactMap { UInt64(fingerprintText: $0.fingerprint) } }
}

extension OnCallRows {
    /// What history takes, before anything of it is deleted.
    static func history(of effects: OnCallEffects, property: SQLValue) throws -> [(sql: String, values: [Values])] {
        [
            (
                """
                INSERT INTO oncall_past_alert (property, id, raised_at, over_at, starts_at, name, labels, annotations, severity, flags, origin, groups, goes_on)
                VALUES (:property, :id, :raised, :over, :starts, :name, :labels, :annotations, :severity, :flags, :origin, :groups, :goes)
                ON CONFLICT (property, id, raised_at) DO UPDATE SET over_at = excluded.over_at, labels = excluded.labels,
                    annotations = excluded.annotations, severity = excluded.severity, flags = excluded.flags, groups = excluded.groups,
                    goes_on = excluded.goes_on
                """, effects.past.map { values($0, property) }
            ),
            (
                """
                INSERT INTO oncall_page (property, id, matter, verb, receiver, level, person, contact, instance, reason, at, past_outbox, alerts)
                VALUES (:property, :id, :matter, :verb, :receiver, :level, :person, :contact, :instance, :reason, :at, :past, :alerts)
                ON CONFLICT (property, id) DO NOTHING
                """, (effects.unwritten + effects.orders.map { PastPage($0) }).map { values($0, property) }
            ),
            (
                """
                INSERT INTO oncall_past_silence (property, id, silence, ends_at) VALUES (:property, :id, :silence, :ends)
                ON CONFLICT (property, id) DO NOTHING
                """,
                try effects.pastSilences.map { ["property": property, "id": $0.id.sql, "silence": try .json($0), "ends": $0.endsAt.sql] }
            ),
        ]
    }

    private static func values(_ past: PastAlert, _ property: SQLValue) -> Values {
        let alert = past.record
        var groups = alert.groups
        for group in alert.left where !groups.contains(group) { groups.append(group) }
        return [
            "property": property, "id": past.id.stored.sql, "raised": alert.raisedAt.sql, "over": past.overAt.sql, "starts": alert.startsAt.sql,
            "name": alert.name.sql, "labels": alert.labels.bytes.sql, "annotations": alert.annotations.bytes.sql,
            "severity": alert.severity.rawValue.sql, "flags": alert.flags.sql, "origin": alert.origin.sql, "groups": groups.packed.sql,
            "goes": past.goesOn.sql,
        ]
    }

    private static func values(_ past: PastPage, _ property: SQLValue) -> Values {
        let placed = past.placed, page = placed.order.page
        return [
            "property": property, "id": page.id.sql, "matter": page.groupKey.sql, "verb": placed.order.verb.rawValue.sql,
            "receiver": (page.receiver ?? "").sql, "level": page.level.sql, "person": placed.person.sql, "contact": placed.contact.sql,
            "instance": placed.instance.sql, "reason": page.reason.sql, "at": placed.at.sql, "past": past.isPastOutbox.sql,
            "alerts": past.alerts.packed.sql,
        ]
    }
}

extension AlertRecord {
    /// The label `alertname`.
    var name: String {
        var name = ""
        labels.forEach { if $0 == "alertname" { name = $1 } }
        return name
    }
}
