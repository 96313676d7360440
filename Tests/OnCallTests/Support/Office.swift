import CoreMetrics
import Foundation
import Kernel
import Logging
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import OnCall

/// What a fake sink was asked to do, and whether it can.
final class SinkScript: Sendable {
    private let state = Mutex<(verbs: [String], pages: [AlertPage], failure: PluginFailure?)>(([], [], nil))

    /// `page:` or `resolve:` with the matter, in order.
    var calls: [String] { state.withLock { state in zip(state.verbs, state.pages).map { "\($0):\($1.groupKey)" } } }
    /// `page:` or `resolve:` with the fingerprint by which an alert of Jack's own was raised, in order.
    var told: [String] {
        state.withLock { state in
            zip(state.verbs, state.pages).map { "\($0):\(Self.origins[$1.alerts.first?.fingerprint ?? ""] ?? "another")" }
        }
    }
    var pages: [AlertPage] { state.withLock { $0.pages } }
    private static let origins = Dictionary(
        uniqueKeysWithValues: ["f", "e", "w", "instance:whatsapp", "instance:gate", "deadletter:msg_1"].map {
            (OnCallCore.id(ofOwn: $0).fingerprintText, $0)
        })
    private let silent = Mutex(false)
    func fail(with failure: PluginFailure?) { state.withLock { $0.failure = failure } }
    /// Sends nothing for updates and ends, as a telephone does.
    func sendPagesOnly() { silent.withLock { $0 = true } }

    func take(_ verb: String, _ page: AlertPage) throws -> PageReceipt {
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            state.verbs.append(verb)
            state.pages.append(page)
            return verb != "page" && silent.withLock { $0 } ? .nothing : PageReceipt()
        }
    }
}

struct FakeSink: AlertSink {
    struct Settings: PluginSettings {
        let script: SinkScript
        init() { script = SinkScript() }
        init(_ script: SinkScript) { self.script = script }
        init(from decoder: any Decoder) { self.init() }
    }

    static let manifest = PluginManifest(id: "fake-sink", summary: "A sink for tests", stability: .experimental)
    let script: SinkScript

    init(settings: Settings, context: PluginContext) { script = settings.script }

    var features: AlertSinkFeatures { AlertSinkFeatures() }
    func page(_ page: AlertPage) async throws -> PageReceipt { try script.take("page", page) }
    func update(_ page: AlertPage) async throws -> PageReceipt { try script.take("update", page) }
    func resolve(_ page: AlertPage) async throws -> PageReceipt { try script.take("resolve", page) }
}

/// The real kernel with two fake sinks, on call without a plan, and the system's own alerts.
final class Office: Sendable {
    let engine: SQLiteEngine
    let kernel: JackKernel
    let clock = VirtualClock()
    let one = SinkScript()
    let two = SinkScript()
    let service: OnCallService
    private let working: [Task<Void, Never>]

    private init(_ settings: OnCallSettings, _ engine: SQLiteEngine) async throws {
        self.engine = engine
        let kernel = JackKernel(
            .init(
                property: .sample, engine: engine, clock: clock, logger: LogRecorder().logger(), metrics: MemoryMetrics(),
                http: { _ in ScriptedHTTPClient() },
                files: { _ in NoFiles() }, secrets: { _ in MemorySecretStore() }, trapFile: nil))
        self.kernel = kernel
        let watch = Mutex<(any PageWatch)?>(nil)
        let pages = PageDelivery(dispatcher: kernel.dispatcher, watch: { watch.withLock { $0 } })
        kernel.connect(.init(inbound: { _ in }, deliveries: [.page: { try await pages.deliver($0) }], transcript: { _, _, _ in [] }))
        let plan = HousePlan(settings, sinks: ["one", "two"], mark: SourceMark(file: "jack.yaml", line: 7, column: 3))
        service = try await OnCallService(
            .init(
                engine: engine, property: PropertyInfo.sample.id, clock: clock, logger: LogRecorder().logger(), metrics: MemoryMetrics(),
                outbox: { [unowned kernel] in kernel.outbox }, direct: { _ = try await pages.send($0, through: $1) }),
            plan: .init(plan: plan, receivers: [HousePlan.receiver], text: HousePlan.text, archive: []), restore: { _, _ in plan })
        watch.withLock { [service] in $0 = service }
        service.attach(to: kernel)
        let own = SystemAlerts(engine: engine, alerts: kernel.alerts, bus: kernel.bus, clock: clock, logger: LogRecorder().logger())
        working = [Task { await own.run() }, Task { [service] in await service.run() }]
    }

    /// Waits until nothing is due any more; what is scheduled for later, as housekeeping is, stays.
    func settle(_ place: SourceLocation = #_sourceLocation) async throws {
        let isQuiet = try await eventually(within: .seconds(60)) {
            try await self.engine.read { [now = self.clock.now] reader in
                try reader.row(
                    """
                    SELECT (SELECT COUNT(*) FROM job WHERE state = 'waiting' AND run_at <= :now)
                        + (SELECT COUNT(*) FROM outbox WHERE state = 'queued') AS n
                    """, ["now": now.sql])?.int("n") ?? 0
            } == 0
        }
        #expect(isQuiet, "alerts are still on their way", sourceLocation: place)
    }

    /// Raises an alert as any part of Jack does, and waits until everybody was told.
    func raise(_ alert: Alert) async throws {
        try await engine.write { [kernel] in try kernel.alerts.raise(alert, in: $0) }
        try await settle()
    }

    /// Lets time pass a second at a time until `condition` holds: that something is over is told within half a minute.
    func pass(until condition: @Sendable () -> Bool) async -> Bool {
        await eventually(within: .seconds(60)) {
            await self.clock.advance(by: .seconds(1))
            return condition()
        }
    }

    func ledger(_ subject: String) async throws -> [Ledger.Entry] {
        try await engine.read { try Ledger.entries(of: subject, property: PropertyInfo.sample.id, in: $0) }
    }

    static func open<T>(_ settings: OnCallSettings = OnCallSettings(), _ body: (Office) async throws -> T) async throws -> T {
        let engine = try await SQLiteEngine.open(path: nil)
        try await engine.migrate(KernelSchema.migrations + OnCallSchema.migrations)
        let office = try await Office(settings, engine)
        var limits = CallLimits()
        limits.attempts = 1
        try await office.kernel.start(
            [("one", office.one), ("two", office.two)].map {
                InstanceSpec(name: $0.0, registration: PluginRegistration(FakeSink.self), settings: FakeSink.Settings($0.1), limits: limits)
            })
        let result: Result<T, any Error>
        do { result = .success(try await body(office)) } catch { result = .failure(error) }
        office.working.forEach { $0.cancel() }
        for work in office.working { await work.value }
        await office.kernel.stop(drain: .zero)
        await engine.close()
        return try result.get()
    }
}

extension Alert {
    static func test(
        _ fingerprint: String = "f", _ severity: AlertSeverity = .error, isEmergency: Bool = false, labels: [String: String] = [:],
        ended: Bool = false
    ) -> Alert {
        let start = Date(timeIntervalSince1970: 1_756_814_000)
        return Alert(
            fingerprint: fingerprint, name: "Test", severity: severity, summary: "a test", labels: labels, startsAt: start,
            endsAt: ended ? start.addingTimeInterval(60) : nil,
            isEmergency: isEmergency)
    }
}
