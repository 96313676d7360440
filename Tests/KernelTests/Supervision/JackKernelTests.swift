import Foundation
import Logging
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

/// The kernel as a whole, with scripted instances and the real storage.
@Suite(.timeLimit(.minutes(1))) struct JackKernelTests {
    private let clock = VirtualClock()
    private let logs = LogRecorder()

    private func kernel(_ engine: any StorageEngine, mail: MailEngine? = nil, trapFile: String? = nil) -> JackKernel {
        JackKernel(
            .init(
                property: .sample, engine: engine, clock: clock, logger: logs.logger(), metrics: MemoryMetrics(), http: { _ in ScriptedHTTPClient() },
                mail: mail, files: { _ in NoFiles() }, secrets: { _ in MemorySecretStore() }, trapFile: trapFile))
    }

    private func connect(
        _ kernel: JackKernel, inbound: @escaping Inbox.Handler = { _ in }, deliver: @escaping Outbox.Deliver = { _ in .withdrawn(reason: "") }
    ) {
        kernel.connect(.init(inbound: inbound, deliveries: [.message: deliver], transcript: { _, _, _ in [] }))
    }

    private func spec(_ name: String, _ script: Script = Script()) -> InstanceSpec {
        InstanceSpec(name: name, registration: PluginRegistration(ScriptedChannel.self), settings: ScriptSettings(script), fingerprint: "1")
    }

    @Test func aMessageIsAnsweredAndItsReceiptCounts() async throws {
        try await withEngine(.disk) { engine in
            let kernel = kernel(engine), context = Mutexed<PluginContext?>(nil), answers = Mutexed<[PageAnswer]>([])
            connect(
                kernel,
                inbound: { [clock] item in
                    let peer = try #require(item.event.peer)
                    let reply = OutboundMessage(id: "reply-\(item.id)", peer: peer, author: .jack, text: "welcome")
                    try await engine.write { transaction in
                        try kernel.outbox.enqueue(.message(reply, through: item.instance, at: clock.now), in: transaction)
                        try Inbox.complete(item, in: transaction)
                    }
                },
                deliver: { entry in
                    try await kernel.dispatcher.call(entry.instance, as: ScriptedChannel.self, "send", CallOptions(attempts: 1)) { plugin in
                        plugin.script.note("sent \(try entry.decoded(OutboundMessage.self).text)")
                        return .accepted(SendResult(vendorIDs: ["v1"]))
                    }
                })
            kernel.jobs.register(AlertIntake.answerKind) { payload in
                let answer = try JSONDecoder().decode(PageAnswer.self, from: Data(payload))
                answers.update { $0.append(answer) }
            }
            let script = Script(start: { given in context.update { $0 = given } })
            try await kernel.start([spec("sms", script)])
            let inbound = try #require(context.value).inbound
            _ = try await inbound.accept([event("m1")])
            #expect(try await eventually { try await Desk(engine: engine).states("outbox") == ["sent"] })
            #expect(script.journal == ["start sms", "sent welcome"])
            _ = try await inbound.accept([
                InboundEvent(vendorID: "r1", peer: nil, .receipt(DeliveryReceipt(vendorMessageID: "v1", state: .read))),
                InboundEvent(vendorID: "p1", peer: nil, .acknowledgement(PageAcknowledgement(action: .acknowledge, reference: "42"))),
            ])
            #expect(try await eventually { try await Desk(engine: engine).states("outbox") == ["read"] })
            #expect(await eventually { answers.value.count == 1 })
            #expect(answers.value.first?.instance == "sms" && answers.value.first?.answer.reference == "42")
            #expect(try await eventually { try await Desk(engine: engine).states("inbox") == ["done", "done", "done"] })
            await kernel.stop()
            #expect(script.journal.last == "stop sms")
        }
    }

    @Test func anInstanceThatEndedTheProcessIsHeldUntilItIsReleased() async throws {
        try await withFolder { folder in
            let trapFile = folder.appendingPathComponent("trap").path
            // What the handler leaves: a magic number, the signal, the name, and the struct's padding.
            var mark =
                withUnsafeBytes(of: UInt64(0x4A41_434B_4D41_524B).littleEndian) { Array($0) } + withUnsafeBytes(of: SIGILL.littleEndian) { Array($0) }
            mark += Array("sick".utf8)
            mark += [UInt8](repeating: 0, count: 144 - mark.count)
            try Data(mark).write(to: URL(fileURLWithPath: trapFile))
            let engine = try await SQLiteEngine.open(path: folder.appendingPathComponent("jack.sqlite").path)
            try await engine.migrate(KernelSchema.migrations)
            let sick = Script(), well = Script()
            for _ in 0..<2 {
                let kernel = kernel(engine, trapFile: trapFile)
                connect(kernel)
                try await kernel.start([spec("sick", sick), spec("well", well)])
                #expect(sick.journal.isEmpty && kernel.instances.supervisor("well")?.status.state == .running)
                #expect(kernel.instances.supervisor("sick")?.status.reason?.contains("jack plugins release sick") == true)
                await kernel.stop()
                #expect(!FileManager.default.fileExists(atPath: trapFile), "a clean end leaves no mark")
            }
            #expect(logs.lines.count { $0.message == "an instance ended the process and is held back" } == 1)
            let kernel = kernel(engine, trapFile: trapFile)
            connect(kernel)
            try await kernel.start([spec("sick", sick), spec("well", well)])
            try await kernel.release("sick")
            #expect(kernel.instances.supervisor("sick")?.status.state == .running)
            #expect(await failure { try await kernel.release("sick") }?.reason == .notFound)
            try await kernel.hold("sick", reason: "by hand")
            #expect(kernel.instances.supervisor("sick")?.status.state == .stopped)
            _ = try await kernel.instances.reload([spec("sick", sick), spec("well", well)])
            #expect(kernel.instances.supervisor("sick")?.status.reason == "by hand")
            #expect(try await kernel.holds.all() == ["sick": "by hand"])
            await kernel.stop()
            await engine.close()
        }
    }

    /// What comes by no webhook cannot be refused: it waits before it is stored, and so does whoever reads it in.
    @Test func whoBringsTooMuchWaits() async throws {
        try await withEngine(.memory) { engine in
            let kernel = kernel(engine), context = Mutexed<PluginContext?>(nil)
            connect(kernel)
            var spec = spec("sms", Script(start: { given in context.update { $0 = given } }))
            (spec.inbound.rate, spec.inbound.burst) = (0.001, 1)
            try await kernel.start([spec])
            let inbound = try #require(context.value).inbound
            _ = try await inbound.accept([event("1")])
            let second = Task { try await inbound.accept([event("2")]) }
            #expect(await eventually { logs.contains("inbound limit") })
            #expect(try await Desk(engine: engine).states("inbox").count == 1)
            #expect(
                try await eventually {
                    await clock.advance(by: .seconds(1000))
                    return try await Desk(engine: engine).states("inbox").count == 2
                })
            #expect(try await second.value.map(\.isDuplicate) == [false])
            await kernel.stop()
        }
    }

    /// What somebody on the line is told before the answer is taken.
    @Test func anInstanceMayAskHowAPageStands() async throws {
        try await withEngine(.memory) { engine in
            let kernel = kernel(engine), context = Mutexed<PluginContext?>(nil)
            connect(kernel)
            try await kernel.start([spec("sms", Script(start: { given in context.update { $0 = given } }))])
            let pages = try #require(context.value).pages
            #expect(await pages.standing(of: "page-1") == nil, "nobody has said who knows")
            kernel.tellOfPages { $0 == "page-1" ? .acknowledged(by: "Ana") : nil }
            #expect(await pages.standing(of: "page-1") == .acknowledged(by: "Ana"))
            #expect(await pages.standing(of: "page-2") == nil)
            await kernel.stop()
        }
    }

    /// An instance that was led astray sends no mail anywhere but to the servers that its settings name.
    @Test func mailGoesOnlyWhereTheSettingsSay() async throws {
        let mail = try MailEngine(), server = try await LoopbackLineServer.start(smtpScript())
        try await withEngine(.memory) { engine in
            let kernel = kernel(engine, mail: mail), contexts = Mutexed<[String: PluginContext]>([:])
            connect(kernel)
            func spec(_ name: String, _ host: String) -> InstanceSpec {
                var settings = PostalSettings()
                settings.smtp.host = host
                settings.started = { given in contexts.update { $0[given.instance] = given } }
                return InstanceSpec(name: name, registration: PluginRegistration(Postal.self), settings: settings, fingerprint: "1")
            }
            try await kernel.start([spec("near", "127.0.0.1"), spec("far", "smtp.hotel.example")])
            func place(_ host: String) -> MailServer { MailServer(host: host, port: server.port, security: .none, timeout: .seconds(5)) }
            let near = try #require(contexts.value["near"]).mail, far = try #require(contexts.value["far"]).mail
            try await near.check(submission: place("127.0.0.1"))
            #expect(server.connections == 1)
            for host in ["localhost", "127.0.0.2", "evil.example"] {
                #expect(await failure { try await near.check(submission: place(host)) }?.reason == .invalidRequest, "\(host)")
            }
            #expect(await failure { try await far.check(submission: place("127.0.0.1")) }?.reason == .invalidRequest)
            #expect(server.connections == 1)
            await kernel.stop()
        }
        await mail.shutdown()
        await server.shutdown()
    }

    @Test func aStoreThatRefusesIsNotReadyForThePlugin() async throws {
        try await withEngine(.memory) { real in
            let engine = FailingEngine(real), context = Mutexed<PluginContext?>(nil)
            let kernel = kernel(engine)
            connect(kernel)
            try await kernel.start([spec("sms", Script(start: { given in context.update { $0 = given } }))])
            let inbound = try #require(context.value).inbound
            engine.fail(true)
            #expect(await failure { try await inbound.accept([event("1")]) }?.disposition == .notReady)
            engine.fail(false)
            #expect(try await inbound.accept([event("1")])[0].isDuplicate == false)
            await kernel.stop()
        }
    }
}

/// A channel that is told of a mail server.
private struct Postal: Plugin {
    static let manifest = PluginManifest(id: "postal", summary: "Sends mail.", stability: .stable)
    static let kind = PluginKind.channel
    let settings: PostalSettings
    let context: PluginContext

    init(settings: PostalSettings, context: PluginContext) { (self.settings, self.context) = (settings, context) }
    func start() async throws { settings.started(context) }
}

private struct PostalServer: PluginSettings {
    @Setting(help: "The server's name.") var host: String = ""
    init() {}
}

private struct PostalSettings: PluginSettings {
    @Setting(help: "The server.") var smtp: PostalServer = PostalServer()
    /// Hands the test the instance's context.
    var started: @Sendable (PluginContext) -> Void = { _ in }
    init() {}
    init(from decoder: any Decoder) throws { self.init() }
}
