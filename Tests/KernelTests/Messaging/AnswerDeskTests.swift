import Foundation
import Logging
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

/// Messages that sinks are shown before they count as a guest's.
@Suite(.timeLimit(.minutes(1))) struct AnswerDeskTests {
    /// A sink that reads the channel `sms`, and does what its script says.
    struct ReadingSink: AnswerReadingSink {
        static let manifest = PluginManifest(id: "reading", summary: "Reads answers.", stability: .stable)
        static func references(in settings: ReadingSettings) -> [InstanceReference] {
            [InstanceReference(key: "channel", name: "sms", kind: .channel)]
        }
        let features = AlertSinkFeatures(acknowledges: true)
        let settings: ReadingSettings
        init(settings: ReadingSettings, context: PluginContext) { self.settings = settings }
        func page(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
        func update(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
        func resolve(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
        func read(_ event: InboundEvent, through channel: String) async throws -> AnswerReading { try settings.read(event.vendorID) }
    }

    struct ReadingSettings: PluginSettings {
        let read: @Sendable (String) throws -> AnswerReading
        init() { read = { _ in .guestMessage } }
        init(_ read: @escaping @Sendable (String) throws -> AnswerReading) { self.read = read }
        init(from decoder: any Decoder) throws { self.init() }
    }

    private func run(
        _ sinks: [@Sendable (String) throws -> AnswerReading],
        _ body: (JackKernel, VirtualClock, Mutexed<[String]>, Mutexed<[PageAnswer]>) async throws -> Void
    ) async throws {
        try await withEngine(.memory) { engine in
            let clock = VirtualClock(), guests = Mutexed<[String]>([]), answers = Mutexed<[PageAnswer]>([])
            let kernel = JackKernel(
                .init(
                    property: .sample, engine: engine, clock: clock, logger: LogRecorder().logger(), metrics: MemoryMetrics(),
                    http: { _ in ScriptedHTTPClient() }, files: { _ in NoFiles() }, secrets: { _ in MemorySecretStore() }, trapFile: nil))
            kernel.connect(
                .init(
                    inbound: { item in
                        guests.update { $0.append(item.event.vendorID) }
                        try await engine.write { try Inbox.complete(item, in: $0) }
                    }, deliveries: [:], transcript: { _, _, _ in [] }))
            kernel.jobs.register(AlertIntake.answerKind) { payload in
                let answer = try JSONDecoder().decode(PageAnswer.self, from: Data(payload))
                answers.update { $0.append(answer) }
            }
            var specs = [InstanceSpec(name: "sms", registration: PluginRegistration(ScriptedChannel.self), settings: ScriptSettings(Script()))]
            for (index, read) in sinks.enumerated() {
                specs.append(
                    InstanceSpec(name: "pages-\(index)", registration: PluginRegistration(ReadingSink.self), settings: ReadingSettings(read)))
            }
            try await kernel.start(specs)
            try await body(kernel, clock, guests, answers)
            await kernel.stop()
        }
    }

    private static let taken = AnswerReading.answer(PageAcknowledgement(action: .acknowledge, reference: "481516", by: "ana"))

    @Test func theFirstSinkThatKnowsAnAnswerTakesIt() async throws {
        try await run([
            { _ in .guestMessage }, { $0 == "m1" ? Self.taken : .guestMessage },
            { _ in
                Issue.record("asked in vain"); return .guestMessage
            },
        ]) {
            kernel, _, guests, answers async throws in
            _ = try await kernel.inbox.accept("sms", [event("m1", "ack 481516")])
            #expect(await eventually { answers.value.count == 1 })
            #expect(answers.value.first?.instance == "pages-1" && answers.value.first?.answer.reference == "481516")
            #expect(guests.value.isEmpty)
        }
    }

    @Test func onlyWhatMayHoldACodeIsShownAndOnlyOfTheChannelThatIsNamed() async throws {
        let shown = Mutexed<[String]>([])
        try await run([
            { id in
                shown.update { $0.append(id) }; return .guestMessage
            }
        ]) { kernel, _, guests, _ async throws in
            _ = try await kernel.inbox.accept(
                "sms", [event("m1", "Is the spa open?"), event("m2", "room 204"), event("m3", "booking 4711"), event("m4", "")])
            _ = try await kernel.inbox.accept("mail", [event("m5", "481516")])
            #expect(await eventually { Set(guests.value) == ["m1", "m2", "m3", "m4", "m5"] })
            #expect(shown.value == ["m3"])
        }
    }

    @Test func whatIsRefusedGoesNoFurther() async throws {
        try await run([{ _ in .refused(reason: "a wrong code") }]) { kernel, _, guests, answers async throws in
            let receipts = try await kernel.inbox.accept("sms", [event("m1", "ack 999999")])
            let id = try #require(receipts.first?.id)
            let engine = kernel.parts.engine
            #expect(
                try await eventually {
                    try await engine.read { try Ledger.entries(of: id, property: "main", in: $0).map(\.reason) } == ["pages-0: a wrong code"]
                })
            #expect(guests.value.isEmpty && answers.value.isEmpty)
        }
    }

    /// An answer is not lost by a sink that is away for a moment, and a guest does not wait for one that is away for good.
    @Test func aSickSinkIsAskedAgainAndThenPassedOver() async throws {
        let tries = Mutexed<[String: Int]>([:])
        try await run([
            { id in
                let count = tries.update { tries in
                    tries[id, default: 0] += 1
                    return tries[id] ?? 0
                }
                if id == "away" || count < 2 { throw PluginFailure.notReady(.unreachable, "busy") }
                return Self.taken
            }
        ]) { kernel, clock, guests, answers async throws in
            _ = try await kernel.inbox.accept("sms", [event("back", from: "+1", "ack 481516"), event("away", from: "+2", "481516")])
            for _ in 0..<100 {
                if await eventually(within: .milliseconds(20), { answers.value.count == 1 && guests.value == ["away"] }) { break }
                await clock.advance(by: .milliseconds(200))
            }
            #expect(answers.value.count == 1 && guests.value == ["away"] && tries.value == ["back": 2, "away": 3])
        }
    }

    @Test(arguments: [("1234", true), ("ack 123456", true), ("room 204", false), ("", false), ("12 34 56", false), ("٤٨١٥١٦", false)])
    func codesAreRunsOfDigits(_ text: String, _ may: Bool) { #expect(PageCode.mayBe(in: text) == may) }
}
