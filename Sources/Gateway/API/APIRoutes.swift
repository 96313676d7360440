import Foundation
import HTTPTypes
import PluginAPI

/// All routes of the REST API. `Resources/openapi.yaml` describes each of them, and a test holds the two against each other.
enum APIRoutes {
    private struct List<Item: Encodable & Sendable>: Encodable, Sendable { var items: [Item] }
    private struct Accepted: Encodable, Sendable { var accepted = true }
    private struct Nothing: APIInput { static let fields: Set<String> = [] }

    static func all(_ hotel: any HotelAPI) -> [APIRoute] {
        conversations(hotel) + people(hotel) + tasks(hotel) + approvals(hotel) + plugins(hotel) + onCall(hotel) + rest(hotel)
            + OperationsRoutes.all(hotel) + LetterRoutes.all(hotel) + MediaRoutes.all(hotel)
            + ErasureRoutes.all(hotel)
    }

    private static func conversations(_ hotel: any HotelAPI) -> [APIRoute] {
        [
            .get("/api/v1/conversations", taking: ["state", "assigned_to", "channel", "guest_id", "limit", "cursor"]) { request in
                let filter = API.ConversationFilter(
                    state: request.query("state"), assignedTo: request.query("assigned_to"), channel: request.query("channel"),
                    guestID: request.query("guest_id"))
                return try await hotel.conversations(filter, request.page())
            },
            .get("/api/v1/conversations/{id}") { try await hotel.conversation($0.parameter("id")) },
            .send(.patch, "/api/v1/conversations/{id}", API.ConversationChange.self) {
                try await hotel.update(conversation: $0.parameter("id"), $1, by: $0.staff)
            },
            .get("/api/v1/conversations/{id}/messages", taking: ["limit", "cursor"]) { request in
                try await hotel.messages(conversation: request.parameter("id"), request.page())
            },
            .send(.post, "/api/v1/conversations/{id}/messages", API.NewMessage.self, status: .created) {
                try await hotel.reply(conversation: $0.parameter("id"), $1, by: $0.staff)
            },
            .get("/api/v1/why", taking: ["of"]) { request in
                guard let id = request.query("of"), id.utf8.count <= 1024 else {
                    throw GatewayError.invalid(parameter: "of", "is missing, or longer than 1,024 bytes")
                }
                return List(items: try await hotel.why(of: id))
            },
            .get("/api/v1/messages/{id}/why") { List(items: try await hotel.why(message: $0.parameter("id"))) },
        ]
    }

    private static func people(_ hotel: any HotelAPI) -> [APIRoute] {
        [
            .get("/api/v1/guests", taking: ["search", "limit", "cursor"]) { request in
                try await hotel.guests(search: request.query("search"), request.page())
            },
            .get("/api/v1/guests/{id}") { try await hotel.guest($0.parameter("id")) },
            .get("/api/v1/reservations", taking: ["room", "guest_id", "confirmation", "on", "status", "limit", "cursor"]) { request in
                if let day = request.query("on"), day.wholeMatch(of: /\d{4}-\d{2}-\d{2}/) == nil {
                    throw GatewayError.invalid(parameter: "on", "is not a day such as 2026-05-01")
                }
                let status = try request.choice("status", PMSReservation.Status.self)
                let filter = API.ReservationFilter(
                    room: request.query("room"), guestID: request.query("guest_id"), confirmation: request.query("confirmation"),
                    on: request.query("on"), status: status?.rawValue)
                return try await hotel.reservations(filter, request.page())
            },
            .get("/api/v1/reservations/{id}") { try await hotel.reservation($0.parameter("id")) },
        ]
    }

    private static func tasks(_ hotel: any HotelAPI) -> [APIRoute] {
        [
            .get("/api/v1/tasks", taking: ["status", "department", "assigned_to", "conversation_id", "limit", "cursor"]) { request in
                let filter = API.TaskFilter(
                    status: request.query("status"), department: request.query("department"), assignedTo: request.query("assigned_to"),
                    conversationID: request.query("conversation_id"))
                return try await hotel.tasks(filter, request.page())
            },
            .send(.post, "/api/v1/tasks", API.NewTask.self, status: .created) { try await hotel.create(task: $1, by: $0.staff) },
            .get("/api/v1/tasks/{id}") { try await hotel.task($0.parameter("id")) },
            .send(.patch, "/api/v1/tasks/{id}", API.TaskChange.self) { try await hotel.update(task: $0.parameter("id"), $1, by: $0.staff) },
        ]
    }

    private static func approvals(_ hotel: any HotelAPI) -> [APIRoute] {
        [
            .get("/api/v1/approvals", taking: ["state", "limit", "cursor"]) { request in
                try await hotel.approvals(state: request.choice("state", API.Approval.State.self), request.page())
            },
            .send(.post, "/api/v1/approvals/{id}/approve", API.ApproveDecision.self) {
                try await hotel.approve($0.parameter("id"), $1, by: $0.staff)
            },
            .send(.post, "/api/v1/approvals/{id}/reject", API.RejectDecision.self) { try await hotel.reject($0.parameter("id"), $1, by: $0.staff) },
        ]
    }

    private static func plugins(_ hotel: any HotelAPI) -> [APIRoute] {
        [
            .get("/api/v1/plugins") { _ in List(items: try await hotel.plugins()) },
            .get("/api/v1/plugins/{instance}") { try await hotel.plugin($0.parameter("instance")) },
            .send(.post, "/api/v1/plugins/{instance}/hold", API.HoldReason.self) {
                try await hotel.hold(plugin: $0.parameter("instance"), $1, by: $0.staff)
            },
            .send(.post, "/api/v1/plugins/{instance}/release", Nothing.self) { request, _ in
                try await hotel.release(plugin: request.parameter("instance"), by: request.staff)
            },
            .send(.post, "/api/v1/plugins/{instance}/restart", Nothing.self) { request, _ in
                try await hotel.restart(plugin: request.parameter("instance"), by: request.staff)
            },
        ]
    }

    private static func rest(_ hotel: any HotelAPI) -> [APIRoute] {
        [
            .get("/api/v1/knowledge/search", taking: ["q", "language", "limit"]) { request in
                guard let query = request.query("q"), query.count <= 1000 else {
                    throw GatewayError.invalid(parameter: "q", "is missing, or longer than 1,000 characters")
                }
                return List(items: try await hotel.searchKnowledge(query, language: request.query("language"), limit: request.limit(default: 10)))
            },
            .get("/api/v1/costs", taking: ["by", "from", "to", "limit"]) { request in
                let days = ["from", "to"].compactMap { name in request.query(name).map { (name, $0) } }
                if let (name, _) = days.first(where: { $1.wholeMatch(of: /\d{4}-\d{2}-\d{2}/) == nil }) {
                    throw GatewayError.invalid(parameter: name, "is not a day such as 2026-05-01")
                }
                let query = API.CostQuery(
                    by: try request.choice("by", API.CostQuery.Grouping.self) ?? .day, from: request.query("from"), to: request.query("to"),
                    limit: try request.limit(default: 31))
                return try await hotel.costs(query)
            },
            .send(.post, "/api/v1/admin/reload", API.ReloadRequest.self) { try await hotel.reload($1, by: $0.staff) },
            .send(.post, "/api/v1/admin/stop", Nothing.self, status: .accepted) { request, _ in
                try await hotel.stop(by: request.staff)
                return Accepted()
            },
        ]
    }
}
