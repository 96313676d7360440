import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

/// What could not be dealt with or delivered reaches a human, once, and can be done again.
@Suite(.timeLimit(.minutes(1))) struct DeadLetterTests {
    private struct Broken: Error {}

    private func message(_ id: String, kind: OutboxEntry.Kind = .message, to peer: String = "+1", _ desk: Desk) throws -> OutboxEntry {
        var entry = try OutboxEntry.message(
            OutboundMessage(id: id, peer: PeerAddress(.phone, peer), author: .jack, text: "text of \(id)"), through: "sms", at: desk.clock.now)
        entry.kind = kind
        return entry
    }

    private func put(_ outbox: Outbox, _ desk: Desk, _ entries: OutboxEntry...) async throws {
        try await desk.engine.write { transaction in for entry in entries { try outbox.enqueue(entry, in: transaction) } }
    }

    private func receipt(_ outbox: Outbox, _ desk: Desk, _ vendorID: String, _ state: DeliveryState = .failed) async throws {
        try await desk.engine.write {
            try outbox.apply(DeliveryReceipt(vendorMessageID: vendorID, state: state, reason: "window-closed"), from: "sms", in: $0)
        }
    }

    // MARK: Telling

    @Test func severalReceiptsThatFailAreToldOfOnceAndWithTheReceipt() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), told = Mutexed<[String]>([])
            let outbox = desk.outbox(
                .init(),
                concern: { letter, _ in
                    told.update { $0.append("\(letter.id) \(letter.state.rawValue) \(letter.text ?? "") \(letter.reason)") }
                    return DeadLetterMatter(subject: "cnv_1", summary: "a guest was not reached", labels: ["room": "204"])
                }
            ) { .accepted(SendResult(vendorIDs: ["v1-\($0.id)", "v2-\($0.id)"])) }
            try await put(outbox, desk, message("a", desk), message("b", desk))
            try await beside({ try await outbox.run() }) { () async throws in
                #expect(try await eventually { try await desk.states("outbox") == ["sent", "sent"] })
            }
            for id in ["v1-a", "v2-a", "v1-a"] { try await receipt(outbox, desk, id) }
            // Nobody but the transaction itself has done anything since.
            #expect(told.value == ["a failed text of a window-closed"])
            let alerts = try await desk.alerts()
            #expect(alerts.map(\.fingerprint) == ["deadletter:cnv_1"] && alerts[0].summary == "a guest was not reached")
            #expect(alerts[0].labels["room"] == "204" && alerts[0].labels["alertname"] == "DeadLetter" && alerts[0].endsAt == nil)
            // Another message of the same matter: the hotel hears of it, and nobody is paged again.
            try await engine.write { try $0.run("DELETE FROM job") }
            try await receipt(outbox, desk, "v2-b")
            #expect(told.value.count == 2)
            #expect(try await desk.alerts().isEmpty)
        }
    }

    /// What an instance could not even hand in.
    @Test func whatCannotBeHandedInIsALetterThatNobodyDealsWith() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), handled = Mutexed<[String]>([])
            let inbox = desk.inbox { item in
                handled.update { $0.append(item.event.vendorID) }
                try await engine.write { try Inbox.complete(item, in: $0) }
            }
            for _ in 1...2 { try await inbox.giveUp("mail", event("aside 1", from: nil), reason: "the mail with UID 7 cannot be taken", attempts: 8) }
            _ = try await inbox.accept("mail", [event("next")])
            try await beside({ await inbox.run() }) { () async throws in #expect(await eventually { handled.value == ["next"] }) }
            #expect(try await eventually { try await desk.states("inbox") == ["dead", "done"] })
            #expect(try await desk.alerts().count == 1, "the same is told of once")
            let office = DeadLetterOffice(property: "main", letters: desk.letters())
            let letters = try await engine.read { try office.list(limit: 10, in: $0) }
            #expect(letters.map(\.reason) == ["the mail with UID 7 cannot be taken"])
            #expect(letters.first?.attempts == 8 && letters.first?.instance == "mail" && letters.first?.box == .inbox)
        }
    }

    @Test func whatIsGivenUpIsToldOrNotKept() async throws {
        try await withEngine(.memory) { memory async throws in
            let engine = FailingEngine(memory)
            let desk = Desk(engine: engine), inbox = desk.inbox { _ in }
            engine.fail(true)
            await #expect(throws: StorageError.self) { try await inbox.giveUp("mail", event("a", from: nil), reason: "why", attempts: 8) }
            engine.fail(false)
            #expect(try await desk.states("inbox").isEmpty)
            #expect(try await desk.alerts().isEmpty)
        }
    }

    @Test func whatIsRolledBackIsNotToldAndATellingThatFailsGivesUpAllTheSame() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine)
            let outbox = desk.outbox(
                .init(),
                concern: { letter, transaction in
                    try transaction.run("INSERT INTO plugin_hold (property, instance, reason, held_at) VALUES ('main', 'x', 'half done', 0)")
                    throw Broken()
                }
            ) { _ in throw PluginFailure.permanent(.unknownRecipient, "no such number") }
            try await put(outbox, desk, message("a", desk), message("b", desk))
            try await beside({ try await outbox.run() }) { () async throws in
                #expect(try await eventually { try await desk.states("outbox") == ["dead", "dead"] }, "the lane is not held up for ever")
            }
            #expect(try await desk.alerts().map(\.fingerprint).sorted() == ["deadletter:a", "deadletter:b"])
            #expect(try await engine.read { try $0.rows("SELECT instance FROM plugin_hold") }.isEmpty)
        }
    }

    @Test func aDeadPageRaisesNothing() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine)
            let outbox = desk.outbox(.init()) { _ in throw PluginFailure.permanent(.unknownRecipient, "no such pager") }
            try await put(outbox, desk, message("page_1", kind: .page, desk))
            try await beside({ try await outbox.run() }) { () async throws in
                #expect(try await eventually { try await desk.states("outbox") == ["dead"] })
            }
            #expect(try await desk.alerts().isEmpty)
        }
    }

    // MARK: How long

    /// Two hours in which nothing is taken, with waits as in production but for their jitter.
    @Test(arguments: [OutboxEntry.Kind.message, "notice"]) func anOutageOfTwoHoursLosesNothingAndNothingOvertakes(_ kind: OutboxEntry.Kind)
        async throws
    {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), left = Mutexed<[String]>([]), start = desk.clock.now, clock = desk.clock
            var policy = Outbox.Policy(backoff: Backoff(base: .seconds(2), maximum: .seconds(900), random: { 0.5 }))
            policy.lifetimes["notice"] = .seconds(7 * 86_400)
            let tries = Mutexed(0)
            let outbox = desk.outbox(policy) { entry in
                tries.update { $0 += 1 }
                if clock.now.timeIntervalSince(start) < 7200 { throw PluginFailure.notReady(.vendorFault, "503") }
                left.update { $0.append(entry.id) }
                return .accepted(SendResult(vendorIDs: []))
            }
            try await put(outbox, desk, message("1", kind: kind, desk), message("2", kind: kind, desk), message("3", kind: kind, desk))
            try await beside({ try await outbox.run() }) { () async throws in
                #expect(await desk.pass(.seconds(60)) { left.value.count == 3 })
            }
            #expect(left.value == ["1", "2", "3"])
            #expect(tries.value > 12 + 3, "more often than the count of old would have allowed")
            #expect(desk.clock.now.timeIntervalSince(start) < 20_000)
        }
    }

    @Test func eachKindHasItsTime() {
        var policy = Outbox.Policy()
        policy.lifetimes["notice"] = .seconds(7 * 86_400)
        func isOver(_ kind: OutboxEntry.Kind, _ attempts: Int, hours: Double) -> Bool {
            policy.isOver(
                OutboxEntry(id: "x", instance: "i", kind: kind, lane: "", payload: [], createdAt: Date()), attempts: attempts, age: hours * 3600)
        }
        #expect(!isOver(.message, 1000, hours: 23.9) && isOver(.message, 1, hours: 24.1))
        #expect(!isOver("notice", 1000, hours: 167) && isOver("notice", 1, hours: 169))
        #expect(!isOver(.page, 11, hours: 1) && isOver(.page, 12, hours: 0.1) && isOver(.page, 1, hours: 25))
    }

    // MARK: Doing it again

    private func kernel(_ desk: Desk, deliver: @escaping Outbox.Deliver, inbound: @escaping Inbox.Handler = { _ in }) -> JackKernel {
        let kernel = JackKernel(
            .init(
                property: .sample, engine: desk.engine, clock: desk.clock, logger: desk.logs.logger(), metrics: desk.metrics,
                http: { _ in ScriptedHTTPClient() }, files: { _ in NoFiles() }, secrets: { _ in MemorySecretStore() }, trapFile: nil))
        kernel.connect(
            .init(
                inbound: inbound, deliveries: [.message: deliver, .page: deliver], transcript: { _, _, _ in [] },
                died: { letter, _ in
                    letter.box == .outbox ? DeadLetterMatter(subject: "cnv_1", summary: "a guest was not reached") : nil
                }))
        return kernel
    }

    private func list(_ kernel: JackKernel, _ filter: DeadLetterOffice.Filter = .init()) async throws -> [DeadLetter] {
        try await kernel.parts.engine.read { [letters = kernel.letters] in try letters.list(filter, limit: 100, in: $0) }
    }

    @Test func whatDiedIsListedSentAgainAndItsAlertEndsWithTheLast() async throws {
        try await withEngine(.disk) { engine in
            let desk = Desk(engine: engine), isSick = Mutexed(true), left = Mutexed<[String]>([])
            let kernel = kernel(desk) { entry in
                if isSick.value { throw PluginFailure.permanent(.unknownRecipient, "no such number") }
                left.update { $0.append(entry.id) }
                return .accepted(SendResult(vendorIDs: ["again-\(entry.id)"]))
            }
            try await kernel.start([])
            for id in ["a", "b", "page_1"] {
                try await put(kernel.outbox, desk, message(id, kind: id == "page_1" ? .page : .message, desk))
                #expect(try await eventually { try await desk.states("outbox").allSatisfy { $0 == "dead" } })
                await desk.clock.advance(by: .seconds(60))
            }
            let letters = try await list(kernel)
            #expect(letters.map(\.id) == ["page_1", "b", "a"], "the latest first")
            #expect(letters.last?.text == "text of a" && letters.last?.peer == PeerAddress(.phone, "+1") && letters.last?.state == .dead)
            #expect(letters.last?.reason.contains("no such number") == true)
            #expect(try await list(kernel, .init(box: .inbox)).isEmpty)
            #expect(try await list(kernel, .init(instance: "mail")).isEmpty)
            let next = try await engine.read { [office = kernel.letters] in
                try office.list(after: (letters[0].diedAt, letters[0].id), limit: 1, in: $0)
            }
            #expect(next.map(\.id) == ["b"])

            isSick.update { $0 = false }
            #expect(await failure { try await kernel.retry(letter: "page_1", by: "Ana") }?.reason == .invalidRequest)
            #expect(await failure { try await kernel.retry(letter: "none", by: "Ana") }?.reason == .notFound)
            _ = try await kernel.retry(letter: "a", by: "Ana")
            #expect(await eventually { left.value == ["a"] }, "without a restart")
            #expect(await failure { try await kernel.retry(letter: "a", by: "Ana") }?.reason == .notFound, "it is none any more")
            #expect(try await desk.alerts().map(\.endsAt) == [nil], "one of the matter is left")
            _ = try await kernel.drop(letter: "b", by: "Ana", reason: "said by telephone")
            #expect(try await desk.alerts().map { $0.endsAt != nil } == [true])
            _ = try await kernel.drop(letter: "page_1", by: "Ana", reason: nil)
            #expect(try await list(kernel).isEmpty)
            #expect(try await engine.read { try Outbox.state(of: "b", in: $0) }?.state == .withdrawn)
            let why = try await engine.read { try Ledger.entries(of: "b", property: PropertyInfo.sample.id, in: $0) }
            #expect(why.last?.outcome == "dropped" && why.last?.reason == "Ana dropped it: said by telephone")
            await kernel.stop()
        }
    }

    @Test func whatTheVendorSaysOfTheFirstSendingIsNoNewsOfTheSecond() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), sent = Mutexed(0)
            let kernel = kernel(desk) { _ in
                let number = sent.update {
                    $0 += 1
                    return $0
                }
                return .accepted(SendResult(vendorIDs: number == 1 ? ["v1", "v2"] : ["v3"]))
            }
            try await kernel.start([])
            try await put(kernel.outbox, desk, message("a", desk))
            #expect(try await eventually { try await desk.states("outbox") == ["sent"] })
            try await receipt(kernel.outbox, desk, "v1")
            #expect(try await list(kernel).map(\.state) == [.failed])
            _ = try await kernel.retry(letter: "a", by: "Ana")
            try await receipt(kernel.outbox, desk, "v2")
            #expect(try await eventually { try await desk.states("outbox") == ["sent"] })
            try await receipt(kernel.outbox, desk, "v3", .delivered)
            #expect(try await desk.states("outbox") == ["delivered"])
            #expect(try await list(kernel).isEmpty)
            await kernel.stop()
        }
    }

    @Test func whatArrivedAndAJobAreDoneAgain() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), handled = Mutexed<[String]>([]), jobs = Mutexed(0)
            let kernel = kernel(
                desk, deliver: { _ in .withdrawn(reason: "") },
                inbound: { item in
                    handled.update { $0.append(item.event.vendorID) }
                    try await engine.write { try Inbox.complete(item, in: $0) }
                })
            kernel.jobs.register("work") { _ in jobs.update { $0 += 1 } }
            try await kernel.start([])
            let ids = try await kernel.inbox.accept("sms", [event("1"), event("2")]).map(\.id)
            #expect(await eventually { handled.value == ["1", "2"] })
            try await engine.write {
                try $0.run("UPDATE inbox SET state = 'dead', error = 'x' WHERE vendor_id = '1'")
                try $0.run(
                    """
                    INSERT INTO job (id, property, kind, payload, run_at, state, attempts, error, created_at)
                    VALUES ('job_1', :property, 'work', x'', 0, 'dead', 10, 'x', 0)
                    """, ["property": PropertyInfo.sample.id.sql])
            }
            #expect(try await Set(list(kernel).map(\.id)) == [ids[0], "job_1"])
            #expect(try await list(kernel, .init(box: .inbox)).first?.kind == "message")
            _ = try await kernel.retry(letter: ids[0], by: "Ana")
            #expect(await eventually { handled.value == ["1", "2", "1"] })
            _ = try await kernel.retry(letter: "job_1", by: "Ana")
            #expect(await eventually { jobs.value == 1 })
            #expect(try await list(kernel).isEmpty)
            await kernel.stop()
        }
    }
}
