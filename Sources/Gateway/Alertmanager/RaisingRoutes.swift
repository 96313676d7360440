import Foundation
import HTTPTypes
import HummingbirdCore
import OnCall
import PluginAPI

/// Jack's own ways to raise an alert from outside: `POST /api/v1/alerts`, which `jack alert send` uses, and heartbeats.
struct RaisingRoutes: Sendable {
    /// What is wrong, in fewer words than Alertmanager's format needs.
    struct NewAlert: APIInput {
        static let fields: Set<String> = ["name", "severity", "summary", "labels", "annotations", "starts_at", "ends_at", "resolved"]

        var name: String
        var severity: String?
        var summary: String?
        var labels: [String: String]?
        var annotations: [String: String]?
        var startsAt: Date?
        var endsAt: Date?
        /// True ends it now.
        var resolved: Bool?

        func problems() -> [String: String] {
            let limits = OnCallLimits()
            var problems: [String: String] = [:]
            if name.allSatisfy(\.isWhitespace) { problems["name"] = "is empty" }
            if name.utf8.count > limits.labelValue { problems["name"] = "is longer than \(limits.labelValue) bytes" }
            if let severity, AlertSeverity(rawValue: severity) == nil {
                let names = AlertSeverity.allCases.map(\.rawValue)
                problems["severity"] = Suggestion.remedy(for: severity, among: names) ?? "is none of \(names.joined(separator: ", "))"
            }
            for (label, value) in labels ?? [:] {
                if label.isEmpty || label.utf8.count > limits.labelName {
                    problems["labels"] = "holds a name that is empty or too long"
                }
                if value.utf8.count > limits.labelValue {
                    problems["labels"] = "\(label.prefix(60)) has \(value.utf8.count) bytes, at most \(limits.labelValue) are taken"
                }
            }
            if (labels?.count ?? 0) > limits.labels - 2 { problems["labels"] = "are too many" }
            for (label, value) in [("alertname", name), ("severity", severity)] {
                if let given = labels?[label], let value, given != value { problems["labels"] = "says another \(label) than the field for it" }
            }
            if let startsAt, let endsAt, endsAt < startsAt { problems["ends_at"] = "is before starts_at" }
            return problems
        }

        func posted(at now: Date) -> PostedAlert {
            var labels = (labels ?? [:]).filter { !$0.value.isEmpty }
            labels["alertname"] = name
            labels["severity"] = severity ?? labels["severity"] ?? AlertSeverity.warning.rawValue
            var annotations = annotations ?? [:]
            if let summary { annotations["summary"] = summary }
            let ends = resolved == true ? endsAt ?? now : endsAt
            return PostedAlert(labels: labels, annotations: annotations, startsAt: startsAt ?? ends.map { min($0, now) }, endsAt: ends)
        }
    }

    struct Taken: Codable, Sendable {
        var accepted = true
        var labels: [String: String]
    }

    struct Beat: Encodable, Sendable {
        var name: String
        var state: String
        var interval: String
        var lastSeenAt: Date?
        var dueAt: Date?

        init(_ view: HeartbeatView) {
            name = view.name
            state = view.state.rawValue
            interval = view.interval.text
            lastSeenAt = view.lastSeenAt
            dueAt = view.dueAt
        }
    }

    private struct List: Encodable, Sendable { var items: [Beat] }

    let board: (any AlertBoard)?
    let heartbeats: (any HeartbeatKeeping)?
    let guardian: APIGuard
    let time: any TimeSource

    func all() -> [OwnRoute] {
        var routes: [OwnRoute] = []
        if let board {
            routes.append(
                route(.post, "/api/v1/alerts") { body, _ in
                    let posted = try APICoding.read(NewAlert.self, from: body).posted(at: time.now)
                    if let refusal = try await board.take([posted]).first { throw refusal.error }
                    return try .api(Taken(labels: posted.labels), status: .accepted)
                })
        }
        if let heartbeats {
            routes += [
                route(.get, "/api/v1/heartbeats") { _, _ in try .api(List(items: await heartbeats.heartbeats().map(Beat.init))) },
                // A body is not looked at: those who beat are cron jobs and watches, which send whatever they send.
                route(.post, "/api/v1/heartbeats/{name}") { _, parameters in try .api(Beat(await heartbeats.beat(parameters["name"] ?? ""))) },
            ]
        }
        return routes
    }

    private func route(
        _ method: HTTPRequest.Method, _ path: String, _ handle: @escaping @Sendable ([UInt8], [String: String]) async throws -> PluginResponse
    ) -> OwnRoute {
        OwnRoute(method, path) { call, parameters in
            try guardian.check(call.request.headers[.authorization], call.context.client.address)
            do {
                return try await handle(method == .post ? call.body() : [], parameters)
            } catch let error as OnCallError {
                switch error.code {
                case .notFound: throw GatewayError(.notFound, "not_found", error.description)
                case .invalid: throw GatewayError(.unprocessableContent, "validation_failed", error.description)
                case .tooMany: throw GatewayError.unavailable("too_many", error.description)
                }
            }
        }
    }
}
