import CoreMetrics
import HTTPTypes
import Logging
import OnCall
import PluginAPI

/// What the gateway is put together from. Nothing is reached globally, so a test gives its own.
public struct GatewayParts: Sendable {
    public var version: String
    public var routes: any RouteTable
    /// Stores what a webhook brought and returns once it is on disk; see ``InboundPort/accept(_:)``.
    public var accept: @Sendable (_ instance: String, _ events: [InboundEvent]) async throws -> [InboundReceipt]
    public var health: any HealthSource
    /// Nil for a gateway without REST.
    public var hotel: (any HotelAPI)?
    /// What the Alertmanager API, `POST /api/v1/alerts` and `jack alert send` speak to; nil for a gateway without.
    public var alertBoard: (any AlertBoard)?
    /// Who keeps heartbeats; nil for a gateway without.
    public var heartbeats: (any HeartbeatKeeping)?
    /// Whether a guest's new request is turned away now, and until when; nil for one that is taken. Asked for every request, so it answers at once.
    /// - Parameter instance: the plugin instance to which the request goes.
    public var refusal: @Sendable (_ instance: String) -> MaintenanceRefusal? = { _ in nil }
    /// Lets one more webhook of an instance in: nil, or how long until one may. Asked after its verification, so that nobody else uses up what is the vendor's.
    public var admit: @Sendable (_ instance: String) -> Duration? = { _ in nil }
    /// Who takes what outside sources post; nil for a gateway without.
    public var alertSources: (any AlertSourceKeeping)?
    /// The metrics page.
    public var metricsText: @Sendable () -> String
    public var metrics: any MetricsFactory
    public var time: any TimeSource
    public var logger: Logger
    /// Routes beside the gateway's own, open to whoever knows them.
    public var extraRoutes: [ExtraRoute] = []

    /// A route with a fixed path.
    public struct ExtraRoute: Sendable {
        public var method: HTTPRequest.Method
        public var path: String
        public var respond: @Sendable (PluginRequest) async throws -> PluginResponse

        public init(_ method: HTTPRequest.Method, _ path: String, respond: @escaping @Sendable (PluginRequest) async throws -> PluginResponse) {
            self.method = method
            self.path = path
            self.respond = respond
        }
    }

    public init(
        version: String, routes: any RouteTable,
        accept: @escaping @Sendable (_ instance: String, _ events: [InboundEvent]) async throws -> [InboundReceipt], health: any HealthSource,
        hotel: (any HotelAPI)?, metricsText: @escaping @Sendable () -> String, metrics: any MetricsFactory, time: any TimeSource, logger: Logger
    ) {
        self.version = version
        self.routes = routes
        self.accept = accept
        self.health = health
        self.hotel = hotel
        self.metricsText = metricsText
        self.metrics = metrics
        self.time = time
        self.logger = logger
    }
}
