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
        #expect(SystemGauges.memoryLimit(root: root.path) == nil)
        try write(["proc/meminfo": "MemTotal:        2048000 kB\nMemFree: 1 kB\n"], in: root)
        #expect(SystemGauges.memoryLimit(root: root.path) == Double(2_048_000 * 1024))
        try write(
            [
                "sys/fs/cgroup/memory.max": "max\n",
                "sys/fs/cgroup/cpu.max": "max 100000\n",
            ], in: root)
        #expect(SystemGauges.memoryLimit(root: root.path) == Double(2_048_000 * 1024))
        #expect(SystemGauges.processors(root: root.path) == Double(ProcessInfo.processInfo.activeProcessorCount))
        try write(
            [
                "sys/fs/cgroup/memory.max": "536870912\n",
                "sys/fs/cgroup/cpu.max": "50000 100000\n",
            ], in: root)
        #expect(SystemGauges.memoryLimit(root: root.path) == 536_870_912)
        #expect(SystemGauges.processors(root: root.path) == 0.5)
    }

    /// Writes files as they stand below the root of a system.
    private func write(_ files: [String: String], in root: URL) throws {
        for (path, text) in files {
            let file = root.appending(path: path)
            try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
    }

    @Test func theLimitOfAServiceCountsThoughItsGroupLiesDeepInTheTree() throws {
        let root = try folder()
        defer { try? FileManager.default.removeItem(at: root) }
        // As systemd has it with MemoryMax=512M: the outermost group has no such file.
        try write(
            [
                "proc/meminfo": "MemTotal:        16384000 kB\n",
                "proc/self/cgroup": "0::/system.slice/jack.service\n",
                "sys/fs/cgroup/system.slice/memory.max": "max\n",
                "sys/fs/cgroup/system.slice/jack.service/memory.max": "536870912\n",
                "sys/fs/cgroup/system.slice/jack.service/cpu.max": "25000 100000\n",
            ], in: root)
        #expect(SystemGauges.memoryLimit(root: root.path) == 536_870_912)
        #expect(SystemGauges.processors(root: root.path) == 0.25)
        // A group above may allow less.
        try write(["sys/fs/cgroup/system.slice/memory.max": "268435456\n"], in: root)
        #expect(SystemGauges.memoryLimit(root: root.path) == 268_435_456)
        // Version 1: a tree for each controller.
        try write(
            [
                "proc/self/cgroup": "5:cpu,cpuacct:/jack\n4:memory:/jack\n1:name=systemd:/other\n",
                "sys/fs/cgroup/memory/jack/memory.limit_in_bytes": "134217728\n",
                "sys/fs/cgroup/cpu/jack/cpu.cfs_quota_us": "10000\n",
                "sys/fs/cgroup/cpu/jack/cpu.cfs_period_us": "100000\n",
            ], in: root)
        #expect(SystemGauges.memoryLimit(root: root.path) == 134_217_728)
        #expect(SystemGauges.processors(root: root.path) == 0.1)
        // Out of a container's view: what can be seen counts.
        try write(
            [
                "proc/self/cgroup": "0::/../../elsewhere\n",
                "sys/fs/cgroup/memory.max": "1073741824\n",
            ], in: root)
        #expect(SystemGauges.memoryLimit(root: root.path) == 1_073_741_824)
    }

    @Test func whatStandsOfAnInstanceThatIsGoneEnds() async throws {
        try await Watchroom.open { room async throws in
            let standing = StandingAlerts(intake: room.alerts, property: "p"), now = room.clock.now
            try await room.engine.write { transaction in
                for fingerprint in ["instance:telegram", "instance:sms", "backup:p"] {
                    try standing.raise(
                        Alert(fingerprint: fingerprint, name: fingerprint, severity: .error, summary: "s", startsAt: now), in: transaction)
                }
            }
            let alerts = SystemAlerts(
                engine: room.engine, alerts: room.alerts, property: "p", bus: EventBus(), clock: room.clock, logger: room.logs.logger())
            try await room.engine.write { try alerts.expect(["sms", "email"], in: $0) }
            let ended = try await room.told().filter { $0.endsAt != nil }
            #expect(Set(ended.map(\.fingerprint)) == ["instance:telegram", "backup:p"])
            #expect(ended.contains { $0.summary == "telegram is not configured any more" })
            #expect(try await room.engine.read { try standing.all("", in: $0) }.map(\.fingerprint) == ["instance:sms"], "what may still fail stays")
        }
    }

    @Test func ofManyBackupsTheNewestCountsAndAnEmptyOneIsNone() async throws {
        let folder = try folder(), real = folder.appending(path: "copies")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: real, withIntermediateDirectories: true)
        try await Watchroom.open { room async throws in
            func write(_ name: String, _ text: String, hoursAgo: Double) throws {
                let file = folder.appending(path: name)
                try Data(text.utf8).write(to: file)
                let made = room.clock.now.addingTimeInterval(-hoursAgo * 3600)
                try FileManager.default.setAttributes([.modificationDate: made], ofItemAtPath: file.path)
            }
            var settings = BackupSettings()
            settings.file = folder.appending(path: "jack-*.db").path
            let alerts = SystemAlerts(
                engine: room.engine, alerts: room.alerts, property: "p", backup: settings, bus: EventBus(), clock: room.clock,
                logger: room.logs.logger())
            try write("other.db", "x", hoursAgo: 1)
            try write("jack-2026-05-03.db", "", hoursAgo: 1)
            await alerts.lookAtBackup()
            #expect(try await room.told().last?.summary == "the last backup is empty")
            try write("jack-2026-05-01.db", "x", hoursAgo: 49)
            try write("jack-2026-05-02.db", "x", hoursAgo: 25)
            await alerts.lookAtBackup()
            #expect(try await room.story() == ["+BackupMissing", "-BackupMissing"], "yesterday's is young enough")
            room.clock.jumpWall(by: .seconds(3 * 3600))
            await alerts.lookAtBackup()
            #expect(try await room.told().last?.summary == "the last backup is 28 hours old")
            // A link is as young as what it leads to.
            try write("copies/today.db", "x", hoursAgo: 0)
            try FileManager.default.createSymbolicLink(
                at: folder.appending(path: "jack-latest.db"), withDestinationURL: real.appending(path: "today.db"))
            await alerts.lookAtBackup()
            #expect(try await room.story().last == "-BackupMissing")
        }
    }

    @Test func aPatternStandsInTheFilesNameAlone() {
        var settings = RaisingSettings()
        settings.backup.file = "/backup/*/jack.db"
        var report = ValidationReport()
        settings.check(&report)
        #expect(report.findings.contains { $0.key == "backup.file" && $0.severity == .error })
        settings.backup.file = "/backup/jack-*.db"
        report = ValidationReport()
        settings.check(&report)
        #expect(report.findings.isEmpty)
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
