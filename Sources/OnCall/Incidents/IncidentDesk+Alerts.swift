import Foundation
import Kernel
import Logging
import PluginAPI

/// Alerts: those that open an incident, those that join one, and those that come back.
extension IncidentDesk {
    /// Somebody was paged, or has answered.
    func hear(_ notice: IncidentNotice) async throws {
        switch notice.kind {
        case .acknowledged:
            guard let by = notice.by else { return }
            let id = try await parts.engine.read { [repository] in try repository.incident(ofGroup: notice.group, in: $0)?.id }
            if let id { try await answered(id, by: by) }
        case .paged:
            guard let id = try await join(notice) else { return }
            // The answer may have come before the incident did.
            if let by = parts.matters().first(where: { $0.id == notice.matter })?.acknowledgedBy { try await answered(id, by: by) }
        }
    }

    /// - Returns: the incident to which the alerts belong; nil for none.
    private func join(_ notice: IncidentNotice) async throws -> String? {
        let now = parts.clock.now
        let (id, isFull) = try await parts.engine.write { [self] transaction -> (String?, Bool) in
            if var incident = try repository.incident(ofGroup: notice.group, in: transaction) {
                guard try repository.attach(notice.matter, group: notice.group, to: incident.id, at: now, in: transaction) else {
                    return (incident.id, false)
                }
                guard incident.state == .watching else {
                    try repository.add(
                        IncidentEvent("attached", at: now, by: "Jack", "more alerts of the same group"), to: incident.id, in: transaction)
                    return (incident.id, false)
                }
                let before = incident
                incident.reopen(at: now)
                try repository.add(
                    IncidentEvent("reopened", at: now, by: "Jack", "its alerts fire again while it was watched"), to: incident.id, in: transaction)
                try repository.save(incident, in: transaction)
                try arm(incident, before: before, in: transaction)
                try endAlerts(incident, before: before, at: now, in: transaction)
                return (incident.id, false)
            }
            guard let rule = notice.rule else { return (nil, false) }
            guard try repository.countUnderWay(in: transaction) < Self.mostByRule else { return (nil, true) }
            // The clock of the promise began when somebody was first paged, not when this was written down.
            let begun = min(notice.at, now)
            let incident = Incident(
                id: Identifier.make("inc", at: now), priority: rule.priority, title: rule.title, promise: promise(rule.priority),
                by: "the rule at \(rule.place)", at: begun)
            try save(opening: incident, at: begun, in: transaction)
            _ = try repository.attach(notice.matter, group: notice.group, to: incident.id, at: now, in: transaction)
            return (incident.id, false)
        }
        if id != nil { parts.trigger.expect(group: notice.group) }
        if isFull {
            parts.logger.warning(
                "no incident is opened: too many are under way", metadata: ["matter": "\(notice.matter)", "most": "\(Self.mostByRule)"])
        }
        return id
    }

    /// Who acknowledges a page has responded to the incident; who leads it is said by `take`.
    func answered(_ id: String, by person: String) async throws {
        _ = try await change(id) { incident, now in
            guard incident.acknowledge(by: PublicText.clean(person), at: now) else { return [] }
            return [IncidentEvent("acknowledged", at: now, by: PublicText.clean(person), "a page was acknowledged")]
        }
    }
}
