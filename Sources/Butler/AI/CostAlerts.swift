import Foundation
import Kernel
import PluginAPI

/// The `costs.alerts` section of `jack.yaml`: from what on AI calls are an alert, whatever the budget says. None switches one off.
public struct CostAlertSettings: PluginSettings {
    @Setting(help: "All calls of one of the hotel's days cost more than this.") public var daily: Double? = 50
    @Setting(help: "The calls for one conversation cost more than this.") public var conversation: Double? = 0.5
    @Setting(help: "The calls for one guest's stay cost more than this.") public var stay: Double? = 2
    @Setting(help: "A day's output tokens are more than this many times its input tokens.") public var outputRatio: Double? = 3
    @Setting(help: "More than this share of a day's calls stood in for an instance that could not.") public var fallbackShare: Double? = 0.1
    @Setting(help: "Calls that a day has at least before its shares count: one of one is no trend.", .range(1...1_000_000), advanced: true)
    public var leastCalls: Int = 50

    public init() {}

    /// What the declarations cannot say. Pure.
    public func check(_ report: inout ValidationReport) {
        let limits = [
            ("daily", daily), ("conversation", conversation), ("stay", stay), ("output_ratio", outputRatio), ("fallback_share", fallbackShare),
        ]
        for (key, limit) in limits where (limit ?? 1) < 0 {
            report.error(key, "a limit is negative", remedy: "leave it empty for no alert")
        }
        if let fallbackShare, fallbackShare > 1 { report.error("fallback_share", "a share is at most 1", remedy: "write 0.1 for ten percent") }
    }
}

/// Holds what calls came to against `costs.alerts`, in the transaction that writes the calls down. Each matter is told of once.
struct CostAlerts: Sendable {
    let settings: CostAlertSettings
    let currency: String
    let property: String
    let standing: StandingAlerts

    private static let prefix = "cost:"

    /// - Parameters:
    ///   - day: the hotel's day, as the account keeps it.
    ///   - conversations: those that calls were just made for.
    func look(day: String, conversations: Set<String>, now: Date, in transaction: any StorageTransaction) throws {
        // What was said of another day is over with it.
        for alert in try standing.all(Self.prefix, in: transaction) where alert.labels["day"] != day {
            try standing.end(alert.fingerprint, summary: "\(alert.summary); that day is over", at: now, in: transaction)
        }
        try lookAtDay(day, now, transaction)
        for conversation in conversations.sorted() { try lookAt(conversation, day, now, transaction) }
    }

    private func lookAtDay(_ day: String, _ now: Date, _ transaction: any StorageTransaction) throws {
        guard
            let row = try transaction.row(
                """
                SELECT COUNT(*) AS calls, COALESCE(SUM(cost_micros), 0) AS cost, COALESCE(SUM(input_tokens), 0) AS input,
                    COALESCE(SUM(output_tokens), 0) AS output, COALESCE(SUM(is_fallback), 0) AS fallbacks
                FROM ai_usage WHERE property = :property AND day = :day
                """, ["property": property.sql, "day": day.sql])
        else { return }
        let calls = try row.int("calls"), input = try row.int("input"), output = try row.int("output"), fallbacks = try row.int("fallbacks")
        let cost = Double(try row.int("cost")) / 1e6
        if let limit = settings.daily, cost > limit {
            try raise(
                "AICostDaily", "daily", day, "AI calls cost \(amount(cost)) today, more than \(amount(limit))", .warning, [:], day, now, transaction)
        }
        guard calls >= settings.leastCalls else { return }
        if let limit = settings.outputRatio, Double(output) > limit * Double(max(1, input)) {
            let ratio = String(format: "%.1f", Double(output) / Double(max(1, input)))
            try raise(
                "AIOutputRatio", "output_ratio", day, "AI answers are long today: \(ratio) output tokens for each input token", .warning, [:], day,
                now,
                transaction)
        }
        if let limit = settings.fallbackShare, Double(fallbacks) > limit * Double(calls) {
            let percent = Int((Double(fallbacks) / Double(calls) * 100).rounded())
            try raise(
                "AIFallbackShare", "fallback_share", day, "\(percent) % of today's AI calls stood in for an instance that could not", .warning, [:],
                day,
                now, transaction)
        }
    }

    private func lookAt(_ conversation: String, _ day: String, _ now: Date, _ transaction: any StorageTransaction) throws {
        let stay = try transaction.row(
            "SELECT instance, CASE WHEN room_until > :now THEN room END AS room, reservation FROM conversation WHERE id = :id AND property = :property",
            ["id": conversation.sql, "property": property.sql, "now": now.sql])
        let reservation = stay?.stringIfPresent("reservation")
        var labels = ["conversation": conversation]
        labels["room"] = stay?.stringIfPresent("room")
        labels["stay"] = reservation
        labels["channel"] = stay?.stringIfPresent("instance")
        if let limit = settings.conversation, case let cost = try sum("conversation_id", conversation, transaction), cost > limit {
            let summary = "AI calls for one conversation cost \(amount(cost)), more than \(amount(limit))"
            try raise("AICostConversation", "conversation", conversation, summary, .warning, labels, day, now, transaction)
        }
        if let reservation, let limit = settings.stay, case let cost = try sum("reservation", reservation, transaction), cost > limit {
            let summary = "AI calls for one stay cost \(amount(cost)), more than \(amount(limit))"
            try raise("AICostStay", "stay", reservation, summary, .warning, labels, day, now, transaction)
        }
    }

    /// - Parameter column: this program's own word, never a caller's.
    private func sum(_ column: String, _ value: String, _ reader: any StorageReader) throws -> Double {
        let row = try reader.row(
            "SELECT COALESCE(SUM(cost_micros), 0) AS n FROM ai_usage WHERE property = :property AND \(column) = :value",
            ["property": property.sql, "value": value.sql])
        return Double(try row?.int("n") ?? 0) / 1e6
    }

    private func raise(
        _ name: String, _ matter: String, _ subject: String, _ summary: String, _ severity: AlertSeverity, _ labels: [String: String], _ day: String,
        _ now: Date, _ transaction: any StorageTransaction
    ) throws {
        let own = [
            "alertname": name, "type": "ai_cost", "severity": severity.rawValue, "property": property, "limit": matter, "day": day,
        ]
        // The day is part of it: what is still too dear tomorrow is said again, and what was said is not said by every call.
        try standing.raise(
            Alert(
                fingerprint: "\(Self.prefix)\(matter):\(subject):\(day)", name: name, severity: severity, summary: summary,
                labels: labels.merging(own) { $1 }, startsAt: now),
            in: transaction)
    }

    private func amount(_ value: Double) -> String { String(format: "%.2f ", value) + currency }
}
