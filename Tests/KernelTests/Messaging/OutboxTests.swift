import Foundation
import Logging
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

@Suite(.timeLimit(.minutes(1))) struct OutboxTests {
    func entry(_ id: String, to peer: String = "+1", through instance: String = "sms", at date: Date) throws -> OutboxEntry {
        try .message(OutboundMessage(id: id, peer: PeerAddress(.phone, peer), author: .jack, text: "text of \(id)"), through: instance, at: date)
    }

    func put(_ outbox: Outbox, _ desk: Desk, _ ids: String..., peer: String = "+1", instance: String = "sms") async throws {
        let entries = try ids.map { try entry($0, to: peer, through: instance, at: desk.clock.now) }
        try await desk.engine.write { transaction in for entry in entries { try outbox.enqueue(entry, in: transaction) } }
    }

    func state(_ desk: Desk, _ id: String) async throws -> OutboxEntry.State? {
        try await desk.engine.read { try Outbox.state(of: id, in: $0)?.state }
    }

    func receipt(
        _ outbox: Outbox, _ desk: Desk, _ vendorID: String, _ state: DeliveryState, _ reason: String? = nil, instance: String = "sms"
    ) async throws {
        try await desk.engine.write {
            try outbox.apply(DeliveryReceipt(vendorMessageID: vendorID, state: state, reason: reason), from: instance, in: $0)
        }
    }

    static func sent(_ entry: OutboxEntry) -> Outbox.Delivery { .accepted(SendResult(vendorIDs: ["v-\(entry.id)"])) }

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

    /// Two messages of a lane, of which the first was under way when the process died, and the next process over the same file.
    /// - Parameter before: is done before the next process sends.
    /// - Returns: what the next one sent.
    func afterACrash(
        before: (Outbox, Desk) async throws -> Void = { _, _ in }, then: (Outbox, Desk) async throws -> Void = { _, _ in }
    ) async throws -> [String] {
        try await withFolder { folder in
            let path = folder.appendingPathComponent("jack.sqlite").path
            let first = try await SQLiteEngine.open(path: path)
            try await first.migrate(KernelSchema.migrations)
            let dying = Desk(engine: first), hung = Door(), begun = Mutexed<[String]>([])
            let outbox = dying.outbox { entry in
                begun.update { $0.append(entry.id) }
                await hung.pass()
                throw CancellationError()
            }
            try await put(outbox, dying, "a", "b")
            let running = Task { try await outbox.run() }
            #expect(await eventually { begun.value == ["a"] })
            // The process dies here: nothing of the first is written any more.
            let second = try await SQLiteEngine.open(path: path)
            let desk = Desk(engine: second), left = Mutexed<[String]>([])
            let next = desk.outbox { entry in
                left.update { $0.append(entry.id) }
                return Self.sent(entry)
            }
            try await before(next, desk)
            try await beside({ try await next.run() }) { () async throws in
                #expect(try await eventually { try await desk.states("outbox") == ["sent", "sent"] })
            }
            try await then(next, desk)
            running.cancel()
            hung.open()
            _ = await running.result
            #expect(try await desk.states("outbox").allSatisfy { $0 != "queued" })
            await second.close()
            await first.close()
            return left.value
        }
    }

    @Test func aRestartDeliversAgainUnderTheSameID() async throws {
        #expect(try await afterACrash() == ["a", "b"])
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
}
