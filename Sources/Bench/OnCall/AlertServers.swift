import Foundation
import NIOCore
import NIOPosix

/// What takes alerts by the Alertmanager v2 API and can be measured.
protocol AlertServer: Sendable {
    var port: Int { get }
    /// Fields of the request's head, beside those that each has.
    var fields: [(name: String, value: String)] { get }
    /// VmRSS, in MB.
    var residentMegabytes: Double { get throws }
    func stop() async
}

/// A Jack that goes by a plan.
struct JackServer: AlertServer {
    static let token = "bench-token-bench-token-bench-token"
    let process: JackProcess

    init(_ options: JackOptions, folder: String, plan: String, url: String) async throws {
        let path = folder + "/oncall.yaml"
        try (BenchPlan.people(url) + plan).write(toFile: path, atomically: true, encoding: .utf8)
        process = try await JackProcess(
            options, folder: folder,
            settings: [
                "oncall.file=\(path)", "security.local_token=\(Self.token)", "log.level=warning", "alerts.webhook.settings.url=\(url)",
                "alerts.webhook.settings.secret=0123456789abcdef0123456789abcdef", "alerts.webhook.settings.format=alertmanager",
                "alerts.webhook.settings.reaches_human=true", "alerts.webhook.limits.concurrency=64",
                "alerts.pagerduty.settings.routing_key=0123456789abcdef0123456789abcdef", "alerts.pagerduty.settings.base_url=\(url)",
            ])
    }

    var port: Int { process.port }
    var fields: [(name: String, value: String)] { [("Authorization", "Bearer \(Self.token)")] }
    var residentMegabytes: Double { get throws { Double(try process.memory().resident) * 1024 / 1e6 } }
    func stop() async { await process.stop() }
}

/// Debian's Alertmanager, as it comes, alone.
final class RivalServer: AlertServer {
    static let program = "/usr/bin/prometheus-alertmanager"
    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

    private let process: Process
    let port: Int
    var fields: [(name: String, value: String)] { [] }

    init(folder: String, plan: String) async throws {
        let path = folder + "/alertmanager.yml"
        try plan.write(toFile: path, atomically: true, encoding: .utf8)
        port = try await Self.freePort()
        process = Process()
        process.executableURL = URL(fileURLWithPath: Self.program)
        process.arguments = [
            "--config.file=\(path)", "--storage.path=\(folder)/rival", "--web.listen-address=127.0.0.1:\(port)", "--cluster.listen-address=",
            "--log.level=error",
        ]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        Children.add(process.processIdentifier)
        for _ in 0..<200 {
            if await isReady() { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        await stop()
        throw BenchError("\(Self.program) did not start")
    }

    var residentMegabytes: Double { get throws { Double(try ProcessStatus.field("VmRSS", of: process.processIdentifier)) * 1024 / 1e6 } }

    private func isReady() async -> Bool {
        let connection = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(host: "127.0.0.1", port: port).get()
        try? await connection?.close()
        return connection != nil
    }

    /// One that the system gave and that is free again: it takes another after some time.
    private static func freePort() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: "127.0.0.1", port: 0).get()
        defer { channel.close(promise: nil) }
        guard let port = channel.localAddress?.port else { throw BenchError("no free port") }
        return port
    }

    func stop() async {
        process.terminate()
        for _ in 0..<500 where process.isRunning { try? await Task.sleep(for: .milliseconds(10)) }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        Children.remove(process.processIdentifier)
    }
}
