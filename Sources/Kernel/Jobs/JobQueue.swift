import Foundation
import Logging
import PluginAPI
import Synchronization

/// Durable work in time: what was asked for happens when it is due, also after a restart, and at once where it is overdue. Each job runs at least once.
public final class JobQueue: Sendable {
    /// Does a job. A failure is tried again with back-off; the last one makes a dead letter.
    public typealias Handler = @Sendable (_ payload: [UInt8]) async throws -> Void

    /// Tries before a job is a dead letter.
    public static let maximumAttempts = 10

    private let engine: any StorageEngine
    private let property: String
    private let clock: any TimeSource
    private let logger: Logger
    private let bus: EventBus
    private let backoff = Backoff(base: .seconds(1), maximum: .seconds(600))
    private let wakeUp = AsyncSignal()
    private let handlers = Mutex<[String: Handler]>([:])
    private let limiter = ConcurrencyLimiter(16)

    public init(engine: any StorageEngine, property: String, clock: any TimeSource, logger: Logger, bus: EventBus) {
        self.engine = engine
        self.property = property
        self.clock = clock
        self.logger = logger
        self.bus = bus
    }

    /// Says who does jobs of a kind. Jobs of a kind that nobody does wait.
    public func register(_ kind: String, _ handler: @escaping Handler) {
        handlers.withLock { $0[kind] = handler }
        wakeUp.set()
    }

    public func unregister(_ kind: String) { handlers.withLock { $0[kind] = nil } }

    /// Asks for a job, in the transaction that decides it.
    /// - Parameter key: where given, a waiting job with the same key is replaced.
    public func enqueue(_ kind: String, payload: [UInt8], at date: Date? = nil, key: String? = nil, in transaction: any StorageTransaction) throws {
        let now = clock.now
        try transaction.run(
            """
            INSERT INTO job (id, property, kind, key, payload, run_at, created_at) VALUES (:id, :property, :kind, :key, :payload, :at, :now)
            ON CONFLICT (key) DO UPDATE SET payload = excluded.payload, run_at = excluded.run_at, attempts = 0, state = 'waiting', lease_until = NULL
            """,
            [
                "id": Identifier.make("job", at: now).sql, "property": property.sql, "kind": kind.sql, "key": key.sql, "payload": payload.sql,
                "at": (date ?? now).sql, "now": now.sql,
            ])
        transaction.afterCommit { [wakeUp] in wakeUp.set() }
    }

    /// Asks for a job on its own.
    public func enqueue(_ kind: String, payload: [UInt8] = [], at date: Date? = nil, key: String? = nil) async throws {
        try await engine.write { try self.enqueue(kind, payload: payload, at: date, key: key, in: $0) }
    }

    /// Does something again and again; the moment of the next time survives restarts.
    public func schedule(_ name: String, every interval: Duration, _ work: @escaping @Sendable () async throws -> Void) async throws {
        let key = "schedule:\(name)"
        register(key) { [weak self] _ in
            // The next time is asked for first: a failure must not end the series.
            guard let self else { return }
            try await enqueue(key, at: clock.now.addingTimeInterval(interval.seconds), key: key)
            try await work()
        }
        let (property, now) = (property, clock.now)
        try await engine.write { transaction in
            guard try transaction.row("SELECT id FROM job WHERE key = :key AND property = :property", ["key": key.sql, "property": property.sql]) == nil else { return }
            try self.enqueue(key, payload: [], at: now.addingTimeInterval(interval.seconds), key: key, in: transaction)
        }
    }

    /// Does what is due until the task is cancelled.
    public func run() async {
        await withDiscardingTaskGroup { tasks in
            // What was under way when an earlier process died is nobody's any more.
            _ = try? await engine.write { try $0.run("UPDATE job SET lease_until = NULL WHERE lease_until IS NOT NULL") }
            while !Task.isCancelled {
                var wait = Duration.seconds(30)
                do {
                    for job in try await claim() {
                        tasks.addTask {
                            await self.perform(job)
                            self.wakeUp.set()
                        }
                    }
                    wait = min(wait, try await untilNext())
                } catch {
                    logger.error("the job queue cannot be read", metadata: ["error": "\(error)"])
                    wait = .seconds(1)
                }
                if wait > .zero { await wakeUp.wait(atMost: wait, clock: clock) }
            }
        }
    }

    private struct Job: Sendable {
        let id: String
        let kind: String
        let key: String?
        let payload: [UInt8]
        let attempts: Int
        let lease: Int64
    }

    private func claim() async throws -> [Job] {
        let kinds = handlers.withLock { Array($0.keys) }
        let now = clock.now, property = property
        guard !kinds.isEmpty else { return [] }
        let due = try await engine.read { reader in
            try reader.rows(
                "SELECT id, kind, key, payload, attempts FROM job WHERE state = 'waiting' AND lease_until IS NULL AND run_at <= :now AND property = :property ORDER BY run_at LIMIT 100",
                ["now": now.sql, "property": property.sql]
            ).filter { kinds.contains(try $0.string("kind")) }
        }
        guard !due.isEmpty else { return [] }
        let lease = now.milliseconds
        return try await engine.write { transaction in
            try due.compactMap { row in
                let id = try row.string("id")
                let taken = try transaction.run("UPDATE job SET lease_until = :lease WHERE id = :id AND lease_until IS NULL", ["id": id.sql, "lease": lease.sql])
                guard taken == 1 else { return nil }
                return Job(
                    id: id, kind: try row.string("kind"), key: row.stringIfPresent("key"), payload: try row.blob("payload"), attempts: try row.int("attempts"),
                    lease: lease)
            }
        }
    }

    private func untilNext() async throws -> Duration {
        let kinds = handlers.withLock { Array($0.keys) }
        let now = clock.now, property = property
        let next = try await engine.read { reader in
            try reader.rows("SELECT kind, run_at FROM job WHERE state = 'waiting' AND lease_until IS NULL AND property = :property ORDER BY run_at LIMIT 200", ["property": property.sql])
                .first { kinds.contains(try $0.string("kind")) }?.date("run_at")
        }
        return next.map { .milliseconds(Int64(max(0, $0.timeIntervalSince(now) * 1000).rounded(.up))) } ?? .seconds(30)
    }

    private func perform(_ job: Job) async {
        guard let handler = handlers.withLock({ $0[job.kind] }), (try? await limiter.acquire()) != nil else {
            _ = try? await engine.write { try $0.run("UPDATE job SET lease_until = NULL WHERE id = :id", ["id": job.id.sql]) }
            return
        }
        defer { limiter.release() }
        do {
            try await handler(job.payload)
            // A handler that asked for its own key again has replaced this very row, and its lease with it.
            _ = try await engine.write { try $0.run("DELETE FROM job WHERE id = :id AND lease_until = :lease", ["id": job.id.sql, "lease": job.lease.sql]) }
        } catch is CancellationError {
            // Jack stops: the job is neither done nor failed.
            _ = try? await engine.write { try $0.run("UPDATE job SET lease_until = NULL WHERE id = :id AND lease_until = :lease", ["id": job.id.sql, "lease": job.lease.sql]) }
        } catch {
            let text = String("\(error)".prefix(500)), attempts = job.attempts + 1
            let isLast = attempts >= Self.maximumAttempts
            let next = clock.now.addingTimeInterval(backoff.delay(afterFailures: attempts).seconds)
            logger.warning("a job failed", metadata: ["job": "\(job.kind)", "attempt": "\(attempts)", "error": "\(text)"])
            _ = try? await engine.write { transaction in
                try transaction.run(
                    "UPDATE job SET attempts = :attempts, error = :error, run_at = :next, lease_until = NULL, state = :state WHERE id = :id AND lease_until = :lease",
                    [
                        "attempts": attempts.sql, "error": text.sql, "next": next.sql, "state": (isLast ? "dead" : "waiting").sql, "id": job.id.sql,
                        "lease": job.lease.sql,
                    ])
            }
            if isLast { await bus.publish(DeadLetter(box: .job, id: job.id, instance: job.kind, reason: text)) }
        }
    }
}
