import PluginAPI

/// `server:` in `jack.yaml`.
public struct ServerSettings: PluginSettings {
    @Setting(help: "The address to listen on; 0.0.0.0 or :: for all.", .notEmpty) public var host: String = "127.0.0.1"
    @Setting(help: "The port of HTTP and WebSocket; 0 takes a free one.", .range(0...65535)) public var port: Int = 3000
    @Setting(help: "A port of its own for /metrics; none leaves it on the main port alone.", .ifSet(.range(0...65535)), example: "9090")
    public var metricsPort: Int?
    @Setting(help: "The proxies whose X-Forwarded headers are believed.", example: "[127.0.0.1/32]") public var trustedProxies: [AddressRange] = []
    @Setting(help: "The addresses that may use the API and the dashboard; empty for all.", example: "[10.0.0.0/8]") public var allowlist:
        [AddressRange] = []
    @Setting(help: "The web origin that may call the API from a browser.", .ifSet(.origin), example: "https://desk.example.com")
    public var corsOrigin: String?
    @Setting(help: "The largest request body.", .range(.kilobytes(1)...(.megabytes(256)))) public var maximumBody: ByteCount = .megabytes(8)
    @Setting(help: "How long a request's header may take.", .range(.milliseconds(100)...(.seconds(600)))) public var headerTimeout: Duration =
        .seconds(12)
    @Setting(help: "How long a request's body may take.", .range(.milliseconds(100)...(.seconds(600)))) public var bodyTimeout: Duration = .seconds(
        12)
    @Setting(help: "How long a connection may be idle between requests.", .range(.milliseconds(100)...(.seconds(3600))), advanced: true)
    public var idleTimeout: Duration = .seconds(75)
    @Setting(help: "How long open requests may finish when Jack stops.", .range(.zero...(.seconds(600))), advanced: true)
    public var drainTimeout: Duration = .seconds(20)
    @Setting(help: "Connections at the same time.", .range(1...1_000_000), advanced: true) public var maximumConnections: Int = 10_000
    @Setting(
        help: "How many of them one address may have (an IPv6 /64 counts as one), trusted proxies apart; half of them where nothing is set.",
        .ifSet(.range(1...1_000_000)), example: "1000", advanced: true)
    public var maximumConnectionsPerAddress: Int?
    @Setting(help: "Requests of one address.") public var rateLimit: RateLimitSettings = RateLimitSettings()

    public init() {}
}

extension SettingConstraint where Value == String {
    /// A web origin: scheme, host and port, or `*`.
    static var origin: SettingConstraint {
        SettingConstraint("an origin such as https://desk.example.com, or *", schema: ["pattern": "^(\\*|https?://[^/]+)$"]) { text in
            let host = text.hasPrefix("https://") ? text.dropFirst(8) : text.hasPrefix("http://") ? text.dropFirst(7) : ""
            return text == "*" || !(host.isEmpty || host.contains { $0 == "/" || $0 == " " || $0 == "," }) ? nil : "“\(text)” is not a web origin"
        }
    }
}
