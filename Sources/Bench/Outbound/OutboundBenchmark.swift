import Butler
import Foundation
import Kernel
import Logging
import NIOCore
import PluginAPI
import WhatsAppChannel

/// How fast a full outbox empties into a vendor that takes its time, and what it weighs meanwhile.
struct OutboundBenchmark {
    var messages = 50_000
    var latency = 20
    /// More at a time than Jack is delivered with: what it could do for a vendor that takes more.
    var most = 64

    func run() async throws -> Table {
        let usual = CallLimits().concurrency
        return Table(
            name: "outbound",
            method: """
                \(Measure.plain(Double(messages))) messages wait in the outbox (SQLite, synchronous=FULL), each to a guest of its own; the real WhatsApp plugin sends them to a vendor on loopback that answers \
                after \(latency) ms, \(usual) at a time, as Jack is delivered (limits.concurrency), and once more \(most) at a time; without the 80 a second that Meta allows a number. Each is looked up, sent, and written down as sent with the vendor's id. The vendor is \
                in the same process, and its weight is counted too.
                """,
            measures: try await empty(usual, isGoal: true) + empty(most, isGoal: false))
    }

    private func empty(_ concurrent: Int, isGoal: Bool) async throws -> [Measure] {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let vendor = try await SlowVendor.start(latency: .milliseconds(Int64(latency)))
        let logger = Logger(label: "jack") { _ in SwiftLogNoOpLogHandler() }, clock = SystemTime()
        let migrations = KernelSchema.migrations + ButlerSchema.migrations
        let engine = try await SQLiteEngine.open(path: folder.path + "/jack.db", options: .init(migrations: migrations))
        try await engine.migrate(migrations)
        let http = try CurlEngine(), keys = EncryptionKeys(secret: Secret("bench-secret-bench-secret-bench-secret"))
        let kernel = JackKernel(
            .init(
                property: PropertyInfo(id: "main", name: "Bench", locale: "en", languages: ["en"], timeZone: "UTC", publicURL: nil), engine: engine,
                clock: clock, logger: logger, metrics: PrometheusRegistry(),
                http: { CurlHTTPClient(engine: http, policy: OutboundPolicy(for: $0)) }, files: { _ in NoFiles() },
                secrets: { EncryptedSecretStore(engine: engine, property: "main", owner: $0, keys: keys, clock: clock) }, trapFile: nil))
        let delivery = MessageDelivery(engine: engine, property: "main", clock: clock, dispatcher: kernel.dispatcher)
        kernel.connect(.init(inbound: { _ in }, deliveries: [.message: { try await delivery.deliver($0) }], transcript: { _, _, _ in [] }))
        try await fill(kernel.outbox, engine)
        let measures = try await measure(kernel, vendor, engine, concurrent, isGoal: isGoal)
        await kernel.stop(drain: .seconds(5))
        await http.shutdown()
        await engine.close()
        try await vendor.stop()
        return measures
    }

    /// As if the vendor had been away for long: each message to a guest of its own.
    private func fill(_ outbox: Outbox, _ engine: SQLiteEngine) async throws {
        let now = Date()
        for start in stride(from: 0, to: messages, by: 1_000) {
            let end = min(start + 1_000, messages)
            try await engine.write { transaction in
                for number in start..<end {
                    let message = OutboundMessage(
                        id: Identifier.make("msg", at: now), peer: PeerAddress(.phone, "+1650\(5_000_000 + number)"), author: .jack,
                        text: "Good evening! Your towels are on their way.")
                    try outbox.enqueue(.message(message, through: "whatsapp", at: now), in: transaction)
                }
            }
        }
    }

    private func measure(
        _ kernel: JackKernel, _ vendor: SlowVendor, _ engine: SQLiteEngine, _ concurrent: Int, isGoal: Bool
    ) async throws -> [Measure] {
        var settings = WhatsAppSettings(), limits = CallLimits()
        settings.phoneNumberID = SignedMessage.phoneNumberID
        settings.accessToken = Secret("EAAG-bench-token-bench-token")
        settings.baseURL = vendor.url
        limits.concurrency = concurrent
        let begun = Stopwatch.now
        try await kernel.start([
            InstanceSpec(
                name: "whatsapp", registration: PluginRegistration(WhatsApp.self), settings: settings, onStartFailure: .fail, limits: limits)
        ])
        // The weight while it goes on, from the first tenth to the last: what came before is the start.
        var weights: [Double] = []
        while vendor.taken < messages {
            try await Task.sleep(for: .milliseconds(100))
            if vendor.taken > messages / 10 { weights.append(Self.residentMegabytes) }
            if Stopwatch.now - begun > 600_000_000_000 { throw BenchError("the outbox did not empty within ten minutes") }
        }
        let seconds = Double(Stopwatch.now - begun) / 1e9, ideal = Double(concurrent) * 1000 / Double(latency)
        while try await engine.read({ try $0.row("SELECT 1 AS n FROM outbox WHERE state = 'queued' LIMIT 1") }) != nil {
            try await Task.sleep(for: .milliseconds(50))
        }
        let sent = try await engine.read { try $0.row("SELECT COUNT(*) AS n FROM outbox WHERE state = 'sent'")?.int("n") ?? 0 }
        let quarter = max(1, weights.count / 4)
        let name = "\(concurrent) at a time", first = median(Array(weights.prefix(quarter))), last = median(Array(weights.suffix(quarter)))
        return [
            Measure("\(name): sent", Double(messages) / seconds, "messages/s"),
            Measure("\(name): what the vendor's latency allows", ideal, "messages/s"),
            Measure("\(name): share of it", Double(messages) / seconds / ideal, "", goal: isGoal ? .atLeast(0.9) : nil),
            Measure("\(name): most on their way at once", Double(vendor.mostOpen), "messages"),
            Measure("\(name): sent less taken by the vendor", Double(sent - vendor.taken), "messages", goal: .exactly(0)),
            Measure("\(name): resident, first quarter", first, "MB"),
            Measure("\(name): resident, last quarter", last, "MB"),
            Measure("\(name): grown meanwhile", last - first, "MB", goal: isGoal ? .below(10) : nil),
        ]
    }

    private static var residentMegabytes: Double { Double((try? ProcessStatus.field("VmRSS")) ?? 0) / 1024 }
}
