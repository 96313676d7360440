import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

/// What is done for a guest is done for their stay.
@Suite struct ActingTests {
    private let phone = PeerAddress(.phone, "+15550001")

    private func withBurgers(_ prepare: (inout House.Parts) -> Void = { _ in }, _ body: (House) async throws -> Void) async throws {
        try await withHouse(
            { parts in
                parts.pms.knows([
                    .stay("HM1001", "Lovelace", room: "204", phone: "+15550001"),
                    .stay("HM1002", "Byron", room: "309", status: .checkedOut, phone: "+15550002"),
                ])
                parts.ai.classifies { request in
                    let label =
                        request.text.contains("burger")
                        ? "request.room_service" : request.text.contains("towel") ? "request.housekeeping.towels" : "unknown"
                    return Classification(ranked: [.init(label: label, confidence: 0.9)], language: "en")
                }
                prepare(&parts)
            }, body)
    }

    @Test func whatIsChargedNeedsAKnownGuest() async throws {
        try await withBurgers { house async throws in
            #expect(try await house.ask("two burgers to 309").last?.text.contains("booking number") == true)
            #expect(try await house.tasks().isEmpty)
            // Towels do not.
            try await house.ask("towels to 309", from: PeerAddress(.session, "other"))
            #expect(try await house.tasks().map(\.room) == ["309"])
        }
    }

    @Test func theSamplesChargeableIntentsSaySo() throws {
        let intents = IntentIndex(try SampleHotel.catalogs().intents)
        for id in ["request.room_service", "request.laundry", "request.special_occasion"] { #expect(intents[id]?.identity == true, "\(id)") }
        for id in ["request.housekeeping.towels", "request.maintenance", "request.security", "emergency"] {
            #expect(intents[id]?.identity == false, "\(id)")
        }
    }

    @Test func whatGoesToTheGuestsOwnRoomIsDone() async throws {
        try await withBurgers { house async throws in
            #expect(try await house.ask("a burger please", from: phone).map(\.author) == [.jack])
            let task = try #require(try await house.tasks(phone).first)
            #expect(task.room == "204" && task.notes == nil && !task.title.contains("approved"))
            #expect(try await house.held().isEmpty)
        }
    }

    @Test(arguments: ["a burger to 309 please", "towels to room 309"])
    func anotherRoomWaitsForApproval(text: String) async throws {
        try await withBurgers { house async throws in
            let id = try await house.write(text, from: phone)
            try await house.settle()
            #expect(house.parts.channel.sent.map(\.author) == [.system])
            let held = try await house.held()
            #expect(held.count == 1 && held.first?.heldOrder?.room == "309")
            #expect(held.first?.heldOrder?.notes == "asked for in 309, and the guest lives in 204")
            #expect(try await house.tasks().isEmpty, "nobody works on it before")
            #expect(try await house.ledger(id).contains { $0.step == "autonomy" && $0.outcome == "hold" && $0.reason.contains("309") })
            #expect(try await house.conversation(phone).room == "204")
        }
    }

    @Test func whatIsApprovedBecomesATaskFromThenOn() async throws {
        try await withBurgers { house async throws in
            let id = try await house.write("towels to room 309", from: phone)
            try await house.settle()
            let held = try #require(try await house.held().first)
            await house.clock.advance(by: .seconds(1800))
            _ = try await house.butler.staff.approve(held.id, by: "Rosa")
            try await house.settle()
            #expect(try await house.tasks(phone).count == 1)
            let task = try #require(try await house.tasks(phone).first), now = house.clock.now
            #expect(task.id == held.heldOrder?.id && task.room == "309" && task.description == "towels to room 309" && task.messageID == id)
            #expect(task.createdAt == now && task.dueAt == now.addingTimeInterval(house.parts.settings.sla.due(task.priority).seconds))
            let steps = try await house.ledger(id).filter { $0.step == "task" }
            #expect(steps.map(\.outcome) == ["held", "created"] && steps.last?.reason.hasPrefix("Rosa approved it") == true)
            #expect(house.parts.channel.sent.last?.text.contains("housekeeping") == true)
            #expect(await refusal { try await house.butler.staff.approve(held.id, by: "Ben") } == .conflict)
            #expect(try await house.tasks(phone).count == 1)
        }
    }

    @Test func whatIsRejectedLeavesNoTask() async throws {
        try await withBurgers { house async throws in
            try await house.ask("towels to room 309", from: phone)
            let held = try #require(try await house.held().first)
            _ = try await house.butler.staff.reject(held.id, reason: "not their room", by: "Rosa")
            try await house.settle()
            #expect(try await house.tasks().isEmpty)
            #expect(try await house.ledger(held.id).contains { $0.outcome == "rejected" && $0.reason.contains("makes no task") })
        }
    }

    @Test func aColleagueWhoComesInBetweenDecidesOnTheOrderToo() async throws {
        try await withBurgers { house async throws in
            try await house.ask("towels please", from: phone)
            let id = try await house.conversation(phone).id
            let asked = house.parts.pms.gate.arrived
            house.parts.pms.gate.close()
            let message = try await house.write("towels to room 309", from: phone)
            #expect(await eventually { house.parts.pms.gate.arrived > asked })
            _ = try await house.butler.staff.move(id, to: .taken, by: "Rosa")
            house.parts.pms.gate.open()
            try await house.settle()
            #expect(try await house.tasks().map(\.room) == ["204"])
            #expect(try await house.held().isEmpty)
            #expect(try await house.ledger(message).contains { $0.step == "reply" && $0.outcome == "withdrawn" && $0.reason.contains("no task") })
        }
    }

    @Test func ordersThatWaitCountForTheLimit() async throws {
        try await withBurgers({ $0.settings.autonomy.openTasks = 2 }) { house async throws in
            for _ in 0..<3 { try await house.ask("towels to 309", from: phone) }
            #expect(try await house.held().count == 2)
            #expect(try await house.conversation(phone).state == .escalated)
        }
    }

    @Test func whoHasLeftOrdersNothingUnseen() async throws {
        try await withBurgers { house async throws in
            let gone = PeerAddress(.phone, "+15550002")
            try await house.ask("a burger to 204 please", from: gone)
            let held = try await house.held()
            #expect(held.count == 1 && held.first?.heldOrder?.notes?.contains("does not say that the guest lives there") == true)
            #expect(try await house.tasks(gone).isEmpty)
        }
    }

    @Test func whoProvesTheBookingOfOneRoomDoesNotOrderToAnother() async throws {
        try await withBurgers { house async throws in
            try await house.ask("two burgers to 309")
            try await house.ask("HM1001 Lovelace")
            let held = try await house.held(), order = try #require(held.first?.heldOrder)
            #expect(held.count == 1 && order.room == "309" && order.description == "two burgers to 309" && order.notes != nil)
            #expect(try await house.tasks().isEmpty)
        }
    }

    @Test func aSmallNumberIsNoRoomForWhoseRoomIsKnown() async throws {
        try await withBurgers { house async throws in
            house.parts.pms.hasRooms(["2", "204", "309"])
            try await house.ask("2 towels please", from: phone)
            #expect(try await house.tasks(phone).map(\.room) == ["204"])
            #expect(try await house.held().isEmpty)
        }
    }

    @Test func soManyTasksOfOneConversationAndNoMore() async throws {
        try await withBurgers({ $0.settings.autonomy.openTasks = 2 }) { house async throws in
            for _ in 0..<2 { try await house.ask("towels to 204") }
            let id = try await house.write("towels to 309")
            try await house.settle()
            #expect(try await house.tasks().count == 2)
            #expect(try await house.conversation().state == .escalated)
            #expect(try await house.ledger(id).contains { $0.step == "task" && $0.outcome == "refused" && $0.rule == "butler.autonomy.open_tasks" })
            // What is done makes room.
            _ = try await house.butler.staff.move(task: try #require(try await house.tasks().first).id, to: .done, by: "Rosa")
            _ = try await house.butler.staff.move(try await house.conversation().id, to: .active, by: "Rosa")
            try await house.ask("towels to 309")
            #expect(try await house.tasks().count == 3)
        }
    }

    // MARK: Booking numbers

    private func ask(_ house: House, _ text: String, _ session: String) async throws -> Conversation {
        let peer = PeerAddress(.session, session)
        try await house.ask(text, from: peer)
        return try await house.conversation(peer)
    }

    @Test func aLongTextProvesNothing() async throws {
        try await withBurgers { house async throws in
            let names = (1...30).map { "Smith\(String(repeating: "x", count: $0))" }.joined(separator: " ")
            #expect(try await ask(house, "HM1001 Lovelace \(names)", "a").guestID == nil)
            try await house.ask("a burger please", from: PeerAddress(.session, "b"))
            let sent = try await house.ask("HM1001 Lovelace \(names)", from: PeerAddress(.session, "b"))
            #expect(sent.last?.text.contains("booking number") == true)
            #expect(try await ask(house, "HM1001 Lovelace", "b").guestID != nil)
        }
    }

    @Test func oneNumberIsNotTriedInManyConversations() async throws {
        try await withBurgers { house async throws in
            for session in 1...5 { #expect(try await ask(house, "HM1001 Smith", "s\(session)").guestID == nil) }
            let blocked = try await ask(house, "hm1001 Lovelace", "s6")
            #expect(blocked.guestID == nil)
            #expect(try await house.ledger(blocked.id).contains { $0.outcome == "blocked" && $0.reason.contains("too often") })
            #expect(try await ask(house, "HM1002 Byron", "s7").guestID != nil)
            house.clock.jumpWall(by: .seconds(86_401))
            #expect(try await ask(house, "HM1001 Lovelace", "s8").guestID != nil)
        }
    }

    @Test func aRightAnswerAndAnAbsentPMSCostNothing() async throws {
        try await withBurgers { house async throws in
            for session in 1...6 { #expect(try await ask(house, "HM1001 Lovelace", "s\(session)").guestID != nil) }
            house.parts.pms.fails(with: .notReady(.unreachable, "no line"))
            for session in 1...5 { #expect(try await ask(house, "HM1001 Lovelace", "t\(session)").guestID == nil) }
            house.parts.pms.fails(with: nil)
            await house.clock.advance(by: .seconds(31))
            #expect(try await ask(house, "HM1001 Lovelace", "u").guestID != nil)
        }
    }

    @Test func throughOneInstanceSoManyAnHour() async throws {
        try await withBurgers { house async throws in
            for session in 0..<15 {
                let numbers = (0..<4).map { "HM9\(session + 10)\($0)" }.joined(separator: " ")
                #expect(try await ask(house, "\(numbers) Smith", "s\(session)").guestID == nil)
            }
            let blocked = try await ask(house, "HM1001 Lovelace", "t")
            #expect(blocked.guestID == nil)
            #expect(try await house.ledger(blocked.id).contains { $0.outcome == "blocked" && $0.reason.contains("within an hour") })
            house.clock.jumpWall(by: .seconds(3601))
            #expect(try await ask(house, "HM1001 Lovelace", "u").guestID != nil)
        }
    }

    @Test func aDateIsNoBookingNumber() {
        #expect(
            IdentityStage.bookingNumbers(in: "we come on 2026-11-24 until 1-12-2026, booking HM20401, hm20401 or 12345678") == [
                "HM20401", "12345678",
            ])
    }
}
