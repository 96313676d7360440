import Foundation

/// A guest as the PMS knows them.
public struct PMSGuest: Sendable, Hashable, Codable {
    public var id: String
    public var firstName: String
    public var lastName: String
    public var email: String?
    /// E.164.
    public var phone: String?
    /// A BCP 47 tag.
    public var language: String?
    public var vip: String?
    public var preferences: [String]

    public init(
        id: String, firstName: String, lastName: String, email: String? = nil, phone: String? = nil, language: String? = nil, vip: String? = nil,
        preferences: [String] = []
    ) {
        self.id = id
        self.firstName = firstName
        self.lastName = lastName
        self.email = email
        self.phone = phone
        self.language = language
        self.vip = vip
        self.preferences = preferences
    }
}

/// A stay.
public struct PMSReservation: Sendable, Hashable, Codable {
    public enum Status: String, Sendable, Hashable, Codable, CaseIterable {
        case confirmed
        case checkedIn = "checked_in"
        case checkedOut = "checked_out"
        case cancelled
        case noShow = "no_show"
    }

    public var id: String
    public var confirmation: String
    public var guest: PMSGuest
    public var room: String?
    public var roomType: String?
    /// `yyyy-MM-dd` in the hotel's time zone.
    public var arrival: String
    public var departure: String
    public var status: Status
    public var adults: Int
    public var children: Int
    public var notes: [String]

    public init(
        id: String, confirmation: String, guest: PMSGuest, room: String?, roomType: String?, arrival: String, departure: String, status: Status,
        adults: Int = 1, children: Int = 0, notes: [String] = []
    ) {
        self.id = id
        self.confirmation = confirmation
        self.guest = guest
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

/// A room and its present state.
public struct PMSRoom: Sendable, Hashable, Codable {
    public enum Status: String, Sendable, Hashable, Codable, CaseIterable {
        case vacant, occupied, dirty, clean, inspected
        case outOfOrder = "out_of_order"
    }

    public var number: String
    public var type: String?
    public var floor: String?
    public var status: Status

    public init(number: String, type: String?, floor: String?, status: Status) {
        self.number = number
        self.type = type
        self.floor = floor
        self.status = status
    }
}

/// One line of a bill.
public struct PMSFolioLine: Sendable, Hashable, Codable {
    public var id: String
    public var description: String
    /// In the currency's smallest unit.
    public var amount: Int64
    /// ISO 4217.
    public var currency: String
    public var postedAt: Date

    public init(id: String, description: String, amount: Int64, currency: String, postedAt: Date) {
        self.id = id
        self.description = description
        self.amount = amount
        self.currency = currency
        self.postedAt = postedAt
    }
}

/// Something that changed in the PMS.
public struct PMSEvent: Sendable, Hashable, Codable {
    public enum Kind: String, Sendable, Hashable, Codable {
        case reservationCreated, reservationUpdated, reservationCancelled, checkedIn, checkedOut, guestUpdated, roomStatusChanged
    }

    public var kind: Kind
    public var reservation: PMSReservation?
    public var guest: PMSGuest?
    public var room: PMSRoom?

    public init(kind: Kind, reservation: PMSReservation? = nil, guest: PMSGuest? = nil, room: PMSRoom? = nil) {
        self.kind = kind
        self.reservation = reservation
        self.guest = guest
        self.room = room
    }
}

/// A page of changes.
public struct PMSChanges: Sendable {
    /// Each with an id that is the same whenever the same change is read again.
    public var events: [(id: String, event: PMSEvent)]
    /// Where to go on.
    public var cursor: String
    public var hasMore: Bool

    public init(events: [(id: String, event: PMSEvent)], cursor: String, hasMore: Bool) {
        self.events = events
        self.cursor = cursor
        self.hasMore = hasMore
    }
}

/// A note to write on a reservation.
public struct PMSNote: Sendable, Hashable, Codable {
    /// The idempotency key.
    public var id: String
    public var reservationID: String
    public var text: String

    public init(id: String, reservationID: String, text: String) {
        self.id = id
        self.reservationID = reservationID
        self.text = text
    }
}

/// A task to hand over to the PMS.
public struct PMSTask: Sendable, Hashable, Codable {
    /// The idempotency key.
    public var id: String
    public var department: String
    public var room: String?
    public var description: String
    public var dueAt: Date?

    public init(id: String, department: String, room: String?, description: String, dueAt: Date?) {
        self.id = id
        self.department = department
        self.room = room
        self.description = description
        self.dueAt = dueAt
    }
}
