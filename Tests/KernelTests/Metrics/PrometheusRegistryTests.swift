import CoreMetrics
import Foundation
import Testing

@testable import Kernel

@Suite struct PrometheusRegistryTests {
    @Test func printsEveryKindInTheFormOfTheTextFormat() {
        let registry = PrometheusRegistry(includesProcess: false)
        registry.describe("http_requests", "Requests answered.")
        registry.describe("wait", "Time in the queue.", buckets: [0.1, 1])
        Counter(label: "http_requests", dimensions: [("status", "200"), ("method", "GET")], factory: registry).increment(by: 3)
        Counter(label: "http_requests", dimensions: [("method", "GET"), ("status", "200")], factory: registry).increment()
        Timer(label: "wait", dimensions: [], factory: registry).recordNanoseconds(500_000_000)
        Timer(label: "wait", dimensions: [], factory: registry).recordNanoseconds(2_000_000_000)
        Gauge(label: "open", dimensions: [], factory: registry).record(2.5)
        let text = registry.render()
        #expect(
            text.contains(
                """
                # HELP http_requests_total Requests answered.
                # TYPE http_requests_total counter
                http_requests_total{method="GET",status="200"} 4

                """))
        #expect(
            text.contains(
                """
                # TYPE wait_seconds histogram
                wait_seconds_bucket{le="0.1"} 0
                wait_seconds_bucket{le="1"} 1
                wait_seconds_bucket{le="+Inf"} 2
                wait_seconds_sum 2.5
                wait_seconds_count 2

                """))
        #expect(text.contains("# TYPE open gauge\nopen 2.5\n"))
    }

    @Test func labelsCannotBreakTheFormat() {
        let registry = PrometheusRegistry(includesProcess: false)
        Counter(label: "9odd-name.x", dimensions: [("le", "a\"b\\c\nd"), ("__x", "y"), ("ok", "z")], factory: registry).increment()
        #expect(registry.render().contains(#"_9odd_name_x_total{exported___x="y",exported_le="a\"b\\c\nd",ok="z"} 1"#))
    }

    @Test func aNameHasOneKind() {
        let registry = PrometheusRegistry(includesProcess: false)
        Gauge(label: "depth", dimensions: [], factory: registry).record(1)
        Recorder(label: "depth", dimensions: [], aggregate: true, factory: registry).record(7)
        let text = registry.render()
        #expect(text.contains("depth 1\n"))
        #expect(!text.contains("depth_bucket"))
        #expect(text.contains("jack_metrics_refused_total 1\n"))
    }

    @Test func labelSetsAreBounded() {
        let registry = PrometheusRegistry(maximumSeries: 3, includesProcess: false)
        for n in 0..<100 { Counter(label: "guests", dimensions: [("room", "\(n)")], factory: registry).increment() }
        let lines = registry.render().split(separator: "\n").filter { $0.hasPrefix("guests_total{") }
        #expect(lines.count == 4)
        #expect(lines.contains(#"guests_total{room="other"} 97"#))
    }

    @Test func countsFromManyTasksAreAllThere() async {
        let registry = PrometheusRegistry(includesProcess: false)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let meter = Meter(label: "level", dimensions: [], factory: registry)
                    for _ in 0..<1000 {
                        Counter(label: "hits", dimensions: [], factory: registry).increment()
                        meter.increment(by: 0.5)
                        FloatingPointCounter(label: "cost", dimensions: [], factory: registry).increment(by: 0.25)
                    }
                }
            }
        }
        let text = registry.render()
        #expect(text.contains("hits_total 8000\n"))
        #expect(text.contains("level 4000\n"))
        #expect(text.contains("cost_total 2000\n"))
    }

    @Test func processMetricsAreOfThisProcess() throws {
        let metrics = try #require(ProcessMetrics.read())
        #expect(metrics.residentBytes > 1_000_000)
        #expect(metrics.openDescriptors >= 3)
        #expect(metrics.threads >= 1)
        #expect(metrics.startTime > Date().timeIntervalSince1970 - 86_400 && metrics.startTime <= Date().timeIntervalSince1970 + 1)
    }

    @Test func promtoolFindsNothingToSay() throws {
        let registry = PrometheusRegistry()
        registry.describe("size", "Size of a body.", unit: .bytes)
        registry.describe("confidence", "Confidence of an answer.", unit: .ratio)
        Counter(label: "http_requests", dimensions: [("route", "/a\"b")], factory: registry).increment()
        Gauge(label: "queue_total", dimensions: [], factory: registry).record(4)
        Timer(label: "http_request_duration", dimensions: [], factory: registry).recordMilliseconds(3)
        Recorder(label: "size", dimensions: [], aggregate: true, factory: registry).record(300)
        Recorder(label: "confidence", dimensions: [], aggregate: true, factory: registry).record(0.7)
        FloatingPointCounter(label: "spent", dimensions: [("currency", "EUR")], factory: registry).increment(by: 0.002)
        let (status, output) = try promtool(registry.render())
        #expect(status == 0, "\(output)")
        #expect(output == "", "\(output)")
    }

    private func promtool(_ text: String) throws -> (Int32, String) {
        let process = Process(), input = Pipe(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["promtool", "check", "metrics"]
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
        try input.fileHandleForWriting.close()
        let said = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: said, as: UTF8.self))
    }
}
