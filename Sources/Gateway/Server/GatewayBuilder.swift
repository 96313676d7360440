import GatewayResources
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Kernel
import Logging
import NIOCore
import PluginAPI

/// Puts the gateway together.
public struct GatewayBuilder: Sendable {
    public var configuration: GatewayConfiguration
    public var parts: GatewayParts

    public init(_ configuration: GatewayConfiguration, _ parts: GatewayParts) {
        self.configuration = configuration
        self.parts = parts
    }

    /// Says what the gateway's metrics mean. Call it before ``build()``, once for a registry.
    public static func describeMetrics(in registry: PrometheusRegistry) {
        registry.describe("http_requests", "HTTP requests answered.")
        registry.describe("http_request_duration", "Time from a request's head to its answer.")
        registry.describe("active_connections", "Open TCP connections, WebSockets included.")
        registry.describe("websocket_connections", "Open WebSockets.")
        registry.describe("webhooks_unverified", "Webhooks that did not show that they come from the vendor.")
        registry.describe("webhook_blocked", "Webhooks that were not read, because too many of their address showed no good signature.")
        registry.describe("rate_limited", "Requests refused because their address made too many.")
    }

    /// Makes a server that has not started.
    public func build() -> GatewayServer {
        var configuration = configuration
        configuration.maximumConnections = DescriptorLimit.connections(wanted: configuration.maximumConnections, logger: parts.logger)
        let limiters = Limiters(configuration.rates, time: parts.time)
        let metrics = RequestMetrics(factory: parts.metrics)
        let resolver = ClientResolver(trusted: configuration.trustedProxies)
        let registry = ConnectionRegistry(
            maximum: configuration.maximumConnections,
            maximumOfPeer: configuration.maximumConnectionsPerAddress ?? max(1, configuration.maximumConnections / 2), resolver: resolver,
            metrics: parts.metrics)
        let apiGuard = APIGuard(token: configuration.token, limiters: limiters)
        let health = HealthResponder(source: parts.health, version: parts.version, time: parts.time, limit: configuration.probeTimeout)
        let blocks = WebhookBlocks(configuration.rates.block, maximumAddresses: configuration.rates.maximumAddresses, time: parts.time)
        let sources = SourceRoutes(sources: parts.alertSources, limiters: limiters, blocks: blocks, metrics: metrics, logger: parts.logger)
        let maintenance = MaintenanceGate(refusal: parts.refusal, time: parts.time)
        let main = GatewayResponder(
            configuration: configuration, resolver: resolver, limiters: limiters, metrics: metrics, time: parts.time, routes: parts.routes,
            webhooks: WebhookResponder(
                routes: parts.routes, limiters: limiters, blocks: blocks, metrics: metrics, logger: parts.logger, admit: parts.admit,
                accept: parts.accept),
            maintenance: maintenance,
            router: OwnRoute.router(
                ownRoutes(health, apiGuard) + sources.all(),
                maximumBodyBytes: configuration.maximumBodyBytes))
        let policy = SocketPolicy(
            configuration: configuration, resolver: resolver, limiters: limiters, metrics: metrics, routes: parts.routes, apiGuard: apiGuard,
            staff: parts.hotel.map(StaffSocket.route), maintenance: maintenance)
        let small = MetricsResponder(metricsText: parts.metricsText)
        let settled = configuration, logger = parts.logger
        let makeMain: GatewayServer.MakeApplication = { address, onRunning in
            Self.application(main, settled, registry, metrics, logger, address, onRunning) { policy.decide($0, $1) }
        }
        let makeMetrics: GatewayServer.MakeApplication = { address, onRunning in
            Self.application(small, settled, registry, metrics, logger, address, onRunning) { _, _ in .pass }
        }
        return GatewayServer(
            configuration: configuration, registry: registry, logger: logger, makeMain: makeMain,
            makeMetrics: configuration.metricsPort == nil ? nil : makeMetrics)
    }

    /// The gateway's own routes as the OpenAPI document must list them, `GET /path`: all but Alertmanager's, which have a document of their own, and
    /// those of other parts of the house.
    func documentedRoutes() -> [String] {
        let limiters = Limiters(configuration.rates, time: parts.time)
        let health = HealthResponder(source: parts.health, version: parts.version, time: parts.time, limit: configuration.probeTimeout)
        let sources = SourceRoutes(
            sources: parts.alertSources, limiters: limiters, blocks: nil, metrics: RequestMetrics(factory: parts.metrics), logger: parts.logger)
        let others = Set(parts.extraRoutes.map(\.path))
        return (ownRoutes(health, APIGuard(token: configuration.token, limiters: limiters)) + sources.all())
            .filter { !$0.path.hasPrefix("/api/v2/") && !$0.path.hasPrefix("/-/") && !others.contains($0.path) }
            .map { "\($0.method) \($0.path)" }
    }

    private func ownRoutes(_ health: HealthResponder, _ apiGuard: APIGuard) -> [OwnRoute] {
        let metricsText = parts.metricsText
        var routes = [
            OwnRoute(.get, "/health") { _, _ in await health.health() },
            OwnRoute(.get, "/healthz") { _, _ in PluginResponse(.ok, text: "ok\n") },
            OwnRoute(.get, "/readyz") { _, _ in await health.readiness() },
            OwnRoute(.get, "/metrics") { _, _ in PluginResponse(.ok, text: metricsText(), contentType: PrometheusRegistry.contentType) },
            OwnRoute(.get, "/api/openapi.yaml") { _, _ in
                PluginResponse(.ok, headers: [.contentType: "application/yaml; charset=utf-8"], body: [UInt8](embedded: jack_openapi_yaml))
            },
        ]
        routes += parts.extraRoutes.map { extra in
            OwnRoute(extra.method, extra.path) { call, _ in
                try await extra.respond(PluginRequest(call.request, body: call.body(), client: call.context.client, id: call.context.requestID))
            }
        }
        if let board = parts.alertBoard {
            routes += AlertmanagerRoutes(board: board, guardian: apiGuard, version: parts.version, time: parts.time, logger: parts.logger).all()
        }
        routes += RaisingRoutes(board: parts.alertBoard, heartbeats: parts.heartbeats, guardian: apiGuard, time: parts.time).all()
        guard let hotel = parts.hotel else { return routes }
        routes += APIRoutes.all(hotel).map { route in
            OwnRoute(route.method, route.path) { call, parameters in
                try apiGuard.check(call.request.headers[.authorization], call.context.client.address)
                let query = call.request.uri.queryParameters.map { (String($0.key), String($0.value)) }
                let body = route.method == .get ? [] : try await call.body()
                let staff = call.request.headers[.staffName].map { String($0.prefix(100)) } ?? "staff"
                return try await route.handle(APIRequest(parameters: parameters, query: query, body: body, staff: staff))
            }
        }
        return routes
    }

    private static func application(
        _ responder: some HTTPResponder<GatewayContext>, _ configuration: GatewayConfiguration, _ registry: ConnectionRegistry,
        _ metrics: RequestMetrics, _ logger: Logger, _ address: BindAddress, _ onRunning: @escaping @Sendable (any Channel) async -> Void,
        _ decide: @escaping @Sendable (HTTPRequest, String?) -> SocketDecision
    ) -> any ApplicationProtocol {
        let server = HTTPServerBuilder { responder in
            GatewayChannel(responder: responder, configuration: configuration, registry: registry, decide: decide) { error in
                // The router never saw these: there is no route, and no time that would mean anything.
                metrics.observe(method: "other", route: "refused", status: error.status.code, duration: .zero)
                logger.debug("connection refused", metadata: ["status": .stringConvertible(error.status.code), "code": .string(error.code)])
            }
        }
        var quiet = logger
        // What hummingbird has to say of its own is for its own developers.
        quiet.logLevel = max(logger.logLevel, .info)
        return Application(
            responder: responder, server: server,
            configuration: ApplicationConfiguration(address: address, serverName: configuration.serverName, backlog: 1024),
            onServerRunning: onRunning,
            logger: quiet)
    }
}

/// What the metrics port answers.
private struct MetricsResponder: HTTPResponder {
    typealias Context = GatewayContext

    let metricsText: @Sendable () -> String

    func respond(to request: Request, context: GatewayContext) async throws -> Response {
        switch (request.method, request.uri.path) {
        case (.get, "/metrics"): Response(PluginResponse(.ok, text: metricsText(), contentType: PrometheusRegistry.contentType))
        case (.get, "/healthz"): Response(PluginResponse(.ok, text: "ok\n"))
        default: Response(GatewayError.notFound("page here"))
        }
    }
}
