import Foundation
import PluginAPI

/// Takes away what nobody needs any more, so that the database does not grow for ever.
struct Housekeeping: Sendable {
    /// How long an event is remembered after it was dealt with; a vendor that repeats it later is not recognised.
    static let inboxRetention: TimeInterval = 30 * 86_400
    /// How long a delivery is remembered after it came to its end.
    static let outboxRetention: TimeInterval = 90 * 86_400

    let engine: any StorageEngine
    let clock: any TimeSource
    /// What other parts clean of their own.
    let others: [@Sendable () async throws -> Void]

    func run() async throws {
        try await runOwn()
        // One that cannot must not keep the others from it.
        var failure: (any Error)?
        for other in others {
            do { try await other() } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private func runOwn() async throws {
        let now = clock.now
        try await PluginKeyValueStore.purgeExpired(in: engine, clock: clock)
        try await engine.write { transaction in
            try transaction.run(
                // The newest row stays: its number must not be given again, since who works through the table reads on from the last number seen.
                "DELETE FROM inbox WHERE state = 'done' AND received_at < :before AND seq < (SELECT MAX(seq) FROM inbox)",
                ["before": now.addingTimeInterval(-Self.inboxRetention).sql])
            try transaction.run(
                """
                DELETE FROM outbox WHERE state IN ('sent', 'delivered', 'read', 'withdrawn') AND created_at < :before
                    AND seq < (SELECT MAX(seq) FROM outbox)
                """,
                ["before": now.addingTimeInterval(-Self.outboxRetention).sql])
        }
    }
}
