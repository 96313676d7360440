import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

/// What vendors say of what has left.
extension OutboxTests {
    /// The vendor has the message `a`, and its answer comes when the door opens.
    private func whileItLeaves(_ desk: Desk, _ door: Door, _ body: (Outbox) async throws -> Void) async throws {
        let begun = Mutexed(false)
        let outbox = desk.outbox { entry in
            begun.update { $0 = true }
            await door.pass()
            return Self.sent(entry)
        }
        try await put(outbox, desk, "a")
        try await beside({ try await outbox.run() }) { () async throws in
            #expect(await eventually { begun.value })
            try await body(outbox)
        }
    }

    @Test func receiptsOnlyAdvance() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine)
            let outbox = desk.outbox { Self.sent($0) }
            let changed = desk.bus.subscribe(to: OutboxChanged.self)
            try await put(outbox, desk, "a")
            try await beside({ try await outbox.run() }) { () async throws in #expect(try await eventually { try await state(desk, "a") == .sent }) }
            try await receipt(outbox, desk, "v-a", .delivered)
            #expect(try await state(desk, "a") == .delivered)
            try await receipt(outbox, desk, "v-a", .sent)
            try await receipt(outbox, desk, "v-a", .queued)
            try await receipt(outbox, desk, "v-a", .delivered)
            #expect(try await state(desk, "a") == .delivered)
            try await receipt(outbox, desk, "v-a", .read)
            try await receipt(outbox, desk, "v-a", .delivered)
            #expect(try await state(desk, "a") == .read)
            var changes = changed.makeAsyncIterator()
            var states: [OutboxEntry.State] = []
            while states.count < 3, let change = await changes.next() { states.append(change.state) }
            #expect(states == [.sent, .delivered, .read])
            let why = try await engine.read { try Ledger.entries(of: "a", property: "main", in: $0) }
            #expect(why.map(\.outcome) == ["sent", "delivered", "read"])
        }
    }

    @Test func aReceiptThatFailedSaysWhy() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine)
            let outbox = desk.outbox { Self.sent($0) }
            try await put(outbox, desk, "a")
            try await beside({ try await outbox.run() }) { () async throws in #expect(try await eventually { try await state(desk, "a") == .sent }) }
            try await receipt(outbox, desk, "v-a", .failed, "window-closed")
            let found = try await engine.read { try Outbox.state(of: "a", in: $0) }
            #expect(found?.state == .failed && found?.error == "window-closed")
            try await receipt(outbox, desk, "v-a", .read)
            #expect(try await state(desk, "a") == .failed)
        }
    }

    @Test func idsThatNobodyKnowsAreIgnored() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine)
            let outbox = desk.outbox { Self.sent($0) }
            try await put(outbox, desk, "a")
            try await beside({ try await outbox.run() }) { () async throws in #expect(try await eventually { try await state(desk, "a") == .sent }) }
            try await receipt(outbox, desk, "of somebody else", .failed)
            try await receipt(outbox, desk, "v-a", .failed, instance: "mail")
            #expect(try await state(desk, "a") == .sent, "another instance's id is another's")
        }
    }

    @Test func aReceiptThatOvertakesTheSendCounts() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), door = Door()
            try await whileItLeaves(desk, door) { outbox in
                try await receipt(outbox, desk, "v-a", .read)
                try await receipt(outbox, desk, "v-a", .delivered)
                #expect(try await state(desk, "a") == .queued)
                door.open()
                #expect(try await eventually { try await state(desk, "a") == .read })
            }
        }
    }

    // MARK: Receipts that name Jack's own id

    private func echo(
        _ outbox: Outbox, _ desk: Desk, _ id: String, _ state: DeliveryState, vendorID: String = "v-lost", instance: String = "sms",
        at moment: Date? = nil
    ) async throws {
        let receipt = DeliveryReceipt(vendorMessageID: vendorID, messageID: id, state: state, reason: state == .failed ? "vendor-fault" : nil)
        try await desk.engine.write { try outbox.apply(receipt, from: instance, at: moment, in: $0) }
    }

    /// The process died between the vendor's answer and the note of it; what the vendor says of the message comes before the next one sends.
    @Test func whatAReceiptNamesAfterACrashDoesNotLeaveAgain() async throws {
        let left = try await afterACrash { outbox, desk in
            try await echo(outbox, desk, "a", .sent)
        } then: { outbox, desk in
            // From now on the vendor's own id is enough.
            try await receipt(outbox, desk, "v-lost", .read)
            #expect(try await state(desk, "a") == .read)
        }
        #expect(left == ["b"])
    }

    @Test func aReceiptBetweenTwoTriesEndsThem() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), left = Mutexed<[String]>([])
            let outbox = desk.outbox { entry in
                left.update { $0.append(entry.id) }
                if entry.id == "a" { throw PluginFailure.notReady(.timeout, "no answer") }
                return Self.sent(entry)
            }
            try await put(outbox, desk, "a", "b")
            try await beside({ try await outbox.run() }) { () async throws in
                #expect(try await eventually { try await desk.attempts("a") == 1 })
                try await echo(outbox, desk, "a", .delivered)
                #expect(try await desk.pass { try await desk.states("outbox") == ["delivered", "sent"] })
            }
            #expect(left.value == ["a", "b"] && outbox.depth == 0)
            let why = try await engine.read { try Ledger.entries(of: "a", property: "main", in: $0) }
            #expect(why.map(\.outcome) == ["delivered"])
            #expect(try await desk.alerts().isEmpty)
        }
    }

    @Test func aReceiptThatOvertakesTheAnswerIsNotUndoneByIt() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), door = Door()
            let changed = desk.bus.subscribe(to: OutboxChanged.self)
            try await whileItLeaves(desk, door) { outbox in
                try await echo(outbox, desk, "a", .delivered, vendorID: "v-a")
                #expect(try await state(desk, "a") == .delivered)
                door.open()
                #expect(await eventually { outbox.depth == 0 })
                try await receipt(outbox, desk, "v-a", .read)
            }
            #expect(try await state(desk, "a") == .read)
            var changes = changed.makeAsyncIterator()
            var states: [OutboxEntry.State] = []
            while states.count < 2, let change = await changes.next() { states.append(change.state) }
            #expect(states == [.delivered, .read], "the answer is no news any more")
        }
    }

    @Test func whatOneTryCameToIsNotSaidOfAnother() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine)
            let outbox = desk.outbox { Self.sent($0) }
            try await put(outbox, desk, "a")
            // Failed: it leaves again. Another instance's: somebody else's id. From before the entry: of what was sent before a person had it sent again.
            try await echo(outbox, desk, "a", .failed)
            try await echo(outbox, desk, "a", .sent, vendorID: "v-2", instance: "mail")
            try await echo(outbox, desk, "a", .sent, vendorID: "v-3", at: desk.clock.now.addingTimeInterval(-61))
            try await echo(outbox, desk, "unknown", .sent, vendorID: "v-4")
            #expect(try await state(desk, "a") == .queued)
            try await beside({ try await outbox.run() }) { () async throws in #expect(try await eventually { try await state(desk, "a") == .sent }) }
            // It left twice: that the first one arrived counts, that it failed does not.
            try await echo(outbox, desk, "a", .delivered)
            #expect(try await state(desk, "a") == .delivered)
            try await receipt(outbox, desk, "v-lost", .failed, "vendor-fault")
            #expect(try await state(desk, "a") == .delivered)
            try await receipt(outbox, desk, "v-a", .read)
            #expect(try await state(desk, "a") == .read)
        }
    }

    @Test func overtakingReceiptsAreKeptInBounds() {
        var early = EarlyReceipts()
        for number in 0..<(EarlyReceipts.capacity + 10) {
            early.put(DeliveryReceipt(vendorMessageID: "\(number)", state: .sent), .init(instance: "sms", vendorID: "\(number)"))
        }
        #expect(early[.init(instance: "sms", vendorID: "9")] == nil)
        #expect(early[.init(instance: "sms", vendorID: "10")] != nil)
        early.remove(.init(instance: "sms", vendorID: "10"))
        #expect(early[.init(instance: "sms", vendorID: "10")] == nil)
    }
}
