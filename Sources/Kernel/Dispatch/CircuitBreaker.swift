import PluginAPI
import Synchronization

/// Stops calling what keeps failing, and lets one call through from time to time to see whether it is well again.
final class CircuitBreaker: Sendable {
    enum State: Sendable, Hashable {
        case closed(failures: Int)
        case open(until: Duration)
        /// One call is on its way to find out.
        case probing
    }

    /// What became of a wish to call.
    enum Admission: Sendable, Hashable {
        case go
        /// This call alone may go: it finds out whether the instance is well again.
        case probe
        case refused(wait: Duration)
    }

    private let threshold: Int
    private let reset: Duration
    private let clock: any TimeSource
    private let state = Mutex(State.closed(failures: 0))

    init(threshold: Int, reset: Duration, clock: any TimeSource) {
        self.threshold = threshold
        self.reset = reset
        self.clock = clock
    }

    var isOpen: Bool { state.withLock { if case .closed = $0 { false } else { true } } }

    func admit() -> Admission {
        state.withLock { state in
            switch state {
            case .closed: return .go
            case .probing: return .refused(wait: reset)
            case .open(let until):
                let rest = until - clock.monotonic
                guard rest <= .zero else { return .refused(wait: rest) }
                state = .probing
                return .probe
            }
        }
    }

    /// The instance answered; a permanent refusal is an answer too.
    /// - Returns: what was thought of it before.
    @discardableResult
    func succeeded() -> State {
        state.withLock { state in
            defer { state = .closed(failures: 0) }
            return state
        }
    }

    /// - Returns: what is thought of it from now on.
    @discardableResult
    func failed() -> State {
        state.withLock { state in
            switch state {
            case .closed(let failures) where failures + 1 < threshold: state = .closed(failures: failures + 1)
            case .closed, .probing: state = .open(until: clock.monotonic + reset)
            case .open: break
            }
            return state
        }
    }

    /// A call that was let through ended without saying anything about the instance: it was cancelled, or never reached it.
    func abandoned(_ admission: Admission) {
        // Only the probe gives its place free: another call, let in before the breaker opened, knows nothing of it.
        guard admission == .probe else { return }
        state.withLock { if case .probing = $0 { $0 = .open(until: clock.monotonic) } }
    }
}
