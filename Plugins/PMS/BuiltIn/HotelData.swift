import Foundation
import PluginAPI

/// What both files say, ready to be asked.
struct HotelData: Sendable {
    /// By confirmation.
    var reservations: [String: PMSReservation] = [:]
    /// By number.
    var rooms: [String: PMSRoom] = [:]

    var sortedReservations: [PMSReservation] { reservations.values.sorted { ($0.arrival, $0.confirmation) < ($1.arrival, $1.confirmation) } }

    /// In the order in which a person counts: 9 before 10.
    var sortedRooms: [PMSRoom] { rooms.values.sorted { $0.number.compare($1.number, options: .numeric) == .orderedAscending } }

    func reservations(matching query: PMSReservationQuery, limit: Int) -> [PMSReservation] {
        let all = sortedReservations.lazy.filter { reservation in
            (query.id.map { $0 == reservation.id } ?? true)
                && (query.confirmation.map { Folding.plain($0) == Folding.plain(reservation.confirmation) } ?? true)
                && (query.guestID.map { $0 == reservation.guest.id } ?? true)
                && (query.room.map { room in reservation.room.map { Folding.plain($0) == Folding.plain(room) } ?? false } ?? true)
                && (query.on.map { reservation.arrival <= $0 && $0 <= reservation.departure } ?? true)
                && (query.statuses?.contains(reservation.status) ?? true)
        }
        return Array(all.prefix(max(0, limit)))
    }

    /// Each guest once, as the latest stay has them.
    func guests(matching query: PMSGuestQuery, limit: Int, countryCode: String?) -> [PMSGuest] {
        let phone = query.phone.map { PhoneNumber($0, countryCode: countryCode)?.digits }
        let names = query.lastName.map(Folding.names)
        var seen: Set<String> = []
        let all = sortedReservations.reversed().lazy.map(\.guest).filter { guest in
            (query.id.map { $0 == guest.id } ?? true)
                && (phone.map { wanted in wanted != nil && guest.phone.map { $0.filter(\.isWholeNumber) } == wanted } ?? true)
                && (query.email.map { wanted in guest.email?.lowercased() == wanted.lowercased() } ?? true)
                && (names.map { !$0.isDisjoint(with: Folding.names(guest.lastName)) } ?? true)
        }
        var guests: [PMSGuest] = []
        for guest in all where guests.count < limit && seen.insert(guest.id).inserted { guests.append(guest) }
        return guests
    }
}
