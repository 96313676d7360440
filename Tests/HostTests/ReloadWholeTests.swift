import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import Testing

@testable import Host

/// A reload that cannot be done whole is not done at all: what a guest, a vendor and an operator meet afterwards is what they met before.
@Suite(.serialized) struct ReloadWholeTests {
    /// Two numbers whose webhooks answer a handshake with the word of their settings, and a sink.
    private static let channels = """
        webchat: {}
        front: {plugin: whatsapp, settings: {phone_number_id: '106540352242922', access_token: a, app_secret: b, verify_token: old}}
        spa: {plugin: whatsapp, settings: {phone_number_id: '106540352242923', access_token: a, app_secret: b, verify_token: old}}
        """

    private func run(_ body: (TestHotel, TestFile) async throws -> Void) async throws {
        let configure: (TestFile) throws -> Void = { file in
            try file.edit("  webchat: {}", Self.channels.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
            try file.edit("  log: {}", "  log: {}\n  night: {plugin: odd}")
        }
        try await TestHotel.run(configure: configure) { hotel async throws in try await body(hotel, TestFile(url: hotel.file)) }
    }

    /// Changes what answers at both webhooks, and the butler, which would take hold at once.
    private func change(_ file: TestFile) throws {
        try file.edit("verify_token: old", "verify_token: new")
        try file.edit("    send: 0.5", "    send: 0.95")
    }

    private func reload(_ hotel: TestHotel) async throws -> TestHotel.Answer { try await hotel.send(.post, "/api/v1/admin/reload", [:]) }

    private func says(_ report: TestHotel.Answer, _ words: String) -> Bool {
        report["diagnostics"].arrayValue?.contains { $0.stringValue?.contains(words) == true } == true
    }

    private func handshake(_ hotel: TestHotel, _ instance: String, _ word: String) async throws -> Bool {
        let answer = try await hotel.get("/webhooks/\(instance)?hub.mode=subscribe&hub.verify_token=\(word)&hub.challenge=7", token: nil)
        return answer.status == 200 && answer.text == "7"
    }

    /// Everything answers as the old configuration has it.
    private func expectOld(_ hotel: TestHotel, _ window: Window, _ id: String) async throws {
        for instance in ["front", "spa"] { #expect(try await handshake(hotel, instance, "old"), "\(instance) is the old one") }
        #expect(try await handshake(hotel, "front", "new") == false)
        #expect(try await window.ask(id, "When is breakfast?")["from"] == "jack", "a new butler would hold this answer")
        #expect(try await hotel.get("/api/v1/plugins/night")["state"] == "running")
        #expect(try await hotel.get("/metrics").text.contains("jack_instance_up{instance=\"night\",kind=\"alert\"} 1"))
        #expect(try await hotel.get("/readyz").status == 200)
    }

    /// The next reload, of a mended file, does all of it.
    private func expectNew(_ hotel: TestHotel, _ window: Window) async throws {
        let report = try await reload(hotel)
        #expect(report["applied"] == true, "\(report.text)")
        for instance in ["front", "spa"] { #expect(try await handshake(hotel, instance, "new"), "\(instance) is the new one") }
        #expect(try await window.say("held", "When is breakfast?")["type"] == "ack")
        try await hotel.eventually("the draft") { try await hotel.get("/api/v1/approvals?state=pending").items.count == 1 }
        #expect(try await hotel.get("/metrics").text.contains("jack_instance_up{instance=\"front\",kind=\"channel\"} 1"))
    }

    @Test func `of three changed instances the third does not start`() async throws {
        try await run { hotel, file async throws in
            let window = try await hotel.window()
            try change(file)
            try file.edit("night: {plugin: odd}", "night: {plugin: odd, on_start_failure: disable, settings: {starting: wrong}}")
            let report = try await reload(hotel)
            #expect(report.status == 409)
            #expect(report.text.contains("nothing was changed: night did not start: this cannot work"), "\(report.text)")
            try await expectOld(hotel, window, "a")
            try file.edit("starting: wrong", "note: hello")
            try await expectNew(hotel, window)
            #expect(try await hotel.get("/api/v1/plugins/night").text.contains("hello"))
            try await window.close()
        }
    }

    @Test func `the plan is broken`() async throws {
        try await run { hotel, file async throws in
            let window = try await hotel.window(), plan = TestFile(url: hotel.folder.appending(path: "config/plan.yaml"))
            try change(file)
            try file.edit("oncall:\n", "oncall:\n  file: plan.yaml\n")
            try "people: {ana: {name: Ana}}\nroutes: {receiver: nobody}\n".write(to: plan.url, atomically: true, encoding: .utf8)
            let report = try await reload(hotel)
            #expect(report["applied"] == false && report["changes"] == [] && says(report, "plan.yaml:2:"), "\(report.text)")
            try await expectOld(hotel, window, "a")
            try file.edit("oncall:\n  file: plan.yaml\n", "oncall:\n")
            try await expectNew(hotel, window)
            try await window.close()
        }
    }

    @Test func `the knowledge folder is missing`() async throws {
        try await run { hotel, file async throws in
            let window = try await hotel.window()
            try change(file)
            try file.edit("folder: hotel/knowledge", "folder: hotel/nowhere")
            let report = try await reload(hotel)
            #expect(report["applied"] == false && says(report, "the folder “hotel/nowhere” cannot be read"), "\(report.text)")
            try await expectOld(hotel, window, "a")
            try file.edit("folder: hotel/nowhere", "folder: hotel/knowledge")
            try await expectNew(hotel, window)
            try await window.close()
        }
    }

    @Test func `two instances would serve one page`() async throws {
        try await run { hotel, file async throws in
            let window = try await hotel.window()
            try change(file)
            try file.edit("  webchat: {}", "  webchat: {}\n  lobby: {plugin: webchat}")
            let report = try await reload(hotel)
            #expect(report.status == 409 && report.text.contains("nothing was changed: the routes of lobby cannot be mounted"), "\(report.text)")
            try await expectOld(hotel, window, "a")
            #expect(try await hotel.get("/api/v1/plugins/lobby").status == 404)
            try file.edit("\n  lobby: {plugin: webchat}", "")
            try await expectNew(hotel, window)
            try await window.close()
        }
    }

    @Test func `what the new configuration expects cannot be stored`() async throws {
        try await run { hotel, file async throws in
            let window = try await hotel.window()
            try change(file)
            try file.edit("watch: {rules: alert-rules.yaml}", "watch: {rules: alert-rules.yaml, heartbeats: {audit: {every: 1h}}}")
            try await hotel.application.storage.write {
                _ = try $0.run("CREATE TRIGGER no_heartbeat BEFORE INSERT ON heartbeat BEGIN SELECT RAISE(ABORT, 'the disk says no'); END")
            }
            let report = try await reload(hotel)
            #expect(report.status == 409)
            #expect(report.text.contains("nothing was changed: what the configuration expects cannot be stored"), "\(report.text)")
            try await expectOld(hotel, window, "a")
            #expect(try await hotel.get("/api/v1/heartbeats").items.isEmpty)
            try await hotel.application.storage.write { _ = try $0.run("DROP TRIGGER no_heartbeat") }
            try await expectNew(hotel, window)
            #expect(try await hotel.get("/api/v1/heartbeats").items.map { $0["name"] } == ["audit"])
            try await window.close()
        }
    }
}
