import CoreMetrics
import Foundation
import HTTPTypes
import Kernel
import Logging
import OnCall
import PluginAPI
import Synchronization
import Testing

@testable import Gateway

/// A gateway on a free port with everything behind it in the test's hands.
final class TestHouse: HealthSource {
    static let token = "a-token-of-at-least-32-characters!"

    let routes = MountedRoutes()
    let registry = PrometheusRegistry()
    let hotel = FakeHotel()
    let stored = Mutex<[(instance: String, events: [InboundEvent])]>([])
    let storageError = Mutex<StorageError?>(nil)
    let database = Mutex(true)
    let checks = Mutex<[ReadinessDependency]>([])
    let lines = LogLines()
    /// What the OpenAPI document must list.
    let documentedRoutes = Mutex<[String]>([])
    private let running = Mutex<GatewayServer?>(nil)

    func isDatabaseConnected() async -> Bool { database.withLock { $0 } }
    func channels() async -> [String: String] { ["webchat": "connected", "whatsapp": "disconnected"] }
    var dependencies: [ReadinessDependency] { checks.withLock { $0 } }

    var server: GatewayServer {
        get throws { try #require(running.withLock { $0 }) }
    }
    var port: Int {
        get throws { try #require(try server.port) }
    }

    /// Starts a gateway for `body` and stops it afterwards, whatever happens.
    static func run(
        time: any TimeSource = SystemTime(), board: (any AlertBoard)? = nil, heartbeats: (any HeartbeatKeeping)? = nil,
        sources: (any AlertSourceKeeping)? = nil,
        refusal: @escaping @Sendable (String) -> MaintenanceRefusal? = { _ in nil },
        admit: @escaping @Sendable (String) -> Duration? = { _ in nil },
        _ configure: (inout GatewayConfiguration) -> Void = { _ in }, body: (TestHouse) async throws -> Void
    ) async throws {
        let house = TestHouse()
        var configuration = GatewayConfiguration()
        configuration.host = "127.0.0.1"
        configuration.port = 0
        configuration.token = Secret(token)
        configuration.lingerTimeout = .milliseconds(500)
        configuration.drainDeadline = .seconds(2)
        configuration.maximumConnections = 8000
        configure(&configuration)
        GatewayBuilder.describeMetrics(in: house.registry)
        var logger = Logger(label: "test") { _ in LineCollector(lines: house.lines) }
        logger.logLevel = .info
        var parts = GatewayParts(
            version: "1.2.3", routes: house.routes,
            accept: { instance, events in
                if let error = house.storageError.withLock({ $0 }) { throw error }
                house.stored.withLock { $0.append((instance, events)) }
                return events.map { InboundReceipt(id: "e-\($0.vendorID)", isDuplicate: false) }
            }, health: house, hotel: house.hotel, metricsText: { [registry = house.registry] in registry.render() }, metrics: house.registry,
            time: time, logger: logger)
        parts.alertBoard = board
        parts.heartbeats = heartbeats
        parts.alertSources = sources
        parts.refusal = refusal
        parts.admit = admit
        let builder = GatewayBuilder(configuration, parts), server = builder.build()
        house.documentedRoutes.withLock { $0 = builder.documentedRoutes() }
        house.running.withLock { $0 = server }
        try await server.start()
        do {
            try await body(house)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    func client() async throws -> RawClient { try await RawClient.connect(port) }

    /// One request on a connection of its own.
    func request(_ method: String, _ path: String, headers: [String] = [], body: String = "") async throws -> RawResponse {
        let client = try await client()
        defer { client.close() }
        var lines = ["\(method) \(path) HTTP/1.1", "Host: jack.test"] + headers
        if !body.isEmpty { lines.append("Content-Length: \(body.utf8.count)") }
        return try await client.exchange(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    func api(_ method: String, _ path: String, headers: [String] = [], body: String = "") async throws -> RawResponse {
        try await request(method, path, headers: ["Authorization: Bearer \(Self.token)"] + headers, body: body)
    }

    /// A plugin's socket that sends back what it gets.
    func mountEcho(maximum: Int = 1000) throws {
        try routes.mount(
            [
                .socket(
                    SocketRoute(path: "/echo", maximumMessageBytes: maximum) { connection in
                        TestReceiver { try await connection.send("echo " + $0) }
                    })
            ], of: "echo")
    }

    func mountHook(
        of instance: String = "hook", tail: String = "", maximum: Int = 1000,
        parse: (@Sendable (PluginRequest) async throws -> WebhookResult)? = nil
    ) throws {
        let verification = WebhookVerification.custom(secret: Secret("s")) { request, secret in
            request.headers[.authorization] == secret.reveal()
        }
        let usual: @Sendable (PluginRequest) async throws -> WebhookResult = { request in
            let event = InboundEvent(vendorID: String(decoding: request.body, as: UTF8.self), peer: nil, .consent(true))
            return WebhookResult([event], response: PluginResponse(.accepted, text: "taken"))
        }
        try routes.mount(
            [.webhook(WebhookRoute(tail: tail, verification: verification, maximumBodyBytes: maximum, parse: parse ?? usual))], of: instance)
    }
}

/// Log lines as they were written, for a test to read.
final class LogLines: Sendable {
    private let all = Mutex<[(message: String, metadata: Logger.Metadata)]>([])

    func add(_ message: String, _ metadata: Logger.Metadata) { all.withLock { $0.append((message, metadata)) } }
    func named(_ message: String) -> [[String: String]] {
        all.withLock { $0 }.filter { $0.message == message }.map { $0.metadata.mapValues { "\($0)" } }
    }
}

private struct LineCollector: LogHandler {
    let lines: LogLines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    init(lines: LogLines) { self.lines = lines }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.add("\(event.message)", metadata.merging(event.metadata ?? [:]) { $1 }) }
}

/// A clock that stands until it is moved.
final class StoppedTime: TimeSource {
    private let offset = Mutex(Duration.zero)

    var now: Date { Date(timeIntervalSince1970: 1_800_000_000 + monotonic.seconds) }
    var monotonic: Duration { offset.withLock { $0 } }
    func sleep(for duration: Duration) async throws { try await Task.sleep(for: .seconds(3600)) }
    func advance(_ step: Duration) { offset.withLock { $0 += step } }
}

/// Holds tasks until it is opened.
final class Latch: Sendable {
    private let state = Mutex<(isOpen: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock {
                if !$0.isOpen { $0.waiters.append(continuation) }
                return $0.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiters = state.withLock { state in
            defer { state = (true, []) }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}

/// Polls a condition of a real system, briefly and with an end.
func eventually(within limit: Duration = .seconds(10), _ condition: () throws -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if try condition() { return true }
        try await Task.sleep(for: .milliseconds(2))
    }
    return try condition()
}
