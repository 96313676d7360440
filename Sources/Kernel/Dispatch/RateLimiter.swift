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

    /// Takes a token; returns how long the caller must wait before it may use it, or nil, and takes none, where that is longer than `limit`.
    func reserve(atMost limit: Duration? = nil) -> Duration? {
        guard rate > 0 else { return .zero }
        let now = clock.monotonic.seconds
        return fullAt.withLock { fullAt in
            let next = max(fullAt, now) + 1 / rate
            let wait = Duration.milliseconds(Int64((max(0, next - now - burst / rate) * 1000).rounded(.up)))
            if let limit, wait > limit { return nil }
            fullAt = next
            return wait
        }
    }

    /// Waits for a turn.
    /// - Returns: false where the turn would come later than `limit`.
    func acquire(atMost limit: Duration? = nil) async throws -> Bool {
        guard let wait = reserve(atMost: limit) else { return false }
        guard wait > .zero else { return true }
        do {
            try await clock.sleep(for: wait)
            return true
        } catch {
            // The token was not used: whoever comes next need not wait for it.
            fullAt.withLock { $0 -= 1 / rate }
            throw error
        }
    }
}
