import CoreMetrics
import Foundation
import Kernel
import Metrics
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import OnCall

@Suite struct AlertRuleWatchTests {
    private static func watch(_ yaml: String, _ registry: PrometheusRegistry, _ room: Watchroom) throws -> AlertRuleWatch {
        let (rules, problems) = readRules(yaml)
        return AlertRuleWatch(
            try #require(rules, "\(problems)"), engine: room.engine, alerts: room.alerts, property: .sample, samples: { registry.samples(of: $0) },
            clock: room.clock, logger: room.logs.logger())
    }

    private static func rule(_ rest: String) -> String { "rules:\n  - {name: R, summary: it is bad, action: mend it, \(rest)}\n" }

    private func gauge(_ value: Double, _ registry: PrometheusRegistry) { Gauge(label: "jack_disk_used_ratio", factory: registry).record(value) }

    @Test func warningCriticalAndBack() async throws {
        try await Watchroom.open { room async throws in
            let registry = PrometheusRegistry()
            let watch = try Self.watch(
                Self.rule("metric: jack_disk_used_ratio, read: value, warning: 70%, critical: 90%, labels: {team: it}, runbook: docs/x"), registry,
                room)
            for (value, story) in [
                (0.70, []), (0.71, ["+R"]), (0.95, ["+R", "+R!", "-R"]), (0.85, ["+R", "+R!", "-R"]),
                (0.80, ["+R", "+R!", "-R", "+R", "-R!"]), (0.64, ["+R", "+R!", "-R", "+R", "-R!"]),
                (0.62, ["+R", "+R!", "-R", "+R", "-R!", "-R"]),
            ] as [(Double, [String])] {
                gauge(value, registry)
                await watch.tick()
                await room.clock.advance(by: .seconds(15))
                let told = try await room.story()
                #expect(Set(told) == Set(story) && told.count == story.count, "at \(value): \(told)")
            }
            let first = try #require(try await room.told().first)
            #expect(first.labels == ["alertname": "R", "severity": "warning", "type": "threshold", "property": PropertyInfo.sample.id, "team": "it"])
            #expect(first.summary == "it is bad: 71.0 %" && first.annotations["action"] == "mend it" && first.annotations["runbook"] == "docs/x")
            #expect(first.annotations["rule"] == "rules.yaml:2:5" && first.annotations["threshold"] == "70%")
        }
    }

    @Test func itMustBeSoForAsLongAsTheRuleSays() async throws {
        try await Watchroom.open { room async throws in
            let registry = PrometheusRegistry()
            let watch = try Self.watch(Self.rule("metric: jack_disk_used_ratio, read: value, critical: 90%, for: 1m"), registry, room)
            func tick(_ value: Double) async throws -> Int {
                gauge(value, registry)
                await watch.tick()
                await room.clock.advance(by: .seconds(20))
                return try await room.story().count
            }
            for value in [0.95, 0.95, 0.95, 0.5, 0.95, 0.95, 0.95] { #expect(try await tick(value) == 0) }
            #expect(try await tick(0.95) == 1)
        }
    }

    @Test func sharesRatesAndQuantilesAreOfTheirWindow() async throws {
        try await Watchroom.open { room async throws in
            let registry = PrometheusRegistry()
            GatewayMetrics.describe(registry)
            let watch = try Self.watch(
                """
                rules:
                  - {name: Errors, metric: http_requests_total, read: share, where: {status: "~5.."}, over: 5m, at_least: 20, warning: 1%, critical: 5%, summary: s, action: a}
                  - {name: Slow, metric: http_request_duration_seconds, read: p95, over: 5m, at_least: 20, warning: 2s, critical: 5s, summary: s, action: a}
                  - {name: Hooks, metric: http_requests_total, read: rate, where: {route: "/webhooks/{instance}", status: "~[45].."}, over: 1m, warning: 5/min, critical: 20/min, summary: s, action: a}
                """, registry, room)
            func serve(_ count: Int, _ status: String, route: String = "/x", seconds: Double = 0.1) {
                Counter(label: "http_requests", dimensions: [("method", "GET"), ("route", route), ("status", status)], factory: registry).increment(
                    by: count)
                let timer = Timer(label: "http_request_duration", dimensions: [("route", route)], factory: registry)
                for _ in 0..<count { timer.recordNanoseconds(Int64(seconds * 1e9)) }
            }
            func tick() async throws -> [String] {
                await watch.tick()
                await room.clock.advance(by: .seconds(15))
                return try await room.story()
            }
            serve(1000, "200")
            #expect(try await tick() == [])
            serve(10, "500")
            #expect(try await tick() == [], "ten requests are too few to say a share of")
            serve(390, "200")
            #expect(try await tick() == ["+Errors"], "10 of 400 since the watch began")
            serve(200, "200", seconds: 6)
            #expect(try await tick() == ["+Errors", "+Slow!"])
            // Six minutes on, the window holds nothing of it.
            for _ in 0..<24 { _ = try await tick() }
            #expect(Set(try await room.story().suffix(2)) == ["-Errors", "-Slow!"])
            serve(6, "401", route: "/webhooks/{instance}")
            serve(94, "200", route: "/webhooks/{instance}")
            #expect(try await tick().last == "+Hooks")
            let hooks = try #require(try await room.told().last)
            #expect(hooks.summary == "s: 6 a minute", "\(hooks.summary)")
        }
    }

    @Test func aCounterThatIsBornGrown() async throws {
        try await Watchroom.open { room async throws in
            let registry = PrometheusRegistry()
            let watch = try Self.watch(
                Self.rule("metric: jack_sla_breaches_total, read: rate, over: 1h, warning: 5/hour, critical: 10/hour"), registry, room)
            await watch.tick()
            await room.clock.advance(by: .seconds(15))
            Counter(label: "jack_sla_breaches_total", dimensions: [("department", "d")], factory: registry).increment(by: 6)
            await watch.tick()
            #expect(try await room.story() == ["+R"])
        }
    }

    @Test func ofWhatIsNotKnownNothingIsSaid() async throws {
        try await Watchroom.open { room async throws in
            let known = Mutex(true)
            let (rules, _) = readRules(Self.rule("metric: jack_disk_used_ratio, read: value, warning: 70%"))
            let watch = AlertRuleWatch(
                try #require(rules), engine: room.engine, alerts: room.alerts, property: .sample,
                samples: { _ in known.withLock { $0 } ? [MetricSample("jack_disk_used_ratio", [:], .gauge(0.8))] : [] }, clock: room.clock,
                logger: room.logs.logger())
            await watch.tick()
            known.withLock { $0 = false }
            await room.clock.advance(by: .seconds(15))
            await watch.tick()
            #expect(try await room.story() == ["+R"], "it neither ends nor begins again")
        }
    }

    @Test func aRestartKnowsWhatStandsOpen() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "jack-rules-\(UUID().uuidString).db").path
        defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file + suffix) } }
        let clock = VirtualClock(), registry = PrometheusRegistry()
        let yaml = Self.rule("metric: jack_disk_used_ratio, read: value, warning: 70%, critical: 90%")
        gauge(0.95, registry)
        try await Watchroom.open(path: file, clock: clock) { room async throws in
            try await Self.watch(yaml, registry, room).tick()
            #expect(try await room.story() == ["+R!"])
        }
        try await Watchroom.open(path: file, clock: clock) { room async throws in
            try await Self.watch(yaml, registry, room).tick()
            #expect(try await room.story() == [], "it stands already")
        }
        gauge(0.1, registry)
        try await Watchroom.open(path: file, clock: clock) { room async throws in
            try await Self.watch(yaml, registry, room).tick()
            #expect(try await room.story() == ["-R!"])
        }
        gauge(0.95, registry)
        try await Watchroom.open(path: file, clock: clock) { room async throws in
            try await Self.watch(yaml, registry, room).tick()
            #expect(try await room.story() == ["+R!"])
            try await Self.watch(yaml.replacing("name: R", with: "name: S"), registry, room).tick()
            let story = try await room.story()
            #expect(Set(story) == ["+R!", "-R!", "+S!"] && story.count == 3, "what no rule watches any more is over")
        }
    }

    @Test func aNightOfTicksIsQuick() async throws {
        try await Watchroom.open { room async throws in
            let registry = PrometheusRegistry()
            GatewayMetrics.describe(registry)
            for status in 200..<240 {
                for route in 0..<20 {
                    Counter(label: "http_requests", dimensions: [("route", "/\(route)"), ("status", "\(status)")], factory: registry).increment()
                }
            }
            let watch = try Self.watch(Self.rule("metric: http_requests_total, read: share, where: {status: \"~5..\"}, warning: 1%"), registry, room)
            for _ in 0..<200 {
                await watch.tick()
                room.clock.jumpWall(by: .seconds(15))
            }
            #expect(try await room.story() == [])
        }
    }
}

private enum GatewayMetrics {
    static func describe(_ registry: PrometheusRegistry) {
        registry.describe("http_requests", "Requests.")
        registry.describe("http_request_duration", "Time.")
    }
}
