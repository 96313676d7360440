import Foundation
import Synchronization

/// Alerts in and pages out, beside Debian's Alertmanager on the same machine in the same run.
struct OnCallBenchmark {
    var alerts = 100_000
    var connections = 16
    /// Alerts a second, of the measurement of first pages.
    var rate = 1_000
    var seconds = 10.0
    var jack: JackOptions

    func run() async throws -> Table {
        var table = Table(
            name: "on call",
            method: """
                Alerts are posted to the v2 API, one new alert a request, \(connections) connections kept open, to a jack serve of its own and to \
                \(RivalServer.isInstalled ? "Debian's prometheus-alertmanager" : "nothing else: prometheus-alertmanager is not installed"), one after the other, both with the same routes \
                (intake: \(Measure.plain(Double(alerts))) alerts in \(alerts / 20) groups, group_wait 30s; first pages: \(Measure.plain(Double(rate))) alerts a second for \
                \(Measure.plain(seconds)) s, each a group of its own, group_wait 0s, from the request's writing to the page's arrival at a receiver in this process). Jack answers when \
                the alert is on disk (SQLite, synchronous=FULL); Alertmanager keeps alerts in memory alone.
                """)
        let ours = try await intake { try await JackServer(jack, folder: $0, plan: $1, url: $2) }
        let theirs = RivalServer.isInstalled ? try await intake { folder, plan, _ in try await RivalServer(folder: folder, plan: plan) } : nil
        let ourPages = try await pages { try await JackServer(jack, folder: $0, plan: $1, url: $2) }
        let theirPages = RivalServer.isInstalled ? try await pages { folder, plan, _ in try await RivalServer(folder: folder, plan: plan) } : nil
        table.measures = [
            Measure("intake: Jack", ours.load.rate, "alerts/s", goal: theirs.map { .atLeast($0.load.rate) }),
            Measure("intake: p50", ours.load.times.milliseconds(at: 0.5), "ms"),
            Measure("intake: p99", ours.load.times.milliseconds(at: 0.99), "ms", goal: .below(50)),
            Measure("intake: not taken", Double(ours.load.refused), "alerts", goal: .exactly(0)),
            Measure("resident with all active", ours.resident, "MB", goal: .below(150)),
        ]
        if let theirs {
            table.measures += [
                Measure("intake: Alertmanager", theirs.load.rate, "alerts/s"),
                Measure("intake: Alertmanager, p99", theirs.load.times.milliseconds(at: 0.99), "ms"),
                Measure("Alertmanager, resident with all active", theirs.resident, "MB"),
            ]
        }
        let half = { (share: Double) -> Measure.Goal? in theirPages.map { .below(max(0.001, $0.delays.milliseconds(at: share) / 2)) } }
        table.measures += [
            Measure("first page: p50", ourPages.delays.milliseconds(at: 0.5), "ms", goal: half(0.5)),
            Measure("first page: p99", ourPages.delays.milliseconds(at: 0.99), "ms", goal: half(0.99)),
            Measure("alerts without a page", Double(ourPages.missing), "alerts", goal: .exactly(0)),
        ]
        if let theirPages {
            table.measures += [
                Measure("first page: Alertmanager, p50", theirPages.delays.milliseconds(at: 0.5), "ms"),
                Measure("first page: Alertmanager, p99", theirPages.delays.milliseconds(at: 0.99), "ms"),
                Measure("Alertmanager: alerts without a page", Double(theirPages.missing), "alerts"),
            ]
        }
        return table
    }

    private typealias Start = (_ folder: String, _ plan: String, _ url: String) async throws -> any AlertServer

    /// Starts a server with a receiver of its pages, and ends both.
    private func with<T>(
        groupBy labels: [String], wait: String, _ start: Start, _ body: (any AlertServer, PageReceiver) async throws -> T
    ) async throws -> T {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let receiver = try await PageReceiver.start()
        do {
            let server = try await start(folder.path, BenchPlan.shared(groupBy: labels, wait: wait, url: receiver.url), receiver.url)
            let result: Result<T, any Error>
            do { result = .success(try await body(server, receiver)) } catch { result = .failure(error) }
            await server.stop()
            try await receiver.stop()
            return try result.get()
        } catch {
            try? await receiver.stop()
            throw error
        }
    }

    private static func body(_ number: Int, groups: Int) -> String {
        """
        [{"labels":{"alertname":"Bench","service":"s\(number % groups)","instance":"\(PageReceiver.mark)\(number)","severity":"warning","team":"engineering"},\
        "annotations":{"summary":"The service answers more slowly than it should, for longer than five minutes."},\
        "generatorURL":"http://127.0.0.1:9090/graph?g0.expr=slow"}]
        """
    }

    private static func request(_ number: Int, groups: Int, _ fields: [(name: String, value: String)]) -> [UInt8] {
        let body = body(number, groups: groups)
        return Array((Load.head("/api/v2/alerts", bytes: body.utf8.count, fields) + body).utf8)
    }

    private func intake(_ start: Start) async throws -> (load: Load.Outcome, resident: Double) {
        try await with(groupBy: ["service"], wait: "30s", start) { server, _ in
            let groups = max(1, alerts / 20), fields = server.fields
            let load = try await Load(
                port: server.port, connections: connections, duration: 600_000_000_000, requestsPerConnection: alerts / connections
            ) { Self.request($0, groups: groups, fields) }.run()
            return (load, try server.residentMegabytes)
        }
    }

    private func pages(_ start: Start) async throws -> (delays: Times, missing: Int) {
        try await with(groupBy: ["..."], wait: "0s", start) { server, receiver in
            let total = Int(Double(rate) * seconds), fields = server.fields
            let sent = Sent()
            _ = try await Load(
                port: server.port, connections: connections, duration: 600_000_000_000, requestsPerConnection: total / connections,
                pace: 1_000_000_000 / Int64(rate)
            ) { number in
                let request = Self.request(number, groups: 100, fields)
                sent.at.withLock { $0[number] = Stopwatch.now }
                return request
            }.run()
            let begun = Stopwatch.now, expected = sent.at.withLock { $0.count }
            while receiver.count < expected, Stopwatch.now - begun < 30_000_000_000 { try await Task.sleep(for: .milliseconds(50)) }
            let first = receiver.first
            let delays = sent.at.withLock { $0.compactMap { number, at in first[number].map { $0 - at } } }
            return (Times(delays), expected - delays.count)
        }
    }

    /// When each alert was sent.
    private final class Sent: Sendable {
        let at = Mutex<[Int: Int64]>([:])
    }
}
