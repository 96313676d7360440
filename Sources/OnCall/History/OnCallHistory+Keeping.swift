import Foundation
import Kernel
import PluginAPI
import Synchronization

extension OnCallHistory {
    /// Notes that a plan is in force from now on, where it was not already.
    func begin(plan version: String, at now: Date, in transaction: any StorageTransaction) throws {
        let last = try transaction.row(
            "SELECT version FROM oncall_plan_in_force WHERE property = :property ORDER BY seq DESC LIMIT 1", ["property": property.sql])
        guard last?.stringIfPresent("version") != version else { return }
        try transaction.run(
            "INSERT INTO oncall_plan_in_force (property, version, since) VALUES (:property, :version, :now)",
            ["property": property.sql, "version": version.sql, "now": now.sql])
    }

    /// Forgets some of what is older, the ledger's lines of it included.
    /// - Returns: true where more is left to forget.
    func forget(before date: Date, limit: Int, in transaction: any StorageTransaction) throws -> Bool {
        let arguments: [String: SQLValue] = ["property": property.sql, "before": date.sql, "limit": limit.sql]
        let alerts = try transaction.rows(
            "SELECT id, raised_at, origin FROM oncall_past_alert WHERE property = :property AND over_at < :before ORDER BY over_at LIMIT :limit",
            arguments)
        for row in alerts {
            let id = try row.int("id"), origin = try row.string("origin")
            try transaction.run(
                "DELETE FROM oncall_past_alert WHERE property = :property AND id = :id AND raised_at = :raised",
                ["property": property.sql, "id": id.sql, "raised": row["raised_at"] ?? .null])
            try forgetLines(of: origin.isEmpty ? UInt64(stored: Int64(id)).fingerprintText : origin, before: date, in: transaction)
        }
        let pages = try transaction.rows(
            "SELECT id, matter FROM oncall_page WHERE property = :property AND at < :before ORDER BY at LIMIT :limit", arguments)
        for row in pages {
            let id = try row.string("id")
            try transaction.run("DELETE FROM oncall_page WHERE property = :property AND id = :id", ["property": property.sql, "id": id.sql])
            try forgetLines(of: id, before: date, in: transaction)
        }
        for matter in Set(try pages.map { try $0.string("matter") }) { try forgetLines(of: matter, before: date, in: transaction) }
        let silences = try transaction.rows(
            "SELECT id FROM oncall_past_silence WHERE property = :property AND ends_at < :before LIMIT :limit", arguments)
        for row in silences {
            try transaction.run(
                "DELETE FROM oncall_past_silence WHERE property = :property AND id = :id", ["property": property.sql, "id": row["id"] ?? .null])
        }
        // A plan is in force until the next one is: only those whose next one is that old are past.
        try transaction.run(
            """
            DELETE FROM oncall_plan_in_force WHERE property = :property AND seq <
                (SELECT MAX(seq) FROM oncall_plan_in_force WHERE property = :property AND since < :before)
            """, ["property": property.sql, "before": date.sql])
        return [alerts.count, pages.count, silences.count].contains(limit)
    }

    private func forgetLines(of subject: String, before date: Date, in transaction: any StorageTransaction) throws {
        try transaction.run(
            "DELETE FROM ledger WHERE subject = :subject AND property = :property AND at < :before",
            ["subject": subject.sql, "property": property.sql, "before": date.sql])
    }
}

extension OnCallService {
    /// How long history remembers, from now on.
    public func remember(for time: Duration) { remembers.withLock { $0 = time } }

    /// Forgets what is older than ``remember(for:)`` says: so much at once that nobody waits for it, and at most 100,000 alerts at a time.
    func forgetHistory() async throws {
        let date = parts.clock.now.addingTimeInterval(-remembers.withLock { $0 }.seconds)
        let history = OnCallHistory(property: parts.property)
        for _ in 0..<200 {
            guard try await parts.engine.write({ try history.forget(before: date, limit: 500, in: $0) }) else { break }
        }
        let inUse = state.withLock { $0.core.plansInUse }
        try await parts.engine.write { [repository] in try repository.forgetPlans(but: inUse, in: $0) }
    }
}
