import Foundation
import PluginAPI
import Synchronization

/// A ``PluginScheduler`` whose work runs when the test says so.
public final class ManualScheduler: PluginScheduler {
    /// Work that ``PluginScheduler/at(_:key:payload:)`` asked for and that has not run.
    public struct Job: Sendable, Hashable {
        public let key: String
        public let date: Date
        public let payload: [UInt8]
    }

    /// A series that ``PluginScheduler/every(_:name:_:)`` asked for.
    public struct Series: Sendable {
        public let name: String
        public let interval: Duration
        let work: @Sendable () async throws -> Void
    }

    private struct State {
        var series: [Series] = []
        var jobs: [Job] = []
        var handler: (@Sendable (String, [UInt8]) async throws -> Void)?
    }

    private let state = Mutex(State())

    public init() {}

    public var series: [Series] { state.withLock { $0.series } }
    /// What waits, the earliest first.
    public var jobs: [Job] { state.withLock { $0.jobs.sorted { ($0.date, $0.key) < ($1.date, $1.key) } } }

    public func every(_ interval: Duration, name: String, _ work: @escaping @Sendable () async throws -> Void) async {
        state.withLock { $0.series.append(Series(name: name, interval: interval, work: work)) }
    }

    public func at(_ date: Date, key: String, payload: [UInt8]) async throws {
        state.withLock { state in
            state.jobs.removeAll { $0.key == key }
            state.jobs.append(Job(key: key, date: date, payload: payload))
        }
    }

    public func handle(_ work: @escaping @Sendable (_ key: String, _ payload: [UInt8]) async throws -> Void) async {
        state.withLock { $0.handler = work }
    }

    /// Runs a series once, now.
    /// - Returns: false where there is no series of this name.
    /// - Throws: what the work throws.
    @discardableResult
    public func run(_ name: String) async throws -> Bool {
        guard let series = series.first(where: { $0.name == name }) else { return false }
        try await series.work()
        return true
    }

    /// Runs what is due by `date`, the earliest first. What fails waits on.
    /// - Returns: how many jobs ran; none where no handler is registered.
    /// - Throws: what the handler throws first.
    @discardableResult
    public func runDue(by date: Date) async throws -> Int {
        guard let handler = state.withLock({ $0.handler }) else { return 0 }
        var count = 0
        for job in jobs where job.date <= date {
            try await handler(job.key, job.payload)
            state.withLock { state in state.jobs.removeAll { $0 == job } }
            count += 1
        }
        return count
    }
}
