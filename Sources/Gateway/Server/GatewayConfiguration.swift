import Logging
import Kernel
import PluginAPI

/// How the gateway listens, and what it puts up with.
public struct GatewayConfiguration: Sendable {
    /// The address to listen on.
    public var host = "0.0.0.0"
    /// The port; 0 takes a free one.
    public var port = 3000
    /// A second port that serves only `/metrics` and `/healthz`.
    public var metricsPort: Int?
    /// A longer body is answered with 413.
    public var maximumBodyBytes = 8 << 20
    /// All header lines together; more is answered with 431.
    public var maximumHeaderBytes = 32 << 10
    /// From a header's first byte to its end.
    public var headerTimeout: Duration = .seconds(12)
    /// From the header's end to the body's end.
    public var bodyTimeout: Duration = .seconds(12)
    /// How long a connection may stay open without a request.
    public var idleTimeout: Duration = .seconds(75)
    /// After a refusal, how long what the peer still sends is read and thrown away, so that it gets to see the answer.
    public var lingerTimeout: Duration = .seconds(2)
    /// Connections beyond this many get 503. Lowered to what the system's limit of open files allows.
    public var maximumConnections = 20_000
    /// How many of them one address may have, trusted proxies apart; nil for half of them.
    public var maximumConnectionsPerAddress: Int?
    /// On stop, how long running requests and sockets may take to end.
    public var drainDeadline: Duration = .seconds(10)
    /// How long a dependency may take to answer `/readyz` and `/health`.
    public var probeTimeout: Duration = .seconds(1)
    /// How often an idle WebSocket is pinged; one that answered nothing until the next ping is closed.
    public var pingInterval: Duration = .seconds(30)
    public var rates = RateLimits()
    /// Proxies whose `X-Forwarded-…` headers are believed.
    public var trustedProxies: [AddressRange] = []
    /// Who may use the API and `/metrics`; empty for everybody.
    public var apiAllowlist: [AddressRange] = []
    /// Origins, such as `https://desk.example`, whose pages may use the API and the sockets.
    public var corsOrigins: [String] = []
    /// The API's bearer token. Without one the API is closed.
    public var token: Secret?
    /// What the `Server` header says.
    public var serverName = "Jack"
    /// The level of access log lines; server errors are logged one level up at least.
    public var accessLogLevel: Logger.Level = .info

    public init() {}

    /// True where pages of `origin` may use the API and the sockets; `*` stands for any.
    func allowsOrigin(_ origin: String) -> Bool { corsOrigins.contains(origin) || corsOrigins.contains("*") }
}

/// How many requests one address may make.
public struct RateLimits: Sendable {
    /// A bucket that fills steadily.
    public struct Rate: Sendable, Hashable {
        public var perSecond: Double
        /// How many may come at once.
        public var burst: Double

        public init(perSecond: Double, burst: Double) {
            self.perSecond = perSecond
            self.burst = burst
        }
    }

    /// Pages, health and everything that is none of the others. Nil for no limit, here and below.
    public var pages: Rate? = Rate(perSecond: 50, burst: 200)
    public var api: Rate? = Rate(perSecond: 50, burst: 200)
    /// A vendor sends from few addresses, and sends much.
    public var webhooks: Rate? = Rate(perSecond: 1000, burst: 4000)
    /// WebSockets opened.
    public var sockets: Rate? = Rate(perSecond: 5, burst: 50)
    /// Wrong tokens and signatures: what guessing looks like. Right ones are not counted.
    public var failures: Rate? = Rate(perSecond: 1, burst: 30)
    /// How many addresses are told apart at once; the rest share one bucket.
    public var maximumAddresses = 50_000
    /// When an address's webhooks are no longer read; nil for never.
    public var block: Block? = Block()

    /// What becomes of an address whose webhooks to one instance show no good signature.
    public struct Block: Sendable, Hashable {
        /// So many failures…
        public var failures = 20
        /// …within this time are enough.
        public var within: Duration = .seconds(600)
        /// How long it is blocked, from the last failure on.
        public var lasts: Duration = .seconds(600)
        /// While it is blocked, one request in this time is looked at: the vendor may share the address.
        public var trial: Duration = .seconds(5)
        /// How long an address is not blocked after something from it verified: a hotel's night is quiet.
        public var trust: Duration = .seconds(86_400)

        public init() {}
    }

    public init() {}
}
