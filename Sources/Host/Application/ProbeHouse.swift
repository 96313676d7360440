import Foundation
import Kernel
import Logging
import PluginAPI

/// Just enough of a kernel to construct and probe every instance: in memory, so that a probe changes nothing of a Jack that runs beside it.
struct ProbeHouse: Sendable {
    let supervisors: [PluginSupervisor]
    private let engine: SQLiteEngine
    private let http: CurlEngine
    private let mail: MailEngine

    init(_ loaded: Configurator.Loaded) async throws {
        let engine = try await SQLiteEngine.open(path: nil)
        try await engine.migrate(JackApplication.migrations)
        let http = try CurlEngine(), mail = try MailEngine()
        (self.http, self.mail) = (http, mail)
        let configuration = loaded.configuration, clock = SystemTime()
        let logger = Logger(label: "jack") { _ in SwiftLogNoOpLogHandler() }
        let keys = EncryptionKeys(secret: configuration.settings.security.encryptionKey ?? Secret(UUID().uuidString))
        let kernel = JackKernel(
            .init(
                property: configuration.property, engine: engine, clock: clock, logger: logger, metrics: PrometheusRegistry(),
                http: { CurlHTTPClient(engine: http, policy: OutboundPolicy(for: $0)) }, mail: mail,
                files: { JackApplication.files($0, configuration) },
                secrets: { EncryptedSecretStore(engine: engine, property: configuration.property.id, owner: $0, keys: keys, clock: clock) },
                trapFile: nil))
        supervisors = kernel.instances.prepare(configuration.instances.map(\.spec))
        self.engine = engine
    }

    func close() async {
        await http.shutdown()
        await mail.shutdown()
        await engine.close()
    }
}
