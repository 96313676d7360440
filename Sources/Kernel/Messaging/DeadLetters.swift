import Foundation
import Logging
import PluginAPI

/// Tells humans of dead letters: an alert in the very transaction that gives the letter up, so that no `kill -9` comes between the two.
///
/// The alert stands until the letter is sent again or dropped, or until whoever knows the matter ends it (``end(_:summary:at:in:)``).
public struct DeadLetters: Sendable {
    /// What follows for the hotel, in the letter's own transaction; nil where the letter is about nothing that is known.
    public typealias Concern = @Sendable (DeadLetter, any StorageTransaction) throws -> DeadLetterMatter?

    /// What follows for the hotel where a letter is dealt with anew, or has left after all.
    public typealias Recovery = @Sendable (_ letter: String, _ at: Date, any StorageTransaction) throws -> Void

    /// What the ledger says of a letter that a person had done again.
    public static let retried = "retried"

    private let property: String
    private let standing: StandingAlerts
    private let concern: Concern
    let recovered: Recovery

    public init(
        alerts: AlertIntake, property: String, concern: @escaping Concern = { _, _ in nil }, recovered: @escaping Recovery = { _, _, _ in }
    ) {
        self.recovered = recovered
        self.property = property
        self.concern = concern
        standing = StandingAlerts(intake: alerts, property: property)
    }

    /// By what the alert about a matter, or about a letter without one, is known.
    public static func fingerprint(_ subject: String) -> String { "deadletter:\(subject)" }

    /// Tells of a letter, in the transaction that gives it up.
    /// - Parameter plainly: without asking what follows for the hotel.
    func tell(_ letter: DeadLetter, plainly: Bool = false, in transaction: any StorageTransaction) throws {
        guard letter.concernsOnCall else { return }
        let matter = plainly ? nil : try concern(letter, transaction)
        if letter.box != .job {
            try transaction.run(
                "UPDATE \(letter.box.rawValue) SET matter = :matter WHERE id = :id AND property = :property",
                ["matter": (matter?.subject).sql, "id": letter.id.sql, "property": property.sql])
        }
        var labels = ["alertname": "DeadLetter", "severity": "error", "type": "dead_letter", "box": letter.box.rawValue, "source": letter.instance]
        if !property.isEmpty { labels["property"] = property }
        // An event's reason may quote a guest: who is paged reads that there is one, and `jack letters list` shows it.
        let why = letter.box == .inbox ? "" : ": \(letter.reason)"
        try standing.raise(
            Alert(
                fingerprint: Self.fingerprint(matter?.subject ?? letter.id), name: "DeadLetter", severity: .error,
                summary: matter?.summary ?? "\(letter.box.rawValue) entry of \(letter.instance) was given up\(why)",
                detail: matter?.detail, labels: labels.merging(matter?.labels ?? [:]) { own, _ in own },
                annotations: ["message": letter.id].merging(matter?.annotations ?? [:]) { own, _ in own }, startsAt: letter.diedAt),
            in: transaction)
    }

    /// Gives a letter up and tells of it in one transaction.
    ///
    /// Where what follows for the hotel cannot be done, the letter is given up all the same, and told of without it: it must not hold up its lane for ever.
    /// - Parameter mark: gives it up; false where it is none any more.
    /// - Returns: what `mark` said.
    /// - Throws: ``StorageError`` where storage cannot write now; nothing has changed then.
    static func bury(
        _ letter: DeadLetter, telling letters: DeadLetters?, engine: any StorageEngine, logger: Logger,
        mark: @escaping @Sendable (any StorageTransaction) throws -> Bool
    ) async throws -> Bool {
        do {
            return try await engine.write { transaction in
                guard try mark(transaction) else { return false }
                try letters?.tell(letter, in: transaction)
                return true
            }
        } catch let error as StorageError where error.isOfTheMoment {
            throw error
        } catch {
            if error is CancellationError { throw error }
            logger.error("what follows from a dead letter could not be done", metadata: ["letter": "\(letter.id)", "error": "\(error)"])
            return try await engine.write { transaction in
                guard try mark(transaction) else { return false }
                try letters?.tell(letter, plainly: true, in: transaction)
                return true
            }
        }
    }

    /// A letter lies here no more: the alert ends with the last one of its matter.
    func settle(_ letter: DeadLetter, matter: String?, summary: String, at date: Date, in transaction: any StorageTransaction) throws {
        guard let matter else {
            try standing.end(Self.fingerprint(letter.id), summary: summary, at: date, in: transaction)
            return
        }
        let left = try transaction.row(
            """
            SELECT (SELECT COUNT(*) FROM inbox WHERE state = 'dead' AND matter = :matter AND property = :property)
                + (SELECT COUNT(*) FROM outbox WHERE state IN ('dead', 'failed') AND matter = :matter AND property = :property) AS n
            """, ["matter": matter.sql, "property": property.sql])?.int("n")
        guard left == 0 else { return }
        try standing.end(Self.fingerprint(matter), summary: summary, at: date, in: transaction)
    }
}

extension StorageError {
    /// True where storage itself cannot write now, whatever was to be written: that is no fault of the work's.
    var isOfTheMoment: Bool { [.busy, .full, .readOnly, .closed].contains(code) }

    /// The storage's own fault that an error is, or that lies beneath it.
    static func beneath(_ error: any Error) -> StorageError? {
        switch error {
        case let error as StorageError: error
        case let failure as PluginFailure: failure.cause.flatMap { beneath($0) }
        default: nil
        }
    }
}
