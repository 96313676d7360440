import Foundation
import Kernel
import Logging
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import OnCall

/// Incidents and maintenance over a real database, with jobs on a clock that a test moves.
final class IncidentRoom: Sendable {
    let engine: SQLiteEngine
    let jobs: JobQueue
    let clock: VirtualClock
    let desk: IncidentDesk
    let trigger: IncidentTrigger
    let matters = Synchronized<[OpenMatter]>([])
    private let handed = Mutex<[Alert]>([])
    private let running: Task<Void, Never>

    private init(_ engine: SQLiteEngine, _ clock: VirtualClock, _ plan: IncidentPlan) async throws {
        self.engine = engine
        self.clock = clock
        jobs = JobQueue(engine: engine, property: PropertyInfo.sample.id, clock: clock, logger: LogRecorder().logger())
        trigger = IncidentTrigger(jobs: jobs)
        let alerts = AlertIntake(jobs: jobs), matters = matters
        desk = IncidentDesk(
            .init(
                engine: engine, jobs: jobs, alerts: alerts, property: .sample, clock: clock, logger: LogRecorder().logger(), trigger: trigger,
                matters: { matters.value }), plan: plan)
        let jobs = jobs
        try await desk.start()
        running = Task { await jobs.run() }
        alerts.route { [weak self] alert in self?.handed.withLock { $0.append(alert) } }
    }

    /// A process from its start to its end, on a file that may hold what an earlier one left.
    static func open(
        path: String? = nil, clock: VirtualClock = VirtualClock(), plan: IncidentPlan = .standard, _ body: (IncidentRoom) async throws -> Void
    ) async throws {
        let engine = try await SQLiteEngine.open(path: path)
        try await engine.migrate(KernelSchema.migrations + OperationsSchema.migrations)
        let room = try await IncidentRoom(engine, clock, plan)
        let result: Result<Void, any Error>
        do { result = .success(try await body(room)) } catch { result = .failure(error) }
        room.running.cancel()
        await room.running.value
        await engine.close()
        try result.get()
    }

    /// `+step` of an alert that was raised, `-step` of one that ended, in order, once nothing is due any more.
    func story(_ place: SourceLocation = #_sourceLocation) async throws -> [String] {
        try await settle(place)
        return handed.withLock { $0 }.map { ($0.endsAt == nil ? "+" : "-") + ($0.labels["step"] ?? $0.name) }
    }

    var told: [Alert] { handed.withLock { $0 } }

    func settle(_ place: SourceLocation = #_sourceLocation) async throws { try await engine.settle(jobs, clock, place) }

    /// Somebody is paged, as on call tells it.
    func page(_ matter: String, group: String, rule: IncidentPriority? = nil) async throws {
        let notice = IncidentNotice(
            kind: .paged, matter: matter, group: group, rule: rule.map { .init(priority: $0, title: "DatabaseError", place: "oncall.yaml:7:5") },
            at: clock.now)
        try await engine.write { [trigger] in try trigger.enqueue([notice], in: $0) }
        try await settle()
    }

    func ledger(_ subject: String, _ step: String, _ outcome: String, _ reason: String) async throws {
        let entry = Ledger.Entry(step: step, outcome: outcome, reason: reason, at: clock.now)
        try await engine.write { try Ledger.record(entry, of: subject, property: PropertyInfo.sample.id, in: $0) }
    }
}

extension StorageEngine {
    /// Waits until no job is due any more.
    func settle(_ jobs: JobQueue, _ clock: VirtualClock, _ place: SourceLocation = #_sourceLocation) async throws {
        let isQuiet = try await eventually(within: .seconds(20)) {
            let due = try await self.read { [now = clock.now] reader in
                try reader.row("SELECT COUNT(*) AS n FROM job WHERE state = 'waiting' AND run_at <= :now", ["now": now.sql])?.int("n") ?? 0
            }
            // The queue may have begun to wait for the next job only after the clock was advanced. That somebody registers wakes it, and moves no clock.
            if due > 0 { jobs.unregister("poke", jobs.register("poke") { _ in }) }
            return due == 0
        }
        #expect(isQuiet, "jobs are still due", sourceLocation: place)
    }
}

/// A fresh folder for a database file, removed after.
func withDatabaseFile(_ body: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("jack-operations-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder.appendingPathComponent("jack.db").path)
}
