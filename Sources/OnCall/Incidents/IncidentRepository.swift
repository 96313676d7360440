import Foundation
import Kernel
import PluginAPI

/// The rows of incidents.
struct IncidentRepository: Sendable {
    let property: String

    // MARK: Incidents

    func get(_ id: String, in reader: any StorageReader) throws -> Incident? {
        try reader.row("SELECT record FROM incident WHERE property = :property AND id = :id", ["property": property.sql, "id": id.sql])?
            .json("record", as: Incident.self)
    }

    /// The incident of an id.
    /// - Throws: ``OperationsError`` `.notFound`.
    func require(_ id: String, in reader: any StorageReader) throws -> Incident {
        guard let incident = try get(id, in: reader) else { throw OperationsError(.notFound, "there is no incident “\(id.clipped)”") }
        return incident
    }

    func save(_ incident: Incident, in transaction: any StorageTransaction) throws {
        try transaction.run(
            """
            INSERT INTO incident (property, id, state, opened_at, record) VALUES (:property, :id, :state, :opened, :record)
            ON CONFLICT (property, id) DO UPDATE SET state = excluded.state, record = excluded.record
            """,
            [
                "property": property.sql, "id": incident.id.sql, "state": incident.state.rawValue.sql, "opened": incident.openedAt.sql,
                "record": try .json(incident),
            ])
    }

    /// The latest first.
    /// - Parameter isOver: true for closed ones, false for the others, nil for all.
    func list(isOver: Bool?, limit: Int, in reader: any StorageReader) throws -> [Incident] {
        let condition = isOver.map { $0 ? "AND state = 'closed'" : "AND state <> 'closed'" } ?? ""
        return try reader.rows(
            "SELECT record FROM incident WHERE property = :property \(condition) ORDER BY opened_at DESC, id DESC LIMIT :limit",
            ["property": property.sql, "limit": limit.sql]
        ).map { try $0.json("record", as: Incident.self) }
    }

    /// How many alerts may still join.
    func countUnderWay(in reader: any StorageReader) throws -> Int {
        try reader.row(
            "SELECT COUNT(*) AS n FROM incident WHERE property = :property AND state NOT IN ('resolved', 'closed')", ["property": property.sql]
        )?.int("n") ?? 0
    }

    // MARK: The post-mortem

    func file(postmortem: String, of id: String, in transaction: any StorageTransaction) throws {
        try transaction.run(
            "UPDATE incident SET postmortem = :text WHERE property = :property AND id = :id",
            ["property": property.sql, "id": id.sql, "text": postmortem.sql])
    }

    func postmortem(of id: String, in reader: any StorageReader) throws -> String? {
        try reader.row("SELECT postmortem FROM incident WHERE property = :property AND id = :id", ["property": property.sql, "id": id.sql])?
            .stringIfPresent("postmortem")
    }

    // MARK: What happened

    func add(_ event: IncidentEvent, to id: String, in transaction: any StorageTransaction) throws {
        try transaction.run(
            """
            INSERT INTO incident_event (property, incident, kind, at, author, text, public) VALUES (:property, :incident, :kind, :at, :author, :text, :public)
            """,
            [
                "property": property.sql, "incident": id.sql, "kind": event.kind.sql, "at": event.at.sql, "author": event.by.sql,
                "text": event.text.sql,
                "public": event.isPublic.sql,
            ])
    }

    func events(of id: String, in reader: any StorageReader) throws -> [IncidentEvent] {
        try reader.rows(
            "SELECT kind, at, author, text, public FROM incident_event WHERE property = :property AND incident = :id ORDER BY seq",
            ["property": property.sql, "id": id.sql]
        ).map { row in
            IncidentEvent(
                try row.string("kind"), at: try row.date("at"), by: try row.string("author"), try row.string("text"), isPublic: try row.bool("public")
            )
        }
    }

    // MARK: Alerts

    /// Whose group of alerts this is, among incidents that alerts still join.
    func incident(ofGroup group: String, in reader: any StorageReader) throws -> Incident? {
        try reader.row(
            """
            SELECT incident.record AS record FROM incident_matter JOIN incident
                ON incident.property = incident_matter.property AND incident.id = incident_matter.incident
            WHERE incident_matter.property = :property AND alert_group = :group AND state NOT IN ('resolved', 'closed')
            ORDER BY opened_at DESC LIMIT 1
            """, ["property": property.sql, "group": group.sql]
        )?.json("record", as: Incident.self)
    }

    /// - Returns: true where it is new.
    func attach(_ matter: String, group: String, to id: String, at now: Date, in transaction: any StorageTransaction) throws -> Bool {
        try transaction.run(
            """
            INSERT INTO incident_matter (property, incident, alert_group, matter, attached_at) VALUES (:property, :incident, :group, :matter, :now)
            ON CONFLICT (property, incident, matter) DO NOTHING
            """, ["property": property.sql, "incident": id.sql, "group": group.sql, "matter": matter.sql, "now": now.sql]) == 1
    }

    func matters(of id: String, in reader: any StorageReader) throws -> [String] {
        try reader.rows(
            "SELECT matter FROM incident_matter WHERE property = :property AND incident = :id ORDER BY attached_at, matter",
            ["property": property.sql, "id": id.sql]
        ).map { try $0.string("matter") }
    }

    /// The groups that alerts still join.
    func openGroups(in reader: any StorageReader) throws -> Set<String> {
        Set(
            try reader.rows(
                """
                SELECT DISTINCT alert_group FROM incident_matter JOIN incident
                    ON incident.property = incident_matter.property AND incident.id = incident_matter.incident
                WHERE incident_matter.property = :property AND state NOT IN ('resolved', 'closed')
                """, ["property": property.sql]
            ).map { try $0.string("alert_group") })
    }
}
