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
    private let state = Mutex<(calls: [String], pages: [AlertPage], failure: PluginFailure?)>(([], [], nil))

    /// `page:` or `resolve:` with the alert's fingerprint, in order.
    var calls: [String] { state.withLock { $0.calls } }
    var pages: [AlertPage] { state.withLock { $0.pages } }
    func fail(with failure: PluginFailure?) { state.withLock { $0.failure = failure } }

    func take(_ verb: String, _ page: AlertPage) throws -> PageReceipt {
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            state.calls.append("\(verb):\(page.groupKey)")
            state.pages.append(page)
            return PageReceipt()
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

/// The real kernel with two fake sinks, a router and the system's own alerts.
final class Office: Sendable {
    let engine: SQLiteEngine
    let kernel: JackKernel
    let clock = VirtualClock()
    let one = SinkScript()
    let two = SinkScript()
    let router: AlertRouter
    private let watching: Task<Void, Never>

    private init(_ settings: OnCallSettings, _ engine: SQLiteEngine) {
        self.engine = engine
        let kernel = JackKernel(
            .init(
                property: .sample, engine: engine, clock: clock, logger: LogRecorder().logger(), metrics: MemoryMetrics(),
                http: { _ in ScriptedHTTPClient() },
                files: { _ in NoFiles() }, secrets: { _ in MemorySecretStore() }, trapFile: nil))
        self.kernel = kernel
        let pages = PageDelivery(dispatcher: kernel.dispatcher)
        kernel.connect(.init(inbound: { _ in }, deliveries: [.page: { try await pages.deliver($0) }], transcript: { _, _, _ in [] }))
        router = AlertRouter(
            settings: settings, engine: engine, outbox: { [unowned kernel] in kernel.outbox },
            sinks: { [unowned kernel] in kernel.instances.all(of: .alert).map(\.spec.name) },
            property: PropertyInfo.sample.id, clock: clock, metrics: MemoryMetrics())
        kernel.alerts.route { [router] in try await router.route($0) }
        let own = SystemAlerts(engine: engine, alerts: kernel.alerts, bus: kernel.bus, clock: clock, logger: LogRecorder().logger())
        watching = Task { await own.run() }
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

    func ledger(_ subject: String) async throws -> [Ledger.Entry] {
        try await engine.read { try Ledger.entries(of: subject, property: PropertyInfo.sample.id, in: $0) }
    }

    static func open<T>(_ settings: OnCallSettings = OnCallSettings(), _ body: (Office) async throws -> T) async throws -> T {
        let engine = try await SQLiteEngine.open(path: nil)
        try await engine.migrate(KernelSchema.migrations)
        let office = Office(settings, engine)
        var limits = CallLimits()
        limits.attempts = 1
        try await office.kernel.start(
            [("one", office.one), ("two", office.two)].map {
                InstanceSpec(name: $0.0, registration: PluginRegistration(FakeSink.self), settings: FakeSink.Settings($0.1), limits: limits)
            })
        defer { office.watching.cancel() }
        let result = try await body(office)
        await office.kernel.stop(drain: .zero)
        await engine.close()
        return result
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
