import PluginAPI
import Synchronization

/// Whom the PMS of a scenario knows.
final class ScenarioGuestBook: Sendable {
    private let state = Mutex<(stays: [PMSReservation], rooms: [PMSRoom])>(([], []))

    var stays: [PMSReservation] { state.withLock { $0.stays } }
    var rooms: [PMSRoom] { state.withLock { $0.rooms } }

    func know(_ stays: [PMSReservation], rooms: [PMSRoom]) { state.withLock { $0 = (stays, rooms) } }
}

/// The PMS of a scenario: it knows the guests who write in it, and the hotel's rooms.
struct ScenarioPMS: PMSIntegration {
    struct Settings: PluginSettings {
        let book: ScenarioGuestBook

        init(_ book: ScenarioGuestBook) { self.book = book }
        init() { self.init(ScenarioGuestBook()) }
        init(from decoder: any Decoder) { self.init() }
    }

    static let manifest = PluginManifest(id: "scenario", summary: "Knows the guests of a scenario.", stability: .experimental)

    private let book: ScenarioGuestBook

    init(settings: Settings, context: PluginContext) { book = settings.book }

    var features: PMSFeatures { PMSFeatures() }

    func guests(matching query: PMSGuestQuery, limit: Int) async throws -> [PMSGuest] {
        let guests = book.stays.map(\.guest).filter { guest in
            (query.id != nil && guest.id == query.id) || (query.phone != nil && guest.phone == query.phone)
                || (query.email != nil && guest.email == query.email)
        }
        return Array(guests.prefix(limit))
    }

    func reservations(matching query: PMSReservationQuery, limit: Int) async throws -> [PMSReservation] {
        let stays = book.stays.filter { stay in
            (query.id == nil || stay.id == query.id) && (query.guestID == nil || stay.guest.id == query.guestID)
                && (query.confirmation == nil || stay.confirmation == query.confirmation) && (query.room == nil || stay.room == query.room)
        }
        return Array(stays.prefix(limit))
    }

    func rooms() async throws -> [PMSRoom] { book.rooms }
    func changes(since cursor: String?, limit: Int) async throws -> PMSChanges { PMSChanges(events: [], cursor: "", hasMore: false) }
}
