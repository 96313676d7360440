import Foundation
import Kernel

/// Counts the booking numbers that guests tried: a number must not be found out by guessing, in however many conversations and however often Jack restarts.
///
/// A try is taken down before the PMS is asked, so that many conversations at once cannot pass the limits together, and is forgiven where it was right or
/// the PMS did not answer.
struct VerificationTries: Sendable {
    /// Wrong answers in one conversation after which no more are taken.
    static let perConversation = 5
    /// Wrong tries of one booking number in a day.
    static let perNumber = 5
    /// Wrong tries through one instance in an hour.
    static let perInstance = 60
    /// The longest message that is looked at, in words: with more, a message could try a town's surnames.
    static let longestText = 30

    let property: String

    /// Takes down a message's tries. The same message, dealt with once more after a crash, counts once.
    /// - Returns: why no more are taken; nil where the PMS may be asked.
    func admit(
        _ numbers: [String], message: String, conversation: String, instance: String, at date: Date, in transaction: any StorageTransaction
    ) throws -> String? {
        let wrong = try Ledger.entries(of: conversation, property: property, in: transaction)
            .count { $0.step == "verification" && $0.outcome == "refused" }
        guard wrong < Self.perConversation else { return "too many wrong booking numbers in this conversation" }
        let day = date.addingTimeInterval(-86_400), hour = date.addingTimeInterval(-3600)
        try transaction.run("DELETE FROM verification_try WHERE property = :property AND at <= :day", ["property": property.sql, "day": day.sql])
        let through =
            try transaction.row(
                "SELECT COUNT(*) AS n FROM verification_try WHERE property = :property AND instance = :instance AND at > :hour AND message_id <> :message",
                ["property": property.sql, "instance": instance.sql, "hour": hour.sql, "message": message.sql])?.int("n") ?? 0
        guard through + numbers.count <= Self.perInstance else { return "too many wrong booking numbers through \(instance) within an hour" }
        for number in numbers {
            let tried =
                try transaction.row(
                    "SELECT COUNT(*) AS n FROM verification_try WHERE property = :property AND number = :number AND message_id <> :message",
                    ["property": property.sql, "number": number.sql, "message": message.sql])?.int("n") ?? 0
            guard tried < Self.perNumber else { return "this booking number was tried too often with a wrong name" }
        }
        for number in numbers {
            try transaction.run(
                """
                INSERT INTO verification_try (property, message_id, number, instance, at) VALUES (:property, :message, :number, :instance, :at)
                ON CONFLICT DO NOTHING
                """,
                ["property": property.sql, "message": message.sql, "number": number.sql, "instance": instance.sql, "at": date.sql])
        }
        return nil
    }

    /// Takes a message's tries back: one was right, or nobody answered.
    func forgive(message: String, in transaction: any StorageTransaction) throws {
        try transaction.run(
            "DELETE FROM verification_try WHERE property = :property AND message_id = :message", ["property": property.sql, "message": message.sql])
    }
}
