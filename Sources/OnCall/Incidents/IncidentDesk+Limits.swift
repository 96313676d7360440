import Foundation
import Kernel
import PluginAPI

/// Time limits: of the response, of each step, of the watching and of the post-mortem.
extension IncidentDesk {
    private struct Limit: Codable {
        var incident: String
        /// A step of the playbook, or one of ``IncidentPlan/reserved``.
        var name: String
    }

    func limit(_ name: String, of id: String, at date: Date, in transaction: any StorageTransaction) throws {
        try parts.jobs.enqueue(
            Self.jobKind, payload: [UInt8](JSONEncoder().encode(Limit(incident: id, name: name))), at: date, key: "\(Self.jobKind):\(id):\(name)",
            in: transaction)
    }

    /// Sets the limits that an incident has got by a change. What it had already stays.
    func arm(_ incident: Incident, before: Incident?, in transaction: any StorageTransaction) throws {
        for step in incident.steps {
            guard step.isOpen, let due = step.dueAt else { continue }
            if before?.steps.first(where: { $0.name == step.name })?.dueAt != due { try limit(step.name, of: incident.id, at: due, in: transaction) }
        }
        if let until = incident.watchedUntil, before?.watchedUntil != until { try limit("watch", of: incident.id, at: until, in: transaction) }
        if let due = incident.postmortemDueAt, before?.postmortemDueAt != due { try limit("postmortem", of: incident.id, at: due, in: transaction) }
    }

    /// Ends the alerts about what is no longer late.
    func endAlerts(_ incident: Incident, before: Incident, at now: Date, in transaction: any StorageTransaction) throws {
        let over = Set(before.late).subtracting(incident.late)
        for name in over.sorted() {
            try standing.end(Self.fingerprint(incident.id, name), summary: "\(name) of \(incident.title) is no longer due", at: now, in: transaction)
        }
    }

    static func fingerprint(_ id: String, _ name: String) -> String { "incident:\(id):\(name)" }

    /// A limit has come.
    func look(_ payload: [UInt8]) async throws {
        let limit = try JSONDecoder().decode(Limit.self, from: Data(payload)), now = parts.clock.now
        try await parts.engine.write { [self] transaction in
            guard var incident = try repository.get(limit.incident, in: transaction) else { return }
            guard let due = Self.due(limit.name, of: incident) else { return }
            // The clock may have been put back since the job was made, and a step may have begun anew.
            guard due <= now else { return try self.limit(limit.name, of: incident.id, at: due, in: transaction) }
            let event: IncidentEvent
            if limit.name == "watch" {
                event = incident.settle(at: now)
            } else {
                guard let words = Self.markLate(limit.name, &incident, at: now) else { return }
                event = IncidentEvent("late", at: now, by: "Jack", words)
                try standing.raise(alert(limit.name, words, incident, at: now), in: transaction)
            }
            try repository.add(event, to: incident.id, in: transaction)
            try repository.save(incident, in: transaction)
        }
    }

    /// When something is late; nil where it is done, or does not count any more.
    private static func due(_ name: String, of incident: Incident) -> Date? {
        switch name {
        case "respond": incident.acknowledgedAt == nil && incident.state == .open ? incident.respondBy : nil
        case "watch": incident.state == .watching ? incident.watchedUntil : nil
        case "postmortem": incident.state == .resolved || incident.state == .watching ? incident.postmortemDueAt : nil
        default: incident.state.isUnderWay ? incident.steps.first { $0.name == name && $0.isOpen }?.dueAt : nil
        }
    }

    /// - Returns: what is late, in words; nil where that was said before.
    private static func markLate(_ name: String, _ incident: inout Incident, at now: Date) -> String? {
        switch name {
        case "respond":
            guard incident.responseLateAt == nil else { return nil }
            incident.responseLateAt = now
            return "nobody has taken it within \(Duration.seconds(incident.promise.respondWithin).text)"
        case "postmortem":
            guard incident.postmortemLateAt == nil else { return nil }
            incident.postmortemLateAt = now
            return "its post-mortem is not filed within \(Duration.seconds(incident.promise.postmortemWithin).text)"
        default:
            guard let index = incident.steps.firstIndex(where: { $0.name == name }), incident.steps[index].lateAt == nil else { return nil }
            incident.steps[index].lateAt = now
            return "\(name) is not done within \(Duration.seconds(incident.steps[index].within ?? 0).text)"
        }
    }

    private func alert(_ name: String, _ words: String, _ incident: Incident, at now: Date) -> Alert {
        let alertName =
            switch name {
            case "respond": "IncidentResponseLate"
            case "postmortem": "IncidentPostMortemLate"
            default: "IncidentStepLate"
            }
        let actions = incident.steps.first { $0.name == name }?.actions ?? []
        return Alert(
            fingerprint: Self.fingerprint(incident.id, name), name: alertName, severity: incident.promise.severity,
            summary: "\(incident.priority.rawValue) \(incident.title): \(words)",
            detail: (["jack incident show \(incident.id)"] + actions).joined(separator: "\n"),
            labels: [
                "alertname": alertName, "severity": incident.promise.severity.rawValue, "type": "incident", "property": parts.property.id,
                "incident": incident.id, "priority": incident.priority.rawValue, "step": name,
            ], startsAt: now)
    }
}
