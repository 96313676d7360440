import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

@Suite struct ApprovalTests {
    /// A house where Jack is not sure enough to answer by itself.
    private func withHeldReply(_ body: (House, Message) async throws -> Void) async throws {
        try await withHouse { house async throws in
            house.parts.ai.answers("Perhaps at eight.", confidence: 0.4)
            let sent = try await house.ask("when does the boat leave")
            #expect(sent.map(\.author) == [.system])
            #expect(sent.allSatisfy { !$0.text.contains("eight") })
            let held = try await house.held()
            #expect(held.count == 1)
            try await body(house, try #require(held.first))
        }
    }

    @Test func aHeldReplyLeavesWhenItIsApproved() async throws {
        try await withHeldReply { house, held in
            let message = try await house.butler.staff.approve(held.id, by: "Rosa")
            try await house.settle()
            #expect(message.state == .released && message.decidedBy == "Rosa" && message.decidedAt == house.clock.now)
            #expect(house.parts.channel.sent.last?.text == "Perhaps at eight.")
            #expect(house.parts.channel.sent.last?.inReplyTo != nil)
            #expect(try await house.held().isEmpty)
            #expect(await refusal { try await house.butler.staff.approve(held.id, by: "Ben") } == .conflict)
            #expect(await refusal { try await house.butler.staff.reject(held.id, reason: "late", by: "Ben") } == .conflict)
            try await house.settle()
            #expect(house.parts.channel.sent.count == 2)
        }
    }

    @Test func orInOtherWords() async throws {
        try await withHeldReply { house, held in
            #expect(await refusal { try await house.butler.staff.approve(held.id, text: " \n", by: "Rosa") } == .invalid)
            _ = try await house.butler.staff.approve(held.id, text: "At nine.", by: "Rosa")
            try await house.settle()
            #expect(house.parts.channel.sent.last?.text == "At nine.")
            #expect(try await house.ledger(held.id).contains { $0.step == "approval" && $0.reason.contains("other words") })
        }
    }

    @Test func rejectingGivesTheConversationToThePerson() async throws {
        try await withHeldReply { house, held in
            _ = try await house.butler.staff.reject(held.id, reason: "wrong boat", by: "Rosa")
            try await house.settle()
            #expect(house.parts.channel.sent.count == 1)
            let conversation = try await house.conversation()
            #expect(conversation.state == .taken && conversation.assignedTo == "Rosa")
            #expect(await refusal { try await house.butler.staff.approve(held.id, by: "Ben") } == .conflict)
            #expect(try await house.ledger(held.id).contains { $0.outcome == "rejected" && $0.reason.contains("wrong boat") })
        }
    }

    @Test func theTranscriptShowsNothingThatTheGuestHasNotSeen() async throws {
        try await withHeldReply { house, held in
            let before = try await house.butler.transcript("channel", with: .guest, limit: 50)
            #expect(before.map(\.author) == [.guest, .system])
            #expect(before[0].vendorID != nil && before[1].vendorID == nil && before[1].inReplyTo == before[0].vendorID)
            _ = try await house.butler.staff.approve(held.id, by: "Rosa")
            let after = try await house.butler.transcript("channel", with: .guest, limit: 50)
            #expect(after.contains { $0.text == "Perhaps at eight." && $0.inReplyTo == before[0].vendorID })
            _ = try await house.butler.staff.reply(to: held.conversationID, text: "Rosa here", by: "Rosa", clientID: "c1")
            #expect(try await house.butler.transcript("channel", with: .guest, limit: 50).last?.vendorID == nil)
            #expect(try await house.butler.transcript("channel", with: PeerAddress(.session, "nobody"), limit: 50).isEmpty)
        }
    }

    @Test func whatTheGuestHasNotSeenIsNoPartOfTheTalk() async throws {
        try await withHeldReply { house, _ in
            house.parts.ai.answers("At nine.", confidence: 0.9)
            try await house.ask("and the other one")
            let messages = try #require(house.parts.ai.requests.last).messages
            #expect(!messages.contains { $0.text.contains("eight") })
            #expect(messages.first?.text == "when does the boat leave" && messages.last?.text == "and the other one")
        }
    }

    @Test func tooLittleConfidenceIsHandedOver() async throws {
        try await withHouse { house async throws in
            house.parts.ai.answers("No idea.", confidence: 0.1)
            let sent = try await house.ask("when does the boat leave")
            #expect(sent.map(\.author) == [.system])
            #expect(try await house.conversation().state == .escalated)
            #expect(try await house.held().isEmpty)
        }
    }

    @Test func aLimitCountsForAnAnswerThatWouldOnlyBeHeldToo() async throws {
        try await withHouse({ $0.settings.autonomy.limits = ["inquiry": .handOver] }) { house async throws in
            house.parts.ai.classifies { _ in Classification(ranked: [.init(label: "inquiry.billing", confidence: 0.9)], language: "en") }
            house.parts.pms.knows([.stay("HM1", "Lovelace", phone: "+1")])
            house.parts.ai.answers("Perhaps.", confidence: 0.4)
            let peer = PeerAddress(.phone, "+1")
            try await house.ask("what about the boat", from: peer)
            #expect(try await house.conversation(peer).state == .escalated)
            #expect(try await house.held().isEmpty)
        }
    }
}
