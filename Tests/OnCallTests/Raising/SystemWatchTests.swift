import CoreMetrics
import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import OnCall

@Suite struct SystemWatchTests {
    private func folder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "jack-system-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    @Test func aBackupThatIsNotThereIsAnAlertUntilItIs() async throws {
        let folder = try folder(), file = folder.appending(path: "latest.db.gz").path
        defer { try? FileManager.default.removeItem(at: folder) }
        try await Watchroom.open { room async throws in
            var settings = BackupSettings()
            settings.file = file
            let alerts = SystemAlerts(
                engine: room.engine, alerts: room.alerts, property: "p", backup: settings, bus: EventBus(), clock: room.clock,
                logger: room.logs.logger())
            await alerts.lookAtBackup()
            await alerts.lookAtBackup()
            #expect(try await room.story() == ["+BackupMissing"])
            try Data("x".utf8).write(to: URL(filePath: file))
            try FileManager.default.setAttributes([.modificationDate: room.clock.now], ofItemAtPath: file)
            await alerts.lookAtBackup()
            #expect(try await room.story() == ["+BackupMissing", "-BackupMissing"])
            room.clock.jumpWall(by: .seconds(27 * 3600))
            await alerts.lookAtBackup()
            #expect(try await room.told().last?.summary == "the last backup is 27 hours old")
        }
    }

    @Test func theGaugesAreThoseOfTheSystem() async throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let registry = PrometheusRegistry(), clock = VirtualClock(), isWell = Mutex(true)
        var sources = SystemGauges.Sources()
        sources.folder = folder.path
        sources.databaseBytes = { 4096 }
        sources.escalations = { 7 }
        sources.isHealthy = { isWell.withLock { $0 } }
        let gauges = SystemGauges(sources, clock: clock, metrics: registry)
        func value(_ name: String) -> Double? {
            registry.samples(of: [name]).compactMap { if case .gauge(let value) = $0.reading { value } else { nil } }.max()
        }
        await gauges.collect()
        #expect(value("jack_cpu_used_ratio") == nil, "one look says nothing of what was used since")
        await clock.advance(by: .seconds(10))
        await gauges.collect()
        #expect(value("jack_database_bytes") == 4096 && value("jack_escalation_queue") == 7)
        #expect(value("jack_health_check_failures") == 0)
        let disk = try #require(value("jack_disk_used_ratio")), memory = try #require(value("jack_memory_used_ratio"))
        #expect((0...1).contains(disk) && (0...1.5).contains(memory) && memory > 0)
        #expect((value("jack_cpu_used_ratio") ?? -1) >= 0)
        isWell.withLock { $0 = false }
        for failures in 1...3 {
            await gauges.collect()
            #expect(value("jack_health_check_failures") == Double(failures))
        }
        isWell.withLock { $0 = true }
        await gauges.collect()
        #expect(value("jack_health_check_failures") == 0)
    }

    @Test func theControlGroupsLimitsCount() throws {
        let root = try folder()
        defer { try? FileManager.default.removeItem(at: root) }
        func write(_ path: String, _ text: String) throws {
            let file = root.appending(path: path)
            try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        #expect(SystemGauges.memoryLimit(root: root.path) == nil)
        try write("proc/meminfo", "MemTotal:        2048000 kB\nMemFree: 1 kB\n")
        #expect(SystemGauges.memoryLimit(root: root.path) == Double(2_048_000 * 1024))
        try write("sys/fs/cgroup/memory.max", "max\n")
        try write("sys/fs/cgroup/cpu.max", "max 100000\n")
        #expect(SystemGauges.memoryLimit(root: root.path) == Double(2_048_000 * 1024))
        #expect(SystemGauges.processors(root: root.path) == Double(ProcessInfo.processInfo.activeProcessorCount))
        try write("sys/fs/cgroup/memory.max", "536870912\n")
        try write("sys/fs/cgroup/cpu.max", "50000 100000\n")
        #expect(SystemGauges.memoryLimit(root: root.path) == 536_870_912)
        #expect(SystemGauges.processors(root: root.path) == 0.5)
    }

    @Test func whatStandsIsRaisedOnceAndEndedOnce() async throws {
        try await Watchroom.open { room async throws in
            let standing = StandingAlerts(intake: room.alerts, property: "p"), now = room.clock.now
            let alert = Alert(fingerprint: "x:1", name: "X", severity: .error, summary: "s", startsAt: now)
            let (first, second) = try await room.engine.write { (try standing.raise(alert, in: $0), try standing.raise(alert, in: $0)) }
            #expect(first && !second)
            #expect(try await room.engine.read { try standing.all("x:", in: $0) } == [alert])
            // The clock was put back: it does not end before it began.
            let (ended, again) = try await room.engine.write {
                (try standing.end("x:1", at: now.addingTimeInterval(-3600), in: $0), try standing.end("x:1", at: now, in: $0))
            }
            #expect(ended && !again)
            #expect(try await room.told().last?.endsAt == now)
        }
    }
}
