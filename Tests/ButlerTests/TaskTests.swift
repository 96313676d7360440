import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

@Suite struct TaskTests {
    @Test func towelsToARoom() async throws {
        try await withHouse { house async throws in
            let id = try await house.write("please bring two towels to 204")
            try await house.settle()
            let task = try #require(try await house.tasks().first)
            #expect(task.department == "housekeeping" && task.room == "204" && task.priority == .standard && task.state == .open)
            #expect(task.description == "please bring two towels to 204" && task.messageID == id)
            #expect(task.dueAt == house.clock.now.addingTimeInterval(3600))
            #expect(house.parts.channel.sent.map(\.text) == ["Certainly. I have asked housekeeping to see to it."])
            #expect(house.parts.channel.sent.first?.inReplyTo != nil)
        }
    }

    @Test func withoutARoomJackAsksAndTakesTheRequestUpAgain() async throws {
        try await withHouse { house async throws in
            let first = try await house.write("could we have towels")
            try await house.settle()
            #expect(house.parts.channel.sent.last?.text.contains("Which room") == true)
            #expect(try await house.tasks().isEmpty)
            try await house.ask("204")
            let task = try #require(try await house.tasks().first)
            #expect(
                task.room == "204" && task.description == "could we have towels" && task.messageID == first
                    && task.intent == "request.housekeeping.towels")
            #expect(try await house.tasks().count == 1)
        }
    }

    @Test(arguments: [("towels to room204", "204"), ("towels for a12 pls", "A12"), ("2 towels to 309, not 310", "309")])
    func roomsAreReadAsGuestsWriteThem(text: String, room: String) async throws {
        try await withHouse { house async throws in
            try await house.ask(text)
            #expect(try await house.tasks().map(\.room) == [room])
        }
    }

    @Test func aNumberThatIsNoRoomIsNotOne() async throws {
        try await withHouse { house async throws in
            #expect(try await house.ask("please bring 2 towels to 999").last?.text.contains("Which room") == true)
            #expect(try await house.tasks().isEmpty)
        }
    }

    @Test func aNumberInPassingIsNotTheGuestsRoom() async throws {
        try await withHouse { house async throws in
            try await house.ask("is the spa 101 euros")
            #expect(try await house.conversation().room == nil)
            try await house.ask("towels please")
            #expect(try await house.tasks().isEmpty)
            try await house.ask("204")
            try await house.ask("more towels")
            #expect(try await house.tasks().map(\.room) == ["204", "204"])
        }
    }

    @Test func anotherDepartmentNeedsNoRoom() async throws {
        try await withHouse { house async throws in
            try await house.ask("a taxi please")
            let task = try #require(try await house.tasks().first)
            #expect(task.department == "concierge" && task.room == nil)
        }
    }

    @Test func aComplaintIsATaskAndAColleaguesConversation() async throws {
        try await withHouse { house async throws in
            let sent = try await house.ask("I want to complain about 204")
            #expect(sent.first?.text.contains("sorry") == true)
            #expect(try await house.conversation().state == .escalated)
            #expect(try await house.tasks().count == 1)
        }
    }

    @Test func limitsCountByTheBeginningOfTheIntent() async throws {
        try await withHouse({
            $0.pms.knows([.stay("HM1", "Lovelace", room: "204", phone: "+1")])
            $0.settings.autonomy.limits = ["request": .send, "request.reservation": .handOver]
        }) { house async throws in
            let peer = PeerAddress(.phone, "+1")
            let id = try await house.write("please cancel my booking", from: peer)
            try await house.settle()
            #expect(try await house.conversation(peer).state == .escalated)
            #expect(try await house.tasks(peer).map(\.intent) == ["request.reservation.cancel"])
            #expect(try await house.ledger(id).contains { $0.step == "autonomy" && $0.rule == "butler.autonomy.limits.request.reservation" })
            let other = PeerAddress(.session, "other")
            try await house.ask("towels to 204", from: other)
            #expect(try await house.conversation(other).state == .active)
        }
    }

    @Test func aLimitOfHoldHoldsTheTaskWithThePromise() async throws {
        try await withHouse({ $0.settings.autonomy.limits = ["request.housekeeping": .hold] }) { house async throws in
            let sent = try await house.ask("towels to 204")
            #expect(sent.map(\.author) == [.system])
            #expect(try await house.tasks().isEmpty)
            let held = try await house.held()
            #expect(held.map(\.text) == ["Certainly. I have asked housekeeping to see to it."])
            _ = try await house.butler.staff.approve(try #require(held.first).id, by: "Rosa")
            #expect(try await house.tasks().map(\.room) == ["204"])
        }
    }
}
