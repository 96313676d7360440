import Synchronization

/// Tells a human once that the account at a vendor is out of credit, and once that it has some again: that comes about by a payment, without a restart.
public final class CreditHealth: Sendable {
    private let health: any HealthReporter
    private let isOut = Mutex(false)

    public init(_ health: any HealthReporter) { self.health = health }

    /// Takes note of a failure, and returns it to be thrown.
    public func noting(_ failure: PluginFailure) -> PluginFailure {
        if failure.reason == .outOfCredit {
            isOut.withLock { $0 = true }
            health.degraded(failure.message)
        }
        return failure
    }

    /// The vendor did what was asked of it.
    public func isWell() {
        let was = isOut.withLock { isOut in
            defer { isOut = false }
            return isOut
        }
        if was { health.recovered() }
    }
}
