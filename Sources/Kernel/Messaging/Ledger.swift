import Foundation
import PluginAPI

/// Why things happened: each step on a message's or a page's way leaves its reason here, in the transaction that holds its effects. `jack why` reads it.
public enum Ledger {
    /// One step and its reason.
    public struct Entry: Sendable, Hashable, Codable {
        /// The step: `safety`, `intent`, `delivery`.
        public var step: String
        /// What came of it, in a word: `matched`, `held`, `sent`.
        public var outcome: String
        /// Why, in a sentence for the operator.
        public var reason: String
        /// The rule that decided, as `file:line`.
        public var rule: String?
        public var details: JSONValue?
        public var at: Date

        public init(step: String, outcome: String, reason: String, rule: String? = nil, details: JSONValue? = nil, at: Date) {
            self.step = step
            self.outcome = outcome
            self.reason = reason
            self.rule = rule
            self.details = details
            self.at = at
        }
    }

    public static func record(_ entry: Entry, of subject: String, property: String, in transaction: any StorageTransaction) throws {
        try transaction.run(
            """
            INSERT INTO ledger (property, subject, step, outcome, reason, rule, details, at)
            VALUES (:property, :subject, :step, :outcome, :reason, :rule, :details, :at)
            """,
            [
                "property": property.sql, "subject": subject.sql, "step": entry.step.sql, "outcome": entry.outcome.sql, "reason": entry.reason.sql,
                "rule": entry.rule.sql, "details": entry.details.map { try .json($0) } ?? .null, "at": entry.at.sql,
            ])
    }

    /// Forgets what is known of a subject: where a guest is erased, nothing may tell of them.
    public static func erase(of subject: String, property: String, in transaction: any StorageTransaction) throws {
        try transaction.run(
            "DELETE FROM ledger WHERE subject = :subject AND property = :property", ["subject": subject.sql, "property": property.sql])
    }

    /// What is known of a subject, in the order it happened.
    public static func entries(of subject: String, property: String, in reader: any StorageReader) throws -> [Entry] {
        try reader.rows(
            "SELECT step, outcome, reason, rule, details, at FROM ledger WHERE subject = :subject AND property = :property ORDER BY seq",
            ["subject": subject.sql, "property": property.sql]
        ).map { row in
            Entry(
                step: try row.string("step"), outcome: try row.string("outcome"), reason: try row.string("reason"), rule: row.stringIfPresent("rule"),
                details: row.stringIfPresent("details") == nil ? nil : try row.json("details", as: JSONValue.self), at: try row.date("at"))
        }
    }
}
