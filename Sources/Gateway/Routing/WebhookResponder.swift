import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import PluginAPI

/// Takes a webhook in the one order that is safe: limits, verification over the raw body, the instance's own limit, parsing, the durable write, the answer.
struct WebhookResponder: Sendable {
    let routes: any RouteTable
    let limiters: Limiters
    let blocks: WebhookBlocks?
    let metrics: RequestMetrics
    let logger: Logger
    let admit: @Sendable (String) -> Duration?
    let accept: @Sendable (String, [InboundEvent]) async throws -> [InboundReceipt]

    /// - Parameter path: what follows `/webhooks/`.
    func respond(_ path: Substring, _ request: Request, _ client: Client, _ id: String) async throws -> PluginResponse {
        let slash = path.firstIndex(of: "/") ?? path.endIndex
        let instance = String(path[..<slash])
        let route =
            switch routes.webhook(instance: instance, tail: String(path[slash...]), method: request.method) {
            case .found(let route) where route.verification.isConfigured: route
            case .otherMethods(let methods): throw GatewayError.methodNotAllowed(methods)
            default: throw GatewayError.notFound("webhook here")
            }
        if let wait = blocks?.refusal(client.address, instance) {
            metrics.blocked(instance)
            throw GatewayError.unread(wait)
        }
        let body = try await request.wholeBody(upTo: route.maximumBodyBytes)
        let call = PluginRequest(request, body: body, client: client, id: id)
        // The plugin checks and reads in one go, on its own threads: between the two stands only what answers at once.
        let reading = try await route.take(call) { isVerified -> (any Error)? in
            guard isVerified else { return unverified(client, instance) }
            blocks?.verified(client.address, instance)
            return admit(instance).map { GatewayError.rateLimited($0) }
        }
        let result: WebhookResult
        switch reading {
        case .refused(let error): throw error
        case .read(let read): result = read
        }
        if !result.events.isEmpty { _ = try await accept(instance, result.events) }
        return result.response
    }

    /// Counts a request that does not verify; returns how it is answered.
    private func unverified(_ client: Client, _ instance: String) -> GatewayError {
        metrics.unverified(instance)
        if blocks?.failed(client.address, instance) == true {
            logger.warning(
                "an address is blocked: its webhooks show no good signature",
                metadata: ["instance": "\(instance)", "client": "\(client.addressText)"])
        }
        // Only what fails is counted, and only what fails is turned away: nobody behind the same proxy can shut the vendor out.
        if let wait = limiters.take(.failures, client.address) {
            metrics.rateLimited(.failures)
            return .rateLimited(wait)
        }
        return GatewayError(.unauthorized, "unverified", "the request does not show that it comes from the vendor")
    }
}

extension Request {
    /// The body, or a 413.
    func wholeBody(upTo maximum: Int) async throws -> [UInt8] {
        if let length = headers[.contentLength].flatMap(Int.init), length > maximum { throw GatewayError.bodyTooLarge(maximum) }
        do {
            let buffer = try await body.collect(upTo: maximum)
            return Array(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw GatewayError.bodyTooLarge(maximum)
        }
    }
}

extension PluginRequest {
    init(_ request: Request, body: [UInt8] = [], client: Client, id: String) {
        self.init(head: request.head, body: body, client: client)
        headers[.xRequestID] = id
    }

    init(head: HTTPRequest, body: [UInt8] = [], client: Client) {
        let target = head.path ?? "/"
        let mark = target.firstIndex(of: "?") ?? target.endIndex
        var headers = head.headerFields
        if let authority = head.authority { headers[.known("Host")] = authority }
        self.init(
            method: head.method, path: String(target[..<mark]), query: mark < target.endIndex ? String(target[target.index(after: mark)...]) : "",
            headers: headers, body: body, remoteAddress: client.addressText, url: "\(client.scheme)://\(client.host)\(target)")
    }
}
