import PluginAPI
import Synchronization

/// A token bucket that callers wait at, in the order they came.
final class RateLimiter: Sendable {
    private let rate: Double
    private let burst: Double
    private let clock: any TimeSource
    /// When the bucket would be full again; each caller moves it by one token.
    private let fullAt = Mutex(0.0)

    /// - Parameter rate: tokens a second; 0 for no limit.
    init(rate: Double, burst: Int, clock: any TimeSource) {
        self.rate = rate
        self.burst = Double(max(1, burst))
        self.clock = clock
    }

    /// Takes a token; returns how long the caller must wait before it may use it.
    func reserve() -> Duration {
        guard rate > 0 else { return .zero }
        let now = clock.monotonic.seconds
        return fullAt.withLock { fullAt in
            fullAt = max(fullAt, now) + 1 / rate
            return .milliseconds(Int64((max(0, fullAt - now - burst / rate) * 1000).rounded(.up)))
        }
    }

    /// Waits for a turn.
    func acquire() async throws {
        let wait = reserve()
        if wait > .zero { try await clock.sleep(for: wait) }
    }
}
