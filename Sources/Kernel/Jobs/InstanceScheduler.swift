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
    private let series = Mutex<[Task<Void, Never>]>([])

    init(instance: String, jobs: JobQueue, clock: any TimeSource, logger: Logger) {
        self.instance = instance
        self.jobs = jobs
        self.clock = clock
        self.logger = logger
    }

    private var kind: String { "plugin:\(instance)" }

    func every(_ interval: Duration, name: String, _ work: @escaping @Sendable () async throws -> Void) async {
        let (clock, logger, instance) = (clock, logger, instance)
        let task = Task(executorPreference: InstanceExecutor(instance: instance)) {
            while (try? await clock.sleep(for: interval)) != nil {
                do {
                    try await work()
                } catch is CancellationError {
                    return
                } catch {
                    logger.warning("periodic work failed", metadata: ["work": "\(name)", "error": "\(error)"])
                }
            }
        }
        series.withLock { $0.append(task) }
    }

    func at(_ date: Date, key: String, payload: [UInt8]) async throws {
        let job = try JSONEncoder().encode(Payload(key: key, payload: payload))
        try await jobs.enqueue(kind, payload: [UInt8](job), at: date, key: "\(kind):\(key)")
    }

    func handle(_ work: @escaping @Sendable (String, [UInt8]) async throws -> Void) async {
        jobs.register(kind) { bytes in
            let job = try JSONDecoder().decode(Payload.self, from: Data(bytes))
            try await work(job.key, job.payload)
        }
    }

    /// Ends the series; durable jobs wait for the instance's next start.
    func end() async {
        jobs.unregister(kind)
        let tasks = series.withLock { series in
            defer { series = [] }
            return series
        }
        tasks.forEach { $0.cancel() }
    }

    private struct Payload: Codable {
        var key: String
        var payload: [UInt8]
    }
}
