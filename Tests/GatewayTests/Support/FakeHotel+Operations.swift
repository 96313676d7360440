import Foundation
import Synchronization

@testable import Gateway

extension FakeHotel {
    private static let moment = Date(timeIntervalSince1970: 1_800_000_000.125)

    private var trouble: API.Incident {
        API.Incident(
            id: "inc_1", priority: "P1", title: "No hot water", state: "acknowledged", commander: "Ana", openedBy: "Ana", openedAt: Self.moment,
            respondBy: Self.moment, acknowledgedAt: Self.moment, postmortemDueAt: Self.moment, publicStatus: "We are on it.", late: ["diagnose"],
            steps: [
                .init(name: "acknowledge", actions: ["Look"], state: "done", dueAt: Self.moment, doneAt: Self.moment, doneBy: "Ana", late: false)
            ], timeline: [.init(kind: "opened", at: Self.moment, by: "Ana", text: "P1: No hot water", isPublic: false)])
    }
    private var window: API.MaintenanceWindow {
        API.MaintenanceWindow(
            id: "mnt_1", name: "by-hand", comment: "c", by: "Ana", state: "running", beganAt: Self.moment, endsAt: Self.moment, matchers: ["a=\"b\""],
            refusesRequests: true, findings: ["database"], recovery: "none is configured")
    }

    func incidents(isOver: Bool?, limit: Int) async throws -> [API.Incident] { [trouble] }
    func incident(_ id: String) async throws -> API.Incident { trouble }
    func open(incident: API.NewIncident, by staff: String) async throws -> API.Incident { trouble }
    func update(incident id: String, _ change: API.IncidentChange, by staff: String) async throws -> API.Incident {
        calls.withLock { $0.append("\(change.action.rawValue) \(id) \(change.step ?? change.text ?? "-") by \(staff)") }
        return trouble
    }
    func postmortem(incident id: String) async throws -> API.Postmortem { API.Postmortem(markdown: "# P1", filed: false) }
    func maintenance() async throws -> API.MaintenanceStatus { API.MaintenanceStatus(windows: [window], nextName: "weekly", nextAt: Self.moment) }
    func begin(maintenance: API.NewMaintenance, by staff: String) async throws -> API.MaintenanceWindow { window }
    func end(maintenance: API.MaintenanceEnd, by staff: String) async throws -> API.MaintenanceStatus { API.MaintenanceStatus(windows: [window]) }
}
