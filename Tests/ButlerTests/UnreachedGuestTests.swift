import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import Butler

/// A guest who was not reached, or not heard, is a human's business: at once, and once.
@Suite struct UnreachedGuestTests {
    private func letters(_ house: House) async throws -> [Alert] { try await house.alerts().filter { $0.name == "DeadLetter" } }

    private func fail(_ message: Message, part: String = "", in house: House) async throws {
        let receipt = DeliveryReceipt(vendorMessageID: "vendor-\(message.id)", state: .failed, reason: "window-closed")
        _ = try await house.kernel.inbox.accept("channel", [InboundEvent(vendorID: "r-\(message.id)\(part)", peer: nil, .receipt(receipt))])
        try await house.settle()
    }

    private struct Wait: Sendable, Equatable {
        var message: String
        var since: Date
    }

    private func waits(_ house: House) async throws -> Wait? {
        try await house.engine.read { reader in
            try reader.row("SELECT message_id, since FROM guest_wait").map {
                Wait(message: try $0.string("message_id"), since: try $0.date("since"))
            }
        }
    }

    @Test func aReplyThatCannotLeaveIsHandedToStaffWithOneAlert() async throws {
        try await withHouse { house async throws in
            house.parts.channel.fail(with: .permanent(.unknownRecipient, "no such address"))
            let id = try await house.write("when is breakfast")
            try await house.settle()
            let conversation = try await house.conversation()
            #expect(conversation.state == .escalated)
            let alert = try #require(try await letters(house).first)
            #expect(try await letters(house).count == 1 && alert.fingerprint == "deadletter:\(conversation.id)" && alert.endsAt == nil)
            #expect(alert.labels["conversation"] == conversation.id && alert.labels["channel"] == "channel" && alert.labels["type"] == "dead_letter")
            #expect(alert.summary.contains("no such address"))
            let reply = try #require(try await house.messages().last)
            #expect(try await house.ledger(reply.id).contains { $0.step == "letter" && $0.outcome == "escalated" })
            #expect(try await waits(house)?.message == id, "the question is unanswered again")
        }
    }

    @Test func receiptsThatFailAreToldOfOnceAConversationAndTheGuestWaitsFromThenOn() async throws {
        try await withHouse { house async throws in
            try await house.ask("when is breakfast")
            try await house.ask("hello")
            let replies = try await house.messages().filter { $0.author != .guest }
            #expect(replies.count == 2)
            #expect(try await waits(house) == nil)
            await house.clock.advance(by: .seconds(3600))
            try await fail(replies[0], in: house)
            #expect(try await house.conversation().state == .escalated)
            // The vendor says it again, of another part, and of another message.
            try await fail(replies[0], part: "again", in: house)
            try await fail(replies[1], in: house)
            #expect(try await letters(house).count == 1)
            #expect(try await waits(house)?.since == house.clock.now, "nobody could know it before: no second alert for the past hour")
            #expect(try await house.alerts().filter { $0.name == "GuestUnanswered" }.isEmpty)
            let id = try await house.conversation().id
            let changes = try await house.engine.read { [conversations = house.butler.conversations] in try conversations.history(of: id, in: $0) }
            #expect(changes.count == 2, "made, and escalated once")
        }
    }

    @Test func whoHoldsTheConversationKeepsItAndTheirAnswerEndsTheAlert() async throws {
        try await withHouse { house async throws in
            try await house.ask("when is breakfast")
            let id = try await house.conversation().id
            let mine = try await house.butler.staff.reply(to: id, text: "At seven", by: "Ana")
            try await house.settle()
            try await fail(mine, in: house)
            let conversation = try await house.conversation()
            #expect(conversation.state == .taken && conversation.assignedTo == "Ana")
            #expect(try await letters(house).map(\.endsAt) == [nil])
            _ = try await house.butler.staff.reply(to: id, text: "At seven, I said", by: "Ana")
            #expect(try await letters(house).map { $0.endsAt != nil } == [true])
            #expect(try await waits(house) == nil)
            // That one fails too: it is news.
            try await house.settle()
            let second = try #require(try await house.messages().last)
            try await fail(second, in: house)
            #expect(try await letters(house).map(\.endsAt) == [nil])
        }
    }

    @Test func aConversationThatIsResolvedEndsIt() async throws {
        try await withHouse { house async throws in
            house.parts.channel.fail(with: .permanent(.unknownRecipient, "no such address"))
            try await house.ask("when is breakfast")
            _ = try await house.butler.staff.move(try await house.conversation().id, to: .resolved, by: "Ana")
            #expect(try await letters(house).map { $0.endsAt != nil } == [true])
        }
    }

    /// Refuses what the butler decides, for a reason that is not storage's.
    private final class Poisoned: StorageEngine {
        struct Poison: Error {}
        private let engine: SQLiteEngine
        let isActive: Flag

        init(_ engine: SQLiteEngine, _ isActive: Flag) { (self.engine, self.isActive) = (engine, isActive) }

        func read<T: Sendable>(_ body: @escaping @Sendable (any StorageReader) throws -> T) async throws -> T { try await engine.read(body) }
        func write<T: Sendable>(_ body: @escaping @Sendable (any StorageTransaction) throws -> T) async throws -> T {
            if isActive.value { throw Poison() }
            return try await engine.write(body)
        }
        func migrate(_ migrations: [Migration]) async throws -> [String] { try await engine.migrate(migrations) }
        func migrationStatus(_ migrations: [Migration]) async throws -> MigrationStatus { try await engine.migrationStatus(migrations) }
        func check() async throws -> [String] { try await engine.check() }
        func changes(in tables: Set<String>) -> AsyncStream<Set<String>> { engine.changes(in: tables) }
        func size() async throws -> Int64 { try await engine.size() }
        func close() async { await engine.close() }
    }

    private final class Flag: Sendable {
        private let state = Mutex(false)
        var value: Bool {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }

    @Test func aMessageThatCannotBeDealtWithIsReadByStaffAndCanBeDoneAgain() async throws {
        let isActive = Flag()
        try await withHouse({ $0.wrap = { Poisoned($0, isActive) } }) { house async throws in
            isActive.value = true
            let id = try await house.write("when is breakfast")
            let isDead = try await eventually(within: .seconds(60)) {
                await house.clock.advance(by: .seconds(60))
                return try await house.engine.read { try $0.row("SELECT id FROM inbox WHERE state = 'dead'") } != nil
            }
            #expect(isDead)
            #expect(try await house.conversation().state == .escalated)
            #expect(try await house.messages().map(\.text) == ["when is breakfast"], "staff can read it")
            let alert = try #require(try await letters(house).first)
            #expect(try await alert.fingerprint == "deadletter:\(house.conversation().id)" && alert.detail == "when is breakfast")
            #expect(try await waits(house)?.message == id)
            #expect(try await house.alerts().filter { $0.name == "GuestUnanswered" }.isEmpty, "it is told of once")

            isActive.value = false
            _ = try await house.kernel.retry(letter: id, by: "Ana")
            try await house.settle()
            let messages = try await house.messages()
            #expect(messages.count == 2 && messages.first?.id == id)
            #expect(house.parts.channel.sent.count == 1)
            #expect(try await house.conversation().state == .active, "only the letter held it")
            #expect(try await waits(house) == nil)
        }
    }

    // MARK: Letters that are sent again

    /// A conversation that is with staff only since its reply did not leave; the reply's id.
    private func unreached(_ house: House) async throws -> String {
        house.parts.channel.fail(with: .permanent(.unknownRecipient, "no such address"))
        try await house.ask("when is breakfast")
        #expect(try await house.conversation().state == .escalated)
        house.parts.channel.fail(with: nil)
        return try #require(try await house.messages().last).id
    }

    @Test func aReplyThatLeavesAfterAllGivesTheConversationBack() async throws {
        try await withHouse { house async throws in
            let reply = try await unreached(house)
            await house.clock.advance(by: .seconds(60))
            _ = try await house.kernel.retry(letter: reply, by: "Ana")
            try await house.settle()
            let conversation = try await house.conversation()
            #expect(house.parts.channel.sent.map(\.id) == [reply] && conversation.state == .active)
            #expect(try await house.ledger(reply).contains { $0.step == "letter" && $0.outcome == "given back" })
            #expect(try await house.ledger(conversation.id).contains { $0.outcome == "given back" })
            #expect(try await waits(house) == nil)
            #expect(try await letters(house).allSatisfy { $0.endsAt != nil })
            #expect(try await house.ask("and when is lunch").map(\.author) == [.jack], "Jack answers again")
        }
    }

    @Test func oneThatFailsAgainStaysWithStaff() async throws {
        try await withHouse { house async throws in
            let reply = try await unreached(house)
            house.parts.channel.fail(with: .permanent(.unknownRecipient, "no such address"))
            _ = try await house.kernel.retry(letter: reply, by: "Ana")
            try await house.settle()
            #expect(try await house.conversation().state == .escalated)
            #expect(try await letters(house).map(\.endsAt) == [nil])
        }
    }

    @Test func whoeverHasTakenTheConversationKeepsIt() async throws {
        try await withHouse { house async throws in
            let reply = try await unreached(house)
            _ = try await house.butler.staff.move(try await house.conversation().id, to: .taken, by: "Rosa")
            _ = try await house.kernel.retry(letter: reply, by: "Ana")
            try await house.settle()
            let conversation = try await house.conversation()
            #expect(conversation.state == .taken && conversation.assignedTo == "Rosa")
        }
    }

    @Test func whatTheGuestHasWrittenSinceIsStaffs() async throws {
        try await withHouse { house async throws in
            let reply = try await unreached(house)
            await house.clock.advance(by: .seconds(60))
            #expect(try await house.ask("hello? anybody there?").isEmpty)
            _ = try await house.kernel.retry(letter: reply, by: "Ana")
            try await house.settle()
            #expect(try await house.conversation().state == .escalated)
        }
    }

    @Test func whatWasHandedOverForAnotherReasonStaysSo() async throws {
        try await withHouse { house async throws in
            house.parts.ai.answers("No idea.", confidence: 0.1)
            let reply = try await unreached(house)
            _ = try await house.kernel.retry(letter: reply, by: "Ana")
            try await house.settle()
            #expect(house.parts.channel.sent.map(\.id) == [reply])
            #expect(try await house.conversation().state == .escalated)
        }
    }

    @Test func theLastOfSeveralLettersGivesItBackUnlessOneIsDropped() async throws {
        for isDropped in [false, true] {
            try await withHouse { house async throws in
                try await house.ask("when is breakfast")
                try await house.ask("hello")
                let replies = try await house.messages().filter { $0.author != .guest }
                await house.clock.advance(by: .seconds(60))
                for reply in replies {
                    try await fail(reply, in: house)
                    await house.clock.advance(by: .seconds(60))
                }
                let first = try #require(replies.first), last = try #require(replies.last)
                if isDropped {
                    _ = try await house.kernel.drop(letter: last.id, by: "Ana", reason: nil)
                } else {
                    _ = try await house.kernel.retry(letter: last.id, by: "Ana")
                }
                try await house.settle()
                #expect(try await house.conversation().state == .escalated)
                _ = try await house.kernel.retry(letter: first.id, by: "Ana")
                try await house.settle()
                #expect(try await house.conversation().state == (isDropped ? .escalated : .active))
            }
        }
    }
}
