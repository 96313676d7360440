import Foundation
import Logging
import PluginAPI
import Synchronization

/// Durable work in time: what was asked for happens when it is due, also after a restart, and at once where it is overdue. Each job runs at least once;
/// those that are due at the same time begin in no set order.
public final class JobQueue: Sendable {
    /// Does a job. A failure is tried again with back-off; the last one makes a dead letter.
    public typealias Handler = @Sendable (_ payload: [UInt8]) async throws -> Void

    /// Tries before a job is a dead letter.
    public static let maximumAttempts = 10

    private let engine: any StorageEngine
    private let property: String
    private let clock: any TimeSource
    private let logger: Logger
    private let backoff = Backoff(base: .seconds(1), maximum: .seconds(600))
    private let wakeUp = AsyncSignal()
    private let handlers = Mutex(Handlers())
    private let concurrency: Int

    /// Who does which kind. The last who registered does it; when it leaves, the one before does it again: a new instance registers before the old one ends.
    private struct Handlers {
        struct Kind {
            var stack: [(token: Int, handler: Handler)]
            /// Each kind has places of its own, so that jobs of one that hangs hold up no other.
            var limiter: ConcurrencyLimiter
        }

        var kinds: [String: Kind] = [:]
        var lastToken = 0
        var names: [String] { kinds.filter { !$0.value.stack.isEmpty }.map(\.key) }
    }

    /// - Parameter concurrency: jobs of one kind at the same time.
    public init(engine: any StorageEngine, property: String, clock: any TimeSource, logger: Logger, concurrency: Int = 16) {
        self.engine = engine
        self.concurrency = concurrency
        self.property = property
        self.clock = clock
        self.logger = logger
    }

    /// Says who does jobs of a kind. Jobs of a kind that nobody does wait.
    /// - Parameter atOnce: jobs of the kind at the same time, where it is not the queue's own number; what the first registration says holds.
    /// - Returns: what ``unregister(_:_:)`` takes.
    @discardableResult
    public func register(_ kind: String, atOnce: Int? = nil, _ handler: @escaping Handler) -> Int {
        let concurrency = atOnce ?? self.concurrency
        let token = handlers.withLock { handlers in
            handlers.lastToken += 1
            handlers.kinds[kind, default: .init(stack: [], limiter: ConcurrencyLimiter(concurrency))].stack.append((handlers.lastToken, handler))
            return handlers.lastToken
        }
        wakeUp.set()
        return token
    }

    /// Takes back one registration.
    public func unregister(_ kind: String, _ token: Int) { handlers.withLock { $0.kinds[kind]?.stack.removeAll { $0.token == token } } }

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

    /// Whether a job with this key waits, overdue or not.
    public func isWaiting(_ key: String, in reader: any StorageReader) throws -> Bool {
        try reader.row(
            "SELECT id FROM job WHERE key = :key AND property = :property AND state = 'waiting'", ["key": key.sql, "property": property.sql]) != nil
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
        let now = clock.now
        try await engine.write { transaction in
            guard try !self.isWaiting(key, in: transaction) else { return }
            try self.enqueue(key, payload: [], at: now.addingTimeInterval(interval.seconds), key: key, in: transaction)
        }
    }

    /// Says that there may be something to do.
    func wake() { wakeUp.set() }

    /// Does what is due until the task is cancelled.
    public func run() async {
        // One timer for all its turns: it turns at each message.
        let alarms = Alarms(clock, lingers: true)
        await withDiscardingTaskGroup { tasks in
            var isFirst = true
            while !Task.isCancelled {
                var wait = Duration.seconds(30)
                do {
                    if isFirst { try await freeAll() }
                    isFirst = false
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
                if wait > .zero { await wakeUp.wait(atMost: wait, alarms) }
            }
            alarms.rest()
        }
    }

    /// Does what is due, and what that asks for at once, and returns when it is done: for whoever moves the clock by hand. Not beside ``run()``.
    /// - Throws: ``StorageError``.
    public func performDue() async throws {
        while case let jobs = try await claim(), !jobs.isEmpty {
            for job in jobs { await perform(job) }
        }
    }

    /// What was under way when an earlier process died is nobody's any more.
    private func freeAll() async throws {
        let property = property
        try await engine.write {
            try $0.run("UPDATE job SET lease_until = NULL WHERE lease_until IS NOT NULL AND property = :property", ["property": property.sql])
        }
    }

    /// `kind IN (…)` for the kinds that somebody does, and its arguments; nil where nobody does any. Jobs of other kinds must not hide those that can be done.
    private func doable() -> (sql: String, arguments: [String: SQLValue])? {
        let names = handlers.withLock { $0.names }
        guard !names.isEmpty else { return nil }
        let arguments = Dictionary(uniqueKeysWithValues: names.enumerated().map { ("kind\($0)", $1.sql) })
        return ("kind IN (\(arguments.keys.map { ":\($0)" }.joined(separator: ", ")))", arguments)
    }

    private struct Job: Sendable {
        let id: String
        let kind: String
        let key: String?
        let payload: [UInt8]
        let attempts: Int
        let createdAt: Date
        let lease: Int64
    }

    private func claim() async throws -> [Job] {
        guard let doable = doable() else { return [] }
        let arguments = doable.arguments.merging(["now": clock.now.sql, "property": property.sql]) { $1 }
        let due = try await engine.read { reader in
            try reader.rows(
                """
                SELECT id FROM job
                WHERE state = 'waiting' AND lease_until IS NULL AND run_at <= :now AND property = :property AND \(doable.sql) ORDER BY run_at, id LIMIT 100
                """, arguments)
        }
        guard !due.isEmpty else { return [] }
        return try await engine.write { transaction in
            try due.compactMap { row in
                // Unique, so that who finishes a job never takes away what was asked for under the same key meanwhile.
                let lease = Int64.random(in: 1...Int64.max)
                let id = try row.string("id")
                let taken = try transaction.run(
                    "UPDATE job SET lease_until = :lease WHERE id = :id AND lease_until IS NULL AND state = 'waiting'",
                    ["id": id.sql, "lease": lease.sql])
                // What it says is read with the lease: it may have been asked for anew since it was found.
                guard taken == 1,
                    let row = try transaction.row("SELECT kind, key, payload, attempts, created_at FROM job WHERE id = :id", ["id": id.sql])
                else { return nil }
                return Job(
                    id: id, kind: try row.string("kind"), key: row.stringIfPresent("key"), payload: try row.blob("payload"),
                    attempts: try row.int("attempts"), createdAt: try row.date("created_at"), lease: lease)
            }
        }
    }

    private func untilNext() async throws -> Duration {
        let now = clock.now
        return try await nextDue().map { .milliseconds(Int64(max(0, $0.timeIntervalSince(now) * 1000).rounded(.up))) } ?? .seconds(30)
    }

    /// When the next job is due that somebody does; nil where none waits.
    /// - Throws: ``StorageError``.
    public func nextDue() async throws -> Date? {
        guard let doable = doable() else { return nil }
        let arguments = doable.arguments.merging(["property": property.sql]) { $1 }
        return try await engine.read { reader in
            try reader.row(
                "SELECT run_at FROM job WHERE state = 'waiting' AND lease_until IS NULL AND property = :property AND \(doable.sql) ORDER BY run_at LIMIT 1",
                arguments
            )?.date("run_at")
        }
    }

    private func handler(of kind: String) -> (Handler, ConcurrencyLimiter)? {
        handlers.withLock { handlers in
            guard let kind = handlers.kinds[kind], let last = kind.stack.last else { return nil }
            return (last.handler, kind.limiter)
        }
    }

    /// Gives a job back that was not tried.
    private func giveBack(_ job: Job) async {
        _ = try? await uncancelled { [engine] in
            try await engine.write {
                try $0.run("UPDATE job SET lease_until = NULL WHERE id = :id AND lease_until = :lease", ["id": job.id.sql, "lease": job.lease.sql])
            }
        }
    }

    private func perform(_ job: Job) async {
        guard let limiter = handler(of: job.kind)?.1, (try? await limiter.acquire()) != nil else { return await giveBack(job) }
        defer { limiter.release() }
        // Who does it may have changed while it waited.
        guard let handler = handler(of: job.kind)?.0 else { return await giveBack(job) }
        do {
            try await handler(job.payload)
            // A handler that asked for its own key again has replaced this very row, and its lease with it.
            _ = try await uncancelled { [engine] in
                try await engine.write {
                    try $0.run("DELETE FROM job WHERE id = :id AND lease_until = :lease", ["id": job.id.sql, "lease": job.lease.sql])
                }
            }
        } catch is CancellationError where Task.isCancelled {
            // The program stops: that is no fault of the job's.
            await giveBack(job)
        } catch {
            let text = String("\(error)".prefix(500)), attempts = job.attempts + 1
            let isLast = attempts >= Self.maximumAttempts
            let next = clock.now.addingTimeInterval(backoff.delay(afterFailures: attempts).seconds)
            logger.warning("a job failed", metadata: ["job": "\(job.kind)", "attempt": "\(attempts)", "error": "\(text)"])
            // The alert is a job like any other; who is told is nobody's who knows the hotel.
            let letters = DeadLetters(alerts: AlertIntake(jobs: self), property: property), now = clock.now
            let letter = DeadLetter(
                box: .job, id: job.id, instance: job.kind, kind: "job", reason: text, attempts: attempts, createdAt: job.createdAt, diedAt: now)
            _ = try? await engine.write { transaction in
                let changed = try transaction.run(
                    """
                    UPDATE job SET attempts = :attempts, error = :error, run_at = :next, lease_until = NULL, state = :state, died_at = :died
                    WHERE id = :id AND lease_until = :lease
                    """,
                    [
                        "attempts": attempts.sql, "error": text.sql, "next": next.sql, "state": (isLast ? "dead" : "waiting").sql, "id": job.id.sql,
                        "lease": job.lease.sql, "died": isLast ? now.sql : .null,
                    ])
                // Nothing changed where the job was asked for anew meanwhile.
                if isLast, changed == 1 { try letters.tell(letter, in: transaction) }
            }
        }
    }
}
