import PluginAPI

/// `server.rate_limit:` in `jack.yaml`: a bucket for each address. The first three are those of pages and the API.
public struct RateLimitSettings: PluginSettings {
    @Setting(help: "Requests in each period; 0 for no limit, of sockets neither.", .range(0...10_000_000)) public var requests: Int = 300
    @Setting(help: "The period.", .range(.seconds(1)...(.seconds(86_400)))) public var per: Duration = .seconds(60)
    @Setting(help: "Requests that may come at once; none for as many as the period has.", .ifSet(.range(1...10_000_000)), example: "60") public
        var burst: Int?
    @Setting(help: "Webhooks of one address; a vendor sends from few, and sends much.", advanced: true)
    public var webhooks: WebhookRateSettings = WebhookRateSettings()
    @Setting(help: "WebSockets that one address opens.", advanced: true) public var sockets: SocketRateSettings = SocketRateSettings()

    public init() {}
}

/// `server.rate_limit.webhooks:` in `jack.yaml`.
public struct WebhookRateSettings: PluginSettings {
    @Setting(help: "Webhooks in each period; 0 for no limit.", .range(0...10_000_000)) public var requests: Int = 1000
    @Setting(help: "The period.", .range(.seconds(1)...(.seconds(86_400)))) public var per: Duration = .seconds(1)
    @Setting(help: "Webhooks that may come at once.", .range(1...10_000_000)) public var burst: Int = 4000

    public init() {}
}

/// `server.rate_limit.sockets:` in `jack.yaml`.
public struct SocketRateSettings: PluginSettings {
    @Setting(help: "WebSockets opened in each period; 0 for no limit.", .range(0...10_000_000)) public var requests: Int = 5
    @Setting(help: "The period.", .range(.seconds(1)...(.seconds(86_400)))) public var per: Duration = .seconds(1)
    @Setting(help: "WebSockets that may be opened at once.", .range(1...10_000_000)) public var burst: Int = 50

    public init() {}
}
