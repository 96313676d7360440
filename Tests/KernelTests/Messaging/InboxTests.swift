import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

@Suite(.timeLimit(.minutes(1))) struct InboxTests {
    private struct Broken: Error {}

    @Test(arguments: Backing.allCases) func aRepetitionIsKnownAndDealtWithOnce(_ backing: Backing) async throws {
        try await withEngine(backing) { engine in
            let desk = Desk(engine: engine), handled = Mutexed<[String]>([])
            let inbox = desk.inbox { item in
                handled.update { $0.append("\(item.instance) \(item.event.vendorID)") }
                try await engine.write { try Inbox.complete(item, in: $0) }
            }
            let first = try await inbox.accept("sms", [event("1"), event("2"), event("1")])
            let second = try await inbox.accept("sms", [event("2")])
            let other = try await inbox.accept("mail", [event("2")])
            #expect(first.map(\.isDuplicate) == [false, false, true] && first[0].id == first[2].id && first[0].id != first[1].id)
            #expect(second == [InboundReceipt(id: first[1].id, isDuplicate: true)])
            #expect(!other[0].isDuplicate, "another instance's ids are its own")
            #expect(try await inbox.accept("sms", []).isEmpty)
            try await beside({ await inbox.run() }) { () async throws in
                #expect(await eventually { handled.value.count == 3 })
                #expect(try await eventually { try await desk.states("inbox") == ["done", "done", "done"] })
            }
            #expect(Set(handled.value) == ["sms 1", "sms 2", "mail 2"])
            #expect(desk.metrics.sum("jack_inbound_events_total", ["instance": "sms"]) == 2)
            #expect(desk.metrics.sum("jack_inbound_duplicates_total", ["instance": "sms"]) == 2)
        }
    }

    @Test func whatWasAcceptedIsOnDiskAndTakenUpByTheNextProcess() async throws {
        try await withFolder { folder in
            let path = folder.appendingPathComponent("jack.sqlite").path
            let first = try await SQLiteEngine.open(path: path)
            try await first.migrate(KernelSchema.migrations)
            _ = try await Desk(engine: first).inbox { _ in }.accept("sms", (1...5).map { event("\($0)") })
            // A second look at the file, as after a crash: the first never closed.
            let second = try await SQLiteEngine.open(path: path)
            #expect(try await second.read { try $0.rows("SELECT id FROM inbox") }.count == 5)
            await second.close()
            await first.close()

            let third = try await SQLiteEngine.open(path: path)
            let handled = Mutexed<[String]>([])
            let inbox = Desk(engine: third).inbox { item in
                handled.update { $0.append(item.event.vendorID) }
                try await third.write { try Inbox.complete(item, in: $0) }
            }
            try await beside({ await inbox.run() }) { () async throws in #expect(await eventually { handled.value == ["1", "2", "3", "4", "5"] }) }
            #expect(try await inbox.accept("sms", [event("3")])[0].isDuplicate, "also over a restart")
            await third.close()
        }
    }

    @Test func oneConversationInOrderAndOthersBesideIt() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), handled = Mutexed<[String]>([]), door = Door()
            let inbox = desk.inbox { item in
                if item.event.vendorID == "a1" { await door.pass() }
                handled.update { $0.append(item.event.vendorID) }
                try await engine.write { try Inbox.complete(item, in: $0) }
            }
            try await beside({ await inbox.run() }) { () async throws in
                _ = try await inbox.accept(
                    "sms", [event("a1", from: "+1"), event("a2", from: "+1"), event("b1", from: "+2"), event("b2", from: "+2")])
                #expect(await eventually { handled.value == ["b1", "b2"] })
                #expect(await eventually { inbox.depth == 2 })
                door.open()
                #expect(await eventually { handled.value == ["b1", "b2", "a1", "a2"] })
            }
        }
    }

    @Test func afterItsTimeItIsADeadLetterAndTheLaneGoesOn() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), tries = Mutexed(0), handled = Mutexed<[String]>([]), start = desk.clock.now
            let inbox = desk.inbox { item in
                if item.event.vendorID == "bad" {
                    tries.update { $0 += 1 }
                    throw Broken()
                }
                handled.update { $0.append(item.event.vendorID) }
                try await engine.write { try Inbox.complete(item, in: $0) }
            }
            let ids = try await inbox.accept("sms", [event("bad"), event("next")]).map(\.id)
            try await beside({ await inbox.run() }) { () async throws in
                #expect(await desk.pass(.seconds(60)) { handled.value == ["next"] })
                #expect(try await eventually { try await desk.states("inbox") == ["dead", "done"] })
            }
            let took = desk.clock.now.timeIntervalSince(start)
            #expect(took >= 120 && took <= 360, "two minutes, whatever went wrong in them: \(took)")
            #expect(tries.value > Inbox.leastAttempts)
            let alerts = try await desk.alerts()
            #expect(alerts.map(\.fingerprint) == ["deadletter:\(ids[0])"])
            #expect(alerts[0].labels["type"] == "dead_letter" && alerts[0].labels["box"] == "inbox" && alerts[0].labels["source"] == "sms")
            let row = try await engine.read { try $0.row("SELECT attempts, error, died_at FROM inbox WHERE state = 'dead'") }
            #expect(try row?.int("attempts") == tries.value)
            #expect(try row?.string("error") == "Broken()")
            #expect(row?.dateIfPresent("died_at") != nil)
        }
    }

    @Test func anEventThatCannotBeReadHidesNothing() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), handled = Mutexed<[String]>([])
            let inbox = desk.inbox { item in
                handled.update { $0.append(item.event.vendorID) }
                try await engine.write { try Inbox.complete(item, in: $0) }
            }
            _ = try await inbox.accept("sms", (1...4).map { event("\($0)", "room 12, Mrs Smith") })
            try await engine.write { try $0.run("UPDATE inbox SET event = '{\"room 12, Mrs Smith' WHERE vendor_id IN ('1', '3')") }
            try await beside({ await inbox.run() }) { () async throws in #expect(await eventually { handled.value == ["2", "4"] }) }
            #expect(try await desk.states("inbox") == ["dead", "done", "dead", "done"])
            let alerts = try await desk.alerts()
            #expect(alerts.count == 2 && !alerts.contains { "\($0)".contains("Mrs Smith") })
            #expect(!desk.logs.contains("Mrs Smith"))
        }
    }

    @Test func aDiskThatRefusesAcceptsNothingAndLosesNothing() async throws {
        try await withEngine(.disk) { real in
            let engine = FailingEngine(real)
            let desk = Desk(engine: engine), handled = Mutexed<[String]>([]), tries = Mutexed(0)
            let inbox = desk.inbox { item in
                tries.update { $0 += 1 }
                try await engine.write { try Inbox.complete(item, in: $0) }
                handled.update { $0.append(item.event.vendorID) }
            }
            engine.fail(true)
            #expect(await code { try await inbox.accept("sms", [event("1")]) } == .full)
            #expect(try await desk.states("inbox").isEmpty)
            engine.fail(false)
            _ = try await inbox.accept("sms", [event("1"), event("2")])
            engine.fail(true)
            try await beside({ await inbox.run() }) { () async throws in
                #expect(await desk.pass { tries.value > Inbox.leastAttempts + 3 })
                #expect(try await desk.states("inbox") == ["pending", "pending"], "a full disk is no fault of the event's")
                engine.fail(false)
                #expect(await desk.pass { handled.value == ["1", "2"] })
            }
        }
    }

    @Test func whatIsDoneIsNotDoneTwiceThoughTheHandlerFailsAfterwards() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), tries = Mutexed(0)
            let inbox = desk.inbox { item in
                tries.update { $0 += 1 }
                try await engine.write { try Inbox.complete(item, in: $0) }
                throw Broken()
            }
            _ = try await inbox.accept("sms", [event("1")])
            try await beside({ await inbox.run() }) { () async throws in
                #expect(await eventually { inbox.depth == 0 && tries.value > 0 })
                await desk.clock.advance(by: .seconds(120))
            }
            #expect(try await desk.states("inbox") == ["done"])
            #expect(tries.value == 1)
        }
    }

    @Test func aHandlersOwnCancellationIsAFailureThatCounts() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine)
            let inbox = desk.inbox { _ in throw CancellationError() }
            _ = try await inbox.accept("sms", [event("1")])
            try await beside({ await inbox.run() }) { () async throws in
                #expect(try await desk.pass(.seconds(60)) { try await desk.states("inbox") == ["dead"] })
            }
        }
    }

    @Test(arguments: [StorageError.Code.full, .busy, .readOnly, .closed]) func aTurnThatStorageRefusesCostsNoTry(_ code: StorageError.Code)
        async throws
    {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), tries = Mutexed(0), isSick = Mutexed(true)
            let inbox = desk.inbox { item in
                let number = tries.update {
                    $0 += 1
                    return $0
                }
                // The small change that counts would succeed: only the turn's own commit is refused, also where a plugin says so.
                let fault = StorageError(code, "no")
                if isSick.value { throw number % 2 == 0 ? fault : PluginFailure.notReady(.unreachable, "cannot be stored", cause: fault) }
                try await engine.write { try Inbox.complete(item, in: $0) }
            }
            _ = try await inbox.accept("sms", [event("1")])
            try await beside({ await inbox.run() }) { () async throws in
                #expect(await desk.pass(.seconds(600)) { tries.value > 12 })
                let row = try await engine.read { try $0.row("SELECT state, attempts FROM inbox") }
                #expect(try row?.string("state") == "pending")
                #expect(try row?.int("attempts") == 0, "two hours of a full disk are no fault of the event's")
                isSick.update { $0 = false }
                #expect(try await desk.pass { try await desk.states("inbox") == ["done"] })
            }
        }
    }

    @Test func aStopInTheMiddleLeavesItToTheNext() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), begun = Mutexed(0), clock = desk.clock
            let inbox = desk.inbox { _ in
                begun.update { $0 += 1 }
                try await clock.sleep(for: .seconds(3600))
            }
            _ = try await inbox.accept("sms", [event("1")])
            let running = Task { await inbox.run() }
            #expect(await eventually { begun.value == 1 && clock.sleepers == 1 })
            running.cancel()
            #expect(await clock.waitForSleepers(2))
            await clock.advance(by: .seconds(10))
            await running.value
            let row = try await engine.read { try $0.row("SELECT state, attempts FROM inbox") }
            #expect(try row?.string("state") == "pending")
            #expect(try row?.int("attempts") == 0, "a stop is no failure")
        }
    }
}
