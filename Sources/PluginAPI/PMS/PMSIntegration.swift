/// A hotel's property management system: who stays where, and when.
///
/// Reading must work; each way of writing back is a capability.
public protocol PMSIntegration: Plugin {
    /// What this system can do.
    var features: PMSFeatures { get }

    /// Guests that match; at most `limit`.
    func guests(matching query: PMSGuestQuery, limit: Int) async throws -> [PMSGuest]

    /// Reservations that match; at most `limit`.
    func reservations(matching query: PMSReservationQuery, limit: Int) async throws -> [PMSReservation]

    /// All rooms with their present state.
    func rooms() async throws -> [PMSRoom]

    /// What stands on a reservation's bill.
    func folio(reservation id: String) async throws -> [PMSFolioLine]

    /// What changed after `cursor`, oldest first; nil asks from the beginning. The kernel keeps the cursor once the events are stored.
    func changes(since cursor: String?, limit: Int) async throws -> PMSChanges

    /// Writes a note on a reservation.
    func addNote(_ note: PMSNote) async throws

    /// Hands a task to the system's own list. Returns its id there.
    func createTask(_ task: PMSTask) async throws -> String
}

extension PMSIntegration {
    public static var kind: PluginKind { .pms }
    public func folio(reservation id: String) async throws -> [PMSFolioLine] { throw PluginFailure.notImplemented("reading the folio") }
    public func addNote(_ note: PMSNote) async throws { throw PluginFailure.notImplemented("writing notes") }
    public func createTask(_ task: PMSTask) async throws -> String { throw PluginFailure.notImplemented("writing tasks") }
}

/// What a property management system can do.
public struct PMSFeatures: Sendable, Hashable {
    public var folio: Bool
    public var notes: Bool
    public var tasks: Bool
    /// True where changes also arrive by webhook or socket, not only when asked.
    public var pushesChanges: Bool

    public init(folio: Bool = false, notes: Bool = false, tasks: Bool = false, pushesChanges: Bool = false) {
        self.folio = folio
        self.notes = notes
        self.tasks = tasks
        self.pushesChanges = pushesChanges
    }
}

/// Which guests are meant; every condition that is set must hold.
public struct PMSGuestQuery: Sendable, Hashable {
    public var id: String?
    /// E.164.
    public var phone: String?
    public var email: String?
    public var lastName: String?

    public init(id: String? = nil, phone: String? = nil, email: String? = nil, lastName: String? = nil) {
        self.id = id
        self.phone = phone
        self.email = email
        self.lastName = lastName
    }
}

/// Which reservations are meant; every condition that is set must hold.
public struct PMSReservationQuery: Sendable, Hashable {
    public var id: String?
    public var confirmation: String?
    public var guestID: String?
    public var room: String?
    /// The stay includes this day, `yyyy-MM-dd` in the hotel's time zone; departure included.
    public var on: String?
    public var statuses: Set<PMSReservation.Status>?

    public init(
        id: String? = nil, confirmation: String? = nil, guestID: String? = nil, room: String? = nil, on: String? = nil,
        statuses: Set<PMSReservation.Status>? = nil
    ) {
        self.id = id
        self.confirmation = confirmation
        self.guestID = guestID
        self.room = room
        self.on = on
        self.statuses = statuses
    }
}
