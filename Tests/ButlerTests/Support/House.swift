import BuiltInPMS
import Butler
import CoreMetrics
import EmbeddedAI
import Foundation
import Kernel
import Logging
import PluginAPI
import PluginTestKit
import Testing

/// Jack without a server: the real kernel, the real butler and the sample hotel's catalogs. What stands around them is fake unless a test asks for the real.
final class House: Sendable {
    let engine: SQLiteEngine
    let kernel: JackKernel
    let butler: Butler
    let clock: VirtualClock
    let logs: LogRecorder
    let parts: Parts

    /// What a test decides about a house.
    struct Parts: Sendable {
        var clock = VirtualClock()
        var channel = ChannelScript()
        /// Messages a second that the channel lets through; 0 for no limit.
        var channelRate = 0.0
        var ai = AIScript()
        var secondAI = AIScript()
        var pms = PMSScript()
        var documents = Documents()
        /// What plugins and notices call.
        var http = ScriptedHTTPClient()
        var notify = NotifySettings()
        var metrics = MemoryMetrics()
        var settings: ButlerSettings = {
            var settings = ButlerSettings()
            settings.ai = ["ai"]
            settings.pms = "pms"
            settings.knowledge.folder = "knowledge"
            settings.knowledge.embeddings = nil
            return settings
        }()
        /// The real AI, the real PMS and the hotel's real knowledge.
        var isReal = false
        /// The database's file; nil for memory.
        var path: String?
        /// The engine as the butler sees it.
        var wrap: @Sendable (SQLiteEngine) -> any StorageEngine = { $0 }
    }

    private init(engine: SQLiteEngine, kernel: JackKernel, butler: Butler, logs: LogRecorder, parts: Parts) {
        self.engine = engine
        self.kernel = kernel
        self.butler = butler
        self.logs = logs
        self.parts = parts
        clock = parts.clock
    }

    static func open(_ parts: Parts = Parts()) async throws -> House {
        let engine = try await SQLiteEngine.open(path: parts.path)
        try await engine.migrate(KernelSchema.migrations + ButlerSchema.migrations)
        let logs = LogRecorder(), property = PropertyInfo.sample
        let kernel = JackKernel(
            .init(
                property: property, engine: engine, clock: parts.clock, logger: logs.logger(label: "jack"), metrics: parts.metrics,
                http: { [http = parts.http] _ in http },
                files: { spec in
                    LocalFiles(directory: SampleHotel.folder.deletingLastPathComponent().path, settings: spec.settings.printed) { bytes, file in
                        var diagnostics = Diagnostics()
                        let document = YAMLReader().read(bytes, file: file, &diagnostics)
                        return (document, diagnostics)
                    }
                }, secrets: { _ in MemorySecretStore() }, trapFile: nil))
        var embed: KnowledgeBase.Embed?
        if parts.isReal {
            try parts.documents.addSampleKnowledge()
            let dispatcher = kernel.dispatcher
            embed = { texts, use, _ in try await dispatcher.call("ai", as: (any AIProvider).self, "embed") { try await $0.embed(texts, for: use) } }
        } else if parts.documents["knowledge/hotel.yaml"] == nil {
            parts.documents["knowledge/hotel.yaml"] = "entries:\n  - {id: breakfast, title: Breakfast, answer: Breakfast is from seven to ten.}\n"
        }
        let butlerEngine = parts.wrap(engine)
        let knowledge = KnowledgeBase(
            engine: butlerEngine, property: property.id, settings: parts.settings.knowledge, folder: "knowledge", documents: parts.documents,
            clock: parts.clock,
            logger: logs.logger(), embed: embed, makeIndex: { engine.vectorIndex(collection: $0, dimensions: $1) })
        let notices = ConversationNotices(
            parts.notify, outbox: { [unowned kernel] in kernel.outbox }, http: parts.http, clock: parts.clock)
        let butler = Butler(
            .init(
                property: property, engine: butlerEngine, dispatcher: kernel.dispatcher, notices: notices,
                outbox: { [unowned kernel] in kernel.outbox },
                alerts: kernel.alerts, jobs: kernel.jobs,
                bus: kernel.bus, clock: parts.clock, logger: logs.logger(), metrics: parts.metrics),
            settings: parts.settings, catalogs: try SampleHotel.catalogs(), knowledge: knowledge)
        kernel.jobs.register(GuestWatch.jobKind) { try await butler.watch?.perform($0) }
        let delivery = MessageDelivery(engine: engine, property: property.id, clock: parts.clock, dispatcher: kernel.dispatcher) { butler }
        kernel.jobs.register(GuestMedia.jobKind, atOnce: GuestMedia.atOnce) { try await butler.media?.perform($0) }
        kernel.connect(
            .init(
                inbound: { try await butler.handle($0) },
                deliveries: [
                    .message: { try await delivery.deliver($0) },
                    ConversationNotices.kind: { try await notices?.deliver($0) ?? .withdrawn(reason: "nobody") },
                ],
                transcript: { try await butler.transcript($0, with: $1, limit: $2) }, forgets: [ConversationNotices.kind],
                died: { try butler.take($0, in: $1) }, recovered: { try butler.recovered(letter: $0, at: $1, in: $2) }))
        try await kernel.start(specs(parts))
        try await knowledge.refresh()
        return House(engine: engine, kernel: kernel, butler: butler, logs: logs, parts: parts)
    }

    private static func specs(_ parts: Parts) throws -> [InstanceSpec] {
        var limits = CallLimits()
        // Nobody moves the clock on while a call waits for its second try.
        limits.attempts = 1
        func spec<P: Plugin>(_ name: String, _ type: P.Type, _ settings: P.Settings) -> InstanceSpec {
            InstanceSpec(name: name, registration: PluginRegistration(type), settings: settings, onStartFailure: .fail, limits: limits)
        }
        if parts.channelRate > 0 { (limits.rate, limits.burst) = (parts.channelRate, 1) }
        let channel = spec("channel", FakeChannel.self, FakeChannel.Settings(parts.channel))
        limits.rate = 0
        guard parts.isReal else {
            return [
                channel, spec("ai", FakeAI.self, FakeAI.Settings(parts.ai)), spec("ai2", FakeAI.self, FakeAI.Settings(parts.secondAI)),
                spec("pms", FakePMS.self, FakePMS.Settings(parts.pms)),
            ]
        }
        return [
            channel, spec("ai", EmbeddedProvider.self, try decodeSettings(EmbeddedProvider.Settings.self, ["lexicon": "hotel/synonyms.yaml"])),
            spec(
                "pms", BuiltInPMS.self,
                try decodeSettings(BuiltInPMS.Settings.self, ["reservations": "hotel/reservations.csv", "rooms": "hotel/rooms.csv"])),
        ]
    }

    func close() async {
        parts.channel.gate.open()
        parts.ai.gate.open()
        parts.pms.gate.open()
        await kernel.stop(drain: .zero)
        await engine.close()
    }

    // MARK: What guests do

    /// A guest writes; returns the message's id once it is stored.
    @discardableResult
    func write(
        _ text: String?, from peer: PeerAddress = .guest, sender: SenderAssurance? = .proven("the test says so"), id: String = UUID().uuidString,
        locale: String? = nil, media: [MediaReference] = []
    ) async throws -> String {
        let message = InboundMessage(text: text, media: media, locale: locale)
        return try await kernel.inbox.accept("channel", [InboundEvent(vendorID: id, peer: peer, sender: sender, .message(message))])[0].id
    }

    /// A guest writes and Jack deals with it; returns what reached the guest meanwhile.
    @discardableResult
    func ask(
        _ text: String?, from peer: PeerAddress = .guest, sender: SenderAssurance? = .proven("the test says so"), locale: String? = nil
    ) async throws -> [OutboundMessage] {
        let before = parts.channel.sent.count
        try await write(text, from: peer, sender: sender, locale: locale)
        try await settle()
        return parts.channel.sent.dropFirst(before).filter { $0.peer == peer }
    }

    /// Waits until nothing is left to be dealt with or delivered.
    func settle(_ place: SourceLocation = #_sourceLocation) async throws {
        let isQuiet = try await eventually(within: .seconds(60)) { try await self.open() == 0 }
        #expect(isQuiet, "the work did not come to an end: \(logs.lines(.error))", sourceLocation: place)
    }

    private func open() async throws -> Int {
        try await engine.read { reader in
            try reader.row("SELECT (SELECT COUNT(*) FROM inbox WHERE state = 'pending') + (SELECT COUNT(*) FROM outbox WHERE state = 'queued') AS n")?
                .int("n") ?? 0
        }
    }

    // MARK: What is there

    func conversation(_ peer: PeerAddress = .guest) async throws -> Conversation {
        let found = try await engine.read { [butler] in try butler.conversations.find("channel", peer, in: $0) }
        return try #require(found)
    }

    func messages(_ peer: PeerAddress = .guest) async throws -> [Message] {
        let id = try await conversation(peer).id
        return try await engine.read { [butler] in try butler.messages.list(of: id, limit: 1000, in: $0) }
    }

    func tasks(_ peer: PeerAddress? = nil) async throws -> [HotelTask] {
        let id = peer == nil ? nil : try await conversation(peer ?? .guest).id
        return try await engine.read { [butler] in try butler.tasks.list(.init(conversationID: id), limit: 1000, in: $0) }
    }

    func ledger(_ subject: String) async throws -> [Ledger.Entry] {
        try await engine.read { try Ledger.entries(of: subject, property: PropertyInfo.sample.id, in: $0) }
    }

    /// The alerts that wait for whoever routes them.
    func alerts() async throws -> [Alert] {
        try await engine.read { reader in
            try reader.rows("SELECT payload FROM job WHERE kind = :kind ORDER BY run_at, id", ["kind": AlertIntake.jobKind.sql])
                .map { try JSONDecoder().decode(Alert.self, from: Data(try $0.blob("payload"))) }
        }
    }

    func held() async throws -> [Message] { try await engine.read { [butler] in try butler.messages.approvals(states: [.held], limit: 100, in: $0) } }
}

extension PeerAddress {
    static let guest = PeerAddress(.session, "guest")
}

extension FakeChannel.Settings { init(_ script: ChannelScript) { self.script = script } }
extension FakeAI.Settings { init(_ script: AIScript) { self.script = script } }
extension FakePMS.Settings { init(_ script: PMSScript) { self.script = script } }

/// A house that is closed afterwards.
func withHouse<T>(_ prepare: (inout House.Parts) throws -> Void = { _ in }, _ body: (House) async throws -> T) async throws -> T {
    var parts = House.Parts()
    try prepare(&parts)
    let house = try await House.open(parts)
    do {
        let result = try await body(house)
        await house.close()
        return result
    } catch {
        await house.close()
        throw error
    }
}

/// What a body threw, as the butler's code.
func refusal(_ body: () async throws -> some Sendable) async -> ButlerError.Code? {
    do {
        _ = try await body()
        return nil
    } catch { return (error as? ButlerError)?.code }
}
