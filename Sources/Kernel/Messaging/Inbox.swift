import CoreMetrics
import Foundation
import Logging
import Metrics
import PluginAPI

/// What arrived: stored and deduplicated before it is acknowledged, then worked through in the order of each conversation.
public final class Inbox: Sendable {
    /// One event on its way through.
    public struct Item: Sendable {
        public let seq: Int64
        public let id: String
        public let instance: String
        public let lane: String
        public let event: InboundEvent
        public let receivedAt: Date
        public let attempts: Int
    }

    /// Deals with an item. Its own transaction must call ``Inbox/complete(_:in:)``, so that effects and completion are one.
    public typealias Handler = @Sendable (Item) async throws -> Void

    /// For how long an item may fail before it is a dead letter, and staff have the conversation: what the same guest writes next waits behind it, an
    /// emergency too. What the database refuses does not count…
    public static let patience = Duration.seconds(120)
    /// …and how often it must have, where the program did not run meanwhile.
    public static let leastAttempts = 8

    private let engine: any StorageEngine
    private let property: String
    private let clock: any TimeSource
    private let logger: Logger
    private let metrics: any MetricsFactory
    private let letters: DeadLetters?
    private let scheduler: LaneScheduler<Item>

    /// - Parameter letters: who is told of what cannot be dealt with.
    public init(
        engine: any StorageEngine, property: String, clock: any TimeSource, logger: Logger, metrics: any MetricsFactory,
        letters: DeadLetters? = nil, concurrency: Int = 32, handler: @escaping Handler
    ) {
        self.engine = engine
        self.property = property
        self.clock = clock
        self.logger = logger
        self.metrics = metrics
        self.letters = letters
        let backoff = Backoff(base: .milliseconds(200), maximum: .seconds(60))
        let grave = Grave(engine: engine, clock: clock, logger: logger, letters: letters)
        let failed: @Sendable (Item, any Error) async -> LaneScheduler<Item>.Outcome = { item, error in
            await Self.failed(item, error, backoff: backoff, grave)
        }
        scheduler = LaneScheduler(
            concurrency: { concurrency }, clock: clock,
            work: .init(
                fetch: { after, limit in try await Self.pending(property: property, after: after, limit: limit, grave) },
                fetchLane: { lane, after, through, limit in
                    try await Self.pending(property: property, after: after, lane: (lane, through), limit: limit, grave)
                },
                cursor: \.seq, lane: \.lane,
                handle: { item in
                    do {
                        try await handler(item)
                        return .done
                    } catch is CancellationError where Task.isCancelled {
                        return .again(after: .zero)
                    } catch {
                        return await failed(item, error)
                    }
                },
                fetchFailed: { logger.error("the inbox cannot be read", metadata: ["error": "\($0)"]) }))
    }

    /// Stores events and returns when they are on disk.
    /// - Throws: ``StorageError``; nothing was accepted then.
    public func accept(_ instance: String, _ events: [InboundEvent]) async throws -> [InboundReceipt] {
        guard !events.isEmpty else { return [] }
        let now = clock.now, property = property
        let wake: @Sendable () -> Void = { [scheduler] in scheduler.wake() }
        // Made ready before it is the writer's turn: there is one writer, and all wait for it.
        let rows = try events.map { event in
            (id: Identifier.make("in", at: now), vendorID: event.vendorID, lane: Self.lane(instance, event.peer), event: try SQLValue.json(event))
        }
        let receipts = try await engine.write { transaction in
            let receipts = try rows.map { row in
                let id = row.id
                let added = try transaction.run(
                    """
                    INSERT INTO inbox (id, property, instance, vendor_id, lane, event, received_at)
                    VALUES (:id, :property, :instance, :vendor, :lane, :event, :now) ON CONFLICT DO NOTHING
                    """,
                    [
                        "id": id.sql, "property": property.sql, "instance": instance.sql, "vendor": row.vendorID.sql,
                        "lane": row.lane.sql, "event": row.event, "now": now.sql,
                    ])
                if added > 0 { return InboundReceipt(id: id, isDuplicate: false) }
                let known = try transaction.row(
                    "SELECT id FROM inbox WHERE property = :property AND instance = :instance AND vendor_id = :vendor",
                    ["property": property.sql, "instance": instance.sql, "vendor": row.vendorID.sql])
                return InboundReceipt(id: try known?.string("id") ?? id, isDuplicate: true)
            }
            transaction.afterCommit(wake)
            return receipts
        }
        let fresh = receipts.count { !$0.isDuplicate }
        Counter(label: "jack_inbound_events_total", dimensions: [("instance", instance)], factory: metrics).increment(by: fresh)
        Counter(label: "jack_inbound_duplicates_total", dimensions: [("instance", instance)], factory: metrics).increment(by: receipts.count - fresh)
        return receipts
    }

    /// Keeps an event as a dead letter that nobody has dealt with: something arrived that its instance cannot hand in. Known already, nothing
    /// happens.
    /// - Throws: ``StorageError``; nothing was kept then.
    func giveUp(_ instance: String, _ event: InboundEvent, reason: String, attempts: Int) async throws {
        let now = clock.now, property = property, text = String(reason.prefix(500))
        let id = Identifier.make("in", at: now), json = try SQLValue.json(event), lane = Self.lane(instance, event.peer)
        // Its content is not what arrived: what follows for a guest follows from the letter alone.
        let letter = DeadLetter(
            box: .inbox, id: id, instance: instance, kind: event.content.kind, reason: text, attempts: attempts, createdAt: now, diedAt: now)
        _ = try await DeadLetters.bury(letter, telling: letters, engine: engine, logger: logger) { transaction in
            try transaction.run(
                """
                INSERT INTO inbox (id, property, instance, vendor_id, lane, event, received_at, state, attempts, error, died_at)
                VALUES (:id, :property, :instance, :vendor, :lane, :event, :now, 'dead', :attempts, :error, :now) ON CONFLICT DO NOTHING
                """,
                [
                    "id": id.sql, "property": property.sql, "instance": instance.sql, "vendor": event.vendorID.sql, "lane": lane.sql, "event": json,
                    "now": now.sql, "attempts": attempts.sql, "error": text.sql,
                ]) == 1
        }
    }

    /// Works through what is pending, what an earlier process left included, until the task is cancelled.
    public func run() async { await scheduler.run() }

    /// Says that there may be something to work through.
    func wake() { scheduler.wake() }

    /// Events that are being worked on or wait in memory.
    public var depth: Int { scheduler.depth }

    /// Marks an item as dealt with, in the transaction that holds its effects.
    public static func complete(_ item: Item, in transaction: any StorageTransaction) throws {
        try transaction.run("UPDATE inbox SET state = 'done' WHERE seq = :seq", ["seq": item.seq.sql])
    }

    /// How often an item was tried in vain so far.
    static func attempts(of item: Item, in reader: any StorageReader) throws -> Int {
        try reader.row("SELECT attempts FROM inbox WHERE seq = :seq", ["seq": item.seq.sql])?.int("attempts") ?? 0
    }

    /// The lane of a peer's conversation on an instance.
    public static func lane(_ instance: String, _ peer: PeerAddress?) -> String { peer.map { "\(instance)|\($0)" } ?? instance }

    /// The rows that wait. One that cannot be read is a dead letter: it must not hide those behind it.
    /// - Parameter lane: only rows of a lane, as far as a number.
    private static func pending(
        property: String, after: Int64, lane: (name: String, through: Int64)? = nil, limit: Int, _ grave: Grave
    ) async throws -> [Item] {
        var after = after
        let only = lane == nil ? "" : " AND lane = :lane AND seq <= :through"
        let arguments: [String: SQLValue] = lane.map { ["lane": $0.name.sql, "through": $0.through.sql] } ?? [:]
        while true {
            let rows = try await grave.engine.read { [after] reader in
                try reader.rows(
                    """
                    SELECT seq, id, instance, lane, event, received_at, attempts FROM inbox
                    WHERE state = 'pending' AND seq > :after AND property = :property\(only) ORDER BY seq LIMIT :limit
                    """, arguments.merging(["after": after.sql, "property": property.sql, "limit": limit.sql]) { $1 })
            }
            var items: [Item] = []
            for row in rows {
                after = Int64(try row.int("seq"))
                do {
                    items.append(try item(row))
                } catch {
                    try await bury(row, after, "\(error)", grave)
                }
            }
            if !items.isEmpty || rows.isEmpty { return items }
        }
    }

    private static func item(_ row: SQLRow) throws -> Item {
        Item(
            seq: Int64(try row.int("seq")), id: try row.string("id"), instance: try row.string("instance"), lane: try row.string("lane"),
            event: try row.json("event", as: InboundEvent.self), receivedAt: try row.date("received_at"), attempts: try row.int("attempts"))
    }

    /// What it takes to give something up.
    private struct Grave: Sendable {
        let engine: any StorageEngine
        let clock: any TimeSource
        let logger: Logger
        let letters: DeadLetters?

        /// - Throws: ``StorageError`` where it cannot be written down now.
        func bury(_ letter: DeadLetter, _ seq: Int64, error text: String) async throws {
            _ = try await DeadLetters.bury(letter, telling: letters, engine: engine, logger: logger) { transaction in
                let now = letter.diedAt.sql
                return try transaction.run(
                    "UPDATE inbox SET state = 'dead', error = :error, died_at = :now WHERE seq = :seq AND state = 'pending'",
                    ["error": text.sql, "now": now, "seq": seq.sql]) == 1
            }
        }
    }

    private static func bury(_ row: SQLRow, _ seq: Int64, _ error: String, _ grave: Grave) async throws {
        let id = try row.string("id"), instance = try row.string("instance")
        let letter = DeadLetter(
            box: .inbox, id: id, instance: instance, kind: "event", reason: "the event cannot be read", attempts: try row.int("attempts"),
            createdAt: try row.date("received_at"), diedAt: grave.clock.now)
        // The error may quote what the guest wrote: it goes into the table, and not into the log.
        try await grave.bury(letter, seq, error: "the event cannot be read: " + error.prefix(400))
        grave.logger.error("an event cannot be read", metadata: ["inbox": "\(id)", "instance": "\(instance)"])
    }

    /// Counts the failure; once its time is over the item is a dead letter, which a human sees, and its lane goes on.
    private static func failed(_ item: Item, _ error: any Error, backoff: Backoff, _ grave: Grave) async -> LaneScheduler<Item>.Outcome {
        let logger = grave.logger, now = grave.clock.now
        logger.error("an event could not be dealt with", metadata: ["inbox": "\(item.id)", "instance": "\(item.instance)", "error": "\(error)"])
        // A disk that is full may still take the small change that counts: what lies in storage alone is no fault of the item's.
        if let fault = StorageError.beneath(error), fault.isOfTheMoment { return .again(after: .seconds(1)) }
        let text = String("\(error)".prefix(500))
        let counted: (attempts: Int, since: Date)? = try? await grave.engine.write { transaction in
            let changed = try transaction.run(
                """
                UPDATE inbox SET attempts = attempts + 1, error = :error, failing_since = COALESCE(failing_since, :now)
                WHERE seq = :seq AND state = 'pending'
                """, ["error": text.sql, "now": now.sql, "seq": item.seq.sql])
            guard changed > 0, let row = try transaction.row("SELECT attempts, failing_since FROM inbox WHERE seq = :seq", ["seq": item.seq.sql])
            else { return (0, now) }
            return (try row.int("attempts"), try row.date("failing_since"))
        }
        // Storage that cannot even count is no fault of the item's.
        guard let counted else { return .again(after: .seconds(1)) }
        // Its effects were stored, and only then something failed: they must not happen twice.
        guard counted.attempts > 0 else { return .done }
        guard counted.attempts >= leastAttempts, now.timeIntervalSince(counted.since) >= patience.seconds else {
            return .again(after: backoff.delay(afterFailures: counted.attempts))
        }
        let letter = DeadLetter(
            box: .inbox, id: item.id, instance: item.instance, kind: item.event.content.kind, reason: text, attempts: counted.attempts,
            createdAt: item.receivedAt, diedAt: now, content: .event(item.event))
        do {
            try await grave.bury(letter, item.seq, error: text)
        } catch {
            return .again(after: .seconds(1))
        }
        logger.error("an event is given up", metadata: ["inbox": "\(item.id)", "instance": "\(item.instance)"])
        return .done
    }
}
