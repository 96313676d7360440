import Gateway
import HTTPTypes
import Kernel
import OnCall
import PluginAPI

/// Incidents and maintenance, for the REST routes.
extension HotelService {
    /// Runs `body`, and says to the caller what the desks say of a mistake.
    private func work<T>(_ body: (OperationsHouse) async throws -> T) async throws -> T {
        do {
            return try await body(application().operations)
        } catch let error as OperationsError {
            switch error.code {
            case .notFound: throw GatewayError(.notFound, "not_found", error.description)
            case .conflict: throw GatewayError.conflict(error.description)
            case .invalid: throw GatewayError(.unprocessableContent, "validation_failed", error.description)
            }
        }
    }

    func incidents(isOver: Bool?, limit: Int) async throws -> [API.Incident] {
        try await work { try await $0.incidents.list(isOver: isOver, limit: limit).map { API.Incident($0) } }
    }

    func incident(_ id: String) async throws -> API.Incident {
        try await work { house in API.Incident(try await house.incidents.incident(id), timeline: try await house.incidents.timeline(of: id)) }
    }

    func open(incident new: API.NewIncident, by staff: String) async throws -> API.Incident {
        try await work { house in
            guard let priority = IncidentPriority(rawValue: new.priority) else { throw GatewayError.invalid(["priority": "is none"]) }
            return API.Incident(try await house.incidents.open(priority, title: new.title, alert: new.alert, by: staff))
        }
    }

    func update(incident id: String, _ change: API.IncidentChange, by staff: String) async throws -> API.Incident {
        try await work { house in
            let desk = house.incidents
            let changed =
                switch change.action {
                case .take: try await desk.take(id, by: staff)
                case .step: try await desk.step(id, change.step ?? "", by: staff)
                case .note: try await desk.note(id, change.text ?? "", by: staff)
                case .status: try await desk.status(id, change.text ?? "", by: staff)
                case .resolve: try await desk.resolve(id, by: staff)
                case .close: try await desk.close(id, postmortem: change.postmortem, by: staff)
                }
            return API.Incident(changed)
        }
    }

    func postmortem(incident id: String) async throws -> API.Postmortem {
        try await work { house in
            let document = try await house.incidents.postmortem(of: id)
            return API.Postmortem(markdown: document.markdown, filed: document.isFiled)
        }
    }

    func maintenance() async throws -> API.MaintenanceStatus { try await work { status($0, $0.maintenance.open) } }

    func begin(maintenance new: API.NewMaintenance, by staff: String) async throws -> API.MaintenanceWindow {
        try await work { house in
            // What is no matcher was refused with the request.
            let matchers = try (new.matchers ?? []).flatMap { try LabelMatcher.parse($0) }
            return API.MaintenanceWindow(
                try await house.maintenance.begin(
                    for: .seconds(new.seconds), matchers: matchers, comment: new.comment ?? "", refusesRequests: new.refuseRequests ?? false,
                    by: staff))
        }
    }

    func end(maintenance: API.MaintenanceEnd, by staff: String) async throws -> API.MaintenanceStatus {
        try await work { house in
            status(house, try await house.maintenance.end(maintenance.id, force: maintenance.force ?? false, by: staff))
        }
    }

    private func status(_ house: OperationsHouse, _ windows: [MaintenanceRecord]) -> API.MaintenanceStatus {
        let next = house.maintenance.next
        return API.MaintenanceStatus(windows: windows.map { API.MaintenanceWindow($0) }, nextName: next?.name, nextAt: next?.at)
    }
}

extension API.Incident {
    init(_ incident: Incident, timeline: [IncidentEvent]? = nil) {
        self.init(
            id: incident.id, priority: incident.priority.rawValue, title: incident.title, state: incident.state.rawValue,
            commander: incident.commander, openedBy: incident.openedBy, openedAt: incident.openedAt, respondBy: incident.respondBy,
            acknowledgedAt: incident.acknowledgedAt, mitigatedAt: incident.mitigatedAt, resolvedAt: incident.resolvedAt,
            watchedUntil: incident.watchedUntil, closedAt: incident.closedAt, postmortemDueAt: incident.postmortemDueAt,
            publicStatus: incident.publicStatus, late: incident.late,
            steps: incident.steps.map { step in
                let state = step.doneAt != nil ? "done" : step.isLeftOut ? "left_out" : step.startedAt == nil ? "waiting" : "current"
                return Step(
                    name: step.name, actions: step.actions, state: state, dueAt: step.dueAt, doneAt: step.doneAt, doneBy: step.doneBy,
                    late: step.lateAt != nil)
            },
            timeline: timeline?.map { Event(kind: $0.kind, at: $0.at, by: $0.by, text: $0.text, isPublic: $0.isPublic) })
    }
}

extension API.MaintenanceWindow {
    init(_ record: MaintenanceRecord) {
        self.init(
            id: record.id, name: record.name, comment: record.comment, by: record.by, state: record.state.rawValue, beganAt: record.beganAt,
            endsAt: record.endsAt, endedAt: record.endedAt, matchers: record.matchers.map(\.description), refusesRequests: record.refusesRequests,
            findings: record.findings, recovery: record.recovery)
    }
}
