import Foundation
import Kernel
import Logging
import PluginAPI

/// Carries out the drills that the plan orders: each has a durable job for its next time, so that neither a restart nor a `kill -9` forgets one.
public struct DrillJobs: Sendable {
    /// The kind of job by which a planned drill comes due.
    public static let jobKind = "oncall-drill"

    private struct Due: Codable {
        var key: String
        var at: Date
    }

    private let service: OnCallService
    private let jobs: JobQueue
    private let engine: any StorageEngine
    private let clock: any TimeSource
    private let logger: Logger

    public init(service: OnCallService, jobs: JobQueue, engine: any StorageEngine, clock: any TimeSource, logger: Logger) {
        self.service = service
        self.jobs = jobs
        self.engine = engine
        self.clock = clock
        self.logger = logger
    }

    /// Does planned drills from now on.
    public func attach() { jobs.register(Self.jobKind) { payload in try await perform(payload) } }

    /// Asks for the next time of each drill of the plan. What waits already stays, overdue or not: a drill that was due while Jack was away comes at once.
    /// - Throws: ``Kernel/StorageError``.
    public func arm() async throws {
        let planned = service.plannedDrills
        guard !planned.isEmpty else { return }
        try await engine.write { try arm(planned, in: $0) }
    }

    /// The same for the drills of a plan that is about to be in force. Of one that never comes to be, nothing is carried out.
    public func arm(_ planned: [PlannedDrill], in transaction: any StorageTransaction) throws {
        let now = clock.now
        for drill in planned where try !jobs.isWaiting(Self.name(drill.key), in: transaction) { try ask(for: drill, after: now, in: transaction) }
    }

    private static func name(_ key: String) -> String { "\(jobKind):\(key)" }

    private func ask(for drill: PlannedDrill, after date: Date, in transaction: any StorageTransaction) throws {
        let next = drill.next(after: date)
        try jobs.enqueue(
            Self.jobKind, payload: [UInt8](JSONEncoder().encode(Due(key: drill.key, at: next))), at: next, key: Self.name(drill.key), in: transaction)
    }

    private func perform(_ payload: [UInt8]) async throws {
        let due = try JSONDecoder().decode(Due.self, from: Data(payload))
        // A plan that was changed meanwhile has asked for what it orders itself.
        guard let drill = service.plannedDrills.first(where: { $0.key == due.key }) else { return }
        do {
            // First the drill, which knows itself by its id where this is done twice, and then the next one.
            try await service.drill(drill.order(due: due.at))
        } catch let error as OnCallError {
            logger.error("a planned drill cannot be held", metadata: ["drill": "\(drill.key)", "error": "\(error)"])
        }
        try await engine.write { try ask(for: drill, after: max(clock.now, due.at), in: $0) }
    }
}
