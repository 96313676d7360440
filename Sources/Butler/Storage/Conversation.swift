import CoreMetrics
import Foundation
import Kernel
import Metrics
import PluginAPI

/// All that was said with one peer through one channel instance.
public struct Conversation: Sendable, Hashable, Codable {
    public var id: String
    public var instance: String
    public var peer: PeerAddress
    public var guestID: String?
    /// The reservation's id in the PMS.
    public var reservation: String?
    /// The room that the guest lives in, or had something done in.
    public var knownRoom: KnownRoom?
    public var state: ConversationState
    public var stateSince: Date
    public var assignedTo: String?
    /// The language that the guest writes, a BCP 47 tag.
    public var language: String?
    /// True where the guest no longer wants messages by this channel.
    public var optedOut: Bool
    public var lastGuestAt: Date?
    public var lastReplyAt: Date?
    public var createdAt: Date
    public var updatedAt: Date

    init(_ row: SQLRow) throws {
        id = try row.string("id")
        instance = try row.string("instance")
        peer = PeerAddress(PeerAddress.Kind(rawValue: try row.string("peer_kind")) ?? .handle, try row.string("peer_value"))
        guestID = row.stringIfPresent("guest_id")
        reservation = row.stringIfPresent("reservation")
        if let number = row.stringIfPresent("room"), let since = row.dateIfPresent("room_since"), let until = row.dateIfPresent("room_until") {
            knownRoom = KnownRoom(number: number, stay: row.stringIfPresent("room_stay"), since: since, until: until)
        }
        state = ConversationState(rawValue: try row.string("state")) ?? .active
        stateSince = try row.date("state_since")
        assignedTo = row.stringIfPresent("assigned_to")
        language = row.stringIfPresent("language")
        optedOut = try row.bool("opted_out")
        lastGuestAt = row.dateIfPresent("last_guest_at")
        lastReplyAt = row.dateIfPresent("last_reply_at")
        createdAt = try row.date("created_at")
        updatedAt = try row.date("updated_at")
    }

    init(id: String, instance: String, peer: PeerAddress, at date: Date) {
        self.id = id
        self.instance = instance
        self.peer = peer
        state = .new
        stateSince = date
        optedOut = false
        createdAt = date
        updatedAt = date
    }

    /// Moves to another state.
    /// - Throws: ``ButlerError`` `.illegalTransition`.
    public mutating func move(to next: ConversationState, at date: Date) throws {
        guard next != state else { return }
        guard state.successors.contains(next) else {
            throw ButlerError(.illegalTransition, "a conversation that is \(state.rawValue) cannot become \(next.rawValue)")
        }
        state = next
        stateSince = date
        if next.belongsToJack { assignedTo = nil }
        // Whoever writes next may live elsewhere, but for the guest of a stay that goes on.
        if next == .closed, knownRoom?.stay == nil { knownRoom = nil }
    }
}

/// Reads and writes conversations. Each change is kept in the history and announced.
public struct ConversationRepository: Sendable {
    let property: String

    private let notices: ConversationNotices?
    private let metrics: (any MetricsFactory)?

    /// - Parameters:
    ///   - notices: who is told of changes.
    ///   - metrics: where they are counted.
    public init(property: String, notices: ConversationNotices? = nil, metrics: (any MetricsFactory)? = nil) {
        self.property = property
        self.notices = notices
        self.metrics = metrics
    }

    /// Counts a change once it is on disk.
    private func count(_ label: String, _ dimensions: [(String, String)], in transaction: any StorageTransaction) {
        guard let metrics else { return }
        transaction.afterCommit { Counter(label: label, dimensions: dimensions, factory: metrics).increment() }
    }

    public func find(_ instance: String, _ peer: PeerAddress, in reader: any StorageReader) throws -> Conversation? {
        try reader.row(
            "SELECT * FROM conversation WHERE property = :property AND instance = :instance AND peer_kind = :kind AND peer_value = :value",
            ["property": property.sql, "instance": instance.sql, "kind": peer.kind.rawValue.sql, "value": peer.value.sql]
        ).map(Conversation.init)
    }

    public func get(_ id: String, in reader: any StorageReader) throws -> Conversation? {
        try reader.row("SELECT * FROM conversation WHERE id = :id AND property = :property", ["id": id.sql, "property": property.sql]).map(
            Conversation.init)
    }

    /// Which conversations are meant; every condition that is set must hold.
    public struct Filter: Sendable {
        public var states: Set<ConversationState>?
        public var assignedTo: String?
        public var instance: String?
        public var guestID: String?

        public init(states: Set<ConversationState>? = nil, assignedTo: String? = nil, instance: String? = nil, guestID: String? = nil) {
            self.states = states
            self.assignedTo = assignedTo
            self.instance = instance
            self.guestID = guestID
        }
    }

    /// The most recent first.
    /// - Parameter after: only conversations after this one in that order: the cursor of the next page.
    public func list(_ filter: Filter = Filter(), after: (updatedAt: Date, id: String)? = nil, limit: Int, in reader: any StorageReader) throws
        -> [Conversation]
    {
        // The states are this program's own words, never a caller's.
        let states = filter.states.map { " AND state IN (" + $0.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ") + ")" } ?? ""
        return try reader.rows(
            """
            SELECT * FROM conversation WHERE property = :property\(states) AND (updated_at < :before OR (updated_at = :before AND id > :id))
                AND (:assigned IS NULL OR assigned_to = :assigned) AND (:instance IS NULL OR instance = :instance) AND (:guest IS NULL OR guest_id = :guest)
            ORDER BY updated_at DESC, id LIMIT :limit
            """,
            [
                "property": property.sql, "before": (after?.updatedAt.milliseconds ?? Int64.max).sql, "id": (after?.id ?? "").sql,
                "assigned": filter.assignedTo.sql, "instance": filter.instance.sql, "guest": filter.guestID.sql, "limit": limit.sql,
            ]
        ).map(Conversation.init)
    }

    /// Conversations with Jack, or resolved, in which nobody has written since a moment and nothing waits for approval; the quietest first.
    func quiet(since date: Date, limit: Int, in reader: any StorageReader) throws -> [Conversation] {
        try reader.rows(
            """
            SELECT * FROM conversation WHERE property = :property AND state IN ('active', 'resolved')
                AND COALESCE(last_guest_at, created_at) < :since AND COALESCE(last_reply_at, created_at) < :since
                AND NOT EXISTS (SELECT 1 FROM message m WHERE m.conversation_id = conversation.id AND m.state = 'held')
            ORDER BY updated_at, id LIMIT :limit
            """, ["property": property.sql, "since": date.sql, "limit": limit.sql]
        ).map(Conversation.init)
    }

    /// Writes a conversation as it should be, and its change into the history.
    public func save(_ conversation: Conversation, at date: Date, in transaction: any StorageTransaction) throws {
        let before = try get(conversation.id, in: transaction)
        var after = conversation
        after.updatedAt = date
        try transaction.run(
            """
            INSERT INTO conversation (id, property, instance, peer_kind, peer_value, guest_id, reservation, room, room_stay, room_since, room_until, state, state_since,
                assigned_to, language, opted_out, last_guest_at, last_reply_at, created_at, updated_at)
            VALUES (:id, :property, :instance, :kind, :value, :guest, :reservation, :room, :roomStay, :roomSince, :roomUntil, :state, :since, :assigned, :language, :out, :guestAt, :replyAt, :created, :updated)
            ON CONFLICT (id) DO UPDATE SET guest_id = excluded.guest_id, reservation = excluded.reservation, room = excluded.room,
                room_stay = excluded.room_stay, room_since = excluded.room_since, room_until = excluded.room_until, state = excluded.state,
                state_since = excluded.state_since, assigned_to = excluded.assigned_to, language = excluded.language, opted_out = excluded.opted_out,
                last_guest_at = excluded.last_guest_at, last_reply_at = excluded.last_reply_at, updated_at = excluded.updated_at
            """,
            [
                "id": after.id.sql, "property": property.sql, "instance": after.instance.sql, "kind": after.peer.kind.rawValue.sql,
                "value": after.peer.value.sql, "guest": after.guestID.sql, "reservation": after.reservation.sql,
                "room": after.knownRoom?.number.sql ?? .null,
                "roomStay": after.knownRoom?.stay.sql ?? .null, "roomSince": after.knownRoom?.since.sql ?? .null,
                "roomUntil": after.knownRoom?.until.sql ?? .null,
                "state": after.state.rawValue.sql, "since": after.stateSince.sql, "assigned": after.assignedTo.sql, "language": after.language.sql,
                "out": after.optedOut.sql, "guestAt": after.lastGuestAt.sql, "replyAt": after.lastReplyAt.sql, "created": after.createdAt.sql,
                "updated": date.sql,
            ])
        // That somebody wrote is no change of the conversation itself.
        let matters = before.map {
            $0.state != after.state || $0.assignedTo != after.assignedTo || $0.guestID != after.guestID || $0.optedOut != after.optedOut
        }
        guard matters ?? true else { return }
        if before == nil { count("jack_conversations_started_total", [("channel", after.instance)], in: transaction) }
        if before?.state != after.state {
            count("jack_conversation_changes_total", [("channel", after.instance), ("state", after.state.rawValue)], in: transaction)
        }
        let change = ConversationChange(
            change: before == nil ? "created" : "updated", before: before?.record, after: after.record, at: date)
        try transaction.run(
            "INSERT INTO conversation_change (property, conversation_id, change, before, after, at) VALUES (:property, :id, :change, :before, :after, :at)",
            [
                "property": property.sql, "id": after.id.sql, "change": change.change.sql, "before": change.before.map { try .json($0) } ?? .null,
                "after": change.after.map { try .json($0) } ?? .null, "at": date.sql,
            ])
        try notices?.post(change, of: after.id, in: transaction)
    }

    /// A guest's conversations.
    func ids(of guest: String, in reader: any StorageReader) throws -> [String] {
        try reader.rows(
            "SELECT id FROM conversation WHERE guest_id = :guest AND property = :property ORDER BY id",
            ["guest": guest.sql, "property": property.sql]
        ).map { try $0.string("id") }
    }

    /// Conversations in which nothing has happened since a moment and for which no human is awaited, the oldest first.
    /// - Parameter after: only conversations after this one in that order.
    func untouched(since date: Date, after: (date: Date, id: String)?, limit: Int, in reader: any StorageReader) throws -> [Conversation] {
        try reader.rows(
            """
            SELECT * FROM conversation WHERE property = :property AND updated_at < :before AND state <> 'escalated'
                AND (updated_at > :at OR (updated_at = :at AND id > :id)) ORDER BY updated_at, id LIMIT :limit
            """,
            [
                "property": property.sql, "before": date.sql, "at": (after?.date.milliseconds ?? Int64.min).sql, "id": (after?.id ?? "").sql,
                "limit": limit.sql,
            ]
        ).map(Conversation.init)
    }

    /// Takes a conversation away, with its messages, files and history. That it was deleted stays, and is announced with what it was.
    func delete(_ conversation: Conversation, at date: Date, in transaction: any StorageTransaction) throws {
        let arguments = ["id": conversation.id.sql, "property": property.sql]
        try transaction.run("DELETE FROM conversation_change WHERE conversation_id = :id AND property = :property", arguments)
        try transaction.run("DELETE FROM conversation WHERE id = :id AND property = :property", arguments)
        try transaction.run(
            "INSERT INTO conversation_change (property, conversation_id, change, at) VALUES (:property, :id, 'deleted', :at)",
            arguments.merging(["at": date.sql]) { $1 })
        let change = ConversationChange(change: "deleted", before: conversation.record, after: .none, at: date)
        try notices?.post(change, of: conversation.id, in: transaction)
        count("jack_conversation_changes_total", [("channel", conversation.instance), ("state", "deleted")], in: transaction)
    }

    /// What changed in a conversation, oldest first.
    public func history(of id: String, in reader: any StorageReader) throws -> [ConversationChange] {
        try reader.rows(
            "SELECT change, before, after, at FROM conversation_change WHERE conversation_id = :id AND property = :property ORDER BY seq",
            ["id": id.sql, "property": property.sql]
        ).map { row in
            ConversationChange(
                // A plain `nil` would be JSON's null, which is something.
                change: try row.string("change"),
                before: row.stringIfPresent("before") == nil ? .none : .some(try row.json("before", as: JSONValue.self)),
                after: row.stringIfPresent("after") == nil ? .none : .some(try row.json("after", as: JSONValue.self)), at: try row.date("at"))
        }
    }
}

/// One change of a conversation.
public struct ConversationChange: Sendable, Hashable, Codable {
    /// `created`, `updated` or `deleted`.
    public var change: String
    public var before: JSONValue?
    public var after: JSONValue?
    public var at: Date
}
