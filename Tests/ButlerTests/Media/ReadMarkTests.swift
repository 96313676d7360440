import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

/// A guest sees that a message was read once somebody has answered it, and not before.
@Suite struct ReadMarkTests {
    private func isRead(_ ids: [String], _ house: House) async -> Bool {
        await eventually(within: .seconds(60)) { house.parts.channel.read == ids }
    }

    @Test func whatJackAnswersIsRead() async throws {
        try await withHouse { house async throws in
            try await house.write("when is breakfast", id: "v1")
            try await house.settle()
            #expect(await isRead(["v1"], house))
        }
    }

    @Test func whatIsHeldIsReadWhenSomebodyHasApproved() async throws {
        try await withHouse { house async throws in
            house.parts.ai.answers("From seven, I think.", confidence: 0.4)
            try await house.write("when is breakfast", id: "v1")
            try await house.settle()
            let held = try #require(try await house.held().first)
            #expect(!house.parts.channel.sent.isEmpty && house.parts.channel.read.isEmpty, "the guest is told that somebody looks at it")
            _ = try await house.butler.staff.approve(held.id, by: "Rosa")
            try await house.settle()
            #expect(await isRead(["v1"], house))
        }
    }

    @Test func whatIsHandedOverIsReadWhenAColleagueAnswers() async throws {
        try await withHouse { house async throws in
            try await house.write(nil, id: "v1", media: [MediaReference(kind: .image, reference: "1")])
            try await house.settle()
            #expect(try await house.conversation().state == .escalated && house.parts.channel.read.isEmpty)
            _ = try await house.butler.staff.reply(to: try await house.conversation().id, text: "I am on my way.", by: "Rosa")
            try await house.settle()
            #expect(await isRead(["v1"], house))
        }
    }

    @Test func aMarkThatFailsFailsNoReply() async throws {
        try await withHouse { house async throws in
            house.parts.channel.marksNothing(because: .permanent(.invalidRequest, "the vendor knows no such message"))
            try await house.write("when is breakfast", id: "v1")
            try await house.settle()
            #expect(await isRead(["v1"], house))
            #expect(house.parts.channel.sent.count == 1)
            #expect(try await house.alerts().isEmpty)
        }
    }

    @Test func whoWantsNoMarksSetsNone() async throws {
        try await withHouse({ $0.settings.markRead = false }) { house async throws in
            // A mark would go out beside the answer: by the end of the second question that of the first had its time.
            for id in ["v1", "v2"] {
                try await house.write("when is breakfast", id: id)
                try await house.settle()
            }
            #expect(house.parts.channel.sent.count == 2 && house.parts.channel.read.isEmpty)
        }
    }
}
