import Butler
import Foundation
import Gateway
import HTTPTypes
import Kernel
import PluginAPI
import Testing

@testable import Host

/// The REST routes over HTTP, with the real hotel behind them.
@Suite(.serialized) struct APITests {
    @Test func `nothing is told without the token`() async throws {
        try await TestHotel.run { hotel async throws in
            for path in ["conversations", "guests", "reservations", "tasks", "approvals", "plugins", "knowledge/search?q=x"] {
                #expect(try await hotel.get("/api/v1/\(path)", token: nil).status == 401, "\(path)")
                #expect(try await hotel.get("/api/v1/\(path)", token: "another-token-of-the-same-length-as-it").status == 401, "\(path)")
                #expect(try await hotel.get("/api/v1/\(path)").status == 200, "\(path)")
            }
            #expect(try await hotel.send(.post, "/api/v1/admin/stop", [:], token: nil).status == 401)
        }
    }

    @Test func `tasks are made, worked off, and only moved as the rules allow`() async throws {
        try await TestHotel.run { hotel async throws in
            let made = try await hotel.send(
                .post, "/api/v1/tasks", ["department": "maintenance", "summary": "The lamp is broken", "room": "204", "priority": "high"])
            #expect(made.status == 201)
            let id = try #require(made["id"].stringValue)
            // The ledger names who made it.
            #expect(try await hotel.get("/api/v1/why?of=\(id)").items.first?["reason"]?.stringValue?.hasPrefix("Rosa ") == true)
            #expect(made["status"] == "open" && made["priority"] == "high" && made["due_at"].stringValue != nil)
            for (action, state) in [("claim", "claimed"), ("start", "in_progress"), ("complete", "done")] {
                let moved = try await hotel.send(.patch, "/api/v1/tasks/\(id)", ["action": .string(action), "note": "n"])
                #expect(moved["status"].stringValue == state && moved["assigned_to"] == "Rosa", "\(moved.text)")
            }
            #expect(try await hotel.send(.patch, "/api/v1/tasks/\(id)", ["action": "claim"]).status == 409)
            #expect(try await hotel.get("/api/v1/tasks?status=done").items.count == 1)
            #expect(try await hotel.get("/api/v1/tasks?department=housekeeping").items.isEmpty)
            #expect(try await hotel.get("/api/v1/tasks/none").status == 404)
            #expect(try await hotel.get("/api/v1/tasks?status=nonsense").status == 400)
            #expect(try await hotel.send(.post, "/api/v1/tasks", ["department": "x", "summary": "y", "conversation_id": "none"]).status == 404)
            #expect(try await hotel.send(.post, "/api/v1/tasks", ["department": "x", "summary": "y", "colour": "red"]).status >= 400)
        }
    }

    @Test func `the command line reads lists whole, and sends filters as they were written`() async throws {
        try await TestHotel.run { hotel async throws in
            for number in 0..<103 {
                _ = try await hotel.application.butler.staff.createTask(
                    department: number == 0 ? "food & drink" : "bar", room: nil, title: "task \(number)", description: "", priority: .low, by: "Rosa")
            }
            let client = try RemoteClient(base: "http://127.0.0.1:\(try hotel.port)", token: Secret(TestHotel.token))
            func tasks(_ department: String? = nil, whole: Bool) async throws -> API.Page<API.HotelTask> {
                try await client.list("/api/v1/tasks", [("department", department), ("status", "open")], of: API.HotelTask.self, whole: whole)
            }
            let first = try await tasks(whole: false)
            #expect(first.items.count == 100 && first.nextCursor != nil)
            let all = try await tasks(whole: true)
            #expect(Set(all.items.map(\.id)).count == 103 && all.items.count == 103 && all.nextCursor == nil)
            #expect(try await tasks("food & drink", whole: true).items.map(\.summary) == ["task 0"])
        }
    }

    @Test func `lists are paged without gaps or repetitions`() async throws {
        try await TestHotel.run { hotel async throws in
            for number in 0..<7 { _ = try await hotel.send(.post, "/api/v1/tasks", ["department": "d", "summary": .string("task \(number)")]) }
            let (seen, pages) = try await allTasks(hotel, limit: 3)
            #expect(pages == 3 && Set(seen).count == 7 && seen.count == 7)
            #expect(try await hotel.get("/api/v1/tasks?cursor=nonsense").status >= 400)
            #expect(try await hotel.get("/api/v1/reservations?limit=2").items.count == 2)
        }
    }

    private func allTasks(_ hotel: TestHotel, limit: Int) async throws -> (summaries: [String], pages: Int) {
        var seen: [String] = [], next = "", pages = 0
        while pages < 10 {
            let page = try await hotel.get("/api/v1/tasks?limit=\(limit)\(next)")
            for item in page.items { seen.append(item["summary"]?.stringValue ?? "") }
            pages += 1
            guard let cursor = page["next_cursor"].stringValue else { break }
            next = "&cursor=\(cursor)"
        }
        return (seen, pages)
    }

    @Test func `guests and reservations come from the PMS`() async throws {
        try await TestHotel.run { hotel async throws in
            let stay = try #require(try await hotel.get("/api/v1/reservations?confirmation=HM20401").items.first)
            #expect(stay["room"] == "204" && stay["guest_name"] == "Marta Bergmann" && stay["status"] == "checked_in")
            let id = try #require(stay["id"]?.stringValue)
            #expect(try await hotel.get("/api/v1/reservations/\(id)")["room"] == "204")
            #expect(try await hotel.get("/api/v1/reservations/none").status == 404)
            #expect(try await hotel.get("/api/v1/reservations?on=tomorrow").status == 400)

            let window = try await hotel.window()
            _ = try await window.ask("v", "Hello, I am Marta Bergmann, booking HM20401, please bring a towel")
            let guest = try #require(try await hotel.get("/api/v1/guests?search=Bergmann").items.first)
            #expect(guest["name"] == "Marta Bergmann")
            #expect(try await hotel.get("/api/v1/guests/\(guest["id"]?.stringValue ?? "")")["name"] == "Marta Bergmann")
            #expect(try await hotel.get("/api/v1/guests/none").status == 404)
            let conversation = try #require(try await hotel.get("/api/v1/conversations?guest_id=\(guest["id"]?.stringValue ?? "")").items.first)
            #expect(conversation["room"] == "204" && conversation["guest_name"] == "Marta Bergmann")
            try await window.close()
        }
    }

    @Test func `conversations are found by state, and a state that is none is refused`() async throws {
        try await TestHotel.run { hotel async throws in
            let window = try await hotel.window()
            _ = try await window.ask("h", "Hello")
            let id = try await hotel.newest()
            #expect(try await hotel.get("/api/v1/conversations?state=active").items.count == 1)
            #expect(try await hotel.get("/api/v1/conversations?state=taken").items.isEmpty)
            #expect(try await hotel.get("/api/v1/conversations?state=asleep").status == 400)
            #expect(try await hotel.get("/api/v1/conversations?staet=active").status == 400)
            #expect(try await hotel.send(.patch, "/api/v1/conversations/\(id)", ["state": "resolved"])["state"] == "resolved")
            #expect(try await hotel.send(.patch, "/api/v1/conversations/none", ["action": "take_over"]).status == 404)
            #expect(try await hotel.send(.patch, "/api/v1/conversations/\(id)", [:]).status == 422)
            #expect(try await hotel.get("/api/v1/messages/none/why").status == 404)
            try await window.close()
        }
    }

    @Test func `knowledge is searched`() async throws {
        try await TestHotel.run { hotel async throws in
            try await hotel.eventually("the index") { try await !hotel.get("/api/v1/knowledge/search?q=breakfast").items.isEmpty }
            let hits = try await hotel.get("/api/v1/knowledge/search?q=breakfast%20hours&limit=5").items
            let hit = try #require(hits.first { $0["title"] == "Breakfast hours" })
            #expect(
                hits.count == 5 && hit["source"]?.stringValue?.contains("breakfast-hours") == true && hit["score"]?.doubleValue ?? 0 > 0, "\(hit)")
            #expect(try await hotel.get("/api/v1/knowledge/search").status == 400)
            // What FTS5 would take for operators is text.
            #expect(try await hotel.get("/api/v1/knowledge/search?q=%22breakfast%20AND%20(NEAR*").status == 200)
        }
    }

    @Test func `an instance is held and released, and stays held over a reload`() async throws {
        try await TestHotel.run { hotel async throws in
            #expect(try await hotel.get("/api/v1/plugins").items.count == 4)
            let held = try await hotel.send(.post, "/api/v1/plugins/log/hold", ["reason": "too loud"])
            #expect(held["state"] == "held" && held["last_error"].stringValue?.contains("too loud") == true)
            #expect(try await hotel.get("/readyz").status == 503)
            try TestFile(url: hotel.file).edit("  log: {}", "  log: {settings: {detail: true}}")
            #expect(try await hotel.send(.post, "/api/v1/admin/reload", [:])["applied"] == true)
            #expect(try await hotel.get("/api/v1/plugins/log")["state"] == "held", "a reload does not let go what a human holds")
            let released = try await hotel.send(.post, "/api/v1/plugins/log/release", [:])
            #expect(released["state"] == "running", "\(released.text)")
            #expect(try await hotel.send(.post, "/api/v1/plugins/log/release", [:]).status == 409)
            #expect(try await hotel.send(.post, "/api/v1/plugins/none/hold", [:]).status == 404)
            #expect(try await hotel.get("/readyz").status == 200)
        }
    }

    @Test func `an instance is restarted, one that is held is not, and what it serves is there again`() async throws {
        try await TestHotel.run { hotel async throws in
            let restarted = try await hotel.send(.post, "/api/v1/plugins/webchat/restart", [:])
            #expect(restarted.status == 200 && restarted["state"] == "running", "\(restarted.text)")
            #expect(try await hotel.get("/").status == 200, "its page is mounted by the time of the answer")
            #expect(try await hotel.send(.post, "/api/v1/plugins/none/restart", [:]).status == 404)
            #expect(try await hotel.send(.post, "/api/v1/plugins/log/hold", ["reason": "too loud"]).status == 200)
            let held = try await hotel.send(.post, "/api/v1/plugins/log/restart", [:])
            #expect(held.status == 409 && held.text.contains("too loud"), "\(held.text)")
            #expect(try await hotel.get("/api/v1/plugins/log")["state"] == "held")
        }
    }

    @Test func `no secret is in what plugins tell of their settings`() async throws {
        let secret = "0123456789abcdef0123456789abcdef-not-to-be-seen"
        try await TestHotel.run(configure: {
            try $0.edit("  log: {}", "  log: {}\n  hook: {plugin: webhook, settings: {url: 'http://127.0.0.1:9/', secret: \(secret)}}")
        }) { hotel async throws in
            let all = try await hotel.get("/api/v1/plugins").text
            #expect(all.contains("hook") && !all.contains(secret))
        }
    }

    @Test func `health has its shape, and metrics are there`() async throws {
        try await TestHotel.run { hotel async throws in
            let health = try await hotel.get("/health", token: nil)
            #expect(health.json.objectValue.map { Set($0.keys) } == ["status", "version", "uptime", "database", "channels"])
            #expect(health["status"] == "healthy" && health["database"] == "connected" && health["channels"] == ["webchat": "connected"])
            #expect(health["version"].stringValue == JackHost.version && health["uptime"].doubleValue != nil)
            #expect(try await hotel.get("/healthz", token: nil).status == 200)
            #expect(try await hotel.get("/metrics").text.contains("jack_instance_up{"))
            let document = try await hotel.get("/api/openapi.yaml", token: nil)
            #expect(document.status == 200 && document.text.contains("openapi: 3"))
        }
    }
}
