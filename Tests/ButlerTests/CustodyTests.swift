import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

@Suite struct CustodyTests {
    @Test(arguments: [ConversationState.escalated, .taken])
    func jackIsSilentWhileStaffAnswer(state: ConversationState) async throws {
        try await withHouse { house async throws in
            try await house.ask("hello")
            _ = try await house.butler.staff.move(try await house.conversation().id, to: state, by: "Rosa")
            house.clock.jumpWall(by: .seconds(1))
            let id = try await house.write("when is breakfast")
            try await house.settle()
            #expect(house.parts.channel.sent.count == 1)
            #expect(house.parts.ai.requests.isEmpty)
            #expect(try await house.conversation().state == state)
            #expect(try await house.messages().last?.text == "when is breakfast")
            #expect(try await house.ledger(id).map(\.step) == ["custody"])
        }
    }

    @Test func jackAnswersAgainWhenStaffGiveItBack() async throws {
        try await withHouse { house async throws in
            try await house.ask("hello")
            let id = try await house.conversation().id
            _ = try await house.butler.staff.move(id, to: .taken, by: "Rosa")
            _ = try await house.butler.staff.move(id, to: .active, by: "Rosa")
            #expect(try await house.conversation().assignedTo == nil)
            #expect(try await house.ask("when is breakfast").count == 1)
        }
    }

    /// Staff take over while the AI still thinks.
    private func takeOverWhileThinking(_ house: House) async throws -> String {
        try await house.ask("hello")
        house.parts.ai.gate.close()
        let id = try await house.write("when is breakfast")
        #expect(await eventually(within: .seconds(60)) { house.parts.ai.gate.arrived == 1 })
        house.clock.jumpWall(by: .seconds(1))
        _ = try await house.butler.staff.move(try await house.conversation().id, to: .taken, by: "Rosa")
        house.parts.ai.gate.open()
        try await house.settle()
        return id
    }

    @Test func aReplyThatWasBeingThoughtOfIsWithdrawn() async throws {
        try await withHouse { house async throws in
            let id = try await takeOverWhileThinking(house)
            #expect(house.parts.channel.sent.count == 1)
            #expect(try await house.ledger(id).contains { $0.step == "reply" && $0.outcome == "withdrawn" })
            #expect(try await house.messages().last?.state == .rejected)
            #expect(try await house.conversation().state == .taken)
        }
    }

    @Test func aHandOverDoesNotTakeTheConversationFromWhoHasIt() async throws {
        try await withHouse { house async throws in
            house.parts.ai.completes { _ in throw PluginFailure.notReady(.overloaded, "busy") }
            _ = try await takeOverWhileThinking(house)
            let conversation = try await house.conversation()
            #expect(conversation.state == .taken && conversation.assignedTo == "Rosa")
            #expect(house.parts.channel.sent.count == 1)
        }
    }

    @Test func aReplyThatWaitsForDeliveryIsWithdrawn() async throws {
        try await withHouse { house async throws in
            house.parts.channel.gate.close()
            try await house.write("hello")
            #expect(await eventually(within: .seconds(60)) { house.parts.channel.gate.arrived == 1 })
            try await house.write("when is breakfast")
            #expect(try await eventually(within: .seconds(60)) { try await house.messages().count == 4 })
            house.clock.jumpWall(by: .seconds(1))
            _ = try await house.butler.staff.move(try await house.conversation().id, to: .taken, by: "Rosa")
            house.parts.channel.gate.open()
            try await house.settle()
            let messages = try await house.messages()
            #expect(house.parts.channel.sent.map(\.id) == [messages[1].id])
            let withdrawn = try await house.ledger(messages[3].id)
            #expect(withdrawn.contains { $0.step == "delivery" && $0.outcome == "withdrawn" && $0.reason.contains("colleague") })
        }
    }

    @Test func whatStaffWriteIsDeliveredAndTakesTheConversation() async throws {
        try await withHouse { house async throws in
            try await house.ask("hello")
            let id = try await house.conversation().id
            let first = try await house.butler.staff.reply(to: id, text: "Good morning, this is Rosa", by: "Rosa", clientID: "c1")
            let again = try await house.butler.staff.reply(to: id, text: "Good morning, this is Rosa", by: "Rosa", clientID: "c1")
            try await house.settle()
            #expect(first.id == again.id)
            #expect(house.parts.channel.sent.map(\.author) == [.jack, .staff])
            #expect(try await house.conversation().assignedTo == "Rosa")
            #expect(await refusal { try await house.butler.staff.reply(to: id, text: "  \n", by: "Rosa") } == .invalid)
            #expect(await refusal { try await house.butler.staff.reply(to: "nobody", text: "x", by: "Rosa") } == .notFound)
        }
    }

    @Test func whatHasNoWordsIsPassedOn() async throws {
        try await withHouse { house async throws in
            try await house.write(nil, media: [MediaReference(kind: .audio, reference: "1")])
            try await house.settle()
            #expect(try await house.conversation().state == .escalated)
            #expect(house.parts.channel.sent.first?.text.contains("only read text") == true)
            // Nothing was said of the guest's language.
            #expect(try await house.conversation().language == nil)
        }
    }
}
