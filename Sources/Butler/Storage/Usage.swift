import Foundation
import Kernel
import PluginAPI

/// What AI calls came to, for one value of what they are grouped by.
public struct UsageSummary: Sendable, Hashable, Codable {
    /// What calls are summed up by.
    public enum Grouping: String, Sendable, CaseIterable, Codable { case day, instance, model, purpose, conversation, guest }

    /// The hotel's day (`2026-11-21`), the instance, the model…; empty where a call has none.
    public var key: String
    public var calls: Int
    /// Calls that were made because another instance could not.
    public var fallbacks: Int
    /// Calls that were cut: their tokens are reckoned, by what was asked and as much as was heard.
    public var estimated: Int
    public var inputTokens: Int
    public var outputTokens: Int
    public var cacheReadTokens: Int
    public var cacheWriteTokens: Int
    /// In the currency of `costs.currency`.
    public var cost: Double
}

/// Sums of calls, and what all of them came to, also those that are not shown.
public struct UsageReport: Sendable, Hashable {
    public var items: [UsageSummary] = []
    /// How many sums there are.
    public var count = 0
    /// What all of them cost.
    public var cost = 0.0
}

/// Reads and writes the account of AI calls.
public struct UsageRepository: Sendable {
    let property: String

    public init(property: String) { self.property = property }

    func add(_ call: AIDispatch.Call, micros: Int64, day: String, at date: Date, in transaction: any StorageTransaction) throws {
        try transaction.run(
            """
            INSERT INTO ai_usage (property, instance, model, purpose, conversation_id, guest_id, input_tokens, output_tokens, cache_read_tokens,
                cache_write_tokens, cost_micros, duration_ms, is_fallback, is_estimated, day, at, reservation)
            VALUES (:property, :instance, :model, :purpose, :conversation, :guest, :input, :output, :read, :write, :cost, :duration, :fallback, :estimated, :day,
                :at,
                (SELECT reservation FROM conversation WHERE id = :conversation AND property = :property))
            """,
            [
                "property": property.sql, "instance": call.instance.sql, "model": call.model.sql, "purpose": call.purpose.rawValue.sql,
                "conversation": call.account.conversation.sql, "guest": call.account.guest.sql, "input": call.usage.inputTokens.sql,
                "output": call.usage.outputTokens.sql, "read": call.usage.cacheReadTokens.sql, "write": call.usage.cacheWriteTokens.sql,
                "cost": micros.sql, "duration": Int(call.duration.milliseconds).sql, "fallback": (call.isFallback ? 1 : 0).sql,
                "estimated": (call.isEstimated ? 1 : 0).sql, "day": day.sql, "at": date.sql,
            ])
    }

    /// Leaves what a conversation's calls cost, and takes away whose they were.
    func forget(conversation: String, in transaction: any StorageTransaction) throws {
        try transaction.run(
            """
            UPDATE ai_usage SET conversation_id = NULL, guest_id = NULL, reservation = NULL
            WHERE property = :property AND conversation_id = :id
            """, ["id": conversation.sql, "property": property.sql])
    }

    /// What all calls since a moment cost, in millionths of the currency's unit.
    func total(from date: Date, in reader: any StorageReader) throws -> Int64 {
        let row = try reader.row(
            "SELECT COALESCE(SUM(cost_micros), 0) AS n FROM ai_usage WHERE property = :property AND at >= :from",
            ["property": property.sql, "from": date.sql])
        return Int64(try row?.int("n") ?? 0)
    }

    /// Sums by what is asked for, the dearest first; of days the last, in their order.
    /// - Parameters:
    ///   - from: the first day of the hotel's that counts, as `2026-11-21`.
    ///   - to: the last.
    public func summary(by grouping: UsageSummary.Grouping, from: String? = nil, to: String? = nil, limit: Int, in reader: any StorageReader) throws
        -> UsageReport
    {
        // The expressions are this program's own, never a caller's.
        let key =
            switch grouping {
            case .day: "day"
            case .instance: "instance"
            case .model: "model"
            case .purpose: "purpose"
            case .conversation: "COALESCE(conversation_id, '')"
            case .guest: "COALESCE(guest_id, '')"
            }
        let rows = try reader.rows(
            """
            SELECT \(key) AS key, COUNT(*) AS calls, SUM(is_fallback) AS fallbacks, SUM(is_estimated) AS estimated,
                SUM(input_tokens) AS input, SUM(output_tokens) AS output,
                SUM(cache_read_tokens) AS cache_read, SUM(cache_write_tokens) AS cache_write, SUM(cost_micros) AS cost,
                SUM(SUM(cost_micros)) OVER () AS total, COUNT(*) OVER () AS sums
            FROM ai_usage WHERE property = :property AND (:from IS NULL OR day >= :from) AND (:to IS NULL OR day <= :to) GROUP BY 1
            ORDER BY \(grouping == .day ? "1 DESC" : "SUM(cost_micros) DESC, COUNT(*) DESC, 1") LIMIT :limit
            """, ["property": property.sql, "from": from.sql, "to": to.sql, "limit": limit.sql]
        )
        let items = try rows.map { row in
            UsageSummary(
                key: try row.string("key"), calls: try row.int("calls"), fallbacks: try row.int("fallbacks"),
                estimated: try row.int("estimated"), inputTokens: try row.int("input"),
                outputTokens: try row.int("output"), cacheReadTokens: try row.int("cache_read"), cacheWriteTokens: try row.int("cache_write"),
                cost: Double(try row.int("cost")) / 1e6)
        }
        guard let first = rows.first else { return UsageReport() }
        return UsageReport(
            items: grouping == .day ? items.reversed() : items, count: try first.int("sums"), cost: Double(try first.int("total")) / 1e6)
    }
}
