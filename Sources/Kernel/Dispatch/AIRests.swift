import PluginAPI
import Synchronization

/// Which instances asked to be left alone, and for how much longer: a chain asks them last meanwhile. Who fails without a word on when to come back is the circuit breaker's matter.
final class AIRests: Sendable {
    /// A vendor may ask for a day, and what it lacks (credit, mostly) may be mended within minutes.
    static let longest = Duration.seconds(300)

    private let ends = Mutex<[String: Duration]>([:])

    /// Takes note of how a call failed.
    func failed(_ instance: String, _ error: any Error, at now: Duration) {
        guard let failure = error as? PluginFailure, failure.disposition == .notReady, let wait = failure.retryAfter, wait > .zero else { return }
        ends.withLock { $0[instance] = now + min(wait, Self.longest) }
    }

    /// It answers again.
    func answered(_ instance: String) { ends.withLock { if !$0.isEmpty { $0[instance] = nil } } }

    /// Those that rest, with how much longer.
    func resting(among instances: [String], at now: Duration) -> [String: Duration] {
        ends.withLock { ends in
            if ends.isEmpty { return [:] }
            return instances.reduce(into: [:]) { found, name in
                if let end = ends[name], end > now { found[name] = end - now }
            }
        }
    }
}
