import CoreMetrics
import Foundation
import Logging
import Metrics
import PluginAPI

/// What waits to leave, as it is read.
extension Outbox {
    /// The rows of an instance that wait. One that cannot be read is a dead letter: it must not hide those behind it.
    /// - Parameter lane: only rows of a lane, as far as a number.
    func queued(of instance: String, after: Int64, lane: (name: String, through: Int64)? = nil, limit: Int) async throws -> [OutboxEntry] {
        var after = after
        let property = property
        let only = lane == nil ? "" : " AND lane = :lane AND seq <= :through"
        let arguments: [String: SQLValue] = lane.map { ["lane": $0.name.sql, "through": $0.through.sql] } ?? [:]
        while true {
            let rows = try await engine.read { [after] reader in
                try reader.rows(
                    """
                    SELECT seq, id, kind, lane, payload, created_at, attempts, matter FROM outbox
                    WHERE state = 'queued' AND seq > :after AND instance = :instance AND property = :property\(only) ORDER BY seq LIMIT :limit
                    """, arguments.merging(["after": after.sql, "instance": instance.sql, "property": property.sql, "limit": limit.sql]) { $1 })
            }
            var entries: [OutboxEntry] = []
            for row in rows {
                after = Int64(try row.int("seq"))
                do {
                    entries.append(try Self.entry(row, instance))
                } catch {
                    try await bury(row, after, instance, "\(error)")
                }
            }
            if !entries.isEmpty || rows.isEmpty { return entries }
        }
    }

    private static func entry(_ row: SQLRow, _ instance: String) throws -> OutboxEntry {
        var entry = OutboxEntry(
            id: try row.string("id"), instance: instance, kind: .init(rawValue: try row.string("kind")), lane: try row.string("lane"),
            payload: Array(try row.string("payload").utf8), createdAt: try row.date("created_at"))
        entry.seq = Int64(try row.int("seq"))
        entry.attempts = try row.int("attempts")
        entry.isLetter = row.stringIfPresent("matter") != nil
        return entry
    }

    /// - Throws: ``StorageError`` where it cannot be written down now.
    private func bury(_ row: SQLRow, _ seq: Int64, _ instance: String, _ error: String) async throws {
        let id = try row.string("id"), now = clock.now, kind = row.stringIfPresent("kind") ?? "unknown", reason = "the entry cannot be read"
        let letter = DeadLetter(
            box: .outbox, id: id, instance: instance, kind: kind, reason: reason, attempts: row.intIfPresent("attempts") ?? 0,
            createdAt: row.dateIfPresent("created_at") ?? now, diedAt: now)
        let isDead = try await DeadLetters.bury(letter, telling: letters, engine: engine, logger: logger) { [self] transaction in
            let changed = try transaction.run(
                "UPDATE outbox SET state = 'dead', error = :error, died_at = :now WHERE seq = :seq AND state = 'queued'",
                ["error": "\(reason): \(error.prefix(400))".sql, "now": now.sql, "seq": seq.sql])
            guard changed == 1 else { return false }
            try note(id, "delivery", "dead", reason, in: transaction)
            return true
        }
        guard isDead else { return }
        logger.error("an entry of the outbox cannot be read", metadata: ["outbox": "\(id)", "instance": "\(instance)"])
        Counter(label: "jack_outbound_total", dimensions: [("instance", instance), ("kind", kind), ("outcome", "dead")], factory: metrics).increment()
        bus.post(OutboxChanged(id: id, instance: instance, kind: .init(rawValue: kind), state: .dead, reason: reason))
    }
}
