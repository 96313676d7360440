import PluginAPI
import Synchronization

/// Tells of what concerns the whole number while calls may still come: once when it begins, and once when it is over.
final class AccountHealth: Sendable {
    private let troubles = Mutex<Set<PluginFailure.Reason>>([])

    func see(_ failure: PluginFailure, _ health: any HealthReporter) {
        let concernsAll =
            failure.reason == .outOfCredit || (failure.disposition == .permanent && failure.reason == .restricted)
            || (failure.reason == .rateLimited && (failure.retryAfter ?? .zero) >= .seconds(900))
        guard concernsAll else { return }
        troubles.withLock { _ = $0.insert(failure.reason) }
        health.degraded(failure.message)
    }

    /// A message was taken. Answers to guests cost nothing, so only a template shows that Meta can bill the account again.
    func isWell(_ health: any HealthReporter, isTemplate: Bool) {
        let isOver = troubles.withLock { troubles in
            guard !troubles.isEmpty else { return false }
            troubles = isTemplate ? [] : troubles.intersection([.outOfCredit])
            return troubles.isEmpty
        }
        if isOver { health.recovered() }
    }
}
