import Foundation
import HTTPTypes
import HummingbirdCore
import Logging
import OnCall
import PluginAPI

/// The Alertmanager v2 API over Jack's own alerts: an unmodified Prometheus sends to it, an unmodified amtool speaks to it.
struct AlertmanagerRoutes: Sendable {
    private typealias Handle = @Sendable (AlertmanagerCall) async throws -> PluginResponse

    /// A request that was let in.
    struct AlertmanagerCall: Sendable {
        var parameters: [String: String]
        var query: [(name: String, value: String)]
        var body: [UInt8]
    }

    let board: any AlertBoard
    let guardian: APIGuard
    let version: String
    let time: any TimeSource
    let logger: Logger

    /// All of them, and the two paths by which programs ask whether an Alertmanager is there.
    func all() -> [OwnRoute] {
        [
            route(.get, "/api/v2/status") { _ in try status() },
            route(.get, "/api/v2/receivers") { _ in try .alertmanager(board.receivers.map(AlertmanagerRecords.Receiver.init)) },
            route(.get, "/api/v2/alerts") { try await alerts($0) },
            route(.post, "/api/v2/alerts") { try await take($0) },
            route(.get, "/api/v2/alerts/groups") { try await groups($0) },
            route(.get, "/api/v2/silences") { try await silences($0) },
            route(.post, "/api/v2/silences") { call in
                let silence = try AlertmanagerSilence.read(call.body, at: time.now)
                return try .alertmanager(AlertmanagerRecords.SilenceID(silenceID: await board.set(silence)))
            },
            route(.get, "/api/v2/silence/{id}") { call in
                guard let silence = try await find(call) else { return PluginResponse(.notFound) }
                return try .alertmanager(AlertmanagerRecords.ShownSilence(silence, at: time.now))
            },
            route(.delete, "/api/v2/silence/{id}") { call in
                guard let silence = try await find(call) else { return PluginResponse(.notFound) }
                try await board.expireSilence(silence.id)
                return PluginResponse(.ok)
            },
            OwnRoute(.get, "/-/healthy") { _, _ in PluginResponse(.ok, text: "OK") },
            OwnRoute(.get, "/-/ready") { _, _ in PluginResponse(.ok, text: "OK") },
        ]
    }

    private func route(_ method: HTTPRequest.Method, _ path: String, _ handle: @escaping Handle) -> OwnRoute {
        OwnRoute(method, path) { call, parameters in
            do {
                try guardian.check(call.request.headers[.authorization], call.context.client.address)
                if method == .post { try Self.checkType(call.request.headers[.contentType]) }
                let query = call.request.uri.queryParameters.map { (name: String($0.key), value: String($0.value)) }
                let body = method == .post ? try await call.body() : []
                return try await handle(AlertmanagerCall(parameters: parameters, query: query, body: body))
            } catch {
                let (shown, headers) = AlertmanagerError.of(error)
                if shown.status.code >= 500 { logger.error("the alert API failed", metadata: ["path": "\(path)", "error": "\(error)"]) }
                return shown.response(headers)
            }
        }
    }

    private static func checkType(_ type: String?) throws {
        guard let type, !type.lowercased().hasPrefix("application/json") else { return }
        throw AlertmanagerError(
            status: .unsupportedMediaType, code: 415,
            message: "unsupported media type \(AlertmanagerText.quoted(type)), only [application/json] are allowed")
    }

    private func status() throws -> PluginResponse {
        try .alertmanager(
            AlertmanagerRecords.Server(
                config: .init(original: board.configurationText), uptime: board.startedAt.iso8601, versionInfo: .init(version: version)
            ))
    }

    // MARK: Alerts

    private func take(_ call: AlertmanagerCall) async throws -> PluginResponse {
        var reading = try AlertmanagerIntake.read(call.body)
        if !reading.alerts.isEmpty { reading.add(try await board.take(reading.alerts)) }
        guard let refusal = reading.refusal else { return PluginResponse(.ok) }
        // The sender may not show it to anybody: a lost alert must not be lost without a word.
        logger.warning("alerts were refused", metadata: ["count": "\(reading.faults.count)", "reason": "\(reading.message.prefix(1000))"])
        throw refusal
    }

    private func alerts(_ call: AlertmanagerCall) async throws -> PluginResponse {
        let filter = try AlertmanagerFilter(call.query)
        let found = try await board.alerts(matching: filter.matchers)
            .filter { filter.takes($0) && filter.takes(anyOf: $0.receivers) }
        return try .alertmanager(found.sorted { $0.fingerprint < $1.fingerprint }.map(AlertmanagerRecords.Alert.init))
    }

    private func groups(_ call: AlertmanagerCall) async throws -> PluginResponse {
        let filter = try AlertmanagerFilter(call.query)
        let found = try await board.groups(matching: filter.matchers).compactMap { group -> AlertGroupView? in
            guard filter.takes(receiver: group.receiver) else { return nil }
            if !filter.shows("muted"), group.alerts.allSatisfy({ !$0.mutedBy.isEmpty }) { return nil }
            var shown = group
            shown.alerts = group.alerts.filter(filter.takes)
            return shown.alerts.isEmpty ? nil : shown
        }
        func order(_ group: AlertGroupView) -> (String, String) {
            (group.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ","), group.receiver)
        }
        return try .alertmanager(
            found.sorted { order($0) < order($1) }.map { group in
                AlertmanagerRecords.Group(
                    alerts: group.alerts.map(AlertmanagerRecords.Alert.init), labels: group.labels, receiver: .init(name: group.receiver))
            })
    }

    // MARK: Silences

    /// Active ones first, the next to end first; then those that wait; then those that are over, the latest first.
    private func silences(_ call: AlertmanagerCall) async throws -> PluginResponse {
        let filter = try AlertmanagerFilter(call.query), now = time.now
        func order(_ silence: Silence) -> (Int, TimeInterval) {
            switch silence.state(at: now) {
            case .active: (1, silence.endsAt.timeIntervalSince1970)
            case .pending: (2, silence.startsAt.timeIntervalSince1970)
            case .expired: (3, -silence.endsAt.timeIntervalSince1970)
            }
        }
        let found = try await board.silences(matching: []).filter { filter.takes($0, at: now) }.sorted { order($0) < order($1) }
        return try .alertmanager(found.map { AlertmanagerRecords.ShownSilence($0, at: now) })
    }

    private func find(_ call: AlertmanagerCall) async throws -> Silence? {
        let id = call.parameters["id"] ?? ""
        if let found = try await board.silences(matching: []).first(where: { $0.id == id }) { return found }
        guard UUID(uuidString: id) != nil else { throw AlertmanagerError.wrongType("silenceID", in: "path", "uuid", id) }
        return nil
    }
}
