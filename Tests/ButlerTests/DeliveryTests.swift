import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

/// What waits at the channel's rate is looked at once more when its turn has come.
@Suite struct DeliveryTests {
    /// A reply that has passed the first look and waits for the channel.
    private func withWaitingReply(_ body: (House, Task<Outbox.Delivery, any Error>) async throws -> Void) async throws {
        try await withHouse({ $0.channelRate = 1 }) { house async throws in
            try await house.ask("hello")
            let delivery = MessageDelivery(
                engine: house.engine, property: PropertyInfo.sample.id, clock: house.clock, dispatcher: house.kernel.dispatcher)
            let message = OutboundMessage(id: "late", peer: .guest, author: .jack, text: "Breakfast is from seven.")
            let entry = try OutboxEntry.message(message, through: "channel", at: house.clock.now)
            let before = house.clock.sleepers
            let work = Task { try await delivery.deliver(entry) }
            #expect(await eventually(within: .seconds(60)) { house.clock.sleepers > before })
            try await body(house, work)
        }
    }

    @Test func aColleagueWhoComesMeanwhileIsNotTalkedOver() async throws {
        try await withWaitingReply { house, work in
            house.clock.jumpWall(by: .seconds(1))
            _ = try await house.butler.staff.move(try await house.conversation().id, to: .taken, by: "Rosa")
            await house.clock.advance(by: .seconds(1))
            guard case .withdrawn(let reason) = try await work.value else {
                Issue.record("it was sent")
                return
            }
            #expect(reason.contains("colleague"))
            #expect(!house.parts.channel.sent.contains { $0.id == "late" })
        }
    }

    @Test func whoOptsOutMeanwhileGetsNoMore() async throws {
        try await withWaitingReply { house, work in
            _ = try await house.kernel.inbox.accept("channel", [InboundEvent(vendorID: "stop", peer: .guest, .consent(false))])
            #expect(try await eventually(within: .seconds(60)) { try await house.conversation().optedOut })
            await house.clock.advance(by: .seconds(1))
            guard case .withdrawn = try await work.value else {
                Issue.record("it was sent")
                return
            }
        }
    }

    @Test func whatNobodyObjectsToLeavesInItsTurn() async throws {
        try await withWaitingReply { house, work in
            await house.clock.advance(by: .seconds(1))
            guard case .accepted = try await work.value else {
                Issue.record("it was withdrawn")
                return
            }
            #expect(house.parts.channel.sent.contains { $0.id == "late" })
        }
    }
}
