import HTTPTypes
import HummingbirdCore
import Logging
import OnCall
import PluginAPI

/// `POST /api/v1/alerts/<source>`: alerts of outside sources, each with a signature or a token of its own.
struct SourceRoutes: Sendable {
    struct Taken: Encodable, Sendable {
        var accepted = true
        var alerts: Int
        var resolved: Int
        var ignored: Int
        var duplicate: Bool
    }

    let sources: (any AlertSourceKeeping)?
    let limiters: Limiters
    let blocks: WebhookBlocks?
    let metrics: RequestMetrics
    let logger: Logger

    func all() -> [OwnRoute] {
        guard let sources else { return [] }
        return [
            OwnRoute(.post, "/api/v1/alerts/{source}") { call, parameters in
                let name = parameters["source"] ?? "", client = call.context.client
                if let wait = blocks?.refusal(client.address, Self.key(name)) {
                    metrics.blocked(name)
                    throw GatewayError.unread(wait)
                }
                let body = try await call.request.wholeBody(upTo: min(call.maximumBodyBytes, AlertSources.maximumBodyBytes))
                do {
                    let receipt = try await sources.take(
                        PluginRequest(call.request, body: body, client: client, id: call.context.requestID), of: name)
                    blocks?.verified(client.address, Self.key(name))
                    return try .api(
                        Taken(alerts: receipt.alerts, resolved: receipt.resolved, ignored: receipt.ignored, duplicate: receipt.isDuplicate),
                        status: .accepted)
                } catch let refusal as SourceRefusal {
                    throw error(refusal, name, client)
                }
            }
        ]
    }

    /// A source may have the name of an instance, and is another sender.
    private static func key(_ source: String) -> String { "alerts/\(source)" }

    private func error(_ refusal: SourceRefusal, _ name: String, _ client: Client) -> GatewayError {
        switch refusal {
        case .unreadable, .invalid, .tooMany: blocks?.verified(client.address, Self.key(name))
        // A name that nobody has is no source that could be forged, and would fill the table.
        case .unknown: break
        case .unverified:
            if blocks?.failed(client.address, Self.key(name)) == true {
                logger.warning(
                    "an address is blocked: what it sends to an alert source shows no good signature",
                    metadata: ["source": "\(name)", "client": "\(client.addressText)"])
            }
        }
        switch refusal {
        case .unknown: return limited(client) ?? .notFound("alert source here")
        case .unverified(let reason):
            metrics.unverified(name)
            // Only what fails is counted, and only what fails is turned away: nobody behind the same proxy can shut a source out.
            return limited(client) ?? GatewayError(.unauthorized, "unverified", "the request does not show that it comes from \(name): \(reason)")
        case .unreadable(let reason): return .badRequest("invalid_json", reason)
        case .invalid(let reason): return GatewayError(.unprocessableContent, "validation_failed", reason)
        case .tooMany(let reason): return .unavailable("too_many", reason, retryAfter: .seconds(60))
        }
    }

    private func limited(_ client: Client) -> GatewayError? {
        guard let wait = limiters.take(.failures, client.address) else { return nil }
        metrics.rateLimited(.failures)
        return .rateLimited(wait)
    }
}
