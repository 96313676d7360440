import Foundation
import PluginAPI

/// Where a guest is, and how that is known.
struct Place: Sendable, Hashable {
    enum Source: Sendable, Hashable {
        /// The message names the room, and the hotel has such a room.
        case named
        /// The message names the room, and the PMS could not be asked whether there is one.
        case claimed
        /// The PMS says just now that the guest lives there.
        case stay
        /// The PMS says that the guest of this address lives there, and nobody vouches that it is they who write.
        case claimedStay
        /// It was known earlier in the same stay, and nothing says so now.
        case earlier(since: Date)
        /// The guest's booking has the room, and the PMS does not say that they are in the house.
        case booked(PMSReservation.Status)
    }

    var number: String
    var source: Source

    /// True where a page may name the room without a word of doubt.
    var isProven: Bool {
        switch source {
        case .named, .stay: true
        case .claimed, .claimedStay, .earlier, .booked: false
        }
    }

    /// How the room is known, in a word: a label that routes may match.
    var label: String {
        switch source {
        case .named: "message"
        case .claimed: "message_unchecked"
        case .stay: "stay"
        case .claimedStay: "stay_unproven"
        case .earlier: "earlier"
        case .booked: "booking"
        }
    }

    /// The room as a page says it. Whoever is woken by it runs there: what is not proven says so.
    /// - Parameter own: the room in which the guest lives, where the PMS says so.
    func words(own: String?, at now: Date) -> String {
        let lives = own.flatMap { $0 == number ? nil : "; the guest lives in \($0)" } ?? ""
        switch source {
        case .named: return "room \(number)" + lives
        case .claimed: return "room \(number) as the guest writes, not checked" + lives
        case .stay: return "room \(number)"
        case .claimedStay: return "room \(number) (of the guest with this address; who writes is not proven)"
        case .earlier(let since):
            let minutes = max(0, Int(now.timeIntervalSince(since) / 60))
            let ago = minutes < 60 ? "\(minutes) min" : minutes < 48 * 60 ? "\(minutes / 60) h" : "\(minutes / 1440) days"
            return "room \(number) (said earlier, \(ago) ago; not confirmed)"
        case .booked(let status):
            return "room \(number) (" + (status == .checkedOut ? "checked out of it" : "booked, not checked in") + ")"
        }
    }
}

extension PMSReservation {
    /// Days of the hotel, as reservations write them.
    private static func days(_ timeZone: String) -> Date.ISO8601FormatStyle {
        Date.ISO8601FormatStyle(timeZone: TimeZone(identifier: timeZone) ?? .gmt).year().month().day()
    }

    /// The end of the day of departure; nil where that is no day.
    func end(in timeZone: String) -> Date? { (try? Self.days(timeZone).parse(departure))?.addingTimeInterval(86_400) }

    /// True on the days from arrival to departure, both included.
    func isOn(_ date: Date, in timeZone: String) -> Bool {
        let day = date.formatted(Self.days(timeZone))
        return arrival <= day && day <= departure
    }

    /// The room in which the guest lives now; nil where the PMS does not say that they are in the house.
    var roomNow: String? { status == .checkedIn ? room : nil }
}
