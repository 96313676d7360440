import CoreMetrics
import Foundation
import Gateway
import HTTPTypes
import Kernel
import Logging
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import WhatsAppChannel

/// The plugin where it lives: behind the real gateway, before the real inbox and outbox, with a fake Meta at the other end.
@Suite(.timeLimit(.minutes(2))) struct GatewayTests {
    @Test func aSignedWebhookIsStoredOnceHoweverOftenItComes() async throws {
        try await Hotel.run { (hotel: Hotel) async throws in
            let body = Hook.text("Is the spa open?")
            for _ in 0..<3 { #expect(try await hotel.post(body).status == .ok) }
            // Meta writes the same message into another request with another signature.
            #expect(try await hotel.post(body + " ").status == .ok)
            #expect(try await hotel.rows() == 1)
            try await hotel.eventually { hotel.arrived.count == 1 }
            let event = try #require(hotel.arrived.first)
            #expect(event.vendorID == "wamid.IN1" && event.peer == Desk.guest)
        }
    }

    @Test func whatIsTooOldIsAcknowledgedAndStoresNothing() async throws {
        try await Hotel.run { (hotel: Hotel) async throws in
            let moment = Int(Date().timeIntervalSince1970) - 8 * 86_400
            // In a function of its own: what builds it does not wait.
            func old() -> String { Hook.$sent.withValue("\(moment)") { Hook.text("an echo of last week") } }
            #expect(try await hotel.post(old()).status == .ok)
            #expect(try await hotel.rows() == 0)
        }
    }

    @Test func whatIsNotSignedStoresNothing() async throws {
        try await Hotel.run { (hotel: Hotel) async throws in
            let body = Hook.text("forged"), good = Hook.signature(Array(body.utf8))
            let bad: [[String]] = [
                [], ["sha256=" + String(repeating: "0", count: 64)], [String(good.dropLast(2))], [Hook.signature(Array(body.utf8), secret: "guess")],
                [good, good],
            ]
            for signatures in bad {
                #expect(try await hotel.post(body, signatures: signatures).status == .unauthorized)
            }
            // A signature that was heard, under other words.
            #expect(try await hotel.post(Hook.text("other words"), signatures: [good]).status == .unauthorized)
            #expect(try await hotel.rows() == 0)
        }
    }

    @Test func aBatchOfSeveralEntriesIsStoredWhole() async throws {
        try await Hotel.run { (hotel: Hotel) async throws in
            func value(_ number: Int) -> String {
                #"\#(Hook.contacts),"messages":[{"from":"1650555\#(1000 + number)","id":"wamid.B\#(number)","timestamp":"\#(Hook.sent)","type":"text","text":{"body":"x"}}]"#
            }
            let changes = (0..<5).map { Hook.change(value($0)) }
            let entries =
                changes.map { #"{"id":"1","changes":[\#($0)]}"# } + [
                    #"{"id":"1","changes":[\#(changes[0]),\#(Hook.change(value(9), number: "111111111"))]}"#
                ]
            #expect(try await hotel.post(#"{"object":"whatsapp_business_account","entry":[\#(entries.joined(separator: ","))]}"#).status == .ok)
            #expect(try await hotel.rows() == 5)
        }
    }

    @Test func theHandshakeIsAnswered() async throws {
        try await Hotel.run { (hotel: Hotel) async throws in
            let right = try await hotel.get("?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=\(Desk.verifyToken)")
            #expect(right.status == .ok && right.text == "1158201444")
            #expect(try await hotel.get("?hub.mode=subscribe&hub.challenge=1&hub.verify_token=wrong").status == .unauthorized)
            #expect(try await hotel.get("").status == .unauthorized)
            #expect(try await hotel.get("?hub.challenge=1&hub.verify_token=\(Desk.verifyToken)").status == .forbidden)
        }
    }

    @Test func badJSONIsRefusedAndTheNextOneTaken() async throws {
        try await Hotel.run { (hotel: Hotel) async throws in
            #expect(try await hotel.post("{").status == .badRequest)
            #expect(try await hotel.post(String(repeating: "[", count: 200_000)).status == .badRequest)
            #expect(try await hotel.post(Hook.text("fine")).status == .ok)
            #expect(try await hotel.rows() == 1)
        }
    }

    @Test func withoutAnAppSecretThereIsNoRoute() async throws {
        try await Hotel.run(without: ["app_secret"]) { (hotel: Hotel) async throws in
            let body = Hook.text("x")
            #expect(try await hotel.post(body, signatures: [Hook.signature(Array(body.utf8), secret: "")]).status != .ok)
            #expect(try await hotel.rows() == 0)
        }
    }

    /// A message that waits for its next try has left all the same, as its status says: it is known by Jack's own id, and then by Meta's.
    @Test func aMessageWhoseAnswerWasLostIsKnownByItsStatus() async throws {
        try await Hotel.run { (hotel: Hotel) async throws in
            // Six seconds until the next try.
            hotel.meta.next(FakeMeta.error(131_056))
            try await hotel.enqueue(.to("Until ten.", id: "msg-43"))
            try await hotel.eventually { try await hotel.tries(of: "msg-43") == 1 }
            let now = "\(Int(Date().timeIntervalSince1970))"
            let status = Hook.status(#","biz_opaque_callback_data":"msg-43""#, id: "wamid.LOST", status: "delivered", at: now)
            #expect(try await hotel.post(status).status == .ok)
            try await hotel.eventually { try await hotel.state(of: "msg-43") == .delivered }
            #expect(try await hotel.post(Hook.status(id: "wamid.LOST", status: "read")).status == .ok)
            try await hotel.eventually { try await hotel.state(of: "msg-43") == .read }
            #expect(hotel.meta.messages.isEmpty)
        }
    }

    /// A reply leaves, and what Meta reports of it shows, whatever the order in which it comes.
    @Test func receiptsFindTheirMessage() async throws {
        try await Hotel.run { (hotel: Hotel) async throws in
            try await hotel.enqueue(.to("Until ten.", id: "msg-42"))
            try await hotel.eventually { hotel.meta.messages.count == 1 }
            #expect(hotel.meta.messages.first?["biz_opaque_callback_data"] == "msg-42")
            for status in ["read", "delivered", "sent", "read"] {
                #expect(try await hotel.post(Hook.status(id: "wamid.OUT1", status: status)).status == .ok)
            }
            try await hotel.eventually { try await hotel.state(of: "msg-42") == .read }
            #expect(try await hotel.rows() == 3)
        }
    }

    @Test func aClosedWindowEndsAMessageAndALimitDoesNot() async throws {
        try await Hotel.run { (hotel: Hotel) async throws in
            hotel.meta.next(FakeMeta.error(131_047))
            try await hotel.enqueue(.to("Too late.", id: "late"))
            try await hotel.eventually { try await hotel.state(of: "late") == .dead }
            let told = Hook.status(#","errors":[{"code":131026,"title":"Message undeliverable"}]"#, id: "wamid.OUT1", status: "failed")
            try await hotel.enqueue(.to("Hello.", id: "second"))
            try await hotel.eventually { try await hotel.state(of: "second") == .sent }
            #expect(try await hotel.post(told).status == .ok)
            try await hotel.eventually { try await hotel.state(of: "second") == .failed }
        }
    }
}

/// Kernel, gateway and fake Meta, in a folder of their own.
private final class Hotel: Sendable {
    let meta: FakeMeta
    private let kernel: JackKernel
    private let engine: SQLiteEngine
    private let server: GatewayServer
    private let http: CurlEngine
    private let events = Arrived()

    /// What came out of the inbox. Apart, because the kernel holds it before the hotel is whole.
    private final class Arrived: Sendable {
        let all = Mutex<[InboundEvent]>([])
    }

    var arrived: [InboundEvent] { events.all.withLock { $0 } }

    static func run(without missing: Set<String> = [], _ body: (Hotel) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("jack-whatsapp-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let meta = FakeMeta()
        try await LoopbackServer.run {
            meta.answer($0)
        } use: { vendor in
            let hotel = try await Hotel(folder: folder.path, meta: meta, vendor: vendor, without: missing)
            do {
                try await Hook.$sent.withValue("\(Int(Date().timeIntervalSince1970))") { () async throws in try await body(hotel) }
                await hotel.stop()
            } catch {
                await hotel.stop()
                throw error
            }
        }
    }

    private init(folder: String, meta: FakeMeta, vendor: LoopbackServer, without missing: Set<String>) async throws {
        self.meta = meta
        let clock = SystemTime(), metrics = PrometheusRegistry()
        var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        let engine = try await SQLiteEngine.open(path: folder + "/jack.db", options: .init(migrations: KernelSchema.migrations))
        try await engine.migrate(KernelSchema.migrations)
        self.engine = engine
        let http = try CurlEngine()
        self.http = http
        let keys = EncryptionKeys(secret: Secret("a-test-key-of-thirty-two-characters!"))
        let kernel = JackKernel(
            .init(
                property: .sample, engine: engine, clock: clock, logger: logger, metrics: metrics,
                http: { _ in CurlHTTPClient(engine: http, policy: .unrestricted) },
                files: { _ in NoFiles() },
                secrets: { EncryptedSecretStore(engine: engine, property: "main", owner: $0, keys: keys, clock: clock) }, trapFile: nil))
        self.kernel = kernel
        var settings = Desk.settings(["base_url": .string("http://127.0.0.1:\(vendor.port)")]).objectValue ?? [:]
        settings = settings.filter { !missing.contains($0.key) }
        let routes = MountedRoutes()
        var configuration = GatewayConfiguration()
        configuration.host = "127.0.0.1"
        configuration.port = 0
        configuration.rates.failures = nil
        let parts = GatewayParts(
            version: "test", routes: routes, accept: { try await kernel.inbox.accept($0, $1) }, health: NoHealth(), hotel: nil, metricsText: { "" },
            metrics: metrics, time: clock, logger: logger)
        GatewayBuilder.describeMetrics(in: metrics)
        server = GatewayBuilder(configuration, parts).build()
        let dispatcher = kernel.dispatcher
        kernel.connect(
            .init(
                inbound: { [events] item in
                    try await engine.write { try Inbox.complete(item, in: $0) }
                    events.all.withLock { $0.append(item.event) }
                },
                deliveries: [
                    .message: { entry in
                        let message = try entry.decoded(OutboundMessage.self)
                        return .accepted(
                            try await dispatcher.call(entry.instance, as: (any ChannelPlugin).self, "send", CallOptions(attempts: 1)) {
                                try await $0.send(message)
                            })
                    }
                ], transcript: { _, _, _ in [] }))
        try await kernel.start([
            InstanceSpec(
                name: "whatsapp", registration: PluginRegistration(WhatsApp.self),
                settings: try validatedSettings(for: WhatsApp.self, .object(settings)),
                onStartFailure: .fail)
        ])
        try routes.mount(kernel.instances.supervisor("whatsapp")?.routes ?? [], of: "whatsapp")
        try await server.start()
    }

    func stop() async {
        await server.stop()
        await kernel.stop(drain: .seconds(1))
        await http.shutdown()
        await engine.close()
    }

    private func send(_ method: HTTPRequest.Method, _ tail: String, _ headers: HTTPFields = [:], _ body: [UInt8] = []) async throws -> ClientResponse
    {
        let port = try #require(server.port)
        return try await CurlHTTPClient(engine: http, policy: .unrestricted).send(
            ClientRequest(method, "http://127.0.0.1:\(port)/webhooks/whatsapp\(tail)", headers: headers, body: body))
    }

    func get(_ query: String) async throws -> ClientResponse { try await send(.get, query) }

    func post(_ body: String, signatures: [String]? = nil) async throws -> ClientResponse {
        let request = Hook.request(Array(body.utf8), signatures: signatures)
        return try await send(.post, "", request.headers, request.body)
    }

    /// Events in the inbox, worked on or not.
    func rows() async throws -> Int { try await engine.read { try $0.row("SELECT count(*) AS n FROM inbox")?.int("n") ?? 0 } }

    func tries(of id: String) async throws -> Int {
        try await engine.read { try $0.row("SELECT attempts FROM outbox WHERE id = :id", ["id": id.sql])?.int("attempts") ?? 0 }
    }

    func state(of id: String) async throws -> OutboxEntry.State? { try await engine.read { try Outbox.state(of: id, in: $0)?.state } }

    func enqueue(_ message: OutboundMessage) async throws {
        let outbox = kernel.outbox
        try await engine.write { try outbox.enqueue(.message(message, through: "whatsapp", at: Date()), in: $0) }
    }

    /// Waits for work of background tasks, which takes milliseconds.
    func eventually(_ check: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(20)
        while try await !check() {
            try #require(ContinuousClock.now < end, "it did not come about")
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

private struct NoHealth: HealthSource {
    func isDatabaseConnected() async -> Bool { true }
    func channels() async -> [String: String] { [:] }
    var dependencies: [ReadinessDependency] { [] }
}
