import Foundation

/// Time, injected. Programs get ``SystemTime``; tests get a virtual clock, on which a night is a millisecond.
public protocol TimeSource: Sendable {
    /// The wall clock. It may jump; use it for what people and vendors see, never to measure.
    var now: Date { get }

    /// Time since a fixed moment; never jumps. Use it to measure and for deadlines.
    var monotonic: Duration { get }

    /// Waits for `duration` of monotonic time.
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    func sleep(for duration: Duration) async throws
}

/// The machine's clocks.
public struct SystemTime: TimeSource {
    private static let start = ContinuousClock.now

    public init() {}
    public var now: Date { Date() }
    public var monotonic: Duration { ContinuousClock.now - Self.start }
    public func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration, clock: .continuous) }
}

extension Date {
    /// Milliseconds since 1970, as Jack's tables hold a moment.
    public var milliseconds: Int64 { Int64((timeIntervalSince1970 * 1000).rounded()) }

    public init(milliseconds: Int64) { self.init(timeIntervalSince1970: Double(milliseconds) / 1000) }

    /// ISO 8601 in UTC, as Jack's API and logs write a moment: to the same millisecond as ``milliseconds``.
    public var iso8601: String {
        // The style cuts, and most milliseconds have no number of their own: the nearest may lie just below.
        Date(timeIntervalSince1970: (Double(milliseconds) + 0.25) / 1000).formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
