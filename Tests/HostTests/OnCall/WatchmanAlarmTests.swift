import Foundation
import Kernel
import Logging
import OnCall
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import Host

/// What a test's sinks were told, by instance: `page +351210000001`.
private final class Heard: Sendable {
    private let state = Mutex<[String]>([])
    var all: [String] { state.withLock { $0.sorted() } }
    func add(_ line: String) { state.withLock { $0.append(line) } }
}

/// Refuses what names no number, as telephones do.
private struct LineSink: AlertSink {
    struct Settings: PluginSettings {
        var heard = Heard()
        var isBroken = false
        init() {}
        init(from decoder: any Decoder) { self.init() }
    }

    static let manifest = PluginManifest(
        id: "line", summary: "Calls, for tests.", stability: .experimental,
        contacts: [ContactForm(.contact(type: "line"), recipientKeys: ["number"], .phoneNumber)], reachesPeople: .always)
    let settings: Settings
    init(settings: Settings, context: PluginContext) { self.settings = settings }

    var features: AlertSinkFeatures { AlertSinkFeatures() }
    func page(_ page: AlertPage) async throws -> PageReceipt { try take("page", page) }
    func update(_ page: AlertPage) async throws -> PageReceipt { .nothing }
    func resolve(_ page: AlertPage) async throws -> PageReceipt { try take("resolve", page) }

    private func take(_ verb: String, _ page: AlertPage) throws -> PageReceipt {
        guard let number = page.recipient else { throw PluginFailure.permanent(.unknownRecipient, "the recipient is no number") }
        if settings.isBroken { throw PluginFailure.notReady(.unreachable, "no line") }
        settings.heard.add("\(verb) \(number)")
        return PageReceipt()
    }
}

/// Takes everything, and reaches nobody.
private struct PaperSink: AlertSink {
    struct Settings: PluginSettings {
        var heard = Heard()
        init() {}
        init(from decoder: any Decoder) { self.init() }
    }

    static let manifest = PluginManifest(id: "paper", summary: "Writes down, for tests.", stability: .experimental, reachesPeople: .never)
    let settings: Settings
    init(settings: Settings, context: PluginContext) { self.settings = settings }

    var features: AlertSinkFeatures { AlertSinkFeatures() }
    func page(_ page: AlertPage) async throws -> PageReceipt { take("page") }
    func update(_ page: AlertPage) async throws -> PageReceipt { take("update") }
    func resolve(_ page: AlertPage) async throws -> PageReceipt { take("resolve") }

    private func take(_ verb: String) -> PageReceipt {
        settings.heard.add(verb)
        return PageReceipt()
    }
}

/// The watchman's alarm: by a path that does not go through what it watches, to people.
@Suite(.timeLimit(.minutes(1))) struct WatchmanAlarmTests {
    private static let alert = Alert(
        fingerprint: "oncall:watchman", name: "EscalationOverdue", severity: .critical, summary: "late", labels: [:],
        startsAt: Date(timeIntervalSince1970: 1_800_000_000), isEmergency: true)

    private static func plan(_ people: String) throws -> OnCallPlan {
        let text = """
            people:
            \(people)
            policies: {fire: {levels: [{notify: [ana, bea], wait: 5m}]}, days: {levels: [{notify: [carl], wait: 5m}]}}
            emergency: {policy: fire}
            route: {receiver: days}
            receivers: [{name: days, policy: days}]

            """
        let sinks = ["one", "two"].map {
            SinkDescription(
                instance: $0, plugin: "line", contacts: LineSink.manifest.contacts, reachesHuman: true, carrier: $0)
        }
        var diagnostics = Diagnostics()
        let reader = PlanReader(sinks: sinks, files: ConfigurationFiles { (_, _) throws(ConfigurationFiles.Problem) in Array(text.utf8) })
        return try #require(reader.read("plan.yaml", &diagnostics)?.plan, "\(diagnostics.sorted)")
    }

    private static let people = """
          ana: {contacts: [{type: line, number: "+351210000001", through: one}]}
          bea: {contacts: [{type: line, number: "+351210000002", through: two}]}
          carl: {contacts: [{type: line, number: "+351210000003", through: one}]}
        """

    private func open(broken: Set<String> = [], _ body: (JackKernel, PageDelivery, Heard, Heard) async throws -> Void) async throws {
        let engine = try await SQLiteEngine.open(path: nil)
        try await engine.migrate(KernelSchema.migrations)
        let kernel = JackKernel(
            .init(
                property: .sample, engine: engine, clock: SystemTime(), logger: LogRecorder().logger(), metrics: MemoryMetrics(),
                http: { _ in ScriptedHTTPClient() }, files: { _ in NoFiles() }, secrets: { _ in MemorySecretStore() }, trapFile: nil))
        kernel.connect(.init(inbound: { _ in }, deliveries: [:], transcript: { _, _, _ in [] }))
        let calls = Heard(), written = Heard()
        var limits = CallLimits()
        limits.attempts = 1
        var specs = ["one", "two"].map { name in
            var settings = LineSink.Settings()
            settings.heard = calls
            settings.isBroken = broken.contains(name)
            return InstanceSpec(name: name, registration: PluginRegistration(LineSink.self), settings: settings, limits: limits)
        }
        var paper = PaperSink.Settings()
        paper.heard = written
        specs.append(InstanceSpec(name: "paper", registration: PluginRegistration(PaperSink.self), settings: paper, limits: limits))
        try await kernel.start(specs)
        let result: Result<Void, any Error>
        do { result = .success(try await body(kernel, PageDelivery(dispatcher: kernel.dispatcher), calls, written)) } catch {
            result = .failure(error)
        }
        await kernel.stop(drain: .zero)
        await engine.close()
        try result.get()
    }

    @Test func `it calls everybody of the emergency policy by their numbers`() async throws {
        try await open { kernel, delivery, calls, written async throws in
            let alarm = WatchmanAlarm(try Self.plan(Self.people), kernel: kernel, delivery: delivery)
            try await alarm.tell(Self.alert)
            #expect(calls.all == ["page +351210000001", "page +351210000002"])
            #expect(written.all == ["page"], "a log may have it too")
            var over = Self.alert
            over.endsAt = over.startsAt.addingTimeInterval(60)
            try await alarm.tell(over)
            #expect(calls.all.filter { $0.hasPrefix("resolve") }.count == 2)
            // Another plan, other people.
            alarm.go(by: try Self.plan(Self.people.replacingOccurrences(of: "210000001", with: "210000009")))
            try await alarm.tell(Self.alert)
            #expect(calls.all.contains("page +351210000009"))
        }
    }

    @Test func `where the first way fails the next is taken`() async throws {
        try await open(broken: ["one"]) { kernel, delivery, calls, _ async throws in
            try await WatchmanAlarm(try Self.plan(Self.people), kernel: kernel, delivery: delivery).tell(Self.alert)
            #expect(calls.all == ["page +351210000001", "page +351210000002"])
        }
    }

    @Test func `a log alone is nobody`() async throws {
        try await open(broken: ["one", "two"]) { kernel, delivery, calls, written async throws in
            let alarm = WatchmanAlarm(try Self.plan(Self.people), kernel: kernel, delivery: delivery)
            await #expect(throws: (any Error).self) { try await alarm.tell(Self.alert) }
            #expect(calls.all.isEmpty && written.all == ["page"])
        }
        try await open { kernel, delivery, calls, written async throws in
            // Without a plan a telephone does not know whom to call.
            let house = HousePlan(OnCallSettings(), sinks: ["one", "paper"], mark: SourceMark(file: "jack.yaml", line: 1, column: 1))
            let alarm = WatchmanAlarm(house, kernel: kernel, delivery: delivery)
            await #expect(throws: (any Error).self) { try await alarm.tell(Self.alert) }
            #expect(calls.all.isEmpty && written.all == ["page"])
        }
    }
}
