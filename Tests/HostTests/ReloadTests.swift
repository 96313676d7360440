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

    @Test func `the alert of a failed instance ends with the instance`() async throws {
        let never = "\n  never: {plugin: odd, settings: {starting: rejected}}"
        try await TestHotel.run(configure: { try $0.edit("  log: {}", "  log: {}" + never) }) { hotel async throws in
            try await hotel.eventually("the alert") { try await hotel.get("/api/v2/alerts").text.contains("never") }
            try file(hotel).edit(never, "")
            #expect(try await hotel.send(.post, "/api/v1/admin/reload", [:])["changes"] == ["remove alert never"])
            try await hotel.eventually("its end") { try await !hotel.get("/api/v2/alerts").text.contains("never") }
        }
    }

    @Test func `rules that change in their own file are a change`() async throws {
        let rules = { (hotel: TestHotel) in TestFile(url: hotel.folder.appendingPathComponent("config/alert-rules.yaml")) }
        try await TestHotel.run { hotel async throws in
            try rules(hotel).edit("rules:\n", "# What is watched.\nrules:\n")
            #expect(try await hotel.send(.post, "/api/v1/admin/reload", [:])["changes"] == [], "a comment is none")
            try rules(hotel).edit("every: 15s", "every: 7s")
            let report = try await hotel.send(.post, "/api/v1/admin/reload", [:])
            #expect(report["changes"] == ["change the rules by which Jack watches itself"], "\(report.text)")
            try rules(hotel).edit("every: 7s", "every: 7 parsecs")
            #expect(try await hotel.send(.post, "/api/v1/admin/reload", [:])["applied"] == false)
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

    @Test func `what has failed is started again, also where nothing in the file has changed`() async throws {
        let night = "  log: {}\n  night: {plugin: odd, settings: {starting: mends}}\n  never: {plugin: odd, settings: {starting: rejected}}"
        try await TestHotel.run(configure: { try $0.edit("  log: {}", night) }) { hotel async throws in
            #expect(try await hotel.get("/api/v1/plugins/night")["state"] == "failed")
            let before = try await hotel.get("/api/v1/plugins/webchat")["since"]
            let lines: JSONValue = [
                "restart alert night: it has failed (the key has expired)",
                "restart alert never: it has failed (the vendor does not know the key)",
            ]
            let dry = try await hotel.send(.post, "/api/v1/admin/reload", ["dry_run": true])
            #expect(dry["changes"] == lines, "\(dry.text)")
            #expect(try await hotel.get("/api/v1/plugins/night")["state"] == "failed")
            let report = try await hotel.send(.post, "/api/v1/admin/reload", [:])
            #expect(report["applied"] == true && report["changes"] == lines, "\(report.text)")
            #expect(report.text.contains("alert never does not run: the vendor does not know the key") && !report.text.contains("night does not run"))
            #expect(try await hotel.get("/api/v1/plugins/night")["state"] == "running")
            #expect(try await hotel.get("/api/v1/plugins/webchat")["since"] == before, "what runs is not touched")
            // With a change beside it, both are done.
            try file(hotel).edit("  log: {}", "  log: {settings: {detail: true}}")
            let both = try await hotel.send(.post, "/api/v1/admin/reload", [:])
            #expect(both["changes"].arrayValue?.count == 2 && both.text.contains("restart alert log") && both.text.contains("restart alert never"))
        }
    }

    @Test func `an instance's inbound limit holds at its webhooks, and over a reload`() async throws {
        let whatsapp =
            "  webchat: {}\n  whatsapp: {inbound: {rate: 0.001, burst: 2}, "
            + "settings: {phone_number_id: '106540352242922', access_token: a-token, app_secret: a-secret, verify_token: word}}"
        try await TestHotel.run(configure: { try $0.edit("  webchat: {}", whatsapp) }) { hotel async throws in
            let path = "/webhooks/whatsapp?hub.mode=subscribe&hub.verify_token=word&hub.challenge=7"
            for _ in 0..<2 { #expect(try await hotel.get(path).status == 200) }
            #expect(try await hotel.get(path).status == 429)
            try file(hotel).edit("verify_token: word}", "verify_token: word, link_previews: false}")
            #expect(try await hotel.send(.post, "/api/v1/admin/reload", [:])["changes"] == ["restart channel whatsapp: settings.link_previews"])
            #expect(try await hotel.get(path).status == 429)
            #expect(try await hotel.get("/metrics").text.contains("jack_inbound_limited_total{instance=\"whatsapp\"} 2"))
            try file(hotel).edit("rate: 0.001", "rate: 0")
            #expect(try await hotel.send(.post, "/api/v1/admin/reload", [:])["applied"] == true)
            #expect(try await hotel.get(path).status == 200)
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
