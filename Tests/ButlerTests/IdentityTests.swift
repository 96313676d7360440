import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

@Suite struct IdentityTests {
    private let phone = PeerAddress(.phone, "+15550001"), mail = PeerAddress(.email, "ada@example.com")

    private func stays(_ parts: inout House.Parts) {
        parts.pms.knows([
            .stay("HM1001", "Lovelace", room: "309", phone: "+15550001"),
            .stay("HM1002", "Byron", room: "204", email: "ada@example.com", language: "de"),
            .stay("HM1003", "Babbage", room: "101"),
        ])
    }

    @Test func theAddressTellsWhoWrites() async throws {
        try await withHouse({ stays(&$0) }) { house async throws in
            try await house.ask("could I have a late checkout", from: phone)
            try await house.ask("please bring towels", from: mail)
            let conversation = try await house.conversation(phone)
            #expect(conversation.reservation == "HM1001" && conversation.room == "309")
            let id = try #require(conversation.guestID)
            #expect(try await house.engine.read { try house.butler.guests.get(id, in: $0)?.lastName } == "Lovelace")
            #expect(try await house.tasks(phone).map(\.intent) == ["request.checkout.late"])
            #expect(try await house.tasks(mail).map(\.room) == ["204"])
        }
    }

    /// An agency, a company, a couple: of one nothing is told to the other.
    @Test func anAddressOfSeveralGuestsIsNobodys() async throws {
        try await withHouse({
            $0.pms.knows([.stay("HM1001", "Lovelace", room: "309", phone: "+15550001"), .stay("HM1002", "Byron", room: "204", phone: "+15550001")])
        }) { house async throws in
            #expect(try await house.ask("late checkout please", from: phone).first?.text.contains("booking number") == true)
            let conversation = try await house.conversation(phone)
            #expect(conversation.guestID == nil && conversation.reservation == nil && conversation.room == nil)
            try await house.ask("HM1002, Byron", from: phone)
            #expect(try await house.tasks(phone).map(\.room) == ["204"])
            #expect(try await house.conversation(phone).reservation == "HM1002")
        }
    }

    @Test func anAddressOfSeveralIsTheOnesWhoIsHere() async throws {
        try await withHouse({
            $0.pms.knows([
                .stay("HM1001", "Lovelace", room: "309", status: .checkedOut, phone: "+15550001"),
                .stay("HM1002", "Byron", room: "204", phone: "+15550001"),
            ])
        }) { house async throws in
            try await house.ask("late checkout please", from: phone)
            #expect(try await house.conversation(phone).reservation == "HM1002")
        }
    }

    /// Hotels have several profiles of one person.
    @Test func profilesOfOneNameAreOnePerson() async throws {
        try await withHouse({
            $0.pms.knows([
                .stay("HM1001", "Byron", status: .confirmed, phone: "+15550001"), .stay("HM1002", "BYRON", room: "204", phone: "+15550001"),
            ])
        }) { house async throws in
            try await house.ask("late checkout please", from: phone)
            #expect(try await house.conversation(phone).reservation == "HM1002")
        }
    }

    @Test func theGuestsOwnLanguageIsUsedUntilTheyWriteInAnother() async throws {
        try await withHouse({ stays(&$0) }) { house async throws in
            house.parts.ai.classifies { _ in Classification(ranked: [.init(label: "greeting", confidence: 0.9)]) }
            #expect(try await house.ask("hm", from: mail).first?.text.hasPrefix("Guten Tag") == true)
        }
    }

    @Test func anIntentThatNeedsAKnownGuestAsksAndIsTakenUpAgain() async throws {
        try await withHouse({ stays(&$0) }) { house async throws in
            #expect(try await house.ask("late checkout please").first?.text.contains("booking number") == true)
            #expect(try await house.tasks().isEmpty)
            try await house.ask("HM1003, Babbage")
            let task = try #require(try await house.tasks().first)
            #expect(task.intent == "request.checkout.late" && task.description == "late checkout please" && task.room == "101")
            #expect(try await house.conversation().reservation == "HM1003")
        }
    }

    @Test(arguments: ["HM1003", "HM1003 Lovelace", "HM9999 Babbage", "Babbage 12345"])
    func neitherHalfIsEnough(text: String) async throws {
        try await withHouse({ stays(&$0) }) { house async throws in
            try await house.ask("late checkout please")
            let sent = try await house.ask(text)
            #expect(sent.first?.text.contains("booking number") == true)
            #expect(try await house.conversation().guestID == nil)
            #expect(try await house.tasks().isEmpty)
            for secret in ["Babbage", "Lovelace", "101", "309"] { #expect(sent.allSatisfy { !$0.text.contains(secret) }) }
        }
    }

    @Test func guessingIsStoppedAfterFiveWrongAnswers() async throws {
        try await withHouse({ stays(&$0) }) { house async throws in
            try await house.ask("late checkout please")
            for number in 1...5 { #expect(try await house.ask("HM200\(number) Babbage").first?.text.contains("booking number") == true) }
            let sent = try await house.ask("HM1003 Babbage")
            #expect(sent.first?.text.contains("colleague") == true)
            #expect(try await house.conversation().guestID == nil)
            #expect(try await house.conversation().state == .escalated)
            let outcomes = try await house.ledger(try await house.conversation().id).filter { $0.step == "verification" }.map(\.outcome)
            #expect(outcomes == Array(repeating: "refused", count: 5) + ["blocked"])
        }
    }

    @Test func aWrongAnswerIsMendedByARightOne() async throws {
        try await withHouse({ stays(&$0) }) { house async throws in
            try await house.ask("late checkout please")
            try await house.ask("HM9999 Babbage")
            try await house.ask("sorry, HM1003 Babbage")
            #expect(try await house.tasks().map(\.description) == ["late checkout please"])
        }
    }

    @Test func aNameWithoutLettersProvesNothing() async throws {
        try await withHouse({ $0.pms.knows([.stay("HM1004", "—", room: "101")]) }) { house async throws in
            try await house.ask("late checkout please")
            try await house.ask("HM1004")
            #expect(try await house.conversation().guestID == nil)
        }
    }

    @Test func whoComesAgainHasTheirNewStay() async throws {
        try await withHouse({ $0.pms.knows([.stay("HM1", "Lovelace", room: "309", phone: "+15550001", guest: "g")]) }) { house async throws in
            try await house.ask("hello", from: phone)
            house.parts.pms.knows([
                .stay("HM1", "Lovelace", room: "309", status: .checkedOut, phone: "+15550001", guest: "g"),
                .stay("HM2", "Lovelace", room: "101", phone: "+15550001", guest: "g", arrival: "2026-01-01"),
            ])
            try await house.ask("towels please", from: phone)
            #expect(try await house.tasks(phone).map(\.room) == ["101"])
            #expect(try await house.conversation(phone).reservation == "HM2")
        }
    }

    @Test func whoIsInTheHouseComesBeforeWhoComesNext() {
        let gone = PMSReservation.stay("1", "A", status: .checkedOut, arrival: "2025-01-01"),
            next = PMSReservation.stay("2", "A", status: .confirmed, arrival: "2025-10-01")
        let later = PMSReservation.stay("3", "A", status: .confirmed, arrival: "2025-11-01"), here = PMSReservation.stay("4", "A")
        #expect(IdentityStage.best([gone, later, next, here])?.id == "4")
        #expect(IdentityStage.best([gone, later, next])?.id == "2")
        #expect(IdentityStage.best([]) == nil)
    }

    @Test func whatThePMSSaysIsKept() async throws {
        try await withHouse { house async throws in
            let event = PMSEvent(kind: .checkedIn, reservation: .stay("HM7", "Hopper"))
            _ = try await house.kernel.inbox.accept("pms", [InboundEvent(vendorID: "1", peer: nil, .pms(event))])
            try await house.settle()
            #expect(try await house.engine.read { try house.butler.guests.list(search: "hop", limit: 10, in: $0).map(\.lastName) } == ["Hopper"])
            #expect(try await house.engine.read { try house.butler.guests.list(search: "%", limit: 10, in: $0) }.isEmpty)
        }
    }
}
