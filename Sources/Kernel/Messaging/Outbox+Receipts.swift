import Foundation
import Logging
import PluginAPI
import Synchronization

/// What vendors say of what has left.
extension Outbox {
    /// By how much a vendor's clock may be behind.
    private static let slowClock: TimeInterval = 60

    private static let columns = "o.id, o.instance, o.state, o.kind, o.payload, o.attempts, o.created_at"

    /// Takes what a vendor says of a message into account. Unknown messages and late news change nothing.
    ///
    /// A message is known by the vendor's id. Where the delivery that would have noted it has not come to its end, or has lost the vendor's answer, it is known by
    /// Jack's own id, which some vendors give back: an entry that waits is then settled and does not leave again.
    /// - Parameter moment: when it happened, by the vendor's clock; nil where it does not say.
    public func apply(
        _ receipt: DeliveryReceipt, from instance: String, at moment: Date? = nil, in transaction: any StorageTransaction
    ) throws {
        let found = try transaction.row(
            """
            SELECT \(Self.columns) FROM outbox_vendor_id v JOIN outbox o ON o.id = v.outbox_id
            WHERE v.property = :property AND v.instance = :instance AND v.vendor_id = :vendor
            """, ["property": property.sql, "instance": instance.sql, "vendor": receipt.vendorMessageID.sql])
        if let row = found { return try advance(row, receipt, in: transaction) }
        guard let row = try named(by: receipt, from: instance, at: moment, in: transaction) else {
            // Somebody else's message, or one whose delivery is just being written down.
            early.withLock { $0.put(receipt, EarlyReceipts.Key(instance: instance, vendorID: receipt.vendorMessageID)) }
            return
        }
        try advance(row, receipt, in: transaction)
        // What waited is now this message of the vendor's. Of a message that left twice the one that was noted stays the one whose failure counts.
        if try row.string("state") == OutboxEntry.State.queued.rawValue {
            try follow([receipt.vendorMessageID], of: instance, as: try row.string("id"), in: transaction)
        }
    }

    /// The entry that a receipt names by Jack's own id.
    private func named(by receipt: DeliveryReceipt, from instance: String, at moment: Date?, in transaction: any StorageTransaction) throws -> SQLRow?
    {
        // That one try failed says nothing of another one: an entry that waits leaves again, and its own receipts are heard.
        guard let id = receipt.messageID, receipt.state != .failed else { return nil }
        let found = try transaction.row(
            "SELECT \(Self.columns) FROM outbox o WHERE o.id = :id AND o.instance = :instance AND o.property = :property",
            ["id": id.sql, "instance": instance.sql, "property": property.sql])
        guard let row = found else { return nil }
        let since = try row.date("created_at").addingTimeInterval(-Self.slowClock)
        // A dead letter that is sent again counts from then on: what is told late of the time before is not said of it.
        if let moment, moment < since { return nil }
        return row
    }

    private func advance(_ row: SQLRow, _ receipt: DeliveryReceipt, in transaction: any StorageTransaction) throws {
        guard let before = OutboxEntry.State(rawValue: try row.string("state")), let after = OutboxEntry.State(rawValue: receipt.state.rawValue),
            after.rank > before.rank
        else { return }
        let id = try row.string("id"), reason = [receipt.reason, receipt.detail].compactMap { $0 }.joined(separator: ": "), now = clock.now
        let hasFailed = after == .failed
        try transaction.run(
            """
            UPDATE outbox SET state = :state, error = :error, died_at = :died, sent_at = COALESCE(sent_at, :now),
                attempts = CASE WHEN attempts = 0 THEN 1 ELSE attempts END
            WHERE id = :id
            """,
            [
                "state": after.rawValue.sql, "error": reason.isEmpty ? .null : reason.sql, "died": hasFailed ? now.sql : .null, "now": now.sql,
                "id": id.sql,
            ])
        try note(id, "receipt", after.rawValue, reason.isEmpty ? "the channel reports the message as \(after.rawValue)" : reason, in: transaction)
        let changed = OutboxChanged(
            id: id, instance: try row.string("instance"), kind: .init(rawValue: try row.string("kind")), state: after, reason: reason)
        try reported(changed, transaction)
        // Of a page on call hears as of news: it is the next contact's turn.
        if hasFailed, changed.kind != .page {
            let entry = OutboxEntry(
                id: id, instance: changed.instance, kind: changed.kind, lane: "", payload: Array(try row.string("payload").utf8),
                createdAt: try row.date("created_at"))
            let letter = entry.letter(
                .failed, reason.isEmpty ? "the channel says that it failed" : reason, attempts: try row.int("attempts"), at: now)
            do {
                try letters?.tell(letter, in: transaction)
            } catch {
                // The receipt, and the delivery that is written down with it, must not be refused for what follows from it.
                if let fault = StorageError.beneath(error), fault.isOfTheMoment { throw error }
                logger.error("what follows from a dead letter could not be done", metadata: ["letter": "\(id)", "error": "\(error)"])
                try letters?.tell(letter, plainly: true, in: transaction)
            }
        }
        transaction.afterCommit { [bus] in bus.post(changed) }
    }

    /// From now on, what an instance's vendor says of its ids is said of an entry, by whichever instance the entry leaves. Without such an entry nothing changes.
    func follow(_ vendorIDs: [String], of instance: String, as id: String, in transaction: any StorageTransaction) throws {
        for vendorID in vendorIDs {
            try transaction.run(
                """
                INSERT INTO outbox_vendor_id (property, instance, vendor_id, outbox_id)
                SELECT property, :instance, :vendor, id FROM outbox WHERE id = :id AND property = :property ON CONFLICT DO NOTHING
                """, ["property": property.sql, "instance": instance.sql, "vendor": vendorID.sql, "id": id.sql])
        }
        // Receipts that overtook the vendor's answer.
        for vendorID in vendorIDs {
            let key = EarlyReceipts.Key(instance: instance, vendorID: vendorID)
            guard let receipt = early.withLock({ $0[key] }) else { continue }
            try apply(receipt, from: instance, in: transaction)
            transaction.afterCommit { [weak self] in self?.early.withLock { $0.remove(key) } }
        }
    }
}
