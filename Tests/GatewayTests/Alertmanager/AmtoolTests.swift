import Foundation
import OnCall
import PluginAPI
import Synchronization
import Testing

@testable import Gateway

/// Debian's own amtool and Prometheus, unmodified, against Jack's gateway.
@Suite struct AmtoolTests {
    private typealias Amtool = @Sendable ([String]) async throws -> (status: Int32, output: String)

    /// Runs `body` with a way to call amtool, whose token stands in a file as its `--http.config.file` wants it.
    private func with(_ body: (MemoryBoard, _ amtool: @escaping Amtool) async throws -> Void) async throws {
        let board = MemoryBoard()
        let folder = FileManager.default.temporaryDirectory.appending(path: "jack-amtool-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "http.yml")
        try "authorization:\n  type: Bearer\n  credentials: \(TestHouse.token)\n".write(to: file, atomically: true, encoding: .utf8)
        try await TestHouse.run(board: board) { house async throws in
            let port = try house.port
            try await body(board) { arguments async throws in
                try await runAside(
                    ["amtool", "--alertmanager.url=http://127.0.0.1:\(port)", "--http.config.file=\(file.path)"] + arguments)
            }
        }
    }

    @Test func itAddsAndShowsAlerts() async throws {
        try await with { board, amtool async throws in
            let added = try await amtool(["alert", "add", "alertname=LiftStuck", "room=204", "--annotation=summary=the lift is stuck"])
            #expect(added.status == 0, "\(added.output)")
            let taken = try #require(board.taken.first)
            #expect(taken.labels == ["alertname": "LiftStuck", "room": "204"] && taken.annotations == ["summary": "the lift is stuck"])
            #expect(taken.endsAt == nil)
            let shown = try await amtool(["alert", "query"])
            #expect(shown.status == 0 && shown.output.contains("LiftStuck") && shown.output.contains("the lift is stuck"), "\(shown.output)")
            let none = try await amtool(["alert", "query", "room=~3.*"])
            #expect(none.status == 0 && !none.output.contains("LiftStuck"))
            let json = try await amtool(["-o", "json", "alert", "query", "LiftStuck"])
            #expect(json.status == 0 && json.output.contains(#""alertname":"LiftStuck""#))
            let ended = try await amtool([
                "alert", "add", "alertname=LiftStuck", "room=204", "--start=2026-01-01T00:00:00Z", "--end=2026-01-01T00:10:00Z",
            ])
            #expect(ended.status == 0, "\(ended.output)")
            #expect(try await !amtool(["alert", "query"]).output.contains("LiftStuck"))
        }
    }

    @Test func itSilences() async throws {
        try await with { board, amtool async throws in
            _ = try await amtool(["alert", "add", "alertname=LiftStuck", "room=204"])
            let made = try await amtool([
                "silence", "add", "--author=Ana", "--comment=the fitter is there", "--duration=2h", "LiftStuck", "room=~2.*",
            ])
            // Its last line: before it amtool may say that versions differ.
            let id = String(made.output.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: "\n").last ?? "")
            #expect(made.status == 0 && UUID(uuidString: id) != nil, "\(made.output)")
            let silence = try #require(board.state.withLock { $0.silences.first })
            #expect(
                Set(silence.matchers) == [LabelMatcher("alertname", .equal, "LiftStuck"), LabelMatcher("room", .fits, "2.*")]
                    && silence.createdBy == "Ana")
            #expect(try await amtool(["silence", "query"]).output.contains("the fitter is there"))
            #expect(try await !amtool(["alert", "query"]).output.contains("LiftStuck"))
            #expect(try await amtool(["alert", "query", "--silenced"]).output.contains("LiftStuck"))
            let updated = try await amtool(["silence", "update", "--duration=5h", "--comment=it takes longer", id])
            #expect(updated.status == 0 && updated.output.contains("it takes longer"), "\(updated.output)")
            #expect(board.state.withLock { $0.silences.map(\.comment) } == ["it takes longer"])
            let ended = try await amtool(["silence", "expire", id])
            #expect(ended.status == 0, "\(ended.output)")
            #expect(board.state.withLock { $0.silences.first?.endsAt ?? .distantFuture } <= Date())
            #expect(try await amtool(["silence", "expire", "00000000-0000-4000-8000-00000000ffff"]).status != 0)
            #expect(try await amtool(["silence", "add", "--author=Ana", "--comment=c", "room=~.*"]).status != 0)
        }
    }

    @Test func itShowsTheConfiguration() async throws {
        try await with { board, amtool async throws in
            let shown = try await amtool(["config", "show"])
            #expect(shown.status == 0 && shown.output.contains("receiver: front-desk"), "\(shown.output)")
            let cluster = try await amtool(["cluster", "show"])
            #expect(cluster.status == 0 && cluster.output.contains("disabled"), "\(cluster.output)")
            let routes = try await amtool(["config", "routes", "test", "severity=critical"])
            #expect(routes.status == 0 && routes.output.contains("front-desk"), "\(routes.output)")
        }
    }

    @Test func withoutTheTokenItIsToldSo() async throws {
        let board = MemoryBoard()
        try await TestHouse.run(board: board) { house async throws in
            let answer = try await runAside(["amtool", "--alertmanager.url=http://127.0.0.1:\(try house.port)", "alert", "add", "alertname=A"])
            #expect(answer.status != 0 && answer.output.contains("401"))
            #expect(board.taken.isEmpty)
        }
    }

    @Test func prometheusSendsWhatFires() async throws {
        let board = MemoryBoard()
        let folder = FileManager.default.temporaryDirectory.appending(path: "jack-prometheus-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await TestHouse.run(board: board) { house async throws in
            let rules = """
                groups:
                - name: house
                  rules:
                  - alert: BoilerCold
                    expr: vector(41) < 50
                    labels: {severity: critical, room: cellar}
                    annotations: {summary: "the boiler has {{ $value }} degrees"}
                """
            let configuration = """
                global: {evaluation_interval: 1s, scrape_interval: 1h}
                rule_files: [rules.yml]
                alerting:
                  alertmanagers:
                  - authorization: {type: Bearer, credentials: \(TestHouse.token)}
                    static_configs: [{targets: ['127.0.0.1:\(try house.port)']}]
                """
            try rules.write(to: folder.appending(path: "rules.yml"), atomically: true, encoding: .utf8)
            try configuration.write(to: folder.appending(path: "prometheus.yml"), atomically: true, encoding: .utf8)
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = [
                "prometheus", "--config.file=\(folder.path)/prometheus.yml", "--storage.tsdb.path=\(folder.path)/data",
                "--web.listen-address=127.0.0.1:0", "--log.level=warn",
                // The first telling is lost where it comes before the address book is read; the next is a minute later, unless it says otherwise.
                "--rules.alert.resend-delay=1s",
            ]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            defer {
                process.terminate()
                process.waitUntilExit()
            }
            let arrived = try await eventually(within: .seconds(60)) { !board.taken.isEmpty }
            #expect(arrived, "Prometheus's alert did not arrive")
            let alert = board.taken.first
            #expect(alert?.labels == ["alertname": "BoilerCold", "severity": "critical", "room": "cellar"])
            #expect(alert?.annotations["summary"] == "the boiler has 41 degrees")
            // Prometheus says until when the alert stands without news of it.
            #expect(alert?.endsAt.map { $0 > Date() } == true && alert?.generatorURL?.contains("/graph?") == true)
        }
    }
}
