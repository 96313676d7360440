import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import Testing

@testable import Host

/// What changes while Jack runs, and what must not.
@Suite(.serialized) struct ReloadTests {
    private func file(_ hotel: TestHotel) -> TestFile { TestFile(url: hotel.file) }

    @Test func `a dry run says what would change, and changes nothing`() async throws {
        try await TestHotel.run { hotel async throws in
            #expect(try await hotel.send(.post, "/api/v1/admin/reload", ["dry_run": true])["changes"] == [])
            try file(hotel).edit("  log: {}", "  log: {}\n  night: {plugin: odd}")
            let report = try await hotel.send(.post, "/api/v1/admin/reload", ["dry_run": true])
            #expect(report["applied"] == false && report["changes"] == ["add alert night (odd)"], "\(report.text)")
            #expect(try await hotel.get("/api/v1/plugins/night").status == 404)
        }
    }

    @Test func `instances are added, changed and removed; the others are not touched`() async throws {
        try await TestHotel.run { hotel async throws in
            let before = try await hotel.get("/api/v1/plugins/webchat")["since"]
            try file(hotel).edit("  log: {}", "  log: {}\n  night: {plugin: odd}")
            #expect(try await hotel.send(.post, "/api/v1/admin/reload", [:])["applied"] == true)
            let made = try await hotel.get("/api/v1/plugins/night")
            #expect(made["state"] == "running")
            try file(hotel).edit("night: {plugin: odd}", "night: {plugin: odd, settings: {note: hello}}")
            #expect(try await hotel.send(.post, "/api/v1/admin/reload", [:])["changes"] == ["restart alert night: settings.note"])
            #expect(try await hotel.get("/api/v1/plugins/night").text.contains("hello"))
            try file(hotel).edit("\n  night: {plugin: odd, settings: {note: hello}}", "")
            #expect(try await hotel.send(.post, "/api/v1/admin/reload", [:])["changes"] == ["remove alert night"])
            #expect(try await hotel.get("/api/v1/plugins/night").status == 404)
            #expect(try await hotel.get("/api/v1/plugins/webchat")["since"] == before, "the page was not touched")
        }
    }

    @Test func `a broken file is refused with its line, and everything stays as it was`() async throws {
        try await TestHotel.run { hotel async throws in
            let window = try await hotel.window()
            try file(hotel).edit("server:", "sever:")
            let report = try await hotel.send(.post, "/api/v1/admin/reload", [:])
            #expect(report["applied"] == false && report["changes"] == [])
            #expect(
                report["diagnostics"].arrayValue?.contains { $0.stringValue?.contains("unknown key “sever”; did you mean “server”?") == true }
                    == true, "\(report.text)")
            #expect(try await window.ask("q", "When is breakfast?")["from"] == "jack")
            try file(hotel).edit("sever:", "server:")
            try TestFile(url: hotel.folder.appendingPathComponent("config/hotel/safety.yaml")).edit("phrases:", "phrasees:")
            let catalog = try await hotel.send(.post, "/api/v1/admin/reload", [:])
            #expect(catalog["applied"] == false && catalog.text.contains("safety.yaml:"))
            try await window.close()
        }
    }

    @Test func `an instance that does not start leaves everything as it was`() async throws {
        try await TestHotel.run { hotel async throws in
            try file(hotel).edit("  log: {}", "  log: {settings: {detail: true}}\n  night: {plugin: odd, settings: {starting: wrong}}")
            let report = try await hotel.send(.post, "/api/v1/admin/reload", [:])
            #expect(report.status == 409 && report.text.contains("this cannot work"), "\(report.text)")
            #expect(try await hotel.get("/api/v1/plugins").items.count == 4)
            #expect(try await hotel.get("/api/v1/plugins/log")["state"] == "running")
            #expect(try await hotel.get("/readyz").status == 200)
        }
    }

    @Test func `what a catalog says is heeded after a reload`() async throws {
        try await TestHotel.run { hotel async throws in
            let window = try await hotel.window()
            #expect(try await window.ask("a", "Hello")["text"]?.stringValue?.contains("I am Jack") == true)
            try TestFile(url: hotel.folder.appendingPathComponent("config/hotel/replies.yaml")).edit("Hello, I am Jack", "Welcome, I am Jack")
            #expect(try await hotel.send(.post, "/api/v1/admin/reload", [:])["changes"] == ["change the butler's catalogs"])
            #expect(try await window.ask("b", "Hello")["text"]?.stringValue?.hasPrefix("Welcome, I am Jack") == true)
            try file(hotel).edit("    send: 0.5", "    send: 0.95")
            #expect(try await hotel.send(.post, "/api/v1/admin/reload", [:])["applied"] == true)
            #expect(try await window.say("c", "When is breakfast?")["type"] == "ack")
            try await hotel.eventually("the draft") { try await hotel.get("/api/v1/approvals?state=pending").items.count == 1 }
            try await window.close()
        }
    }

    @Test func `what is read once at the start is said to need a restart`() async throws {
        try await TestHotel.run { hotel async throws in
            try file(hotel).edit("  host: 127.0.0.1\n", "  host: 127.0.0.1\n  allowlist: [10.0.0.0/8]\n")
            let report = try await hotel.send(.post, "/api/v1/admin/reload", [:])
            #expect(report["changes"] == ["server.allowlist: takes hold at the next start"], "\(report.text)")
            #expect(try await hotel.get("/api/v1/tasks").status == 200)
        }
    }

    @Test func `messages that come during a reload are all answered`() async throws {
        try await TestHotel.run(assignments: ["channels.webchat.settings.messages_per_minute=1000"]) { hotel async throws in
            let window = try await hotel.window()
            for round in 0..<5 {
                try TestFile(url: hotel.folder.appendingPathComponent("config/hotel/replies.yaml")).edit(
                    round == 0 ? "I am Jack" : "I am Jack\(round)", "I am Jack\(round + 1)")
                async let reload = hotel.send(.post, "/api/v1/admin/reload", [:])
                for number in 0..<4 { #expect(try await window.say("r\(round)-\(number)", "Hello")["type"] == "ack") }
                #expect(try await reload["applied"] == true)
            }
            let answered = try await answers(20, in: window)
            #expect(answered.count == 20)
            try await window.close()
        }
    }

    /// The messages that the next replies answer.
    private func answers(_ count: Int, in window: Window) async throws -> Set<String> {
        var answered: Set<String> = []
        for _ in 0..<count { if let id = try await window.next("message")?["in_reply_to"]?.stringValue { answered.insert(id) } }
        return answered
    }
}
