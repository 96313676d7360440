import CoreMetrics
import PluginAPI
import Synchronization

/// The gateway's numbers. Handlers are kept, since making one by its labels costs more than counting.
final class RequestMetrics: Sendable {
    private struct Key: Hashable {
        var method: String
        var route: String
        var status: Int
    }

    private let factory: any MetricsFactory
    private let requests = Mutex<[Key: (Counter, Timer)]>([:])

    init(factory: any MetricsFactory) { self.factory = factory }

    func observe(method: String, route: String, status: Int, duration: Duration) {
        // A method is the peer's own word: only known ones become labels.
        let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(method) ? method : "other"
        let key = Key(method: known, route: route, status: status)
        let (counter, timer) = requests.withLock { all in
            if let found = all[key] { return found }
            let made = (
                Counter(label: "http_requests", dimensions: [("method", known), ("route", route), ("status", "\(status)")], factory: factory),
                Timer(label: "http_request_duration", dimensions: [("method", known), ("route", route)], factory: factory)
            )
            all[key] = made
            return made
        }
        counter.increment()
        timer.recordNanoseconds(duration.components.seconds * 1_000_000_000 + duration.components.attoseconds / 1_000_000_000)
    }

    /// A webhook did not show that it comes from the vendor.
    func unverified(_ instance: String) { Counter(label: "webhooks_unverified", dimensions: [("instance", instance)], factory: factory).increment() }

    /// A webhook was not read, because its address is blocked.
    func blocked(_ instance: String) { Counter(label: "webhook_blocked", dimensions: [("instance", instance)], factory: factory).increment() }

    func rateLimited(_ scope: Limiters.Scope) {
        Counter(label: "rate_limited", dimensions: [("scope", scope.rawValue)], factory: factory).increment()
    }
}
