import PluginAPI

/// Exponential back-off with full jitter: the wait before try `n` is random between nothing and the doubled base, so that many that failed together do not
/// come back together.
public struct Backoff: Sendable {
    public var base: Duration
    public var maximum: Duration
    /// Draws from 0 to 1; injected so that tests know the waits.
    public var random: @Sendable () -> Double

    public init(base: Duration, maximum: Duration, random: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }) {
        self.base = base
        self.maximum = maximum
        self.random = random
    }

    /// The wait after `failures` failures in a row; never less than what the vendor asked for.
    public func delay(afterFailures failures: Int, atLeast asked: Duration? = nil) -> Duration {
        let ceiling = min(maximum.seconds, base.seconds * Double(sign: .plus, exponent: min(30, max(0, failures - 1)), significand: 1))
        let jittered = Duration.milliseconds(Int64(ceiling * random() * 1000))
        return max(jittered, asked ?? .zero)
    }
}
