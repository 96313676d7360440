import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import PluginTestKit
import Testing

/// The client against `openssl s_server`.
@Suite(.timeLimit(.minutes(1))) struct CurlTLSTests {
    /// A TLS server with a self-signed certificate for 127.0.0.1.
    private final class Server: Sendable {
        let directory: URL
        let certificate: String
        let port: Int
        // Unsafe: only `deinit` uses it after `init`.
        private let process = Process()
        private let log: URL

        init(name: String = "IP:127.0.0.1", options: [String] = []) async throws {
            directory = URL.temporaryDirectory.appending(path: "jack-tls-\(UUID())")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            certificate = directory.appending(path: "cert.pem").path
            let key = directory.appending(path: "key.pem").path
            let make = Process()
            make.executableURL = URL(filePath: "/usr/bin/openssl")
            make.arguments = [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate, "-days",
                "2", "-subj",
                "/CN=jack-test", "-addext", "subjectAltName=\(name)",
            ]
            make.standardError = FileHandle.nullDevice
            try make.run()
            make.waitUntilExit()

            let log = directory.appending(path: "log")
            _ = FileManager.default.createFile(atPath: log.path, contents: nil)
            process.executableURL = URL(filePath: "/usr/bin/openssl")
            process.arguments = ["s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key, "-www", "-alpn", "http/1.1"] + options
            process.standardOutput = try FileHandle(forWritingTo: log)
            process.standardError = FileHandle.nullDevice
            process.standardInput = FileHandle.nullDevice
            try process.run()
            self.log = log
            #expect(await eventually { Self.read(log).contains("ACCEPT 127.0.0.1:") }, "s_server does not start: \(Self.read(log))")
            port = Self.read(log).split(separator: "ACCEPT 127.0.0.1:").last.flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
        }

        /// What the server printed.
        var output: String { Self.read(log) }
        private static func read(_ log: URL) -> String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }
        var url: String { "https://127.0.0.1:\(port)/" }

        deinit {
            // It inherits that SIGTERM is ignored, where whoever runs the tests ignores it.
            kill(process.processIdentifier, SIGKILL)
            try? FileManager.default.removeItem(at: directory)
        }
    }

    private func send(to server: Server, _ policy: OutboundPolicy) async throws -> ClientResponse {
        let engine = try CurlEngine()
        let result: Result<ClientResponse, any Error>
        do {
            result = .success(try await CurlHTTPClient(engine: engine, policy: policy).send(ClientRequest(.get, server.url, timeout: .seconds(20))))
        } catch {
            result = .failure(error)
        }
        await engine.shutdown()
        return try result.get()
    }

    @Test func aCertificateThatNobodySignedIsNotTrusted() async throws {
        let server = try await Server()
        let failure = await #expect(throws: PluginFailure.self) { try await send(to: server, .unrestricted) }
        #expect(failure?.reason == .untrustedCertificate && failure?.disposition == .notReady)
    }

    @Test func aCertificateOfTheOperatorsChoiceIsTrustedAndHTTP2IsOffered() async throws {
        // `-msg` makes the server print what the client offers.
        let server = try await Server(options: ["-msg"])
        let response = try await send(
            to: server, OutboundPolicy(allowedHosts: nil, allowsPrivateAddresses: true, certificateAuthorities: server.certificate))
        #expect(response.status == .ok && response.text.contains("s_server"))
        #expect(await eventually { server.output.contains("advertised by the client: h2, http/1.1") })
    }

    @Test func aCertificateForAnotherNameIsNotTrusted() async throws {
        let server = try await Server(name: "DNS:other.example.com")
        let failure = await #expect(throws: PluginFailure.self) {
            try await send(to: server, OutboundPolicy(allowedHosts: nil, allowsPrivateAddresses: true, certificateAuthorities: server.certificate))
        }
        #expect(failure?.reason == .untrustedCertificate)
    }

    @Test func oldTLSIsNotSpoken() async throws {
        let server = try await Server(options: ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"])
        let failure = await #expect(throws: PluginFailure.self) {
            try await send(to: server, OutboundPolicy(allowedHosts: nil, allowsPrivateAddresses: true, certificateAuthorities: server.certificate))
        }
        #expect(failure?.reason == .unreachable)
    }

    @Test func aMissingFileOfAuthoritiesIsTheOperatorsMistake() async throws {
        let server = try await Server()
        let failure = await #expect(throws: PluginFailure.self) {
            try await send(to: server, OutboundPolicy(allowedHosts: nil, allowsPrivateAddresses: true, certificateAuthorities: "/nowhere.pem"))
        }
        #expect(failure?.reason == .configuration && failure?.disposition == .permanent)
    }
}
