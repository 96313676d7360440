import Foundation
import Kernel
import Logging
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import OnCall

/// Storage, jobs and a clock for what raises alerts, and the alerts that were handed in.
final class Watchroom: Sendable {
    let engine: SQLiteEngine
    let jobs: JobQueue
    let alerts: AlertIntake
    let clock: VirtualClock
    let logs = LogRecorder()
    private let handed = Mutex<[Alert]>([])
    private let running: Task<Void, Never>

    private init(_ engine: SQLiteEngine, _ clock: VirtualClock) {
        self.engine = engine
        self.clock = clock
        let jobs = JobQueue(engine: engine, property: PropertyInfo.sample.id, clock: clock, logger: logs.logger())
        self.jobs = jobs
        alerts = AlertIntake(jobs: jobs)
        running = Task { await jobs.run() }
    }

    static func open(path: String? = nil, clock: VirtualClock = VirtualClock(), _ body: (Watchroom) async throws -> Void) async throws {
        let engine = try await SQLiteEngine.open(path: path)
        try await engine.migrate(KernelSchema.migrations + RaisingSchema.migrations + SourceSchema.migrations)
        let room = Watchroom(engine, clock)
        room.alerts.route { [weak room] alert in room?.handed.withLock { $0.append(alert) } }
        do {
            try await body(room)
        } catch {
            room.running.cancel()
            await engine.close()
            throw error
        }
        room.running.cancel()
        _ = await room.running.value
        await engine.close()
    }

    /// `+Name` for one that was raised, `-Name` for one that ended, in order, once nothing is due any more.
    func story(_ place: SourceLocation = #_sourceLocation) async throws -> [String] {
        try await told(place).map { ($0.endsAt == nil ? "+" : "-") + $0.name + ($0.labels["severity"] == "critical" ? "!" : "") }
    }

    func told(_ place: SourceLocation = #_sourceLocation) async throws -> [Alert] {
        let isQuiet = try await eventually(within: .seconds(20)) {
            let due = try await self.engine.read { [now = self.clock.now] reader in
                try reader.row("SELECT COUNT(*) AS n FROM job WHERE state = 'waiting' AND run_at <= :now", ["now": now.sql])?.int("n") ?? 0
            }
            // The queue may have begun to wait for the next job only after the clock was advanced: it waits half a minute at most.
            if due > 0 { await self.clock.advance(by: .seconds(1)) }
            return due == 0
        }
        #expect(isQuiet, "alerts are still on their way", sourceLocation: place)
        return handed.withLock { $0 }
    }
}

/// A rules document.
func readRules(_ yaml: String) -> (rules: AlertRules?, problems: [String]) {
    var diagnostics = Diagnostics()
    let node = YAMLReader().read(Array(yaml.utf8), file: "rules.yaml", &diagnostics)
    let rules = node.flatMap { AlertRules.read($0, &diagnostics) }
    return (rules, diagnostics.sorted.map(\.description))
}
