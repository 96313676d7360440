import Foundation
import OnCall
import PluginAPI

/// Turns guests' new requests away while work is done: webhooks, pages and sockets of plugins. What has begun goes on to its end.
struct MaintenanceGate: Sendable {
    let refusal: @Sendable (_ instance: String) -> MaintenanceRefusal?
    let time: any TimeSource

    /// - Throws: 503 with the time that is left.
    func check(_ instance: String) throws {
        guard let refusal = refusal(instance) else { return }
        let left = max(1, refusal.until.timeIntervalSince(time.now))
        throw GatewayError.unavailable("maintenance", "the house is being worked on; come again later", retryAfter: .seconds(left))
    }

    /// - Parameter path: `/webhooks/<instance>…`.
    func checkWebhook(_ path: String) throws {
        try check(String(path.dropFirst("/webhooks/".count).prefix { $0 != "/" }))
    }
}
