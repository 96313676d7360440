/// What is known of a metric beside its numbers.
public struct MetricDescription: Sendable {
    /// The base unit; it ends the metric's name.
    public enum Unit: String, Sendable { case seconds, bytes, ratio }

    /// One sentence for people who meet the metric in a list.
    public var help: String
    public var unit: Unit?
    /// Upper bounds of a histogram's buckets, rising, in the base unit. Nil takes the registry's defaults.
    public var buckets: [Double]?

    public init(_ help: String, unit: Unit? = nil, buckets: [Double]? = nil) {
        self.help = help
        self.unit = unit
        self.buckets = buckets
    }

    /// From half a millisecond, below which nobody notices, to the minute after which everybody has given up.
    public static let durations: [Double] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
    /// Powers of ten: for what has no unit that is known.
    public static let magnitudes: [Double] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]
    /// Tenths, for shares and confidences.
    public static let shares: [Double] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1]
}
