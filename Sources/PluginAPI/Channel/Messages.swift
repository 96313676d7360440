import Foundation

/// A peer's address on one channel: a phone number in E.164, a mail address, a chat's id, a web session. Whose it is by right says
/// ``InboundEvent/sender``.
public struct PeerAddress: Sendable, Hashable, Codable, CustomStringConvertible {
    /// The kinds of address that can identify a guest in a PMS.
    public enum Kind: String, Sendable, Hashable, Codable { case phone, email, handle, session }

    public var kind: Kind
    public var value: String

    public init(_ kind: Kind, _ value: String) {
        self.kind = kind
        self.value = value
    }

    public var description: String { "\(kind.rawValue):\(value)" }
}

/// A message from a guest.
public struct InboundMessage: Sendable, Hashable, Codable {
    public var text: String?
    public var media: [MediaReference]
    public var location: GeoLocation?
    /// The quick reply that was chosen, by its id.
    public var quickReplyID: String?
    /// The vendor's id of the message that this one answers.
    public var inReplyTo: String?
    /// The peer's name as the vendor shows it; a claim, not an identity.
    public var displayName: String?
    /// The language that the peer's program asked for, a BCP 47 tag.
    public var locale: String?
    /// The subject, where the channel has one. ``text`` holds it too where it belongs to what is said.
    public var subject: String?
    /// To which of the hotel's addresses it was sent, in lower case and as far as it says so; nil where a channel has one address alone.
    public var recipients: [String]?
    /// True where a program sent it, as it says itself: nobody waits for an answer, and none is given.
    public var isAutomatic: Bool?

    public init(
        text: String?, media: [MediaReference] = [], location: GeoLocation? = nil, quickReplyID: String? = nil, inReplyTo: String? = nil,
        displayName: String? = nil, locale: String? = nil, subject: String? = nil, recipients: [String]? = nil, isAutomatic: Bool? = nil
    ) {
        self.subject = subject
        self.recipients = recipients
        self.isAutomatic = isAutomatic
        self.text = text
        self.media = media
        self.location = location
        self.quickReplyID = quickReplyID
        self.inReplyTo = inReplyTo
        self.displayName = displayName
        self.locale = locale
    }
}

/// A message to a guest, or to staff.
public struct OutboundMessage: Sendable, Hashable, Codable {
    public enum Author: String, Sendable, Hashable, Codable { case jack, staff, system }

    /// Jack's id: the idempotency key.
    public var id: String
    public var peer: PeerAddress
    public var author: Author
    public var text: String
    public var media: [MediaReference]
    public var location: GeoLocation?
    public var quickReplies: [QuickReply]
    /// Where the channel's window is closed: an approved template instead of the text.
    public var template: MessageTemplate?
    /// The vendor's id of the message that this one answers.
    public var inReplyTo: String?
    /// What the answer rests on.
    public var sources: [SourceReference]
    /// The language of the text, a BCP 47 tag.
    public var locale: String?

    public init(
        id: String, peer: PeerAddress, author: Author, text: String, media: [MediaReference] = [], location: GeoLocation? = nil,
        quickReplies: [QuickReply] = [], template: MessageTemplate? = nil, inReplyTo: String? = nil, sources: [SourceReference] = [],
        locale: String? = nil
    ) {
        self.id = id
        self.peer = peer
        self.author = author
        self.text = text
        self.media = media
        self.location = location
        self.quickReplies = quickReplies
        self.template = template
        self.inReplyTo = inReplyTo
        self.sources = sources
        self.locale = locale
    }
}

/// An answer that a guest can choose with one touch.
public struct QuickReply: Sendable, Hashable, Codable {
    public var id: String
    public var title: String

    public init(id: String, title: String) {
        self.id = id
        self.title = title
    }
}

/// A message that the vendor approved beforehand.
public struct MessageTemplate: Sendable, Hashable, Codable {
    public var name: String
    public var locale: String
    public var parameters: [String]

    public init(name: String, locale: String, parameters: [String] = []) {
        self.name = name
        self.locale = locale
        self.parameters = parameters
    }
}

/// What an answer rests on, as the guest sees it.
public struct SourceReference: Sendable, Hashable, Codable {
    public var id: String
    public var title: String

    public init(id: String, title: String) {
        self.id = id
        self.title = title
    }
}

/// A file at the vendor, or in Jack's storage, that a message carries.
public struct MediaReference: Sendable, Hashable, Codable {
    public enum Kind: String, Sendable, Hashable, Codable { case image, audio, video, document, sticker }

    public var kind: Kind
    /// The vendor's id or URL.
    public var reference: String
    public var mimeType: String?
    public var fileName: String?
    public var caption: String?
    /// In bytes, where the vendor says it.
    public var size: Int?

    public init(kind: Kind, reference: String, mimeType: String? = nil, fileName: String? = nil, caption: String? = nil, size: Int? = nil) {
        self.kind = kind
        self.reference = reference
        self.mimeType = mimeType
        self.fileName = fileName
        self.caption = caption
        self.size = size
    }
}

/// A file's bytes.
public struct MediaContent: Sendable {
    public var bytes: [UInt8]
    public var mimeType: String

    public init(bytes: [UInt8], mimeType: String) {
        self.bytes = bytes
        self.mimeType = mimeType
    }
}

/// A place on the map, in degrees (WGS 84).
public struct GeoLocation: Sendable, Hashable, Codable {
    public var latitude: Double
    public var longitude: Double
    public var name: String?
    public var address: String?

    public init(latitude: Double, longitude: Double, name: String? = nil, address: String? = nil) {
        self.latitude = latitude
        self.longitude = longitude
        self.name = name
        self.address = address
    }
}

/// How far a message has come. States only advance: a late `sent` does not undo `read`.
public enum DeliveryState: String, Sendable, Hashable, Codable, CaseIterable {
    case queued, sent, delivered, read, failed
}

/// What the vendor said when it took a message.
public struct SendResult: Sendable, Hashable, Codable {
    /// The vendor's ids: what receipts will name. More than one where a text was split.
    public var vendorIDs: [String]
    public var state: DeliveryState
    /// How many units the vendor bills, such as SMS segments; nil where it does not say.
    public var billedUnits: Int?

    public init(vendorIDs: [String], state: DeliveryState = .sent, billedUnits: Int? = nil) {
        self.vendorIDs = vendorIDs
        self.state = state
        self.billedUnits = billedUnits
    }
}

/// One line of a conversation, for a channel that must show it again.
public struct TranscriptEntry: Sendable, Hashable, Codable {
    public enum Author: String, Sendable, Hashable, Codable { case guest, jack, staff, system }

    public var id: String
    /// The vendor's id where the line came from, or went to, the vendor.
    public var vendorID: String?
    public var author: Author
    public var text: String
    public var sentAt: Date
    /// The vendor's id of the message that this one answers.
    public var inReplyTo: String?
    public var quickReplies: [QuickReply]
    public var sources: [SourceReference]

    public init(
        id: String, vendorID: String?, author: Author, text: String, sentAt: Date, inReplyTo: String? = nil, quickReplies: [QuickReply] = [],
        sources: [SourceReference] = []
    ) {
        self.id = id
        self.vendorID = vendorID
        self.author = author
        self.text = text
        self.sentAt = sentAt
        self.inReplyTo = inReplyTo
        self.quickReplies = quickReplies
        self.sources = sources
    }
}
