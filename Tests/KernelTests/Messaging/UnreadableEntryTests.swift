import Foundation
import Logging
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

/// What lies in the outbox and cannot be read: a human sees it, and it holds up nobody.
@Suite(.timeLimit(.minutes(1))) struct UnreadableEntryTests {
    private func put(_ outbox: Outbox, _ desk: Desk, _ ids: String...) async throws {
        let now = desk.clock.now
        let entries = try ids.map {
            try OutboxEntry.message(
                OutboundMessage(id: $0, peer: PeerAddress(.phone, "+1"), author: .jack, text: "text of \($0)"), through: "sms", at: now)
        }
        try await desk.engine.write { transaction in for entry in entries { try outbox.enqueue(entry, in: transaction) } }
    }

    private func outbox(_ desk: Desk, _ left: Mutexed<[String]>) -> Outbox {
        desk.outbox { entry in
            let message = try entry.decoded(OutboundMessage.self)
            left.update { $0.append(message.id) }
            return .accepted(SendResult(vendorIDs: []))
        }
    }

    private func error(_ desk: Desk, _ id: String) async throws -> String {
        try await desk.engine.read { try Outbox.state(of: id, in: $0)?.error ?? "" }
    }

    @Test func aPayloadThatIsNoneIsADeadLetterAtOnce() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), left = Mutexed<[String]>([]), outbox = outbox(desk, left)
            try await put(outbox, desk, "a", "b")
            _ = try await engine.write { try $0.run("UPDATE outbox SET payload = '{\"half of it' WHERE id = 'a'") }
            try await beside({ try await outbox.run() }) { () async throws in
                #expect(
                    try await eventually { try await desk.states("outbox") == ["dead", "sent"] }, "the one behind it leaves, and no time has passed")
            }
            #expect(left.value == ["b"])
            #expect(try await desk.attempts("a") == 1)
            #expect(try await !error(desk, "a").contains("half"))
            #expect(try await error(desk, "a").contains("the entry cannot be read as a message"))
            #expect(try await desk.alerts().map(\.fingerprint) == ["deadletter:a"])
        }
    }

    /// A row of a database that somebody else has written into, without the schema's constraints.
    @Test func aRowThatIsNoneIsADeadLetterAtOnce() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), left = Mutexed<[String]>([]), outbox = outbox(desk, left)
            _ = try await engine.write { transaction in
                try transaction.run("ALTER TABLE outbox RENAME TO outbox_before")
                try transaction.run(
                    """
                    CREATE TABLE outbox (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, property, instance, kind, lane, payload, created_at, next_at,
                        state DEFAULT 'queued', attempts DEFAULT 0, error, sent_at, died_at, matter)
                    """)
            }
            try await put(outbox, desk, "a", "b")
            _ = try await engine.write { try $0.run("UPDATE outbox SET created_at = 'yesterday', attempts = 'often' WHERE id = 'a'") }
            try await beside({ try await outbox.run() }) { () async throws in
                #expect(try await eventually { try await desk.states("outbox") == ["dead", "sent"] })
            }
            #expect(left.value == ["b"])
            #expect(try await error(desk, "a").hasPrefix("the entry cannot be read: "))
            #expect(try await desk.alerts().map(\.fingerprint) == ["deadletter:a"])
            #expect(desk.logs.lines(.error).map(\.message) == ["an entry of the outbox cannot be read"], "once, and not in a loop")
            #expect(desk.metrics.sum("jack_outbound_total", ["instance": "sms", "kind": "message", "outcome": "dead"]) == 1)
            let told = try await engine.read { try Ledger.entries(of: "a", property: "main", in: $0).map(\.outcome) }
            #expect(told == ["dead"])
            // A human can look at it all the same.
            let office = DeadLetterOffice(property: "main", letters: desk.letters())
            let letters = try await engine.read { try office.list(limit: 10, in: $0) }
            #expect(letters.map(\.id) == ["a"] && letters.first?.reason.hasPrefix("the entry cannot be read") == true)
        }
    }
}
