import Butler
import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import Testing

@testable import Host

/// Starting, failing and stopping.
@Suite(.serialized) struct LifecycleTests {
    private func withSink(_ settings: String, _ body: (TestHotel) async throws -> Void) async throws {
        try await TestHotel.run(configure: { try $0.edit("  log: {}", "  log: {}\n  night: {plugin: odd, \(settings)}") }, body)
    }

    @Test func `an instance that does not start is said, and everything else runs`() async throws {
        for (starting, words) in [
            ("unreachable", "the vendor is away"), ("rejected", "does not know the key"), ("wrong", "cannot work"), ("odd", "unforeseen"),
        ] {
            try await withSink("on_start_failure: retry, settings: {starting: \(starting)}") { hotel async throws in
                let sink = try await hotel.get("/api/v1/plugins/night")
                #expect(sink["last_error"].stringValue?.contains(words) == true, "\(sink.text)")
                #expect(sink["state"] == "failed" || sink["state"] == "starting")
                let ready = try await hotel.get("/readyz", token: nil)
                #expect(ready.status == 503 && ready["ready"] == false && ready["not_ready"] == ["night"], "\(ready.text)")
                #expect(try await hotel.get("/healthz", token: nil).status == 200)
                let window = try await hotel.window()
                #expect(try await window.ask("q", "When is breakfast?")["from"] == "jack")
                try await window.close()
            }
        }
    }

    @Test func `an instance that hangs in start is given up after its time`() async throws {
        try await withSink("on_start_failure: disable, start_timeout: 300ms, settings: {starting: hangs}") { hotel async throws in
            let sink = try await hotel.get("/api/v1/plugins/night")
            #expect(sink["state"] == "stopped" && sink["last_error"].stringValue?.contains("did not start within") == true, "\(sink.text)")
        }
    }

    @Test func `the policy fail refuses the start`() async throws {
        let failure = await #expect(throws: PluginFailure.self) {
            try await withSink("on_start_failure: fail, settings: {starting: wrong}") { _ in Issue.record("it runs") }
        }
        #expect(failure?.message.contains("this cannot work") == true)
    }

    @Test func `a port that is taken is said in words`() async throws {
        try await TestHotel.run { first in
            let folder = try TestHotel.folder(), port = try first.port
            defer { try? FileManager.default.removeItem(at: folder) }
            let second = try await TestHotel(folder, assignments: ["server.port=\(port)"])
            let error = await #expect(throws: HostError.self) { try await second.application.start() }
            #expect(error?.description.contains("\(port)") == true && error?.description.contains("PORT") == true)
            await second.stop()
        }
    }

    @Test func `stopping says goodbye to windows, and what was acknowledged is answered after the next start`() async throws {
        let folder = try TestHotel.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let webchat = ["channels.webchat.settings.messages_per_minute=1000", "channels.webchat.settings.history=200"]
        let first = try await TestHotel(folder, assignments: webchat)
        try await first.application.start()
        let window = try await first.window()
        var acknowledged: [String] = []
        for number in 0..<30 {
            guard try await window.say("m\(number)", "When is breakfast?")["type"] == "ack" else { break }
            acknowledged.append("m\(number)")
        }
        let sent = Set(acknowledged)
        await first.stop()
        #expect(try await window.next("never") == nil, "the window is closed")
        let second = try await TestHotel(folder, assignments: webchat)
        try await second.application.start()
        try await second.eventually("all answers") {
            let again = try await second.window(token: window.token)
            let answered = Set(again.history.compactMap { $0["in_reply_to"]?.stringValue })
            try await again.close()
            return answered == sent
        }
        #expect(sent.count == 30)
        await second.stop()
        // Twice does no harm.
        await second.application.stop()
    }

    @Test func `the first start makes secrets that only its user reads, once`() async throws {
        let folder = try TestHotel.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let configurator = TestHotel.configurator(folder, environment: [:])
        let path = folder.appendingPathComponent("data/secrets.env").path
        #expect(try configurator.load(makingSecrets: false).loaded?.configuration.settings.security.localToken == nil)
        #expect(!FileManager.default.fileExists(atPath: path))
        let made = try #require(try configurator.load(makingSecrets: true).loaded?.configuration.settings.security.localToken?.reveal())
        #expect(made.count == 64)
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        #expect(try configurator.load(makingSecrets: true).loaded?.configuration.settings.security.localToken?.reveal() == made)
        // The environment wins over the file.
        let other = TestHotel.configurator(folder, environment: ["LOCAL_TOKEN": "mine"])
        #expect(try other.load(makingSecrets: true).loaded?.configuration.settings.security.localToken?.reveal() == "mine")
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        let error = #expect(throws: HostError.self) { try configurator.load(makingSecrets: true) }
        #expect(error?.description.contains("chmod 600") == true)
    }

    @Test func `production takes no secret from a file that Jack makes`() async throws {
        let folder = try TestHotel.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (loaded, diagnostics) = try TestHotel.configurator(folder, environment: ["JACK_ENV": "production"]).load(makingSecrets: true)
        #expect(loaded == nil)
        let text = diagnostics.sorted.map(\.description).joined(separator: "\n")
        for name in ["local_token", "jwt_secret", "encryption_key"] { #expect(text.contains("security.\(name) must be set in production")) }
        #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("data").path))
    }

    @Test func `without a word on AI the instances that there are answer`() async throws {
        try await TestHotel.run(configure: {
            try $0.edit("  embedded: {plugin: scripted}", "  house: {plugin: scripted}")
            try $0.edit("  ai: [embedded]\n", "")
            try $0.edit("    embeddings: embedded\n", "")
        }) { hotel async throws in
            let settings = hotel.application.butler.desk.settings
            #expect(settings.ai == ["house"] && settings.knowledge.embeddings == "house")
            let window = try await hotel.window()
            #expect(try await window.ask("q", "When is breakfast?")["sources"]?.arrayValue?.isEmpty == false)
            try await window.close()
        }
    }
}
