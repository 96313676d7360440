import Foundation
import PluginAPI

/// How long what has come to its end stays in the inbox and the outbox.
public struct BoxRetention: Sendable, Hashable {
    /// Longer than every window in which somebody may come back to a row: duplicates of an event are known for 24 hours at least, and vendors deliver
    /// again, and send receipts, for up to 7 days.
    public static let least = Duration.seconds(8 * 86_400)

    /// How long an event is remembered from its arrival on; a vendor that repeats it later is not recognised.
    public var inbox: Duration
    /// How long a delivery is remembered from its beginning on; receipts that come later are nobody's.
    public var outbox: Duration

    /// Less than ``least`` counts as that.
    public init(inbox: Duration = .seconds(30 * 86_400), outbox: Duration = .seconds(90 * 86_400)) {
        self.inbox = max(inbox, Self.least)
        self.outbox = max(outbox, Self.least)
    }
}

/// Takes away what nobody needs any more, so that the database does not grow for ever.
///
/// What waits, and what waits for a human, stays however old it is. The ledger stays: it tells of what has gone.
struct Housekeeping: Sendable {
    /// So many rows go in one transaction: whoever else writes comes in between.
    private static let batch = 500

    /// A table, and which of its rows have come to their end. A page that failed was the next contact's turn, and is no dead letter.
    private struct Box {
        let table: String
        let since: String
        let isOver: String

        static let inbox = Box(table: "inbox", since: "received_at", isOver: "state = 'done'")
        static let outbox = Box(
            table: "outbox", since: "created_at",
            isOver: "(state IN ('sent', 'delivered', 'read', 'withdrawn') OR (state = 'failed' AND kind = 'page'))")
    }

    let engine: any StorageEngine
    let clock: any TimeSource
    var retention = BoxRetention()
    /// What other parts clean of their own.
    let others: [@Sendable () async throws -> Void]

    func run() async throws {
        try await PluginKeyValueStore.purgeExpired(in: engine, clock: clock)
        try await clean(.inbox, retention.inbox)
        try await clean(.outbox, retention.outbox)
        // One that cannot must not keep the others from it.
        var failure: (any Error)?
        for other in others {
            do { try await other() } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private func clean(_ box: Box, _ time: Duration) async throws {
        let before = clock.now.addingTimeInterval(-time.seconds).sql
        // The newest row stays: its number must not be given again, since who works through the table reads on from the last number seen.
        let condition = "\(box.isOver) AND \(box.since) < :before AND seq < (SELECT MAX(seq) FROM \(box.table))"
        var after: Int64 = 0
        while true {
            try Task.checkCancellation()
            // Looked for by a reader: the writer must not go through the whole table for what is a few rows.
            let found = try await engine.read { [after] reader in
                try reader.rows(
                    "SELECT seq FROM \(box.table) WHERE seq > :after AND \(condition) ORDER BY seq LIMIT :limit",
                    ["after": after.sql, "before": before, "limit": Self.batch.sql]
                ).map { Int64(try $0.int("seq")) }
            }
            guard let first = found.first, let last = found.last else { return }
            _ = try await engine.write { transaction in
                // Asked again: a letter may have been taken up meanwhile.
                try transaction.run(
                    "DELETE FROM \(box.table) WHERE seq BETWEEN :first AND :last AND \(condition)",
                    ["first": first.sql, "last": last.sql, "before": before])
            }
            guard found.count == Self.batch else { return }
            after = last
        }
    }
}
