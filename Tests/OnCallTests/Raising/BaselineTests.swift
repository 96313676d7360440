import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import OnCall

@Suite struct BaselineTests {
    private static let yaml = """
        baselines:
          - {name: Slow, metric: jack_queue_depth, read: value, deviations: 5, least: 0.5, history: 7, for: 10m, summary: long queues, action: look}
        """

    /// A house whose queue is about 10 long by night and 100 by day.
    private final class Queue: Sendable {
        let extra = Mutex(0.0)
        let isMeasured = Mutex(true)
        func depth(_ date: Date) -> Double {
            let hour = Int(date.timeIntervalSince1970 / 3600) % 24, jitter = Double(Int(date.timeIntervalSince1970 / 300) % 7)
            return (hour < 8 ? 10 : 100) + jitter + extra.withLock { $0 }
        }
    }

    private func watch(_ room: Watchroom, _ queue: Queue) throws -> AlertRuleWatch {
        let (rules, problems) = readRules(Self.yaml)
        return AlertRuleWatch(
            try #require(rules, "\(problems)"), engine: room.engine, alerts: room.alerts, property: .sample,
            samples: { [clock = room.clock] _ in
                queue.isMeasured.withLock { $0 } ? [MetricSample("jack_queue_depth", [:], .gauge(queue.depth(clock.now)))] : []
            }, clock: room.clock,
            logger: room.logs.logger())
    }

    /// Ticks every five minutes, or less often while nothing is to be seen but what is usual.
    private func run(_ watch: AlertRuleWatch, _ room: Watchroom, hours: Double, minutes: Int = 5) async {
        for _ in 0..<Int((hours * 60 / Double(minutes)).rounded()) {
            await watch.tick()
            await room.clock.advance(by: .seconds(minutes * 60))
        }
    }

    @Test func nothingIsUnusualBeforeEnoughIsKnown() async throws {
        try await Watchroom.open { room async throws in
            let queue = Queue(), watch = try watch(room, queue)
            await run(watch, room, hours: 72, minutes: 20)
            #expect(try await watch.learning() == ["Slow": "learning: 4 of 7 days"])
            queue.extra.withLock { $0 = 100_000 }
            await run(watch, room, hours: 2)
            #expect(try await room.story() == [])
        }
    }

    @Test func whatIsUsualByDayIsUnusualByNight() async throws {
        try await Watchroom.open { room async throws in
            let queue = Queue(), watch = try watch(room, queue)
            // From noon on, eight days and to two in the night.
            await run(watch, room, hours: 8 * 24 + 14, minutes: 20)
            #expect(try await room.story() == [], "day and night are as ever")
            #expect(try await watch.learning()["Slow"]?.hasSuffix("days are known") == true)
            queue.extra.withLock { $0 = 60 }
            await run(watch, room, hours: 1.0 / 12)
            #expect(try await room.story() == [], "it must last")
            await run(watch, room, hours: 0.5)
            #expect(try await room.story() == ["+Slow"])
            let alert = try #require(try await room.told().first)
            #expect(alert.labels["type"] == "degradation" && alert.summary.contains("usually 1"), "\(alert.summary)")
            queue.isMeasured.withLock { $0 = false }
            await run(watch, room, hours: 0.5)
            #expect(try await room.story() == ["+Slow"], "that nothing is known is no good news")
            queue.isMeasured.withLock { $0 = true }
            queue.extra.withLock { $0 = 0 }
            await run(watch, room, hours: 0.5)
            #expect(try await room.story() == ["+Slow", "-Slow"])
        }
    }

    @Test func oneBadNightMovesNothing() {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        // Eight weeks of the same hour; one of them a disaster.
        let known: [(hour: Int64, value: Double)] = (0..<8).map { week in
            let hour = Int64(490_000 + week * 168)
            return (hour, week == 3 ? 100_000.0 : 10.0 + Double(week))
        }
        let usual = BaselineWatch.usual(known, at: 490_000 + 8 * 168, history: 7, calendar: calendar)
        #expect(usual?.hours == 8 && (usual?.median ?? 0) < 16 && (usual?.deviation ?? 100) < 4)
        #expect(BaselineWatch.usual(Array(known.prefix(5)), at: 490_000 + 8 * 168, history: 7, calendar: calendar) == nil)
    }

    @Test func itSurvivesARestart() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "jack-baseline-\(UUID().uuidString).db").path
        defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file + suffix) } }
        let clock = VirtualClock(), queue = Queue()
        try await Watchroom.open(path: file, clock: clock) { room async throws in
            await run(try watch(room, queue), room, hours: 8 * 24, minutes: 20)
        }
        try await Watchroom.open(path: file, clock: clock) { room async throws in
            let watch = try watch(room, queue)
            queue.extra.withLock { $0 = 10_000 }
            await run(watch, room, hours: 0.5)
            #expect(try await room.story() == ["+Slow"])
        }
        try await Watchroom.open(path: file, clock: clock) { room async throws in
            queue.extra.withLock { $0 = 0 }
            await run(try watch(room, queue), room, hours: 0.25)
            #expect(try await room.story() == ["-Slow"])
        }
    }
}
