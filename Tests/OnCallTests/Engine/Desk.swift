import CoreMetrics
import Foundation
import Kernel
import Logging
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import OnCall

/// An engine whose disk can be made to refuse.
final class FullDisk: StorageEngine {
    private let engine: any StorageEngine
    private let isFull = Mutex(false)
    private let hanging = Mutex(false)

    init(_ engine: any StorageEngine) { self.engine = engine }

    func fill(_ full: Bool) { isFull.withLock { $0 = full } }
    /// Lets no write come to its end.
    func hang(_ hangs: Bool) { hanging.withLock { $0 = hangs } }

    func read<T: Sendable>(_ body: @escaping @Sendable (any StorageReader) throws -> T) async throws -> T { try await engine.read(body) }
    func write<T: Sendable>(_ body: @escaping @Sendable (any StorageTransaction) throws -> T) async throws -> T {
        if isFull.withLock({ $0 }) { throw StorageError(.full, "the disk is full") }
        while hanging.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
        return try await engine.write(body)
    }
    func migrate(_ migrations: [Migration]) async throws -> [String] { try await engine.migrate(migrations) }
    func migrationStatus(_ migrations: [Migration]) async throws -> MigrationStatus { try await engine.migrationStatus(migrations) }
    func check() async throws -> [String] { try await engine.check() }
    func changes(in tables: Set<String>) -> AsyncStream<Set<String>> { engine.changes(in: tables) }
    func size() async throws -> Int64 { try await engine.size() }
    func close() async { await engine.close() }
}

/// The real kernel, a real database, two fake sinks, and on call alive.
final class Desk: Sendable {
    let disk: FullDisk
    let clock: VirtualClock
    let kernel: JackKernel
    let service: OnCallService
    let sms: SinkScript
    let phone: SinkScript
    let metrics: MemoryMetrics
    private let loop: Task<Void, Never>

    static let key: [UInt8] = Array(repeating: 9, count: 32)

    private init(_ disk: FullDisk, _ clock: VirtualClock, _ plan: FakePlan, _ sms: SinkScript, _ phone: SinkScript) async throws {
        (self.disk, self.clock, self.sms, self.phone) = (disk, clock, sms, phone)
        let metrics = MemoryMetrics()
        self.metrics = metrics
        let kernel = JackKernel(
            .init(
                property: .sample, engine: disk, clock: clock, logger: LogRecorder().logger(), metrics: metrics, http: { _ in ScriptedHTTPClient() },
                files: { _ in NoFiles() }, secrets: { _ in MemorySecretStore() }, trapFile: nil))
        self.kernel = kernel
        let watch = Mutex<(any PageWatch)?>(nil)
        let pages = PageDelivery(dispatcher: kernel.dispatcher, watch: { watch.withLock { $0 } })
        kernel.connect(.init(inbound: { _ in }, deliveries: [.page: { try await pages.deliver($0) }], transcript: { _, _, _ in [] }))
        service = try await OnCallService(
            .init(
                engine: disk, property: PropertyInfo.sample.id, clock: clock, logger: LogRecorder().logger(), metrics: metrics,
                outbox: { [unowned kernel] in kernel.outbox }, direct: { _ = try await pages.send($0, through: $1) },
                links: AnswerLinks(key: Self.key), url: { "https://jack.example/a/\($0)" }),
            plan: Self.source(plan), restore: { version, _ in FakePlan(version: version) })
        watch.withLock { [service] in $0 = service }
        service.attach(to: kernel)
        loop = Task { [service] in await service.run() }
    }

    static func source(_ plan: FakePlan) -> OnCallPlanSource {
        OnCallPlanSource(plan: plan, receivers: plan.receivers.keys.sorted(), text: "route: …", archive: Array(plan.version.utf8))
    }

    /// A process from its start to its end, on a disk that may hold what an earlier one left.
    static func open<T>(
        _ plan: FakePlan = FakePlan(), on disk: FullDisk? = nil, clock: VirtualClock = VirtualClock(now: Night.start), sms: SinkScript = SinkScript(),
        phone: SinkScript = SinkScript(), delivers: Bool = true, _ body: (Desk) async throws -> T
    ) async throws -> T {
        var own: FullDisk?
        if disk == nil { own = try await empty() }
        guard let disk = disk ?? own else { throw StorageError(.other, "no disk") }
        let desk = try await Desk(disk, clock, plan, sms, phone)
        var limits = CallLimits()
        limits.attempts = 1
        if delivers {
            try await desk.kernel.start(
                [("sms", sms), ("phone", phone)].map {
                    InstanceSpec(name: $0.0, registration: PluginRegistration(FakeSink.self), settings: FakeSink.Settings($0.1), limits: limits)
                })
        }
        let result: Result<T, any Error>
        do { result = .success(try await body(desk)) } catch { result = .failure(error) }
        desk.loop.cancel()
        await desk.loop.value
        await desk.kernel.stop(drain: .zero)
        await own?.close()
        return try result.get()
    }

    static func empty() async throws -> FullDisk {
        let engine = try await SQLiteEngine.open(path: nil)
        try await engine.migrate(KernelSchema.migrations + OnCallSchema.migrations)
        return FullDisk(engine)
    }

    func post(_ name: String, _ severity: String = "critical", ended: Bool = false) async throws {
        try await service.take([
            PostedAlert(
                labels: ["alertname": name, "severity": severity], startsAt: Night.start,
                endsAt: ended ? clock.now : clock.now.addingTimeInterval(86_400))
        ])
    }

    /// Lets time pass a second at a time until `condition` holds.
    func pass(_ seconds: Int, until condition: @Sendable () async throws -> Bool) async rethrows -> Bool {
        for _ in 0..<seconds {
            if try await eventually(within: .milliseconds(20), condition) { return true }
            await clock.advance(by: .seconds(1))
        }
        return try await eventually(within: .seconds(10), condition)
    }

    func ledger(_ subject: String) async throws -> [Ledger.Entry] {
        try await disk.read { try Ledger.entries(of: subject, property: PropertyInfo.sample.id, in: $0) }
    }
}

/// A value behind a lock.
final class Synchronized<Value: Sendable>: Sendable {
    private let state: Mutex<Value>
    init(_ value: Value) { state = Mutex(value) }
    var value: Value { state.withLock { $0 } }
    func change(_ body: @Sendable (inout Value) -> Void) { state.withLock { body(&$0) } }
}
