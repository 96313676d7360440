import Foundation
import Kernel
import Logging
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

/// A mail service of the kernel's, over a fake server on the loopback address.
struct MailFixture {
    let service: KernelMailService
    let engine: MailEngine
    let health: RecordingHealthReporter
    let server: LoopbackLineServer
    let clock: VirtualClock

    /// Runs `body` beside a server that `script` plays.
    static func run<T>(
        policy: OutboundPolicy = .unrestricted, _ script: @escaping LoopbackLineServer.Script, use body: (MailFixture) async throws -> T
    ) async throws -> T {
        let engine = try MailEngine(), server = try await LoopbackLineServer.start(script), clock = VirtualClock(), health = RecordingHealthReporter()
        let service = KernelMailService(
            instance: "mail", engine: engine, policy: policy, clock: clock, health: health,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            backoff: Backoff(base: .seconds(1), maximum: .seconds(120), random: { 1 }))
        let fixture = MailFixture(service: service, engine: engine, server: server, clock: clock, health: health)
        let result: Result<T, any Error>
        do { result = .success(try await body(fixture)) } catch { result = .failure(error) }
        await engine.shutdown()
        await server.shutdown()
        return try result.get()
    }

    private init(service: KernelMailService, engine: MailEngine, server: LoopbackLineServer, clock: VirtualClock, health: RecordingHealthReporter) {
        self.service = service
        self.engine = engine
        self.server = server
        self.clock = clock
        self.health = health
    }

    /// The fake server, by loopback and in clear.
    func address(user: String? = nil, timeout: Duration = .seconds(10)) -> MailServer {
        MailServer(
            host: "127.0.0.1", port: server.port, security: .none, user: user, password: user.map { _ in Secret("a-secret-password") },
            clientName: "hotel.example", timeout: timeout)
    }

    func failure(_ body: () async throws -> Void, _ location: SourceLocation = #_sourceLocation) async -> PluginFailure? {
        await #expect(throws: PluginFailure.self, sourceLocation: location) { try await body() }
    }
}

/// An SMTP server that accepts all, save what is told otherwise.
func smtpScript(_ answers: [String: String] = [:], auth: String = "235 2.7.0 in") -> LoopbackLineServer.Script {
    { client in
        try await client.send(answers["greeting"] ?? "220 fake ESMTP\r\n")
        while let line = await client.line() {
            let word = line.split(separator: " ").first.map { $0.uppercased() } ?? ""
            if let answer = answers[word] {
                try await client.send(answer)
                if answer.isEmpty { return }
            } else if word == "EHLO" {
                try await client.send("250-fake\r\n250-AUTH PLAIN\r\n250-SIZE 1000000\r\n250 SMTPUTF8\r\n")
            } else if word == "AUTH" {
                if line.uppercased() == "AUTH PLAIN" {
                    try await client.send("334 \r\n")
                    _ = await client.line()
                }
                try await client.send("\(auth)\r\n")
            } else if word == "DATA" {
                try await client.send("354 go on\r\n")
                while let text = await client.line(), text != "." {}
                try await client.send(answers["."] ?? "250 2.0.0 taken\r\n")
            } else if word == "QUIT" {
                try await client.send("221 bye\r\n")
                return
            } else {
                try await client.send("250 OK\r\n")
            }
        }
    }
}

/// Counts from many tasks.
final class Tally: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func add() { count.withLock { $0 += 1 } }
}
