import Foundation
import PluginAPI
import PluginTestKit
import Synchronization

@testable import Kernel

/// An engine whose disk can be made to refuse.
final class FailingEngine: StorageEngine {
    private let engine: any StorageEngine
    private let isFailing = Mutex(false)

    init(_ engine: any StorageEngine) { self.engine = engine }

    func fail(_ failing: Bool) { isFailing.withLock { $0 = failing } }
    private func refuse() throws { if isFailing.withLock({ $0 }) { throw StorageError(.full, "the disk is full") } }

    func read<T: Sendable>(_ body: @escaping @Sendable (any StorageReader) throws -> T) async throws -> T { try await engine.read(body) }
    func write<T: Sendable>(_ body: @escaping @Sendable (any StorageTransaction) throws -> T) async throws -> T {
        try refuse()
        return try await engine.write(body)
    }
    func migrate(_ migrations: [Migration]) async throws -> [String] { try await engine.migrate(migrations) }
    func migrationStatus(_ migrations: [Migration]) async throws -> MigrationStatus { try await engine.migrationStatus(migrations) }
    func check() async throws -> [String] { try await engine.check() }
    func changes(in tables: Set<String>) -> AsyncStream<Set<String>> { engine.changes(in: tables) }
    func size() async throws -> Int64 { try await engine.size() }
    func close() async { await engine.close() }
}

/// What boxes and queues need.
struct Desk: Sendable {
    let clock = VirtualClock()
    let logs = LogRecorder()
    let metrics = MemoryMetrics()
    let bus = EventBus()
    let engine: any StorageEngine

    func inbox(concurrency: Int = 32, concern: @escaping DeadLetters.Concern = { _, _ in nil }, _ handler: @escaping Inbox.Handler) -> Inbox {
        Inbox(
            engine: engine, property: "main", clock: clock, logger: logs.logger(), metrics: metrics, letters: letters(concern),
            concurrency: concurrency, handler: handler)
    }

    /// With waits without jitter, and messages given up after so many tries.
    func outbox(attempts: Int = 4, _ deliver: @escaping Outbox.Deliver) -> Outbox {
        outbox(
            .init(lifetimes: [:], attempts: attempts, backoff: Backoff(base: .seconds(2), maximum: .seconds(60), random: { 1 })),
            deliver: deliver)
    }

    func outbox(_ policy: Outbox.Policy, concern: @escaping DeadLetters.Concern = { _, _ in nil }, deliver: @escaping Outbox.Deliver) -> Outbox {
        Outbox(
            engine: engine, property: "main", clock: clock, logger: logs.logger(), metrics: metrics, bus: bus, letters: letters(concern),
            policy: policy, deliveries: [.message: deliver, "notice": deliver, .page: deliver])
    }

    func letters(_ concern: @escaping DeadLetters.Concern = { _, _ in nil }) -> DeadLetters {
        DeadLetters(alerts: AlertIntake(jobs: jobs()), property: "main", concern: concern)
    }

    /// The alerts that wait for whoever routes them, by their fingerprints.
    func alerts() async throws -> [Alert] {
        try await engine.read { reader in
            try reader.rows("SELECT payload FROM job WHERE kind = :kind ORDER BY run_at, id", ["kind": AlertIntake.jobKind.sql])
                .map { try JSONDecoder().decode(Alert.self, from: Data(try $0.blob("payload"))) }
        }
    }

    func jobs(concurrency: Int = 16) -> JobQueue {
        JobQueue(engine: engine, property: "main", clock: clock, logger: logs.logger(), concurrency: concurrency)
    }

    func states(_ table: String) async throws -> [String] {
        try await engine.read { try $0.rows("SELECT state FROM \(table) ORDER BY seq").map { try $0.string("state") } }
    }

    /// How often an entry was tried.
    func attempts(_ id: String) async throws -> Int? {
        try await engine.read { try $0.row("SELECT attempts FROM outbox WHERE id = :id", ["id": id.sql])?.int("attempts") }
    }

    /// Moves time on, a step at a time, until `condition` holds; what waits for the disk gets real time for it.
    func pass(_ step: Duration = .seconds(1), steps: Int = 400, until condition: @Sendable () async throws -> Bool) async rethrows -> Bool {
        for _ in 0..<steps {
            if try await eventually(within: .milliseconds(20), condition) { return true }
            await clock.advance(by: step)
        }
        return try await condition()
    }
}

func event(_ id: String, from peer: String? = "+49301", _ text: String = "hello") -> InboundEvent {
    InboundEvent(vendorID: id, peer: peer.map { PeerAddress(.phone, $0) }, .message(InboundMessage(text: text)))
}

/// Runs work beside a body, and ends it afterwards.
func beside<T>(_ work: @escaping @Sendable () async throws -> Void, _ body: () async throws -> T) async throws -> T {
    let task = Task { try await work() }
    do {
        let result = try await body()
        task.cancel()
        _ = await task.result
        return result
    } catch {
        task.cancel()
        _ = await task.result
        throw error
    }
}
