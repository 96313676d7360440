import Foundation
import PluginAPI

/// The records of the REST API. Their JSON names are the properties' in snake case (`clientID` is `client_id`), moments are ISO 8601 in UTC with
/// milliseconds, and what is nil is left out.
public enum API {
    /// Which part of a list is meant.
    public struct PageRequest: Sendable, Hashable {
        /// 1 to 100.
        public var limit: Int
        /// From an earlier page's `nextCursor`.
        public var cursor: String?

        public init(limit: Int = 50, cursor: String? = nil) {
            self.limit = limit
            self.cursor = cursor
        }
    }

    /// A part of a list.
    public struct Page<Item: Codable & Sendable>: Codable, Sendable {
        public var items: [Item]
        /// Where the next page begins; nil on the last.
        public var nextCursor: String?

        public init(_ items: [Item], nextCursor: String? = nil) {
            self.items = items
            self.nextCursor = nextCursor
        }
    }

    public struct Conversation: Codable, Sendable, Hashable {
        public var id: String
        /// The channel's instance.
        public var channel: String
        /// The guest's address there, such as `phone:+15550100`.
        public var peer: String
        /// A conversation's state, as the Butler names it.
        public var state: String
        public var guestID: String?
        public var guestName: String?
        public var reservationID: String?
        public var room: String?
        /// Who of the staff has it.
        public var assignedTo: String?
        /// A BCP 47 tag.
        public var locale: String?
        /// The beginning of the last message.
        public var preview: String?
        /// How many replies wait for approval.
        public var pendingApprovals: Int
        public var createdAt: Date
        public var updatedAt: Date

        public init(
            id: String, channel: String, peer: String, state: String, guestID: String? = nil, guestName: String? = nil, reservationID: String? = nil,
            room: String? = nil, assignedTo: String? = nil, locale: String? = nil, preview: String? = nil, pendingApprovals: Int = 0, createdAt: Date,
            updatedAt: Date
        ) {
            self.id = id
            self.channel = channel
            self.peer = peer
            self.state = state
            self.guestID = guestID
            self.guestName = guestName
            self.reservationID = reservationID
            self.room = room
            self.assignedTo = assignedTo
            self.locale = locale
            self.preview = preview
            self.pendingApprovals = pendingApprovals
            self.createdAt = createdAt
            self.updatedAt = updatedAt
        }
    }

    public struct Message: Codable, Sendable, Hashable {
        public enum Author: String, Codable, Sendable { case guest, jack, staff, system }

        public var id: String
        public var conversationID: String
        public var author: Author
        public var text: String
        public var inReplyTo: String?
        public var quickReplies: [QuickReply]
        public var sources: [SourceReference]
        /// The files that it carries, in their order.
        public var media: [Media]
        /// How far it has come: `received`, `queued`, `sent`, `delivered`, `read`, `failed`, `held`, `withdrawn`.
        public var delivery: String
        /// Why delivery failed.
        public var failure: String?
        /// Who of the staff wrote it.
        public var staff: String?
        /// Of a guest's message: why the channel does not vouch for the address that it names, so that somebody else may have written it.
        public var senderDoubt: String?
        public var at: Date

        public init(
            id: String, conversationID: String, author: Author, text: String, inReplyTo: String? = nil, quickReplies: [QuickReply] = [],
            sources: [SourceReference] = [], media: [Media] = [], delivery: String, failure: String? = nil, staff: String? = nil,
            senderDoubt: String? = nil, at: Date
        ) {
            self.senderDoubt = senderDoubt
            self.id = id
            self.conversationID = conversationID
            self.author = author
            self.text = text
            self.inReplyTo = inReplyTo
            self.quickReplies = quickReplies
            self.sources = sources
            self.media = media
            self.delivery = delivery
            self.failure = failure
            self.staff = staff
            self.at = at
        }
    }

    /// One step of what happened to a message.
    public struct LedgerEntry: Codable, Sendable, Hashable {
        public var step: String
        public var outcome: String
        public var reason: String
        /// The rule that decided, with its file and line where it has one.
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

    public struct Guest: Codable, Sendable, Hashable {
        public var id: String
        public var name: String
        public var email: String?
        public var phone: String?
        public var language: String?
        public var vip: String?
        public var preferences: [String]
        /// `<instance>/<address>` of every channel that the guest has written from.
        public var addresses: [String]
        public var createdAt: Date?

        public init(
            id: String, name: String, email: String? = nil, phone: String? = nil, language: String? = nil, vip: String? = nil,
            preferences: [String] = [], addresses: [String] = [], createdAt: Date? = nil
        ) {
            self.id = id
            self.name = name
            self.email = email
            self.phone = phone
            self.language = language
            self.vip = vip
            self.preferences = preferences
            self.addresses = addresses
            self.createdAt = createdAt
        }
    }

    public struct Reservation: Codable, Sendable, Hashable {
        public var id: String
        public var confirmation: String
        public var guestID: String
        public var guestName: String
        public var room: String?
        public var roomType: String?
        /// `yyyy-MM-dd` in the hotel's time zone.
        public var arrival: String
        public var departure: String
        public var status: PMSReservation.Status
        public var adults: Int
        public var children: Int
        public var notes: [String]

        public init(
            id: String, confirmation: String, guestID: String, guestName: String, room: String?, roomType: String?, arrival: String,
            departure: String, status: PMSReservation.Status, adults: Int, children: Int, notes: [String] = []
        ) {
            self.id = id
            self.confirmation = confirmation
            self.guestID = guestID
            self.guestName = guestName
            self.room = room
            self.roomType = roomType
            self.arrival = arrival
            self.departure = departure
            self.status = status
            self.adults = adults
            self.children = children
            self.notes = notes
        }
    }

    public struct HotelTask: Codable, Sendable, Hashable {
        public var id: String
        public var department: String
        /// What it is, in the hotel's words.
        public var summary: String
        /// What the guest wrote.
        public var description: String
        public var room: String?
        /// `low`, `standard`, `high` or `urgent`.
        public var priority: String
        /// `open`, `claimed`, `in_progress`, `done` or `cancelled`.
        public var status: String
        public var intent: String?
        public var conversationID: String?
        public var guestID: String?
        public var assignedTo: String?
        public var dueAt: Date?
        public var note: String?
        public var createdAt: Date
        public var updatedAt: Date

        public init(
            id: String, department: String, summary: String, description: String = "", room: String? = nil, priority: String, status: String,
            intent: String? = nil,
            conversationID: String? = nil, guestID: String? = nil, assignedTo: String? = nil, dueAt: Date? = nil, note: String? = nil,
            createdAt: Date, updatedAt: Date
        ) {
            self.id = id
            self.department = department
            self.summary = summary
            self.description = description
            self.room = room
            self.priority = priority
            self.status = status
            self.intent = intent
            self.conversationID = conversationID
            self.guestID = guestID
            self.assignedTo = assignedTo
            self.dueAt = dueAt
            self.note = note
            self.createdAt = createdAt
            self.updatedAt = updatedAt
        }
    }
}
