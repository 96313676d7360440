import Foundation
import PluginAPI

/// Takes what was said with a peer out of the inbox and the outbox. Rows stay for as long as others do, since their ids and numbers are still needed: a vendor
/// may repeat an event, and who works through a table reads on from the last number seen. What stood in them goes.
///
/// In two steps, so that no writer waits while a whole table is searched: ``find(_:at:in:)`` reads, and ``erase(_:of:in:)`` looks only at what has come since.
public struct Eraser: Sendable {
    /// Whose traces.
    public struct Subject: Sendable {
        public var instance: String
        public var peer: PeerAddress
        /// The id by which pages name it.
        public var reference: String
        /// Other lanes of the outbox that are its own.
        public var lanes: [String]
        /// When something last happened: rows are not kept for ever, and are not searched for after that.
        public var lastActive: Date

        public init(instance: String, peer: PeerAddress, reference: String, lanes: [String], lastActive: Date) {
            self.instance = instance
            self.peer = peer
            self.reference = reference
            self.lanes = lanes
            self.lastActive = lastActive
        }
    }

    /// What was found beforehand.
    public struct Traces: Sendable {
        /// Ids of inbox rows.
        public fileprivate(set) var inbox: Set<String> = []
        fileprivate var outbox: Set<String> = []
        fileprivate var inboxSeen: Int64 = 0
        fileprivate var outboxSeen: Int64 = 0

        public init() {}
    }

    /// Pages follow for a while after a guest's last word.
    private static let margin: TimeInterval = 7 * 86_400

    private let property: String
    private let retention: BoxRetention

    /// - Parameter retention: how long rows are kept at all; what is longer ago is not searched for.
    public init(property: String, retention: BoxRetention) {
        self.property = property
        self.retention = retention
    }

    // MARK: Finding

    /// Looks for rows that are a subject's, or tell of it.
    public func find(_ subject: Subject, at now: Date, in reader: any StorageReader) throws -> Traces {
        var traces = Traces()
        traces.inboxSeen = try last("inbox", reader)
        traces.outboxSeen = try last("outbox", reader)
        let age = now.timeIntervalSince(subject.lastActive) - Self.margin
        // Dead letters stay until somebody decides, however old they are.
        let inboxOnly = age > retention.inbox.seconds ? " AND state = 'dead'" : ""
        let outboxOnly = age > retention.outbox.seconds ? " AND state IN ('dead', 'failed')" : ""
        traces.inbox = try inbox(of: subject, after: 0, only: inboxOnly, reader)
        traces.outbox = try outbox(of: subject, after: 0, only: outboxOnly, reader)
        return traces
    }

    private func last(_ table: String, _ reader: any StorageReader) throws -> Int64 {
        Int64(try reader.row("SELECT COALESCE(MAX(seq), 0) AS n FROM \(table)")?.int("n") ?? 0)
    }

    private func inbox(of subject: Subject, after seq: Int64, only: String = "", _ reader: any StorageReader) throws -> Set<String> {
        let rows = try reader.rows(
            "SELECT id FROM inbox WHERE seq > :after AND lane = :lane AND property = :property\(only)",
            ["after": seq.sql, "lane": Inbox.lane(subject.instance, subject.peer).sql, "property": property.sql])
        return Set(try rows.map { try $0.string("id") })
    }

    private func outbox(of subject: Subject, after seq: Int64, only: String = "", _ reader: any StorageReader) throws -> Set<String> {
        var arguments: [String: SQLValue] = [
            "after": seq.sql, "property": property.sql, "page": OutboxEntry.Kind.page.rawValue.sql, "mention": mention(of: subject).sql,
            "lane": Inbox.lane(subject.instance, subject.peer).sql,
        ]
        let others = subject.lanes.enumerated().map { place, lane in
            arguments["lane\(place)"] = lane.sql
            return ":lane\(place)"
        }
        let rows = try reader.rows(
            """
            SELECT id FROM outbox WHERE seq > :after AND property = :property\(only)
                AND (lane IN (\((others + [":lane"]).joined(separator: ", "))) OR (kind = :page AND payload LIKE :mention ESCAPE '!'))
            """, arguments)
        return Set(try rows.map { try $0.string("id") })
    }

    private func mention(of subject: Subject) -> String {
        "%" + subject.reference.reduce(into: "") { $0 += "%_!".contains($1) ? "!\($1)" : String($1) } + "%"
    }

    // MARK: Erasing

    /// Why nothing can be erased now; nil where nothing speaks against it.
    /// - Parameter fingerprints: of alerts about it.
    public func objection(to subject: Subject, fingerprints: [String], in reader: any StorageReader) throws -> String? {
        let pending = try reader.row(
            "SELECT id FROM inbox WHERE lane = :lane AND state = 'pending' AND property = :property",
            ["lane": Inbox.lane(subject.instance, subject.peer).sql, "property": property.sql])
        if pending != nil { return "what the guest wrote last is still being dealt with" }
        let page = try reader.row(
            "SELECT id FROM outbox WHERE state = 'queued' AND kind = :page AND payload LIKE :mention ESCAPE '!' AND property = :property",
            ["page": OutboxEntry.Kind.page.rawValue.sql, "mention": mention(of: subject).sql, "property": property.sql])
        if page != nil { return "a page about it is still on its way" }
        for fingerprint in fingerprints where try AlertIntake.isWaiting(fingerprint, property: property, in: reader) {
            return "an alert about it has not reached on call yet"
        }
        return nil
    }

    /// Empties the rows of a subject's messages, and what was found before or has come since. Messages that wait to leave are withdrawn; entries of its other
    /// lanes that wait leave still. The ledger's lines about any of it go.
    /// - Parameter messages: ids that the subject's messages have in the inbox or the outbox.
    /// - Precondition: ``objection(to:fingerprints:in:)`` has none, in the same transaction.
    public func erase(_ traces: Traces, messages: [String], of subject: Subject, in transaction: any StorageTransaction) throws {
        let inbox = traces.inbox.union(messages).union(try inbox(of: subject, after: traces.inboxSeen, transaction))
        for id in inbox {
            try transaction.run(
                """
                UPDATE inbox SET state = 'done', event = '{}', lane = '', error = NULL, matter = NULL, died_at = NULL, failing_since = NULL
                WHERE id = :id AND property = :property AND state <> 'pending'
                """, ["id": id.sql, "property": property.sql])
        }
        for id in messages {
            try transaction.run(
                """
                UPDATE outbox SET state = 'withdrawn', payload = '{}', lane = '', error = 'erased', matter = NULL, died_at = NULL
                WHERE id = :id AND property = :property
                """, ["id": id.sql, "property": property.sql])
            try transaction.run(
                "DELETE FROM outbox_vendor_id WHERE outbox_id = :id AND property = :property", ["id": id.sql, "property": property.sql])
        }
        for id in traces.outbox.union(try outbox(of: subject, after: traces.outboxSeen, transaction)).subtracting(messages) {
            // A page's state is on call's; what else was given up has nothing left to be sent again.
            try transaction.run(
                """
                UPDATE outbox SET payload = '{}', lane = CASE WHEN kind = :page THEN lane ELSE '' END, matter = NULL,
                    state = CASE WHEN kind <> :page AND state IN ('dead', 'failed') THEN 'withdrawn' ELSE state END
                WHERE id = :id AND property = :property AND state <> 'queued'
                """, ["id": id.sql, "property": property.sql, "page": OutboxEntry.Kind.page.rawValue.sql])
        }
        for id in inbox.union(messages).union([subject.reference]) { try Ledger.erase(of: id, property: property, in: transaction) }
    }
}
