import CoreMetrics
import Foundation
import HTTPTypes
import Logging
import PluginAPI
import PluginTestKit
import Testing

@Suite struct TestContextTests {
    private struct Echo: Plugin {
        struct Settings: PluginSettings {
            @Setting(help: "The account's token.", .minimumLength(8)) var token: Secret
            @Setting(help: "How many at once.", .range(1...9)) var concurrency: Int = 4
            @Setting(help: "How long to wait.") var wait: Duration = .seconds(3)
            @Setting(help: "Other names.") var names: [String] = []
            init() {}
        }

        static let manifest = PluginManifest(id: "echo", summary: "Says it again.", stability: .experimental)
        static var kind: PluginKind { .channel }
        let settings: Settings
        let context: PluginContext

        init(settings: Settings, context: PluginContext) throws {
            self.settings = settings
            self.context = context
        }

        static func validate(_ settings: Settings, _ report: inout ValidationReport) {
            if settings.concurrency == 7 { report.error("concurrency", "seven is one too many") }
        }
    }

    @Test func aPluginIsMadeAsTheKernelMakesIt() throws {
        let test = TestContext(instance: "echo-1")
        let echo = try test.make(Echo.self, ["token": "long-enough", "wait": "5m", "names": ["a", "b"]])
        #expect(echo.settings.token.reveal() == "long-enough" && echo.settings.wait == .seconds(300))
        #expect(echo.settings.names == ["a", "b"] && echo.settings.concurrency == 4 && echo.context.instance == "echo-1")
    }

    @Test(
        arguments: [
            (["concurrency": 1], "“token” is missing"), (["token": "short"], "needs at least 8"),
            (["token": "long-enough", "tokn": 1], "unknown key “tokn”"),
            (["token": "long-enough", "concurrency": 7], "concurrency: seven is one too many"),
            (["token": "long-enough", "names": "a"], "expected a list"),
        ] as [(JSONValue, String)])
    func settingsAreReadStrictly(_ settings: JSONValue, _ complaint: String) {
        let error = #expect(throws: SettingsRejected.self) { try TestContext().make(Echo.self, settings) }
        #expect(error?.description.contains(complaint) == true, "\(error?.description ?? "")")
    }

    @Test func keysExpireByTheWall() async throws {
        let test = TestContext(), store = test.context.storage
        try await store.set("a/1", to: [1], lifetime: .seconds(10))
        try await store.set("a/2", to: [2], lifetime: nil)
        try await store.set("b/1", to: [3], lifetime: nil)
        #expect(try await store.keys(withPrefix: "a/", limit: 9) == ["a/1", "a/2"])
        #expect(try await store.keys(withPrefix: "a/", limit: 1) == ["a/1"])
        await test.clock.advance(by: .seconds(10))
        #expect(try await store.get("a/1") == nil)
        #expect(try await store.keys(withPrefix: "", limit: 9) == ["a/2", "b/1"])
        try await store.remove("a/2")
        #expect(test.storage.contents == ["b/1": [3]])
        test.storage.fail(with: .notReady(.unreachable, "the disk is away"))
        await #expect(throws: PluginFailure.self) { try await store.get("b/1") }
    }

    @Test func repetitionsAreToldApart() async throws {
        let test = TestContext(), peer = PeerAddress(.phone, "+4915112345678")
        let event = InboundEvent(vendorID: "m1", peer: peer, .message(InboundMessage(text: "hello")))
        let first = try await test.context.inbound.accept([event])
        let again = try await test.context.inbound.accept([event, InboundEvent(vendorID: "m2", peer: peer, .consent(false))])
        #expect(first.map(\.isDuplicate) == [false] && again.map(\.isDuplicate) == [true, false])
        #expect(again.first?.id == first.first?.id && test.inbound.events.count == 2 && test.inbound.duplicates == 1)
        #expect(test.inbound.messages.map(\.text) == ["hello"])
        test.inbound.fail(with: .notReady(.overloaded, "full"))
        await #expect(throws: PluginFailure.self) { try await test.context.inbound.accept([event]) }
        test.inbound.fail(with: nil)
        test.inbound.setTranscript([TranscriptEntry(id: "1", vendorID: nil, author: .jack, text: "hi", sentAt: test.clock.now)])
        #expect(try await test.context.inbound.transcript(with: peer, limit: 5).map(\.text) == ["hi"])
    }

    @Test func scheduledWorkRunsWhenToldTo() async throws {
        let test = TestContext(), scheduler = test.context.scheduler, start = test.clock.now
        await scheduler.every(.seconds(60), name: "poll") { try await test.storage.set("polled", to: [1], lifetime: nil) }
        #expect(try await test.scheduler.run("poll"))
        #expect(try await !test.scheduler.run("pole"))
        #expect(test.storage.contents["polled"] == [1] && test.scheduler.series.map(\.interval) == [.seconds(60)])

        try await scheduler.at(start + 20, key: "b", payload: [2])
        try await scheduler.at(start + 10, key: "a", payload: [1])
        try await scheduler.at(start + 30, key: "a", payload: [3])
        #expect(try await test.scheduler.runDue(by: start + 60) == 0, "nothing handles them yet")
        await scheduler.handle { key, payload in
            if key == "a" { throw PluginFailure.notReady(.unreachable, "away") }
            try await test.storage.set(key, to: payload, lifetime: nil)
        }
        #expect(try await test.scheduler.runDue(by: start + 20) == 1)
        #expect(test.storage.contents["b"] == [2] && test.scheduler.jobs.map(\.key) == ["a"])
        await #expect(throws: PluginFailure.self) { try await test.scheduler.runDue(by: test.clock.now + 60) }
        #expect(test.scheduler.jobs.map(\.payload) == [[3]], "what fails waits on")
    }

    @Test func linesAreKeptWithTheirMetadata() async throws {
        let test = TestContext(instance: "echo-1"), secret = Secret("hunter2-hunter2")
        test.context.logger.debug("signing in", metadata: ["token": "\(secret)", "user": "miramar"])
        #expect(!test.logs.contains("hunter2") && test.logs.contains("user=miramar") && test.logs.contains("instance=echo-1"))
        #expect(test.logs.lines(.debug).count == 1 && test.logs.lines(.error).isEmpty)
        test.context.logger.error("leaks \(secret.reveal())")
        #expect(test.logs.contains("hunter2"), "the check can fail")
    }

    @Test func metricsAndHealthAreKept() {
        let test = TestContext(instance: "echo-1")
        test.context.metrics.counter("sent_total", [("kind", "text")]).increment(by: 2)
        test.context.metrics.counter("sent_total", [("kind", "text")]).increment()
        test.context.metrics.gauge("queue").record(4)
        #expect(test.metrics.sum("jack_plugin_sent_total", ["kind": "text", "instance": "echo-1"]) == 3)
        #expect(test.metrics.values("jack_plugin_queue") == [4] && test.metrics.values("jack_plugin_queue", ["instance": "other"]).isEmpty)
        test.context.health.degraded("slow")
        #expect(test.health.current == .degraded("slow"))
        test.context.health.recovered()
        #expect(test.health.current == nil && test.health.reports.count == 2)
    }

    @Test func noRequestIsExpectedByDefault() async throws {
        await #expect(throws: PluginFailure.self) { try await TestContext().context.http.send(ClientRequest(.get, "http://127.0.0.1/")) }
        let http = ScriptedHTTPClient { _ in ClientResponse(status: .accepted, body: [1, 2]) }
        let streamed = try await TestContext(http: http).context.http.stream(ClientRequest(.post, "http://127.0.0.1/x"))
        var body: [UInt8] = []
        for try await piece in streamed.body { body += piece }
        #expect(body == [1, 2] && http.requests.map(\.url) == ["http://127.0.0.1/x"])
    }
}
