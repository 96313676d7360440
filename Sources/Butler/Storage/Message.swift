import Foundation
import Kernel
import PluginAPI

/// One message of a conversation.
public struct Message: Sendable, Hashable, Codable {
    /// What became of it inside Jack; how far it came on its channel is the outbox's to say.
    public enum State: String, Sendable, Codable {
        /// A guest's.
        case received
        /// Jack's, waiting for approval.
        case held
        /// Jack's, which staff did not approve.
        case rejected
        /// Jack's or staff's, handed to the outbox.
        case released
    }

    /// What a message carries besides its text.
    public struct Extras: Sendable, Hashable, Codable {
        public var media: [MediaReference] = []
        public var location: GeoLocation?
        public var quickReplies: [QuickReply] = []
        public var sources: [SourceReference] = []
        /// Why the channel does not vouch for the address that a guest's message names; nil where it does.
        public var senderDoubt: String?

        public init(
            media: [MediaReference] = [], location: GeoLocation? = nil, quickReplies: [QuickReply] = [], sources: [SourceReference] = [],
            senderDoubt: String? = nil
        ) {
            self.senderDoubt = senderDoubt
            self.media = media
            self.location = location
            self.quickReplies = quickReplies
            self.sources = sources
        }

        var isEmpty: Bool { media.isEmpty && location == nil && quickReplies.isEmpty && sources.isEmpty && senderDoubt == nil }
    }

    public var seq: Int64 = 0
    public var id: String
    public var conversationID: String
    public var author: TranscriptEntry.Author
    /// Who of the staff, where it was one.
    public var authorName: String?
    public var text: String
    public var extras: Extras
    public var language: String?
    public var intent: String?
    public var confidence: Double?
    /// The vendor's id of a guest's message.
    public var vendorID: String?
    /// Jack's id of the message that this one answers.
    public var inReplyTo: String?
    public var state: State
    /// What staff are asked to do once this reply is approved; no task before.
    public var heldOrder: HotelTask?
    /// Who approved or rejected a reply that waited, and when.
    public var decidedBy: String?
    public var decidedAt: Date?
    public var createdAt: Date

    public init(
        id: String, conversationID: String, author: TranscriptEntry.Author, authorName: String? = nil, text: String, extras: Extras = Extras(),
        language: String? = nil, intent: String? = nil, confidence: Double? = nil, vendorID: String? = nil, inReplyTo: String? = nil, state: State,
        createdAt: Date
    ) {
        self.id = id
        self.conversationID = conversationID
        self.author = author
        self.authorName = authorName
        self.text = text
        self.extras = extras
        self.language = language
        self.intent = intent
        self.confidence = confidence
        self.vendorID = vendorID
        self.inReplyTo = inReplyTo
        self.state = state
        self.createdAt = createdAt
    }

    init(_ row: SQLRow) throws {
        seq = Int64(try row.int("seq"))
        id = try row.string("id")
        conversationID = try row.string("conversation_id")
        author = TranscriptEntry.Author(rawValue: try row.string("author")) ?? .system
        authorName = row.stringIfPresent("author_name")
        text = try row.string("text")
        extras = row.stringIfPresent("content") == nil ? Extras() : try row.json("content", as: Extras.self)
        language = row.stringIfPresent("language")
        intent = row.stringIfPresent("intent")
        confidence = row.doubleIfPresent("confidence")
        vendorID = row.stringIfPresent("vendor_id")
        inReplyTo = row.stringIfPresent("in_reply_to")
        state = State(rawValue: try row.string("state")) ?? .received
        heldOrder = row.stringIfPresent("held_order") == nil ? nil : try row.json("held_order", as: HotelTask.self)
        decidedBy = row.stringIfPresent("decided_by")
        decidedAt = row.dateIfPresent("decided_at")
        createdAt = try row.date("created_at")
    }
}

/// Reads and writes messages.
public struct MessageRepository: Sendable {
    let property: String

    public init(property: String) { self.property = property }

    public func add(_ message: Message, in transaction: any StorageTransaction) throws {
        try transaction.run(
            """
            INSERT INTO message (id, property, conversation_id, author, author_name, text, content, language, intent, confidence, vendor_id, in_reply_to, state,
                was_held, held_order, created_at)
            VALUES (:id, :property, :conversation, :author, :name, :text, :content, :language, :intent, :confidence, :vendor, :reply, :state, :held, :order,
                :created)
            """,
            [
                "id": message.id.sql, "property": property.sql, "conversation": message.conversationID.sql, "author": message.author.rawValue.sql,
                "name": message.authorName.sql, "text": message.text.sql, "content": message.extras.isEmpty ? .null : .json(message.extras),
                "language": message.language.sql, "intent": message.intent.sql, "confidence": message.confidence.sql, "vendor": message.vendorID.sql,
                "reply": message.inReplyTo.sql, "state": message.state.rawValue.sql, "held": (message.state == .held).sql,
                "order": message.heldOrder.map { try .json($0) } ?? .null, "created": message.createdAt.sql,
            ])
    }

    public func get(_ id: String, in reader: any StorageReader) throws -> Message? {
        try reader.row("SELECT * FROM message WHERE id = :id AND property = :property", ["id": id.sql, "property": property.sql]).map(Message.init)
    }

    /// The ids of all messages of a conversation.
    func ids(of conversation: String, in reader: any StorageReader) throws -> [String] {
        try reader.rows(
            "SELECT id FROM message WHERE conversation_id = :id AND property = :property ORDER BY seq",
            ["id": conversation.sql, "property": property.sql]
        ).map { try $0.string("id") }
    }

    /// The last messages of a conversation, oldest first.
    /// - Parameter before: only messages before this one: the cursor of the page before.
    public func list(of conversation: String, before: Int64? = nil, limit: Int, in reader: any StorageReader) throws -> [Message] {
        try reader.rows(
            "SELECT * FROM message WHERE conversation_id = :id AND property = :property AND seq < :before ORDER BY seq DESC LIMIT :limit",
            ["id": conversation.sql, "property": property.sql, "before": (before ?? Int64.max).sql, "limit": limit.sql]
        ).map(Message.init).reversed()
    }

    /// Replies that wait for approval, or did, oldest first.
    /// - Parameters:
    ///   - states: which; nil for all.
    ///   - after: only replies after this one: the cursor of the next page.
    public func approvals(states: Set<Message.State>? = nil, after: Int64 = 0, limit: Int, in reader: any StorageReader) throws -> [Message] {
        try reader.rows(
            "SELECT * FROM message WHERE property = :property AND was_held = 1 AND seq > :after\(Self.filter(states?.map(\.rawValue))) ORDER BY seq LIMIT :limit",
            ["property": property.sql, "after": after.sql, "limit": limit.sql]
        ).map(Message.init)
    }

    /// How many replies of a conversation wait for approval.
    public func waiting(in conversation: String, _ reader: any StorageReader) throws -> Int {
        try reader.row(
            "SELECT COUNT(*) AS n FROM message WHERE conversation_id = :id AND property = :property AND state = 'held'",
            ["id": conversation.sql, "property": property.sql])?.int("n") ?? 0
    }

    /// How many orders of a conversation wait for approval since a moment.
    func heldOrders(in conversation: String, since date: Date, _ reader: any StorageReader) throws -> Int {
        try reader.row(
            """
            SELECT COUNT(*) AS n FROM message
            WHERE conversation_id = :id AND property = :property AND state = 'held' AND held_order IS NOT NULL AND created_at > :since
            """, ["id": conversation.sql, "property": property.sql, "since": date.sql])?.int("n") ?? 0
    }

    /// A message by the id that its sender gave it.
    func find(vendorID: String, in conversation: String, _ reader: any StorageReader) throws -> Message? {
        try reader.row(
            "SELECT * FROM message WHERE conversation_id = :conversation AND property = :property AND vendor_id = :vendor",
            ["conversation": conversation.sql, "property": property.sql, "vendor": vendorID.sql]
        ).map(Message.init)
    }

    /// The states are this program's own words, never a caller's.
    private static func filter(_ states: [String]?) -> String {
        states.map { " AND state IN (" + $0.map { "'\($0)'" }.sorted().joined(separator: ", ") + ")" } ?? ""
    }

    /// Ends a reply's waiting.
    /// - Throws: ``ButlerError`` `.conflict` where it waits no more.
    func settle(_ id: String, _ state: Message.State, text: String? = nil, by person: String, at date: Date, in transaction: any StorageTransaction)
        throws
    {
        let changed = try transaction.run(
            """
            UPDATE message SET state = :state, text = COALESCE(:text, text), decided_by = :person, decided_at = :now
            WHERE id = :id AND property = :property AND state = 'held'
            """,
            ["state": state.rawValue.sql, "text": text.sql, "person": person.sql, "now": date.sql, "id": id.sql, "property": property.sql])
        guard changed == 1 else { throw ButlerError(.conflict, "the reply “\(id)” does not wait for approval") }
    }
}
