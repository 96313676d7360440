import Foundation
import PluginAPI

/// Lists dead letters, and has them done again or put away, as a person decides.
public struct DeadLetterOffice: Sendable {
    /// Which letters are meant; every condition that is set must hold.
    public struct Filter: Sendable {
        public var box: DeadLetter.Box?
        public var instance: String?

        public init(box: DeadLetter.Box? = nil, instance: String? = nil) {
            self.box = box
            self.instance = instance
        }
    }

    private let property: String
    private let letters: DeadLetters

    init(property: String, letters: DeadLetters) {
        self.property = property
        self.letters = letters
    }

    /// A page that failed is the next contact's turn, and no letter.
    private static let all = """
        SELECT 'inbox' AS box, id, instance, 'event' AS kind, state, error, attempts, received_at AS created, COALESCE(died_at, received_at) AS died,
            event AS content, matter FROM inbox WHERE state = 'dead' AND property = :property
        UNION ALL
        SELECT 'outbox', id, instance, kind, state, error, attempts, created_at, COALESCE(died_at, created_at), payload, matter
            FROM outbox WHERE state IN ('dead', 'failed') AND NOT (state = 'failed' AND kind = 'page') AND property = :property
        UNION ALL
        SELECT 'job', id, kind, 'job', state, error, attempts, created_at, COALESCE(died_at, run_at), '', NULL
            FROM job WHERE state = 'dead' AND property = :property
        """

    /// The latest first.
    /// - Parameter after: only letters after this one in that order: the cursor of the next page.
    public func list(_ filter: Filter = Filter(), after: (diedAt: Date, id: String)? = nil, limit: Int, in reader: any StorageReader) throws
        -> [DeadLetter]
    {
        try reader.rows(
            """
            SELECT * FROM (\(Self.all)) AS letter WHERE (:box IS NULL OR box = :box) AND (:instance IS NULL OR instance = :instance)
                AND (died < :before OR (died = :before AND id > :id)) ORDER BY died DESC, id LIMIT :limit
            """,
            [
                "property": property.sql, "box": (filter.box?.rawValue).sql, "instance": filter.instance.sql,
                "before": (after?.diedAt.milliseconds ?? Int64.max).sql, "id": (after?.id ?? "").sql, "limit": limit.sql,
            ]
        ).map { try Self.letter($0).letter }
    }

    private func get(_ id: String, in reader: any StorageReader) throws -> (letter: DeadLetter, matter: String?) {
        guard
            let row = try reader.row("SELECT * FROM (\(Self.all)) AS letter WHERE id = :id", ["property": property.sql, "id": id.sql])
        else { throw PluginFailure.permanent(.notFound, "there is no dead letter “\(id)”") }
        return try Self.letter(row)
    }

    private static func letter(_ row: SQLRow) throws -> (letter: DeadLetter, matter: String?) {
        // What cannot be read may be the very reason why it is here.
        let diedAt = try row.date("died")
        var letter = DeadLetter(
            box: DeadLetter.Box(rawValue: try row.string("box")) ?? .job, id: try row.string("id"), instance: try row.string("instance"),
            kind: row.stringIfPresent("kind") ?? "unknown", state: DeadLetter.State(rawValue: try row.string("state")) ?? .dead,
            reason: row.stringIfPresent("error") ?? "", attempts: row.intIfPresent("attempts") ?? 0,
            createdAt: row.dateIfPresent("created") ?? diedAt,
            diedAt: diedAt)
        switch letter.box {
        case .inbox:
            if let event = try? row.json("content", as: InboundEvent.self) { (letter.kind, letter.content) = (event.content.kind, .event(event)) }
        case .outbox:
            if letter.kind == OutboxEntry.Kind.message.rawValue, let message = try? row.json("content", as: OutboundMessage.self) {
                letter.content = .message(message)
            }
        case .job: break
        }
        return (letter, row.stringIfPresent("matter"))
    }

    // MARK: Deciding

    /// Has a letter dealt with or sent anew, behind what its lane holds by now, with all the time that something new has.
    /// - Throws: ``PluginAPI/PluginFailure`` `.notFound` where it is no dead letter; `.invalidRequest` for a page.
    func retry(_ id: String, by person: String, at now: Date, in transaction: any StorageTransaction) throws -> DeadLetter {
        let (letter, matter) = try get(id, in: transaction)
        let arguments = ["id": id.sql, "property": property.sql], dated = arguments.merging(["now": now.sql]) { $1 }
        switch letter.box {
        // A new number: who works through the table reads on from the last number seen.
        case .inbox:
            try transaction.run(
                """
                UPDATE inbox SET state = 'pending', attempts = 0, failing_since = NULL, died_at = NULL, matter = NULL,
                    seq = (SELECT MAX(seq) + 1 FROM inbox) WHERE id = :id AND property = :property
                """, arguments)
        case .outbox:
            guard letter.kind != OutboxEntry.Kind.page.rawValue else {
                throw PluginFailure.permanent(
                    .invalidRequest, "a page is not sent again: on call has gone on to the next contact; drop it, and look into jack oncall list")
            }
            // What the vendor says of the parts that have left must not be taken for news of those that leave now.
            try transaction.run("DELETE FROM outbox_vendor_id WHERE outbox_id = :id AND property = :property", arguments)
            // As if it were decided now: by a person, who knows what has happened since. What it is about stays, for when it has left.
            try transaction.run(
                """
                UPDATE outbox SET state = 'queued', attempts = 0, created_at = :now, next_at = :now, died_at = NULL, sent_at = NULL,
                    seq = (SELECT MAX(seq) + 1 FROM outbox) WHERE id = :id AND property = :property
                """, dated)
        case .job:
            try transaction.run(
                """
                UPDATE job SET state = 'waiting', attempts = 0, run_at = :now, died_at = NULL, lease_until = NULL
                WHERE id = :id AND property = :property
                """, dated)
        }
        try settle(letter, matter, DeadLetters.retried, "\(person) had it done again", at: now, in: transaction)
        // Whoever deals with it must find things as they would be without it; what is to leave has not left yet.
        if letter.box == .inbox { try letters.recovered(letter.id, now, transaction) }
        return letter
    }

    /// Puts a letter away: it is not done.
    /// - Throws: ``PluginAPI/PluginFailure`` `.notFound` where it is no dead letter.
    func drop(_ id: String, by person: String, reason: String?, at now: Date, in transaction: any StorageTransaction) throws -> DeadLetter {
        let (letter, matter) = try get(id, in: transaction), why = "\(person) dropped it" + (reason.map { ": \($0)" } ?? "")
        let arguments = ["id": id.sql, "property": property.sql]
        switch letter.box {
        // The row stays for as long as others do: the vendor may repeat the event.
        case .inbox: try transaction.run("UPDATE inbox SET state = 'done' WHERE id = :id AND property = :property", arguments)
        case .outbox:
            try transaction.run(
                "UPDATE outbox SET state = 'withdrawn', error = :why WHERE id = :id AND property = :property",
                arguments.merging(["why": why.sql]) { $1 })
        case .job: try transaction.run("DELETE FROM job WHERE id = :id AND property = :property", arguments)
        }
        try settle(letter, matter, "dropped", why, at: now, in: transaction)
        return letter
    }

    private func settle(
        _ letter: DeadLetter, _ matter: String?, _ outcome: String, _ reason: String, at now: Date, in transaction: any StorageTransaction
    ) throws {
        try Ledger.record(.init(step: "letter", outcome: outcome, reason: reason, at: now), of: letter.id, property: property, in: transaction)
        try letters.settle(letter, matter: matter, summary: reason, at: now, in: transaction)
    }
}

extension JackKernel {
    /// What waits for a human.
    public var letters: DeadLetterOffice { DeadLetterOffice(property: parts.property.id, letters: deadLetters) }

    /// Has a dead letter dealt with or sent anew.
    /// - Throws: ``PluginAPI/PluginFailure`` `.notFound`, `.invalidRequest` for what cannot be sent again; ``StorageError``.
    public func retry(letter id: String, by person: String) async throws -> DeadLetter {
        let (letters, now, inbox, outbox, jobs) = (letters, parts.clock.now, inbox, outbox, jobs)
        return try await parts.engine.write { transaction in
            let letter = try letters.retry(id, by: person, at: now, in: transaction)
            transaction.afterCommit {
                switch letter.box {
                case .inbox: inbox.wake()
                case .outbox: outbox.wake(letter.instance)
                case .job: jobs.wake()
                }
            }
            return letter
        }
    }

    /// Puts a dead letter away for good.
    /// - Throws: ``PluginAPI/PluginFailure`` `.notFound`; ``StorageError``.
    public func drop(letter id: String, by person: String, reason: String?) async throws -> DeadLetter {
        let (letters, now) = (letters, parts.clock.now)
        return try await parts.engine.write { try letters.drop(id, by: person, reason: reason, at: now, in: $0) }
    }
}
