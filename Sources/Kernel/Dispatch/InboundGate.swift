import CoreMetrics
import Logging
import Metrics
import PluginAPI
import Synchronization

/// The way in of one instance: no more than its ``InboundLimits`` gets through, so that a vendor gone wild, or somebody with its key, does not fill the disk.
///
/// What can be refused is refused: a vendor sends a webhook again. What cannot, such as a mail that was fetched already, waits, and holds back its source by that.
public final class InboundGate: Sendable {
    private struct State {
        var limits: InboundLimits
        /// What came in and has not flowed off yet, by the rate; more than the burst while somebody waits.
        var level = 0.0
        var at: Duration
        /// When it was last said that the limit is met.
        var saidAt: Duration?
    }

    private let instance: String
    private let clock: any TimeSource
    private let metrics: any MetricsFactory
    private let logger: Logger
    private let state: Mutex<State>

    init(instance: String, limits: InboundLimits, clock: any TimeSource, metrics: any MetricsFactory, logger: Logger) {
        self.instance = instance
        self.clock = clock
        self.metrics = metrics
        self.logger = logger
        state = Mutex(State(limits: limits, at: clock.monotonic))
    }

    /// Lets one in, or not; it never waits.
    /// - Returns: nil where one may come in; else how long until one may.
    public func admit() -> Duration? {
        let now = clock.monotonic
        let (wait, says) = state.withLock { state -> (Duration?, Bool) in
            guard state.limits.rate > 0 else { return (nil, false) }
            Self.flow(&state, now)
            let wait = Self.wait(state, for: 1)
            if wait > .zero { return (wait, Self.says(&state, now)) }
            state.level += 1
            return (nil, false)
        }
        if wait != nil { limited(says) }
        return wait
    }

    /// Lets so many in, and waits until they may.
    /// - Throws: `CancellationError` where the task is cancelled while it waits; nobody came in then.
    func enter(_ count: Int) async throws {
        let now = clock.monotonic
        let (wait, says) = state.withLock { state -> (Duration, Bool) in
            guard state.limits.rate > 0 else { return (.zero, false) }
            Self.flow(&state, now)
            let wait = Self.wait(state, for: count)
            // Taken before the wait: who comes later waits longer.
            state.level += Double(count)
            return (wait, wait > .zero && Self.says(&state, now))
        }
        guard wait > .zero else { return }
        limited(says)
        do {
            try await clock.sleep(for: wait)
        } catch {
            state.withLock { $0.level = max(0, $0.level - Double(count)) }
            throw error
        }
    }

    /// Goes by other limits from now on. What came in before still counts: a reload is no way around them.
    func change(to limits: InboundLimits) {
        let now = clock.monotonic
        state.withLock { state in
            Self.flow(&state, now)
            state.limits = limits
        }
    }

    private static func flow(_ state: inout State, _ now: Duration) {
        state.level = max(0, state.level - (now - state.at).seconds * state.limits.rate)
        state.at = now
    }

    /// How long until so many more are within the burst. More than the whole burst need an empty way.
    private static func wait(_ state: State, for count: Int) -> Duration {
        let burst = Double(state.limits.burst)
        let over = state.level + min(Double(count), burst) - burst
        // What is left of a rounding is no reason to wait.
        guard over > 1e-6 else { return .zero }
        return .milliseconds(Int64((over / state.limits.rate * 1000).rounded(.up)))
    }

    private static func says(_ state: inout State, _ now: Duration) -> Bool {
        if let saidAt = state.saidAt, now - saidAt < .seconds(60) { return false }
        state.saidAt = now
        return true
    }

    private func limited(_ says: Bool) {
        Counter(label: "jack_inbound_limited_total", dimensions: [("instance", instance)], factory: metrics).increment()
        guard says else { return }
        logger.warning("more comes in than the instance's inbound limit lets through", metadata: ["instance": "\(instance)"])
    }
}
