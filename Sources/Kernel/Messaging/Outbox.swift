import CoreMetrics
import Foundation
import Logging
import Metrics
import PluginAPI
import Synchronization

/// What is to leave: written in the transaction that decides it, delivered with retry, followed by receipts, and shown to a human where it cannot be delivered.
public final class Outbox: Sendable {
    /// What a delivery came to.
    public enum Delivery: Sendable {
        case accepted(SendResult)
        /// Looked at again at the moment of sending, it must not leave any more.
        case withdrawn(reason: String)
    }

    /// Delivers one kind of entry.
    public typealias Deliver = @Sendable (OutboxEntry) async throws -> Delivery

    /// Takes note of what a vendor says of an entry, in the transaction that writes it down.
    public typealias Reported = @Sendable (OutboxChanged, any StorageTransaction) throws -> Void

    /// How long delivery is tried.
    public struct Policy: Sendable {
        /// For how long a kind is tried, however often that is; until then nothing of its lane overtakes it.
        public var lifetimes: [OutboxEntry.Kind: Duration]
        /// How often other kinds are tried, within a day: what is urgent goes another way soon.
        public var attempts: Int
        public var backoff: Backoff
        /// Kinds whose payload is not kept once it was taken: nobody asks for it again.
        public var forgets: Set<OutboxEntry.Kind> = []

        public init(
            lifetimes: [OutboxEntry.Kind: Duration] = [.message: .seconds(86_400)], attempts: Int = 12,
            backoff: Backoff = Backoff(base: .seconds(2), maximum: .seconds(900))
        ) {
            self.lifetimes = lifetimes
            self.attempts = attempts
            self.backoff = backoff
        }

        func isOver(_ entry: OutboxEntry, attempts: Int, age: TimeInterval) -> Bool {
            guard let lifetime = lifetimes[entry.kind] else { return attempts >= self.attempts || age > 86_400 }
            return age > lifetime.seconds
        }
    }

    let engine: any StorageEngine
    let property: String
    let clock: any TimeSource
    let logger: Logger
    let metrics: any MetricsFactory
    let bus: EventBus
    let letters: DeadLetters?
    private let policy: Policy
    private let deliveries: [OutboxEntry.Kind: Deliver]
    private let concurrency: @Sendable (String) -> Int
    let reported: Reported
    private let schedulers = Mutex<[String: (scheduler: LaneScheduler<OutboxEntry>, task: Task<Void, Never>?)]>([:])
    private let isRunning = Mutex(false)
    let early = Mutex(EarlyReceipts())

    /// - Parameters:
    ///   - letters: who is told of what does not arrive.
    ///   - concurrency: how many entries of an instance are dealt with at once; asked for each, since an instance may come later than its entries, or with another number.
    ///   - deliveries: who delivers each kind.
    ///   - reported: who is to know what receipts say.
    public init(
        engine: any StorageEngine, property: String, clock: any TimeSource, logger: Logger, metrics: any MetricsFactory, bus: EventBus,
        letters: DeadLetters? = nil, policy: Policy = Policy(), concurrency: @escaping @Sendable (String) -> Int = { _ in 16 },
        deliveries: [OutboxEntry.Kind: Deliver],
        reported: @escaping Reported = { _, _ in }
    ) {
        self.engine = engine
        self.property = property
        self.clock = clock
        self.logger = logger
        self.metrics = metrics
        self.bus = bus
        self.letters = letters
        self.policy = policy
        self.concurrency = concurrency
        self.reported = reported
        self.deliveries = deliveries
    }

    // MARK: Writing

    /// Puts an entry into the outbox, in the transaction that decides it. An id that is known changes nothing.
    public func enqueue(_ entry: OutboxEntry, in transaction: any StorageTransaction) throws {
        let added = try transaction.run(
            """
            INSERT INTO outbox (id, property, instance, kind, lane, payload, created_at, next_at)
            VALUES (:id, :property, :instance, :kind, :lane, :payload, :now, :now) ON CONFLICT (id) DO NOTHING
            """,
            [
                "id": entry.id.sql, "property": property.sql, "instance": entry.instance.sql, "kind": entry.kind.rawValue.sql, "lane": entry.lane.sql,
                "payload": .text(String(decoding: entry.payload, as: UTF8.self)), "now": entry.createdAt.sql,
            ])
        guard added > 0 else { return }
        let instance = entry.instance
        transaction.afterCommit { [weak self] in self?.wake(instance) }
    }

    /// How far an entry has come; nil where there is none.
    public static func state(of id: String, in reader: any StorageReader) throws -> (state: OutboxEntry.State, error: String?)? {
        guard let row = try reader.row("SELECT state, error FROM outbox WHERE id = :id", ["id": id.sql]) else { return nil }
        return (OutboxEntry.State(rawValue: try row.string("state")) ?? .queued, row.stringIfPresent("error"))
    }

    // MARK: Delivering

    /// Delivers what is queued, what an earlier process left included, until the task is cancelled.
    public func run() async throws {
        isRunning.withLock { $0 = true }
        let property = property
        let instances = try await engine.read { reader in
            try reader.rows("SELECT DISTINCT instance FROM outbox WHERE state = 'queued' AND property = :property", ["property": property.sql]).map {
                try $0.string("instance")
            }
        }
        for instance in Set(instances + schedulers.withLock { Array($0.keys) }) { wake(instance) }
        // Nothing sets it: the task's cancellation ends the wait.
        await AsyncSignal().wait()
        isRunning.withLock { $0 = false }
        let tasks = schedulers.withLock { schedulers in
            defer { schedulers = [:] }
            return schedulers.values.compactMap(\.task)
        }
        tasks.forEach { $0.cancel() }
        for task in tasks { await task.value }
    }

    /// Entries that wait in memory or are on their way.
    public var depth: Int { schedulers.withLock { $0.values.reduce(0) { $0 + $1.scheduler.depth } } }

    /// Says that there may be something to deliver by an instance.
    func wake(_ instance: String) {
        let runs = isRunning.withLock { $0 }
        let scheduler = schedulers.withLock { schedulers in
            let scheduler = schedulers[instance]?.scheduler ?? makeScheduler(for: instance)
            var task = schedulers[instance]?.task
            if runs, task == nil { task = Task { await scheduler.run() } }
            schedulers[instance] = (scheduler, task)
            return scheduler
        }
        scheduler.wake()
    }

    private func makeScheduler(for instance: String) -> LaneScheduler<OutboxEntry> {
        LaneScheduler(
            concurrency: { [concurrency] in concurrency(instance) }, clock: clock,
            work: .init(
                fetch: { [weak self] after, limit in try await self?.queued(of: instance, after: after, limit: limit) ?? [] },
                fetchLane: { [weak self] lane, after, through, limit in
                    try await self?.queued(of: instance, after: after, lane: (lane, through), limit: limit) ?? []
                },
                cursor: \.seq, lane: \.lane, handle: { [weak self] entry in await self?.deliver(entry) ?? .done },
                fetchFailed: { [logger] in logger.error("the outbox cannot be read", metadata: ["error": "\($0)"]) }))
    }

    private func deliver(_ entry: OutboxEntry) async -> LaneScheduler<OutboxEntry>.Outcome {
        guard let deliver = deliveries[entry.kind] else {
            return await fail(entry, .permanent(.configuration, "nothing delivers “\(entry.kind.rawValue)”"))
        }
        do {
            // A receipt may have come since the entry was read: the vendor has it, though its answer was lost. It must not leave again.
            let id = entry.id
            guard try await engine.read({ try Self.state(of: id, in: $0)?.state }) == .queued else { return .done }
        } catch {
            return .again(after: Task.isCancelled ? .zero : .seconds(1))
        }
        do {
            switch try await deliver(entry) {
            case .accepted(let result): return await finish(entry, OutboxEntry.State(rawValue: result.state.rawValue) ?? .sent, result.vendorIDs, nil)
            case .withdrawn(let reason): return await finish(entry, .withdrawn, [], reason)
            }
        } catch is CancellationError where Task.isCancelled {
            return .again(after: .zero)
        } catch {
            return await fail(entry, CallGate.classify(error, instance: entry.instance))
        }
    }

    private func finish(_ entry: OutboxEntry, _ state: OutboxEntry.State, _ vendorIDs: [String], _ reason: String?) async
        -> LaneScheduler<OutboxEntry>.Outcome
    {
        // `queued` from a vendor means that it has taken the message over.
        let settled = state == .queued ? .sent : state
        var isNews = true
        while true {
            do {
                isNews = try await uncancelled { [self] in try await engine.write { [self] in try settle(entry, settled, vendorIDs, reason, in: $0) }
                }
                break
            } catch {
                // It has left. Sending it again because that cannot be written down would give the guest one message a second while the disk is full.
                logger.error("a delivery could not be recorded", metadata: ["outbox": "\(entry.id)", "error": "\(error)"])
                guard (try? await clock.sleep(for: .seconds(1))) != nil else { return .again(after: .zero) }
            }
        }
        Counter(
            label: "jack_outbound_total", dimensions: [("instance", entry.instance), ("kind", entry.kind.rawValue), ("outcome", settled.rawValue)],
            factory: metrics
        ).increment()
        if isNews { bus.post(OutboxChanged(id: entry.id, instance: entry.instance, kind: entry.kind, state: settled, reason: reason)) }
        return .done
    }

    /// - Returns: false where a receipt was quicker, and has said more.
    private func settle(
        _ entry: OutboxEntry, _ settled: OutboxEntry.State, _ vendorIDs: [String], _ reason: String?, in transaction: any StorageTransaction
    ) throws -> Bool {
        let changed = try transaction.run(
            """
            UPDATE outbox SET state = :state, error = :error, sent_at = :now, attempts = attempts + 1,
                payload = CASE WHEN :forgets = 1 THEN '{}' ELSE payload END WHERE id = :id AND state = 'queued'
            """,
            [
                "state": settled.rawValue.sql, "error": reason.sql, "now": clock.now.sql, "id": entry.id.sql,
                "forgets": policy.forgets.contains(entry.kind).sql,
            ])
        try note(entry.id, "delivery", settled.rawValue, reason ?? "\(entry.instance) took it", in: transaction)
        try follow(vendorIDs, of: entry.instance, as: entry.id, in: transaction)
        if changed > 0, entry.isLetter, settled.hasLeft { try recovered(entry.id, in: transaction) }
        return changed > 0
    }

    private func fail(_ entry: OutboxEntry, _ failure: PluginFailure) async -> LaneScheduler<OutboxEntry>.Outcome {
        let text = String(failure.description.prefix(500)), now = clock.now
        // An instance that is being rested or restarted has not been tried: waiting for it costs no attempt.
        let wasTried = failure.reason != .circuitOpen && failure.reason != .unreachable && failure.disposition != .credentialsRejected
        // Until a human has renewed the credentials there is nothing to hurry for.
        let asked = failure.disposition == .credentialsRejected ? Duration.seconds(30) : failure.retryAfter
        let counted: Int?
        do {
            counted = try await engine.write { transaction -> Int? in
                let changed = try transaction.run(
                    "UPDATE outbox SET attempts = attempts + :tried, error = :error WHERE id = :id AND state = 'queued'",
                    ["error": text.sql, "id": entry.id.sql, "tried": (wasTried ? 1 : 0).sql])
                guard changed > 0 else { return nil }
                return try transaction.row("SELECT attempts FROM outbox WHERE id = :id", ["id": entry.id.sql])?.int("attempts") ?? 0
            }
        } catch {
            return .again(after: .seconds(1))
        }
        // A receipt says that it has left all the same, or told of its failure.
        guard let attempts = counted else { return .done }
        let age = now.timeIntervalSince(entry.createdAt)
        let isLast = failure.disposition == .permanent || policy.isOver(entry, attempts: attempts, age: age)
        guard isLast else {
            let wait = max(.milliseconds(100), policy.backoff.delay(afterFailures: max(1, attempts), atLeast: asked))
            logger.warning(
                "a delivery failed and is tried again",
                metadata: ["outbox": "\(entry.id)", "instance": "\(entry.instance)", "error": "\(text)", "wait": "\(wait.text)"])
            return .again(after: wait)
        }
        do {
            let letter = entry.letter(.dead, text, attempts: attempts, at: now)
            let isDead = try await DeadLetters.bury(letter, telling: letters, engine: engine, logger: logger) { [self] transaction in
                let changed = try transaction.run(
                    "UPDATE outbox SET state = 'dead', died_at = :now WHERE id = :id AND state = 'queued'", ["id": entry.id.sql, "now": now.sql])
                guard changed == 1 else { return false }
                try note(entry.id, "delivery", "dead", text, in: transaction)
                return true
            }
            // A receipt was quicker: it has been told of.
            guard isDead else { return .done }
        } catch {
            return .again(after: .seconds(1))
        }
        logger.error("a delivery is given up", metadata: ["outbox": "\(entry.id)", "instance": "\(entry.instance)", "error": "\(text)"])
        Counter(
            label: "jack_outbound_total", dimensions: [("instance", entry.instance), ("kind", entry.kind.rawValue), ("outcome", "dead")],
            factory: metrics
        ).increment()
        bus.post(OutboxChanged(id: entry.id, instance: entry.instance, kind: entry.kind, state: .dead, reason: text))
        return .done
    }

    /// What was a dead letter has left. Whatever follows from that must not undo that it did.
    func recovered(_ id: String, in transaction: any StorageTransaction) throws {
        do {
            try letters?.recovered(id, clock.now, transaction)
        } catch {
            if let fault = StorageError.beneath(error), fault.isOfTheMoment { throw error }
            logger.error("what follows from a letter that has left could not be done", metadata: ["letter": "\(id)", "error": "\(error)"])
        }
    }

    func note(_ id: String, _ step: String, _ outcome: String, _ reason: String, in transaction: any StorageTransaction) throws {
        try Ledger.record(.init(step: step, outcome: outcome, reason: reason, at: clock.now), of: id, property: property, in: transaction)
    }
}
