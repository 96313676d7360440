import Foundation
import Kernel
import PluginAPI

/// One guest message on its way to a decision: what is known so far, and why.
public struct Turn: Sendable {
    /// The message as it arrived.
    public let item: Inbox.Item
    public let message: InboundMessage
    public let receivedAt: Date
    /// The conversation as it was when the message was taken up.
    public var conversation: Conversation
    public let isNewConversation: Bool
    /// What was said before, oldest first.
    public let history: [Message]
    /// The guest that the PMS knows under this address, or that proved who they are.
    public var guest: PMSGuest?
    public var stay: PMSReservation?
    /// The room that the message names, or the guest's own.
    public var room: String?
    /// The language to answer in, a BCP 47 primary tag.
    public var language: String { didSet { isLanguageKnown = true } }
    /// False where ``language`` is only the hotel's own, for want of a better.
    public private(set) var isLanguageKnown: Bool
    /// What a booking number in the message came to; nil where none was looked at.
    var verification: Verification?
    public var intent: IntentDefinition?
    public var confidence: Double = 0
    public private(set) var notes: [Ledger.Entry] = []

    enum Verification: Sendable { case accepted, refused, blocked }

    var text: String { message.words }

    /// Who bears what AI costs for this message.
    var account: AIDispatch.Account { .init(conversation: conversation.id, guest: conversation.guestID) }

    /// - Parameter language: the guest's where it is known.
    init(
        item: Inbox.Item, message: InboundMessage, conversation: Conversation, isNew: Bool, history: [Message], language: String?,
        hotelLanguage: String
    ) {
        self.item = item
        self.message = message
        receivedAt = item.receivedAt
        self.conversation = conversation
        isNewConversation = isNew
        self.history = history
        self.language = language ?? hotelLanguage
        isLanguageKnown = language != nil
        room = conversation.room
    }

    /// Leaves a reason in the ledger.
    mutating func note(_ step: String, _ outcome: String, _ reason: String, rule: String? = nil, details: JSONValue? = nil, at date: Date) {
        notes.append(Ledger.Entry(step: step, outcome: outcome, reason: reason, rule: rule, details: details, at: date))
    }
}

/// What is to be done about a message.
public struct Decision: Sendable {
    public struct Reply: Sendable {
        public var text: String
        /// `jack` for what the AI said, which a human's arrival silences; `system` for what is always told.
        public var author: TranscriptEntry.Author
        public var sources: [SourceReference] = []
        public var quickReplies: [QuickReply] = []
        public var isHeld = false
        /// What the reply is about, for the turn after it.
        public var topic: String?
    }

    public var reply: Reply?
    public var task: HotelTask?
    public var alert: Alert?
    /// Where the conversation goes; nil leaves it where it is.
    public var state: ConversationState?

    static let silence = Decision()
}

/// One step on a message's way. The first step that decides ends the way.
protocol Stage: Sendable {
    /// Adds what it finds to the turn; returns a decision where it is its business, or nil.
    func decide(_ turn: inout Turn) async throws -> Decision?
}
