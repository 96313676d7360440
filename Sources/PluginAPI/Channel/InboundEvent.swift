import Foundation

/// Something that arrived from outside: the unit of the durable inbox.
public struct InboundEvent: Sendable, Hashable, Codable {
    /// What arrived.
    public enum Content: Sendable, Hashable, Codable {
        case message(InboundMessage)
        /// A message of Jack's has come further, or failed.
        case receipt(DeliveryReceipt)
        /// A guest reacted to a message; an empty emoji takes the reaction back.
        case reaction(emoji: String, toVendorID: String)
        /// A guest no longer wants messages on this channel (`false`), or wants them again (`true`).
        case consent(Bool)
        /// Something changed in the PMS.
        case pms(PMSEvent)
        /// A person answered a page.
        case acknowledgement(PageAcknowledgement)
    }

    /// The vendor's id of the event. With the instance's name it tells a repetition from something new.
    public var vendorID: String
    /// Who it came from; nil where no peer is concerned.
    public var peer: PeerAddress?
    /// How sure the channel is that it comes from ``peer``. A channel says it of every message; where it says nothing the peer is only claimed: no
    /// stay is found by the address, and nothing of an earlier stay is told or charged.
    public var sender: SenderAssurance?
    /// When it happened, by the vendor's clock.
    public var occurredAt: Date?
    public var content: Content

    /// Whether the channel vouches for ``peer``.
    public var isSenderProven: Bool { sender?.level == .proven }

    public init(vendorID: String, peer: PeerAddress?, sender: SenderAssurance? = nil, occurredAt: Date? = nil, _ content: Content) {
        self.vendorID = vendorID
        self.peer = peer
        self.sender = sender
        self.occurredAt = occurredAt
        self.content = content
    }
}

/// How far a message has come, by the vendor's word.
public struct DeliveryReceipt: Sendable, Hashable, Codable {
    /// One of ``SendResult/vendorIDs``.
    public var vendorMessageID: String
    /// ``OutboundMessage/id``, where the vendor gives back what was sent along with the message; nil where it does not. The kernel goes by it where it does not
    /// know the vendor's id, as after a crash between the vendor's answer and its note: the message then counts as sent and does not leave again. So of a
    /// message that leaves in several parts only the last may name it.
    public var messageID: String?
    public var state: DeliveryState
    /// For `failed`: why, by ``PluginFailure/Reason``'s raw value, and in the vendor's words.
    public var reason: String?
    public var detail: String?

    public init(vendorMessageID: String, messageID: String? = nil, state: DeliveryState, reason: String? = nil, detail: String? = nil) {
        self.vendorMessageID = vendorMessageID
        self.messageID = messageID
        self.state = state
        self.reason = reason
        self.detail = detail
    }
}
