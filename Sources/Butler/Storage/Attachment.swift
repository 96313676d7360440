import Foundation
import Kernel
import PluginAPI

/// A guest's file: what is known of it, without its bytes.
public struct Attachment: Sendable, Hashable {
    /// What became of it.
    public enum State: String, Sendable, CaseIterable {
        /// To be fetched from its channel, perhaps once more.
        case waiting
        /// Jack has it.
        case stored
        /// It cannot be had, or is not kept; ``Attachment/reason`` and ``Attachment/detail`` say why.
        case failed
        /// Jack had it, for as long as `butler.media.keep_for` says.
        case forgotten
    }

    public var id: String
    public var conversationID: String
    public var messageID: String
    /// Which of the message's files, from 0.
    public var place: Int
    /// The channel's instance.
    public var instance: String
    /// What the channel said of it.
    public var media: MediaReference
    public var state: State
    /// What the bytes are, by their own beginning or as declared; nil until they are there.
    public var mimeType: String?
    /// In bytes; 0 until they are there.
    public var size: Int
    /// Tries that failed.
    public var attempts: Int
    /// Why it is not there: a word for programs, such as `not-found` or `too-large`.
    public var reason: String?
    /// The same for people.
    public var detail: String?
    public var createdAt: Date

    init(_ row: SQLRow) throws {
        id = try row.string("id")
        conversationID = try row.string("conversation_id")
        messageID = try row.string("message_id")
        place = try row.int("place")
        instance = try row.string("instance")
        media = try row.json("media", as: MediaReference.self)
        state = State(rawValue: try row.string("state")) ?? .failed
        mimeType = row.stringIfPresent("mime_type")
        size = try row.int("size")
        attempts = try row.int("attempts")
        reason = row.stringIfPresent("reason")
        detail = row.stringIfPresent("detail")
        createdAt = try row.date("created_at")
    }
}

/// Reads and writes guests' files.
public struct AttachmentRepository: Sendable {
    let property: String

    public init(property: String) { self.property = property }

    public func get(_ id: String, in reader: any StorageReader) throws -> Attachment? {
        try reader.row("SELECT * FROM attachment WHERE id = :id AND property = :property", ["id": id.sql, "property": property.sql])
            .map(Attachment.init)
    }

    /// A message's files, in its order.
    public func list(of message: String, in reader: any StorageReader) throws -> [Attachment] {
        try reader.rows(
            "SELECT * FROM attachment WHERE message_id = :message AND property = :property ORDER BY place",
            ["message": message.sql, "property": property.sql]
        ).map(Attachment.init)
    }

    /// The bytes of a file that is stored; nil of any other.
    public func bytes(of id: String, in reader: any StorageReader) throws -> [UInt8]? {
        try reader.row(
            """
            SELECT c.bytes FROM attachment a JOIN attachment_content c ON c.attachment_id = a.id
            WHERE a.id = :id AND a.property = :property AND a.state = 'stored'
            """, ["id": id.sql, "property": property.sql])?.blob("bytes")
    }

    /// How many files are known of a conversation.
    func count(of conversation: String, in reader: any StorageReader) throws -> Int {
        try reader.row(
            "SELECT COUNT(*) AS n FROM attachment WHERE conversation_id = :id AND property = :property",
            ["id": conversation.sql, "property": property.sql])?.int("n") ?? 0
    }

    /// Bytes that are stored, of one conversation or of all.
    func used(in conversation: String?, _ reader: any StorageReader) throws -> Int {
        let filter = conversation == nil ? "" : " AND conversation_id = :conversation"
        var arguments = ["property": property.sql]
        if let conversation { arguments["conversation"] = conversation.sql }
        return try reader.row(
            "SELECT COALESCE(SUM(size), 0) AS n FROM attachment WHERE property = :property AND state = 'stored'\(filter)", arguments)?.int("n") ?? 0
    }

    /// Takes down that a file is to be fetched.
    /// - Returns: false where it is known already.
    func expect(
        _ id: String, _ media: MediaReference, place: Int, of message: Message, through instance: String, at date: Date,
        in transaction: any StorageTransaction
    ) throws -> Bool {
        try transaction.run(
            """
            INSERT INTO attachment (id, property, conversation_id, message_id, place, instance, media, state, created_at)
            VALUES (:id, :property, :conversation, :message, :place, :instance, :media, 'waiting', :now) ON CONFLICT DO NOTHING
            """,
            [
                "id": id.sql, "property": property.sql, "conversation": message.conversationID.sql, "message": message.id.sql, "place": place.sql,
                "instance": instance.sql, "media": .json(media), "now": date.sql,
            ]) == 1
    }

    /// Keeps the bytes of a file that waits.
    func store(_ id: String, _ bytes: [UInt8], mimeType: String, at date: Date, in transaction: any StorageTransaction) throws {
        try transaction.run(
            "INSERT INTO attachment_content (attachment_id, bytes) VALUES (:id, :bytes) ON CONFLICT (attachment_id) DO UPDATE SET bytes = excluded.bytes",
            ["id": id.sql, "bytes": bytes.sql])
        try transaction.run(
            """
            UPDATE attachment SET state = 'stored', mime_type = :type, size = :size, reason = NULL, detail = NULL, settled_at = :now
            WHERE id = :id AND property = :property
            """, ["type": mimeType.sql, "size": bytes.count.sql, "now": date.sql, "id": id.sql, "property": property.sql])
    }

    /// Takes down a try that failed, or with `isFinal` that there are no more.
    func fail(_ id: String, reason: String, detail: String, isFinal: Bool, at date: Date, in transaction: any StorageTransaction) throws {
        try transaction.run(
            """
            UPDATE attachment SET attempts = attempts + 1, reason = :reason, detail = :detail, state = :state, settled_at = :settled
            WHERE id = :id AND property = :property AND state = 'waiting'
            """,
            [
                "reason": reason.sql, "detail": String(detail.prefix(500)).sql, "state": (isFinal ? Attachment.State.failed : .waiting).rawValue.sql,
                "settled": isFinal ? date.sql : .null, "id": id.sql, "property": property.sql,
            ])
    }

    /// Forgets the bytes of files that came before a moment.
    /// - Returns: how many, at most `limit`.
    func forget(before date: Date, limit: Int, at now: Date, in transaction: any StorageTransaction) throws -> Int {
        let old = try transaction.rows(
            "SELECT id FROM attachment WHERE property = :property AND state = 'stored' AND created_at < :before ORDER BY created_at LIMIT :limit",
            ["property": property.sql, "before": date.sql, "limit": limit.sql])
        for row in old {
            let id = try row.string("id")
            try transaction.run("DELETE FROM attachment_content WHERE attachment_id = :id", ["id": id.sql])
            try transaction.run(
                "UPDATE attachment SET state = 'forgotten', size = 0, settled_at = :now WHERE id = :id", ["now": now.sql, "id": id.sql])
        }
        return old.count
    }
}
