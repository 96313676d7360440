import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

@Suite(.timeLimit(.minutes(1))) struct HousekeepingTests {
    private static let day: TimeInterval = 86_400

    private func put(_ rows: [(id: String, state: String, age: Double, kind: String)], in table: String, _ desk: Desk) async throws {
        let now = desk.clock.now
        _ = try await desk.engine.write { transaction in
            for row in rows {
                let at = now.addingTimeInterval(-row.age * Self.day).sql
                if table == "inbox" {
                    try transaction.run(
                        """
                        INSERT INTO inbox (id, property, instance, vendor_id, lane, event, received_at, state)
                        VALUES (:id, 'main', 'sms', :id, 'l', '{}', :at, :state)
                        """, ["id": row.id.sql, "at": at, "state": row.state.sql])
                } else {
                    try transaction.run(
                        """
                        INSERT INTO outbox (id, property, instance, kind, lane, payload, created_at, next_at, state)
                        VALUES (:id, 'main', 'sms', :kind, 'l', '{}', :at, :at, :state)
                        """, ["id": row.id.sql, "at": at, "state": row.state.sql, "kind": row.kind.sql])
                    try transaction.run(
                        "INSERT INTO outbox_vendor_id (property, instance, vendor_id, outbox_id) VALUES ('main', 'sms', :vendor, :id)",
                        ["id": row.id.sql, "vendor": "v-\(row.id)".sql])
                }
            }
        }
    }

    private func ids(_ table: String, _ desk: Desk) async throws -> [String] {
        try await desk.engine.read { try $0.rows("SELECT id FROM \(table) ORDER BY seq").map { try $0.string("id") } }
    }

    private func clean(_ desk: Desk, _ retention: BoxRetention = BoxRetention()) async throws {
        try await Housekeeping(engine: desk.engine, clock: desk.clock, retention: retention, others: []).run()
    }

    @Test(arguments: Backing.allCases) func onlyWhatIsOverAndOldGoes(_ backing: Backing) async throws {
        try await withEngine(backing) { engine in
            let desk = Desk(engine: engine)
            try await put(
                [
                    ("old", "done", 31, ""), ("waits", "pending", 400, ""), ("dead", "dead", 400, ""), ("young", "done", 29, ""),
                    ("newest", "done", 99, ""),
                ], in: "inbox", desk)
            try await put(
                [
                    ("sent", "sent", 91, "message"), ("read", "read", 91, "message"), ("dropped", "withdrawn", 91, "message"),
                    ("page", "failed", 91, "page"), ("letter", "failed", 400, "message"), ("dead", "dead", 400, "page"),
                    ("queued", "queued", 400, "message"), ("young", "sent", 89, "message"), ("newest", "delivered", 99, "message"),
                ], in: "outbox", desk)
            try await clean(desk)
            #expect(try await ids("inbox", desk) == ["waits", "dead", "young", "newest"])
            #expect(try await ids("outbox", desk) == ["letter", "dead", "queued", "young", "newest"])
            let followed = try await engine.read { try $0.rows("SELECT outbox_id FROM outbox_vendor_id").map { try $0.string("outbox_id") } }
            #expect(Set(followed) == ["letter", "dead", "queued", "young", "newest"], "whose receipts may still come are known")
        }
    }

    @Test func aTimeThatTheOperatorSetsHoldsAndIsNeverShorterThanAnyWindow() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine)
            try await put([("ten", "done", 10, ""), ("seven", "done", 7, ""), ("newest", "done", 0, "")], in: "inbox", desk)
            #expect(BoxRetention(inbox: .seconds(60)).inbox == .seconds(8 * 86_400))
            try await clean(desk, BoxRetention(inbox: .zero, outbox: .zero))
            #expect(try await ids("inbox", desk) == ["seven", "newest"])
        }
    }

    @Test func aThousandGoInSteps() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine)
            let rows = (0..<1200).map { (id: "r\($0)", state: $0 % 100 == 0 ? "pending" : "done", age: 40.0, kind: "") }
            try await put(rows + [("newest", "done", 0, "")], in: "inbox", desk)
            try await clean(desk)
            #expect(try await ids("inbox", desk) == stride(from: 0, to: 1200, by: 100).map { "r\($0)" } + ["newest"])
        }
    }

    /// A row's number is how whoever works through the table reads on: it is not given twice.
    @Test func anEventThatComesAfterwardsIsStillWorkedOn() async throws {
        try await withEngine(.memory) { engine in
            let desk = Desk(engine: engine), handled = Mutexed<[String]>([])
            let inbox = desk.inbox { item in
                handled.update { $0.append(item.event.vendorID) }
                try await engine.write { try Inbox.complete(item, in: $0) }
            }
            try await beside({ await inbox.run() }) {
                _ = try await inbox.accept("sms", [event("a"), event("b")])
                #expect(await eventually { handled.value.count == 2 })
                #expect(try await eventually { try await desk.states("inbox") == ["done", "done"] })
                desk.clock.jumpWall(by: .seconds(31 * 86_400))
                try await clean(desk)
                #expect(try await desk.states("inbox") == ["done"])
                _ = try await inbox.accept("sms", [event("c")])
                #expect(await eventually { handled.value == ["a", "b", "c"] })
            }
        }
    }
}
