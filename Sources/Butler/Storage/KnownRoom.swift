import Foundation

/// A room that was learnt in a conversation, and for how long it may be believed.
///
/// A conversation lasts as long as the guest's address; a room does not. One of a stay counts until that stay's end, one of nobody's stay for a day or
/// until the conversation is closed.
public struct KnownRoom: Sendable, Hashable, Codable {
    public var number: String
    /// The reservation's id in the PMS, where the guest was known to be in the house.
    public var stay: String?
    /// When it was said, or the PMS said it last.
    public var since: Date
    public var until: Date

    public init(number: String, stay: String?, since: Date, until: Date) {
        self.number = number
        self.stay = stay
        self.since = since
        self.until = until
    }
}

extension Conversation {
    /// The room as it was noted last, whether it may still be believed or not.
    public var room: String? { knownRoom?.number }

    /// The room that may be believed at a moment.
    public func room(at date: Date) -> KnownRoom? { knownRoom.flatMap { $0.until > date ? $0 : nil } }
}
