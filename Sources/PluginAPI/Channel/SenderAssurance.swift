/// How sure a channel is that what arrived comes from the peer that it names, and why.
///
/// A peer's address opens doors: the PMS finds a stay by it, and what is ordered is charged to that stay. So a channel says on what its word rests:
///
/// - A vendor that delivers from verified accounts (WhatsApp, SMS, Telegram) vouches for the number or the account, once its webhook is verified.
/// - A web chat knows its session by a secret that nobody else has. It vouches for the session, which is nobody's name.
/// - Mail vouches for nothing: `From` is what its writer wrote. Only what the hotel's own server has found out (`Authentication-Results`, RFC 8601), or what
///   nobody can know who did not get Jack's last mail to that address, makes it more than a claim.
///
/// An event without an assurance counts as claimed.
public struct SenderAssurance: Sendable, Hashable, Codable {
    public enum Level: String, Sendable, Hashable, Codable {
        /// Nobody but the peer can have sent it, as far as the channel's own rules reach.
        case proven
        /// It says so itself, and nobody vouches for it.
        case claimed
    }

    public var level: Level
    /// Why, in a sentence's part for the ledger, such as “mx.hotel.example says dmarc=pass”. Holds no guest's word or address.
    public var reason: String

    public init(_ level: Level, _ reason: String) {
        self.level = level
        self.reason = reason
    }

    public static func proven(_ reason: String) -> SenderAssurance { SenderAssurance(.proven, reason) }
    public static func claimed(_ reason: String) -> SenderAssurance { SenderAssurance(.claimed, reason) }
}
