import Butler
import Crypto
import Foundation
import Gateway
import HTTPTypes
import Kernel
import Logging
import PluginAPI
import WhatsAppChannel

/// The parts of Jack that a webhook passes through: gateway, the WhatsApp plugin, inbox, SQLite; with a worker behind the inbox that completes what it is given.
final class IntakeHouse: Sendable {
    static let instance = "bench"
    static let barePath = "/bench/bare"
    static let webhookPath = "/webhooks/\(instance)"

    let kernel: JackKernel
    private let engine: SQLiteEngine
    private let server: GatewayServer
    private let http: CurlEngine
    private let log: FileHandle

    /// - Parameter consuming: whether the worker completes what arrives; otherwise it holds what it took, and the rest waits in the inbox.
    init(folder: String, secret: String, consuming: Bool) async throws {
        let clock = SystemTime(), metrics = PrometheusRegistry()
        let logPath = folder + "/log.json"
        _ = FileManager.default.createFile(atPath: logPath, contents: nil)
        guard let log = FileHandle(forWritingAtPath: logPath) else { throw BenchError("\(logPath) cannot be written") }
        self.log = log
        // As it is delivered: JSON lines, one for every request.
        let output = StructuredLogHandler.Output(descriptor: log.fileDescriptor)
        let logger = Logger(label: "jack") { StructuredLogHandler(label: $0, format: .json, output: output, clock: clock) }
        let migrations = KernelSchema.migrations + ButlerSchema.migrations
        let engine = try await SQLiteEngine.open(path: folder + "/jack.db", options: .init(migrations: migrations))
        try await engine.migrate(migrations)
        self.engine = engine
        let http = try CurlEngine()
        self.http = http
        let keys = EncryptionKeys(secret: Secret(secret))
        let kernel = JackKernel(
            .init(
                property: PropertyInfo(id: "main", name: "Bench", locale: "en", languages: ["en"], timeZone: "UTC", publicURL: nil), engine: engine,
                clock: clock,
                logger: logger, metrics: metrics, http: { CurlHTTPClient(engine: http, policy: OutboundPolicy(for: $0)) }, files: { _ in NoFiles() },
                secrets: { EncryptedSecretStore(engine: engine, property: "main", owner: $0, keys: keys, clock: clock) }, trapFile: nil))
        self.kernel = kernel
        kernel.connect(
            .init(
                inbound: { item in
                    guard consuming else { return try await clock.sleep(for: .seconds(86_400)) }
                    try await engine.write { try Inbox.complete(item, in: $0) }
                }, deliveries: [:], transcript: { _, _, _ in [] }))
        var settings = WhatsAppSettings()
        settings.phoneNumberID = SignedMessage.phoneNumberID
        settings.appSecret = Secret(secret)
        try await kernel.start([
            InstanceSpec(name: Self.instance, registration: PluginRegistration(WhatsApp.self), settings: settings, onStartFailure: .fail)
        ])
        let routes = MountedRoutes()
        try routes.mount(kernel.instances.supervisor(Self.instance)?.routes ?? [], of: Self.instance)

        var configuration = GatewayConfiguration()
        configuration.host = "127.0.0.1"
        configuration.port = 0
        configuration.rates.webhooks = nil
        configuration.rates.pages = nil
        var parts = GatewayParts(
            version: "bench", routes: routes, accept: { try await kernel.inbox.accept($0, $1) }, health: NoHealth(), hotel: nil,
            metricsText: { metrics.render() },
            metrics: metrics, time: clock, logger: logger)
        let key = SymmetricKey(data: Array(secret.utf8))
        parts.extraRoutes = [
            .init(.post, Self.barePath) { request in PluginResponse(Signature.isSound(request, key: key) ? .ok : .unauthorized) }
        ]
        GatewayBuilder.describeMetrics(in: metrics)
        server = GatewayBuilder(configuration, parts).build()
        try await server.start()
    }

    var port: Int { server.port ?? 0 }

    /// How many rows the inbox has, and how many of them wait.
    func rows() async throws -> (all: Int, pending: Int) {
        try await engine.read { reader in
            let row = try reader.row("SELECT count(*) AS n, count(*) FILTER (WHERE state = 'pending') AS pending FROM inbox")
            return (try row?.int("n") ?? 0, try row?.int("pending") ?? 0)
        }
    }

    func stop() async {
        await server.stop()
        await kernel.stop(drain: .seconds(1))
        await http.shutdown()
        await engine.close()
        try? log.close()
    }
}

private struct NoHealth: HealthSource {
    func isDatabaseConnected() async -> Bool { true }
    func channels() async -> [String: String] { [:] }
    var dependencies: [ReadinessDependency] { [] }
}
