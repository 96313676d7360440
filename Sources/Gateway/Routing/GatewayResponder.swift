import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import Kernel
import PluginAPI

/// What a request carries through the router.
struct GatewayContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let peer: String?
    var client = Client(address: nil, addressText: "", scheme: "http", host: "")
    var requestID = ""

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        peer = source.channel.remoteAddress?.ipAddress
    }
}

/// Every request's way: who is it, may they, what do they get, and what is written down about it.
struct GatewayResponder<Inner: HTTPResponder<GatewayContext>>: HTTPResponder {
    typealias Context = GatewayContext

    let configuration: GatewayConfiguration
    let resolver: ClientResolver
    let limiters: Limiters
    let metrics: RequestMetrics
    let time: any TimeSource
    let routes: any RouteTable
    let webhooks: WebhookResponder
    let maintenance: MaintenanceGate
    /// The gateway's own routes.
    let router: Inner

    func respond(to request: Request, context original: GatewayContext) async throws -> Response {
        var context = original
        let begun = time.monotonic
        context.client = resolver.resolve(peer: context.peer, authority: request.head.authority, headers: request.headers)
        context.requestID = RequestID.of(request.headers)
        context.logger[metadataKey: "request_id"] = .string(context.requestID)
        let path = request.uri.path
        var response: Response
        var cause: (any Error)?
        do {
            response = try await route(request, path, context)
        } catch {
            let shown = GatewayError.of(error)
            if shown.status.code >= 500 { cause = error }
            response = Response(shown)
        }
        allowOrigin(request, &response)
        SecurityHeaders.add(to: &response.headers, scheme: context.client.scheme)
        response.headers[.xRequestID] = context.requestID
        if request.method == .head { response = response.createHeadResponse() }
        let duration = time.monotonic - begun
        let label = context.endpointPath ?? "unmatched"
        metrics.observe(method: request.method.rawValue, route: label, status: response.status.code, duration: duration)
        log(request, path, label, response, duration, cause, context)
        return response
    }

    private func route(_ request: Request, _ path: String, _ context: GatewayContext) async throws -> Response {
        if path.hasPrefix("/webhooks/") {
            context.coreContext.endpointPath.value = "/webhooks/{instance}"
            try limit(.webhooks, context)
            try maintenance.checkWebhook(path)
            return Response(try await webhooks.respond(path.dropFirst("/webhooks/".count), request, context.client, context.requestID))
        }
        let isAPI = path == "/api" || path.hasPrefix("/api/")
        if isAPI || path == "/metrics" {
            let list = configuration.apiAllowlist
            guard list.isEmpty || context.client.address.map({ address in list.contains { $0.contains(address) } }) == true else {
                throw GatewayError(.forbidden, "address_not_allowed", "this address may not use the API")
            }
        }
        // Those who watch whether Jack lives must not be told that they ask too often.
        // Nor may a storm of alerts drown in a limit: who sends them shows the token, and wrong tokens are limited by themselves.
        let isAlert = (["/api/v2/alerts", "/api/v1/alerts"].contains(path) || path.hasPrefix("/api/v1/alerts/")) && request.method == .post
        if path != "/healthz", !isAlert { try limit(isAPI ? .api : .pages, context) }
        if isAPI, request.method == .options, request.headers[.origin] != nil { return Response(status: .noContent) }
        if let page = routes.page(path) {
            context.coreContext.endpointPath.value = path
            guard request.method == .get || request.method == .head else { throw GatewayError.methodNotAllowed([.get, .head]) }
            try maintenance.check(page.instance)
            return Response(try await page.route.respond(PluginRequest(request, client: context.client, id: context.requestID)))
        }
        if routes.socket(path) != nil || path == "/ws" {
            context.coreContext.endpointPath.value = path
            // Closes, so that a proxy which keeps connections opens a new one: only a connection's first request can become a socket.
            throw GatewayError(
                .upgradeRequired, "websocket_expected", "this path is a WebSocket", headers: [.upgrade: "websocket", .connection: "close"])
        }
        let response = try await router.respond(to: request, context: context)
        // The name that hummingbird gives to what it did not find.
        guard context.endpointPath != "NotFound" else {
            context.coreContext.endpointPath.value = nil
            throw GatewayError.notFound("page here")
        }
        return response
    }

    private func limit(_ scope: Limiters.Scope, _ context: GatewayContext) throws {
        guard let wait = limiters.take(scope, context.client.address) else { return }
        metrics.rateLimited(scope)
        throw GatewayError.rateLimited(wait)
    }

    /// Tells a browser that the page which asks may read the answer.
    private func allowOrigin(_ request: Request, _ response: inout Response) {
        guard !configuration.corsOrigins.isEmpty else { return }
        response.headers.append(HTTPField(name: .vary, value: "Origin"))
        guard let origin = request.headers[.origin], configuration.allowsOrigin(origin) else { return }
        response.headers[.accessControlAllowOrigin] = origin
        response.headers[.accessControlExposeHeaders] = "X-Request-Id, Retry-After"
        if request.method == .options {
            response.headers[.accessControlAllowMethods] = "GET, POST, PATCH, DELETE, OPTIONS"
            response.headers[.accessControlAllowHeaders] = "Authorization, Content-Type, X-Request-Id, X-Staff-Name"
            response.headers[.accessControlMaxAge] = "600"
        }
    }

    /// The query is left out: it may hold what nobody should read in a log.
    private func log(
        _ request: Request, _ path: String, _ route: String, _ response: Response, _ duration: Duration, _ cause: (any Error)?,
        _ context: GatewayContext
    ) {
        let level: Logger.Level = cause == nil ? configuration.accessLogLevel : .error
        guard level >= context.logger.logLevel else { return }
        var metadata: Logger.Metadata = [
            "method": .string(request.method.rawValue), "path": .string(String(path.prefix(200))), "route": .string(route),
            "status": .stringConvertible(response.status.code), "duration_ms": .stringConvertible((duration.seconds * 1e5).rounded() / 100),
            "client": .string(context.client.addressText), "bytes": .stringConvertible(response.body.contentLength ?? -1),
        ]
        if let cause { metadata["error"] = .string("\(cause)") }
        context.logger.log(level: level, "request", metadata: metadata)
    }
}

/// The name under which one request is found again in every log.
enum RequestID {
    /// The caller's own where it is harmless, else a new one.
    static func of(_ headers: HTTPFields) -> String {
        if let given = headers[.xRequestID], (8...64).contains(given.utf8.count),
            given.utf8.allSatisfy({
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D || $0 == 0x5F
            })
        {
            return given
        }
        let value = UInt64.random(in: .min ... .max), digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension Response {
    init(_ response: PluginResponse) {
        self.init(status: response.status, headers: response.headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: response.body)))
    }

    init(_ error: GatewayError) {
        var headers = error.headers
        headers[.contentType] = "application/json"
        headers[.cacheControl] = "no-store"
        if error.status == .unauthorized, error.code == "unauthorized" { headers[.wwwAuthenticate] = #"Bearer realm="jack""# }
        self.init(status: error.status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: error.body)))
    }
}
