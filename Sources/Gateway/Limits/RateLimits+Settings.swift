import Kernel
import PluginAPI

extension RateLimits {
    /// The limits that `server.rate_limit:` sets; what it does not name keeps its own.
    public init(_ settings: RateLimitSettings) {
        self.init()
        pages = Self.rate(settings.requests, settings.per, burst: settings.burst ?? settings.requests)
        api = pages
        webhooks = Self.rate(settings.webhooks.requests, settings.webhooks.per, burst: settings.webhooks.burst)
        // Who lifts the limit of a house behind one address lifts it for the house's guests too.
        sockets = pages == nil ? nil : Self.rate(settings.sockets.requests, settings.sockets.per, burst: settings.sockets.burst)
    }

    private static func rate(_ requests: Int, _ per: Duration, burst: Int) -> Rate? {
        requests > 0 ? Rate(perSecond: Double(requests) / per.seconds, burst: Double(burst)) : nil
    }
}
