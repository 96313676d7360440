import HTTPTypes
import PluginAPI

/// What the routes about incidents and maintenance need of the house. Errors are those of ``HotelAPI``.
public protocol OperationsAPI: Sendable {
    /// - Parameter isOver: true for closed ones alone, false for the others, nil for all.
    func incidents(isOver: Bool?, limit: Int) async throws -> [API.Incident]
    /// One incident, with its timeline.
    func incident(_ id: String) async throws -> API.Incident
    func open(incident: API.NewIncident, by staff: String) async throws -> API.Incident
    func update(incident id: String, _ change: API.IncidentChange, by staff: String) async throws -> API.Incident
    func postmortem(incident id: String) async throws -> API.Postmortem

    func maintenance() async throws -> API.MaintenanceStatus
    func begin(maintenance: API.NewMaintenance, by staff: String) async throws -> API.MaintenanceWindow
    /// Looks whether all is well, and ends what is under way where it is.
    func end(maintenance: API.MaintenanceEnd, by staff: String) async throws -> API.MaintenanceStatus
}

/// The routes about incidents and maintenance; `Resources/openapi.yaml` describes them.
enum OperationsRoutes {
    private struct List: Encodable, Sendable { var items: [API.Incident] }
    private enum State: String, CaseIterable { case open, closed }

    static func all(_ house: any OperationsAPI) -> [APIRoute] {
        [
            .get("/api/v1/incidents", taking: ["state", "limit"]) { request in
                let state = try request.choice("state", State.self)
                return List(items: try await house.incidents(isOver: state.map { $0 == .closed }, limit: request.limit()))
            },
            .get("/api/v1/incidents/{id}") { try await house.incident($0.parameter("id")) },
            .send(.post, "/api/v1/incidents", API.NewIncident.self, status: .created) { try await house.open(incident: $1, by: $0.staff) },
            .send(.patch, "/api/v1/incidents/{id}", API.IncidentChange.self) {
                try await house.update(incident: $0.parameter("id"), $1, by: $0.staff)
            },
            .get("/api/v1/incidents/{id}/postmortem") { try await house.postmortem(incident: $0.parameter("id")) },
            .get("/api/v1/maintenance") { _ in try await house.maintenance() },
            .send(.post, "/api/v1/maintenance/begin", API.NewMaintenance.self, status: .created) {
                try await house.begin(maintenance: $1, by: $0.staff)
            },
            .send(.post, "/api/v1/maintenance/end", API.MaintenanceEnd.self) { try await house.end(maintenance: $1, by: $0.staff) },
        ]
    }
}
