import Foundation
import Kernel
import PluginAPI

/// Finds out who writes, and which stay is meant: by the address where the channel vouches for it, else by a booking number with the last name.
final class IdentityStage: Stage {
    /// The longest that an emergency waits for the PMS.
    static let emergencyWait = Duration.seconds(2)

    private let desk: Desk
    /// Takes down that numbers are tried; says why they may not be.
    private let admit: @Sendable (_ numbers: [String], _ turn: Turn) async throws -> String?

    init(desk: Desk, admit: @escaping @Sendable (_ numbers: [String], _ turn: Turn) async throws -> String?) {
        self.desk = desk
        self.admit = admit
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
        if let pms = desk.settings.pms { await ask(pms, &turn) }
        // Somebody in danger is looked for where they may be, whoever vouches for them; the page says how sure it is.
        if !turn.isSenderProven { turn.doubtAddress() }
        // What the message itself says needs no PMS.
        if turn.place?.source != .named, let spoken = desk.rooms.spoken(in: turn.text, isGuestKnown: turn.ownRoom != nil) { turn.place = spoken }
        if turn.place == nil, let stay = turn.stay, let room = stay.room, stay.isOn(turn.receivedAt, in: desk.property.timeZone),
            stay.status == .confirmed || stay.status == .checkedOut
        {
            turn.place = Place(number: room, source: .booked(stay.status))
        }
    }

    private func ask(_ pms: String, _ turn: inout Turn) async {
        let (before, clock) = (turn, desk.clock)
        let found = await withTaskGroup(of: Turn?.self) { tasks in
            tasks.addTask {
                var turn = before
                try? await self.recogniseAddress(&turn, pms)
                if !turn.isSenderProven { turn.doubtAddress() }
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
        if turn.isSenderProven { try await recogniseAddress(&turn, pms) } else { distrust(&turn) }
        if let stay = turn.stay { confirm(stay, &turn) } else { try await verify(&turn, pms) }
        if let language = turn.guest?.language, !turn.isLanguageKnown { turn.language = String(language.prefix(2)).lowercased() }
    }

    /// An address that anybody may write is nobody's: no stay is found by it, and none that an earlier message led to is taken up.
    private func distrust(_ turn: inout Turn) {
        guard let why = turn.senderDoubt else { return }
        turn.note(
            "guest", "not proven", "\(why): who writes is not known by the address; a booking number with its last name would tell",
            at: desk.clock.now)
    }

    private func recogniseAddress(_ turn: inout Turn, _ pms: String) async throws {
        let peer = turn.conversation.peer
        if let reservation = turn.conversation.reservation {
            guard let stay = try await reservations(pms, PMSReservationQuery(id: reservation)).first else { return }
            turn.guest = stay.guest
            // Who comes again has another stay than the one they first wrote about.
            let isOver = stay.status != .checkedIn && stay.status != .confirmed
            turn.settle(in: isOver ? Self.best(try await reservations(pms, PMSReservationQuery(guestID: stay.guest.id))) ?? stay : stay)
        } else if peer.kind == .phone || peer.kind == .email {
            try await recognise(peer, &turn, pms)
        }
    }

    /// Finds the guest of an address. One that several have, such as an agency's or a company's, is nobody's: whose stay it is about nobody could say, and of
    /// another's nothing may be told. Several profiles of one name are taken for one person's.
    private func recognise(_ peer: PeerAddress, _ turn: inout Turn, _ pms: String) async throws {
        let query = peer.kind == .phone ? PMSGuestQuery(phone: peer.value) : PMSGuestQuery(email: peer.value)
        let guests = try await desk.dispatcher.call(pms, as: (any PMSIntegration).self, "guests") {
            try await $0.guests(matching: query, limit: 5)
        }
        // Of one alone it is known who it is, whatever becomes of the next question.
        if guests.count == 1 { turn.guest = guests.first }
        var found: [(guest: PMSGuest, stay: PMSReservation?)] = []
        for guest in guests where !found.contains(where: { $0.guest.id == guest.id }) {
            found.append((guest, Self.best(try await reservations(pms, PMSReservationQuery(guestID: guest.id)))))
        }
        // Who is here, or will be, is meant before those who were.
        let staying = found.filter { [.checkedIn, .confirmed].contains($0.stay?.status) }, meant = staying.isEmpty ? found : staying
        guard Set(meant.map { PhraseMatcher.words($0.guest.lastName) }).count <= 1 else {
            turn.possibleRooms = Set(meant.compactMap { $0.stay?.roomNow }).sorted()
            turn.note(
                "guest", "several", "the PMS knows several guests with this \(peer.kind.rawValue): a booking number with its last name would tell",
                at: desk.clock.now)
            return
        }
        let stay = Self.best(meant.compactMap(\.stay))
        guard let guest = meant.first(where: { $0.stay?.id == stay?.id })?.guest else { return }
        turn.guest = guest
        if let stay { turn.settle(in: stay) }
        turn.note("guest", "known", "the PMS knows this \(peer.kind.rawValue)", at: desk.clock.now)
    }

    /// A booking number counts only together with the last name, in a message that is short, and only so often.
    private func verify(_ turn: inout Turn, _ pms: String) async throws {
        let words = PhraseMatcher.words(turn.text), candidates = Self.bookingNumbers(in: turn.text)
        guard !candidates.isEmpty, candidates.count <= 4 else { return }
        guard words.count <= VerificationTries.longestText else {
            turn.note(
                "verification", "skipped", "a message of more than \(VerificationTries.longestText) words is not looked at", at: desk.clock.now)
            turn.verification = .tooLong
            return
        }
        if let objection = try await admit(candidates.map { $0.uppercased() }, turn) {
            turn.note("verification", "blocked", objection, at: desk.clock.now)
            turn.verification = .blocked
            return
        }
        turn.hasTriedNumbers = true
        let name = Set(words)
        for candidate in candidates {
            for stay in try await reservations(pms, PMSReservationQuery(confirmation: candidate))
            where Self.isNamed(stay.guest.lastName, in: name) {
                turn.verification = .accepted
                turn.guest = stay.guest
                turn.settle(in: stay)
                turn.note("verification", "accepted", "booking number and last name fit a reservation", at: desk.clock.now)
                return
            }
        }
        turn.verification = .refused
        turn.note("verification", "refused", "no reservation has such a booking number together with a name in the message", at: desk.clock.now)
    }

    /// Who answers the question for the booking number may be known by then, having proven the address: what they asked for is taken up all the same.
    private func confirm(_ stay: PMSReservation, _ turn: inout Turn) {
        let isNumber = Self.bookingNumbers(in: turn.text).contains { $0.uppercased() == stay.confirmation.uppercased() }
        if isNumber, Self.isNamed(stay.guest.lastName, in: Set(PhraseMatcher.words(turn.text))) { turn.verification = .accepted }
    }

    /// True where every word of the name is among the message's. A name without letters names nobody.
    private static func isNamed(_ name: String, in words: Set<String>) -> Bool {
        let name = PhraseMatcher.words(name)
        return !name.isEmpty && name.allSatisfy(words.contains)
    }

    private func findRoom(_ turn: inout Turn) async throws {
        let named = RoomDirectory.candidates(in: turn.text, isGuestKnown: turn.ownRoom != nil)
        guard !named.isEmpty else { return }
        let known = try await desk.rooms.numbers()
        if let room = named.lazy.compactMap({ known[$0] }).first { turn.place = Place(number: room, source: .named) }
    }

    /// What in a text may be a booking number, each once. A date is none.
    static func bookingNumbers(in text: String) -> [String] {
        var seen: Set<String> = []
        return text.split { !($0.isLetter || $0.isNumber || $0 == "-") }.map(String.init).filter {
            (5...40).contains($0.count) && $0.contains(where: \.isNumber)
                && $0.wholeMatch(of: #/\d{4}-\d{1,2}-\d{1,2}|\d{1,2}-\d{1,2}-\d{2,4}/#) == nil
                && seen.insert($0.uppercased()).inserted
        }
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
