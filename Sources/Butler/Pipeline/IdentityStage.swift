import Foundation
import Kernel
import PluginAPI

/// Finds out who writes, and which stay is meant: by the address where the channel vouches for it, else by a booking number with the last name.
final class IdentityStage: Stage {
    /// Wrong answers in one conversation after which no more are taken: a booking number must not be guessed.
    static let maximumFailures = 5

    /// The longest that an emergency waits for the PMS.
    static let emergencyWait = Duration.seconds(2)

    private let desk: Desk
    private let failures: @Sendable (_ conversation: String) async throws -> Int

    init(desk: Desk, failures: @escaping @Sendable (_ conversation: String) async throws -> Int) {
        self.desk = desk
        self.failures = failures
    }

    func decide(_ turn: inout Turn) async throws -> Decision? {
        guard let pms = desk.settings.pms else { return nil }
        do {
            try await identify(&turn, pms)
            try await findRoom(&turn)
        } catch let failure as PluginFailure {
            // Without the PMS a guest still gets answers, only nothing that needs to know who they are.
            turn.note("guest", "unknown", "the PMS could not be asked: \(failure.message)", at: desk.clock.now)
        }
        return nil
    }

    /// Finds out what the PMS knows at once of an emergency's place and person. An emergency waits for nobody: what is not known soon is left out.
    func recognise(_ turn: inout Turn) async {
        guard let pms = desk.settings.pms else { return }
        let (before, clock) = (turn, desk.clock)
        let found = await withTaskGroup(of: Turn?.self) { tasks in
            tasks.addTask {
                var turn = before
                try? await self.recogniseAddress(&turn, pms)
                try? await self.findRoom(&turn)
                return turn
            }
            tasks.addTask {
                try? await clock.sleep(for: Self.emergencyWait)
                return nil
            }
            defer { tasks.cancelAll() }
            return await tasks.next() ?? nil
        }
        if let found { turn = found }
    }

    private func identify(_ turn: inout Turn, _ pms: String) async throws {
        try await recogniseAddress(&turn, pms)
        if turn.stay == nil { try await verify(&turn, pms) }
        if let language = turn.guest?.language, !turn.isLanguageKnown { turn.language = String(language.prefix(2)).lowercased() }
        if let room = turn.stay?.room, turn.stay?.status == .checkedIn { turn.room = room }
    }

    private func recogniseAddress(_ turn: inout Turn, _ pms: String) async throws {
        let peer = turn.conversation.peer
        if let reservation = turn.conversation.reservation {
            turn.stay = try await reservations(pms, PMSReservationQuery(id: reservation)).first
            turn.guest = turn.stay?.guest
            // Who comes again has another stay than the one they first wrote about.
            if let stay = turn.stay, stay.status != .checkedIn, stay.status != .confirmed {
                turn.stay = Self.best(try await reservations(pms, PMSReservationQuery(guestID: stay.guest.id))) ?? stay
            }
        } else if peer.kind == .phone || peer.kind == .email {
            let query = peer.kind == .phone ? PMSGuestQuery(phone: peer.value) : PMSGuestQuery(email: peer.value)
            let guests = try await desk.dispatcher.call(pms, as: (any PMSIntegration).self, "guests") {
                try await $0.guests(matching: query, limit: 5)
            }
            if let guest = guests.first {
                turn.guest = guest
                turn.stay = Self.best(try await reservations(pms, PMSReservationQuery(guestID: guest.id)))
                turn.note("guest", "known", "the PMS knows this \(peer.kind.rawValue)", at: desk.clock.now)
            }
        }
        if let room = turn.stay?.room, turn.stay?.status == .checkedIn { turn.room = room }
    }

    /// A booking number counts only together with the last name, and only so often.
    private func verify(_ turn: inout Turn, _ pms: String) async throws {
        let words = Set(PhraseMatcher.words(turn.text))
        let candidates = turn.text.split { !($0.isLetter || $0.isNumber || $0 == "-") }.map(String.init).filter {
            $0.count >= 5 && $0.contains(where: \.isNumber)
        }
        guard !candidates.isEmpty, candidates.count <= 4 else { return }
        guard try await failures(turn.conversation.id) < Self.maximumFailures else {
            turn.note("verification", "blocked", "too many wrong booking numbers in this conversation", at: desk.clock.now)
            turn.verification = .blocked
            return
        }
        for candidate in candidates {
            for stay in try await reservations(pms, PMSReservationQuery(confirmation: candidate))
            where Self.isNamed(stay.guest.lastName, in: words) {
                turn.verification = .accepted
                turn.stay = stay
                turn.guest = stay.guest
                turn.note("verification", "accepted", "booking number and last name fit a reservation", at: desk.clock.now)
                return
            }
        }
        turn.verification = .refused
        turn.note("verification", "refused", "no reservation has such a booking number together with a name in the message", at: desk.clock.now)
    }

    /// True where every word of the name is among the message's. A name without letters names nobody.
    private static func isNamed(_ name: String, in words: Set<String>) -> Bool {
        let name = PhraseMatcher.words(name)
        return !name.isEmpty && name.allSatisfy(words.contains)
    }

    private func findRoom(_ turn: inout Turn) async throws {
        let named = RoomDirectory.candidates(in: turn.text)
        guard !named.isEmpty else { return }
        let known = try await desk.rooms.numbers()
        if let room = named.lazy.compactMap({ known[$0] }).first { turn.room = room }
    }

    private func reservations(_ pms: String, _ query: PMSReservationQuery) async throws -> [PMSReservation] {
        try await desk.dispatcher.call(pms, as: (any PMSIntegration).self, "reservations") { try await $0.reservations(matching: query, limit: 20) }
    }

    /// Who is in the house first, then who comes next, then who left last.
    static func best(_ stays: [PMSReservation]) -> PMSReservation? {
        func rank(_ stay: PMSReservation) -> Int {
            switch stay.status {
            case .checkedIn: 0
            case .confirmed: 1
            case .checkedOut: 2
            case .noShow, .cancelled: 3
            }
        }
        return stays.min { a, b in
            rank(a) != rank(b) ? rank(a) < rank(b) : rank(a) == 2 ? a.departure > b.departure : a.arrival < b.arrival
        }
    }
}
