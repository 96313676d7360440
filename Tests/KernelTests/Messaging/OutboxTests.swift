import Foundation
import Logging
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

@Suite(.timeLimit(.minutes(1))) struct OutboxTests {
    private func entry(_ id: String, to peer: String = "+1", through instance: String = "sms", at date: Date) throws -> OutboxEntry {
        try .message(OutboundMessage(id: id, peer: PeerAddress(.phone, peer), author: .jack, text: "text of \(id)"), through: instance, at: date)
    }

    private func put(_ outbox: Outbox, _ desk: Desk, _ ids: String..., peer: String = "+1", instance: String = "sms") async throws {
        let entries = try ids.map { try entry($0, to: peer, through: instance, at: desk.clock.now) }
        try await desk.engine.write { transaction in for entry in entries { try outbox.enqueue(entry, in: transaction) } }
    }

    private func state(_ desk: Desk, _ id: String) async throws -> OutboxEntry.State? {
        try await desk.engine.read { try Outbox.state(of: id, in: $0)?.state }
    }

    private func receipt(
        _ outbox: Outbox, _ desk: Desk, _ vendorID: String, _ state: DeliveryState, _ reason: String? = nil, instance: String = "sms"
    ) async throws {
        try await desk.engine.write {
            try outbox.apply(DeliveryReceipt(vendorMessageID: vendorID, state: state, reason: reason), from: instance, in: $0)
        }
    }

    private static func sent(_ entry: OutboxEntry) -> Outbox.Delivery { .accepted(SendResult(vendorIDs: ["v-\(entry.id)"])) }

    // MARK: Leaving

    @Test(arguments: Backing.allCases) func whatIsCommittedLeavesAndWhatIsRolledBackNever(_ backing: Backing) async throws {
        struct Undo: Error {}
        try await withEngine(backing) { engine in
            let desk = Desk(engine: engine), left = Mutexed<[String]>([])
            let outbox = desk.outbox { (entry) async throws in
                left.update { $0.append(entry.id) }
                #expect(try entry.decoded(OutboundMessage.self).text == "text of \(entry.id)")
                return Self.sent(entry)
            }
            let never = try entry("never", at: desk.clock.now)
            try await beside({ try await outbox.run() }) { () async throws in
                await #expect(throws: Undo.self) {
                    try await engine.write { transaction in
                        try outbox.enqueue(never, in: transaction)
                        throw Undo()
                    }
                }
                try await put(outbox, desk, "a", "b")
                try await put(outbox, desk, "a")
                #expect(try await eventually { try await desk.states("outbox") == ["sent", "sent"] })
            }
            #expect(left.value == ["a", "b"], "an id that is known changes nothing")
            #expect(try await state(desk, "never") == nil)
            #expect(desk.metrics.sum("jack_outbound_total", ["instance": "sms", "kind": "message", "outcome": "sent"]) == 2)
            let why = try await engine.read { try Ledger.entries(of: "a", property: "main", in: $0) }
            #expect(why.map(\.outcome) == ["sent"] && why[0].reason == "sms took it")
        }
    }

    @Test func aLaneLeavesInItsOrderAndAnotherDoesNotWait() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), left = Mutexed<[String]>([]), tries = Mutexed(0)
            let outbox = desk.outbox { entry in
                if entry.id == "a1",
                    tries.update({
                        $0 += 1; return $0
                    }) < 3
                {
                    throw PluginFailure.notReady(.vendorFault, "500")
                }
                left.update { $0.append(entry.id) }
                return Self.sent(entry)
            }
            try await put(outbox, desk, "a1", "a2", "a3")
            try await put(outbox, desk, "b1", peer: "+2")
            try await put(outbox, desk, "c1", instance: "mail")
            let start = desk.clock.now
            try await beside({ try await outbox.run() }) { () async throws in
                #expect(await eventually { Set(left.value) == ["b1", "c1"] })
                #expect(await eventually { outbox.depth == 3 })
                #expect(await desk.pass { left.value.count == 5 })
            }
            #expect(Array(left.value.suffix(3)) == ["a1", "a2", "a3"])
            // Waits of 2 and 4 seconds.
            #expect(desk.clock.now.timeIntervalSince(start) >= 6 && desk.clock.now.timeIntervalSince(start) <= 30)
        }
    }

    @Test func afterTheLastTryItIsADeadLetterAndTheLaneGoesOn() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), tries = Mutexed(0)
            let changed = desk.bus.subscribe(to: OutboxChanged.self)
            let outbox = desk.outbox(attempts: 4) { entry in
                guard entry.id == "bad" else { return Self.sent(entry) }
                tries.update { $0 += 1 }
                throw PluginFailure.notReady(.vendorFault, "still broken")
            }
            try await put(outbox, desk, "bad", "good")
            try await beside({ try await outbox.run() }) { () async throws in
                #expect(try await desk.pass { try await desk.states("outbox") == ["dead", "sent"] })
            }
            #expect(tries.value == 4)
            var changes = changed.makeAsyncIterator()
            let alerts = try await desk.alerts()
            #expect(alerts.map(\.fingerprint) == ["deadletter:bad"])
            #expect(alerts[0].labels["box"] == "outbox" && alerts[0].summary.contains("still broken"))
            #expect(await changes.next()?.state == .dead)
            #expect(try await engine.read { try Ledger.entries(of: "bad", property: "main", in: $0) }.map(\.outcome) == ["dead"])
        }
    }

    @Test func whatIsPermanentDiesAtOnce() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), tries = Mutexed(0)
            let outbox = desk.outbox { _ in
                tries.update { $0 += 1 }
                throw PluginFailure.permanent(.unknownRecipient, "no such number")
            }
            try await put(outbox, desk, "a")
            try await beside({ try await outbox.run() }) { () async throws in #expect(try await eventually { try await state(desk, "a") == .dead }) }
            #expect(tries.value == 1)
            #expect(try await engine.read { try Outbox.state(of: "a", in: $0)?.error }?.contains("no such number") == true)
        }
    }

    @Test func whatNobodyDeliversIsADeadLetter() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine)
            let outbox = desk.outbox { Self.sent($0) }
            var odd = try entry("odd", at: desk.clock.now)
            odd.kind = "pigeon"
            try await engine.write { [odd] in try outbox.enqueue(odd, in: $0) }
            try await beside({ try await outbox.run() }) { () async throws in #expect(try await eventually { try await state(desk, "odd") == .dead })
            }
        }
    }

    @Test func whatMustNotLeaveAnyMoreIsWithdrawn() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine)
            let outbox = desk.outbox { _ in .withdrawn(reason: "a human has taken the conversation") }
            try await put(outbox, desk, "a")
            try await beside({ try await outbox.run() }) { () async throws in
                #expect(try await eventually { try await state(desk, "a") == .withdrawn })
            }
            let why = try await engine.read { try Ledger.entries(of: "a", property: "main", in: $0) }
            #expect(why.map(\.reason) == ["a human has taken the conversation"])
        }
    }

    @Test(arguments: [
        PluginFailure.notReady(.unreachable, "sms is stopped", retryAfter: .seconds(1)), .notReady(.circuitOpen, "resting", retryAfter: .seconds(5)),
        .credentialsRejected("sms is failed: expired"),
    ]) func anInstanceThatDoesNotRunCostsNoTry(_ failure: PluginFailure) async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), tries = Mutexed(0), isUp = Mutexed(false)
            let outbox = desk.outbox(attempts: 3) { entry in
                tries.update { $0 += 1 }
                if !isUp.value { throw failure }
                return Self.sent(entry)
            }
            try await put(outbox, desk, "a")
            try await beside({ try await outbox.run() }) { () async throws in
                #expect(await desk.pass(.seconds(10)) { tries.value >= 8 })
                #expect(try await state(desk, "a") == .queued)
                let attempts = try await engine.read { try $0.row("SELECT attempts FROM outbox")?.int("attempts") }
                #expect(attempts == 0)
                isUp.update { $0 = true }
                #expect(try await desk.pass(.seconds(10)) { try await state(desk, "a") == .sent })
            }
        }
    }

    @Test func butNotForLongerThanADay() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine)
            let outbox = desk.outbox { _ in throw PluginFailure.notReady(.unreachable, "down") }
            try await put(outbox, desk, "a")
            desk.clock.jumpWall(by: .seconds(86_401))
            try await beside({ try await outbox.run() }) { () async throws in #expect(try await eventually { try await state(desk, "a") == .dead }) }
        }
    }

    // MARK: Restart

    @Test func aRestartDeliversAgainUnderTheSameID() async throws {
        try await withFolder { folder in
            let path = folder.appendingPathComponent("jack.sqlite").path
            let first = try await SQLiteEngine.open(path: path)
            try await first.migrate(KernelSchema.migrations)
            let before = Desk(engine: first), hung = Door(), begun = Mutexed<[String]>([])
            let outbox = before.outbox { entry in
                begun.update { $0.append(entry.id) }
                await hung.pass()
                throw CancellationError()
            }
            try await put(outbox, before, "a", "b")
            let running = Task { try await outbox.run() }
            #expect(await eventually { begun.value == ["a"] })
            // The process dies here: nothing of the first is written any more.
            let second = try await SQLiteEngine.open(path: path)
            let after = Desk(engine: second), left = Mutexed<[String]>([])
            let next = after.outbox { entry in
                left.update { $0.append(entry.id) }
                return Self.sent(entry)
            }
            try await beside({ try await next.run() }) { () async throws in
                #expect(try await eventually { try await after.states("outbox") == ["sent", "sent"] })
            }
            #expect(left.value == ["a", "b"])
            running.cancel()
            hung.open()
            _ = await running.result
            #expect(try await after.states("outbox") == ["sent", "sent"])
            await second.close()
            await first.close()
        }
    }

    @Test func aStopWritesDownWhatTheVendorHasTaken() async throws {
        try await withEngine(.disk) { engine in
            let desk = Desk(engine: engine), door = Door(), begun = Mutexed(0)
            let outbox = desk.outbox { entry in
                begun.update { $0 += 1 }
                await door.pass()
                return Self.sent(entry)
            }
            try await put(outbox, desk, "a", "b")
            let running = Task { try await outbox.run() }
            #expect(await eventually { begun.value == 1 })
            running.cancel()
            door.open()
            _ = await running.result
            #expect(try await desk.states("outbox") == ["sent", "queued"], "what was under way is recorded, and nothing new begun")
        }
    }

    @Test func aFullDiskDoesNotSendTwice() async throws {
        try await withEngine(.disk) { real in
            let engine = FailingEngine(real)
            let desk = Desk(engine: engine), left = Mutexed(0)
            let outbox = desk.outbox { entry in
                left.update { $0 += 1 }
                engine.fail(true)
                return Self.sent(entry)
            }
            try await put(outbox, desk, "a")
            try await beside({ try await outbox.run() }) { () async throws in
                #expect(await desk.pass { desk.logs.lines(.error).count >= 5 })
                engine.fail(false)
                #expect(try await desk.pass { try await state(desk, "a") == .sent })
            }
            #expect(left.value == 1)
        }
    }

    // MARK: Receipts

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
            let desk = Desk(engine: engine), door = Door(), begun = Mutexed(false)
            let outbox = desk.outbox { entry in
                begun.update { $0 = true }
                await door.pass()
                return Self.sent(entry)
            }
            try await put(outbox, desk, "a")
            try await beside({ try await outbox.run() }) { () async throws in
                #expect(await eventually { begun.value })
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
        try await withFolder { folder in
            let path = folder.appendingPathComponent("jack.sqlite").path
            let first = try await SQLiteEngine.open(path: path)
            try await first.migrate(KernelSchema.migrations)
            let before = Desk(engine: first), hung = Door(), begun = Mutexed<[String]>([])
            let outbox = before.outbox { entry in
                begun.update { $0.append(entry.id) }
                await hung.pass()
                throw CancellationError()
            }
            try await put(outbox, before, "a", "b")
            let running = Task { try await outbox.run() }
            #expect(await eventually { begun.value == ["a"] })
            let second = try await SQLiteEngine.open(path: path)
            let after = Desk(engine: second), left = Mutexed<[String]>([])
            let next = after.outbox { entry in
                left.update { $0.append(entry.id) }
                return Self.sent(entry)
            }
            try await echo(next, after, "a", .sent)
            try await beside({ try await next.run() }) { () async throws in
                #expect(try await eventually { try await after.states("outbox") == ["sent", "sent"] })
            }
            #expect(left.value == ["b"])
            // From now on the vendor's own id is enough.
            try await receipt(next, after, "v-lost", .read)
            #expect(try await state(after, "a") == .read)
            running.cancel()
            hung.open()
            _ = await running.result
            await second.close()
            await first.close()
        }
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
            let desk = Desk(engine: engine), door = Door(), begun = Mutexed(false)
            let changed = desk.bus.subscribe(to: OutboxChanged.self)
            let outbox = desk.outbox { entry in
                begun.update { $0 = true }
                await door.pass()
                return Self.sent(entry)
            }
            try await put(outbox, desk, "a")
            try await beside({ try await outbox.run() }) { () async throws in
                #expect(await eventually { begun.value })
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
