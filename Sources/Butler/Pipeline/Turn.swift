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
    /// The room that the message names, or the guest's own, and how it is known.
    var place: Place?
    /// Where the guests live who share the address, where it cannot be said which of them writes: for a page, and for nobody else.
    var possibleRooms: [String] = []
    /// True where what was known of the guest's room belongs to another stay, or to one that is over.
    private(set) var forgetsRoom = false
    /// Tasks of this conversation that were made within a day and are not finished, and orders that wait for approval.
    let openTasks: Int
    /// The language to answer in, a BCP 47 primary tag.
    public var language: String { didSet { isLanguageKnown = true } }
    /// False where ``language`` is only the hotel's own, for want of a better.
    public private(set) var isLanguageKnown: Bool
    /// What a booking number in the message came to; nil where none was looked at.
    var verification: Verification?
    /// True where booking numbers of this message were tried.
    var hasTriedNumbers = false
    public var intent: IntentDefinition?
    public var confidence: Double = 0
    /// How sure the answer that was drafted is, and what that allowed; nil where none was.
    var judged: (confidence: Double, mode: AutonomySettings.Mode)?
    public private(set) var notes: [Ledger.Entry] = []
    /// When the AI's time for this message is over, by the clock that only goes on; nil until it is first asked.
    private var answerEnd: Duration?

    enum Verification: Sendable {
        case accepted, refused, blocked
        /// The message is too long to be taken for an answer.
        case tooLong
    }

    /// Whether the channel vouches for the address. Where it does not, whoever writes is nobody's guest until this very message says a booking number
    /// with its last name, and nothing of it is kept for the next message, which may be another's.
    var isSenderProven: Bool { item.event.isSenderProven }

    /// Why nobody vouches for the address, for the ledger and for staff; nil where the channel does, or where there is no address that anybody is known by.
    var senderDoubt: String? {
        guard !isSenderProven, conversation.reservation != nil || [.phone, .email].contains(conversation.peer.kind) else { return nil }
        return item.event.sender?.reason ?? "\(item.instance) does not vouch for its senders"
    }

    /// Where whoever runs is to run, as a page says it.
    func whereabouts(at now: Date) -> String {
        if let place { return place.words(own: ownRoom, at: now) }
        if let ownRoom { return "room \(ownRoom)" }
        guard !possibleRooms.isEmpty else { return "room unknown" }
        return
            "room \(possibleRooms.prefix(5).joined(separator: " or "))\(possibleRooms.count > 5 ? " or another" : "") (of the guests with this address)"
    }

    /// The room that the message names, or the guest's own.
    public var room: String? { place?.number }
    /// The room in which the guest lives, where the PMS says so now.
    var ownRoom: String? { stay?.roomNow }

    var text: String { message.words }

    /// Who bears what AI costs for this message.
    var account: AIDispatch.Account { .init(conversation: conversation.id, guest: conversation.guestID) }

    /// - Parameter language: the guest's where it is known.
    init(
        item: Inbox.Item, message: InboundMessage, conversation: Conversation, isNew: Bool, history: [Message], openTasks: Int,
        language: String?, hotelLanguage: String
    ) {
        self.item = item
        self.message = message
        receivedAt = item.receivedAt
        self.conversation = conversation
        isNewConversation = isNew
        self.history = history
        self.language = language ?? hotelLanguage
        isLanguageKnown = language != nil
        self.openTasks = openTasks
        // The room of a stay is told to its guest alone.
        let known = conversation.room(at: item.receivedAt).flatMap { item.event.isSenderProven || $0.stay == nil ? $0 : nil }
        place = known.map { Place(number: $0.number, source: .earlier(since: $0.since)) }
    }

    /// What is left of the AI's time for this message, which begins when it is first asked for; zero where nothing is.
    mutating func timeLeft(of whole: Duration, at now: Duration) -> Duration {
        let end = answerEnd ?? now + whole
        answerEnd = end
        return max(.zero, end - now)
    }

    /// Takes what the PMS says of the stay for more than what was said before.
    mutating func settle(in stay: PMSReservation) {
        self.stay = stay
        if let bound = conversation.knownRoom?.stay, bound != stay.id || stay.status != .checkedIn {
            forgetsRoom = true
            if case .earlier = place?.source { place = nil }
        }
        if let room = stay.roomNow { place = Place(number: room, source: .stay) }
    }

    /// Lays what the address alone led to in doubt.
    mutating func doubtAddress() {
        if case .stay = place?.source, let number = place?.number { place = Place(number: number, source: .claimedStay) }
        if place == nil, let earlier = conversation.room(at: receivedAt) {
            place = Place(number: earlier.number, source: .earlier(since: earlier.since))
        }
    }

    /// Keeps where the guest is in the conversation, for the messages after this one.
    /// - Parameter isSomethingDone: a number that merely fits a room (“does it cost 115?”) is not where the guest lives; it counts once something was asked for there.
    func remember(in conversation: inout Conversation, isSomethingDone: Bool, timeZone: String) {
        // Somebody who is not known to be the guest changes nothing of the guest's.
        guard isSenderProven || conversation.knownRoom?.stay == nil else { return }
        let stay = isSenderProven ? stay : nil
        if forgetsRoom { conversation.knownRoom = nil }
        let day = receivedAt.addingTimeInterval(86_400)
        if let stay, let room = stay.roomNow {
            conversation.knownRoom = KnownRoom(number: room, stay: stay.id, since: receivedAt, until: max(day, stay.end(in: timeZone) ?? day))
        } else if isSomethingDone, let place {
            switch place.source {
            case .named, .claimed:
                // In the house, and the PMS has no room yet: what the guest says holds as long as the stay.
                let inHouse = stay.flatMap { $0.status == .checkedIn ? $0 : nil }
                conversation.knownRoom = KnownRoom(
                    number: place.number, stay: inHouse?.id, since: receivedAt, until: max(day, inHouse?.end(in: timeZone) ?? day))
            // What was known before is not known better for having been used.
            case .stay, .claimedStay, .earlier, .booked: break
            }
        }
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
        /// The task that is made once a held reply is approved.
        public var heldOrder: HotelTask?
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
