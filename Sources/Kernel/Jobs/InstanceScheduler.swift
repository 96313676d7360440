import Foundation
import Logging
import PluginAPI
import Synchronization

/// An instance's work in time: its own series, which end with it, and its durable jobs, which wait for it.
final class InstanceScheduler: PluginScheduler {
    private let instance: String
    private let jobs: JobQueue
    private let clock: any TimeSource
    private let logger: Logger
    private struct State {
        var series: [Task<Void, Never>] = []
        var registrations: [Int] = []
        var hasEnded = false
    }

    private let state = Mutex(State())
    private let executor: InstanceExecutor
    private let workLimit: Duration

    /// - Parameter workLimit: how long one piece of durable work may take before it counts as failed.
    init(instance: String, jobs: JobQueue, clock: any TimeSource, logger: Logger, workLimit: Duration = .seconds(600)) {
        executor = InstanceExecutor(instance: instance)
        self.workLimit = workLimit
        self.instance = instance
        self.jobs = jobs
        self.clock = clock
        self.logger = logger
    }

    private var kind: String { "plugin:\(instance)" }

    func every(_ interval: Duration, name: String, _ work: @escaping @Sendable () async throws -> Void) async {
        let (clock, logger) = (clock, logger)
        let task = Task(executorPreference: executor) {
            while (try? await clock.sleep(for: interval)) != nil {
                do {
                    try await work()
                } catch is CancellationError where Task.isCancelled {
                    return
                } catch {
                    logger.warning("periodic work failed", metadata: ["work": "\(name)", "error": "\(error)"])
                }
            }
        }
        let hasEnded = state.withLock { state in
            if !state.hasEnded { state.series.append(task) }
            return state.hasEnded
        }
        // A start that was given up may still ask for work.
        if hasEnded { task.cancel() }
    }

    func at(_ date: Date, key: String, payload: [UInt8]) async throws {
        let job = try JSONEncoder().encode(Payload(key: key, payload: payload))
        try await jobs.enqueue(kind, payload: [UInt8](job), at: date, key: "\(kind):\(key)")
    }

    func handle(_ work: @escaping @Sendable (String, [UInt8]) async throws -> Void) async {
        let (jobs, kind, instance, clock, executor, limit) = (jobs, kind, instance, clock, executor, workLimit)
        state.withLock { state in
            guard !state.hasEnded else { return }
            state.registrations.append(
                jobs.register(kind) { bytes in
                    let job = try JSONDecoder().decode(Payload.self, from: Data(bytes))
                    try await Deadline.run(
                        limit, clock: clock, on: executor,
                        timeout: { PluginFailure.notReady(.timeout, "\(instance) did not finish its work within \(limit.text)") },
                        { try await work(job.key, job.payload) })
                })
        }
    }

    /// Ends the series; durable jobs wait for the instance's next start.
    func end() async {
        let (tasks, registrations) = state.withLock { state in
            defer { (state.series, state.registrations, state.hasEnded) = ([], [], true) }
            return (state.series, state.registrations)
        }
        registrations.forEach { jobs.unregister(kind, $0) }
        tasks.forEach { $0.cancel() }
    }

    private struct Payload: Codable {
        var key: String
        var payload: [UInt8]
    }
}
