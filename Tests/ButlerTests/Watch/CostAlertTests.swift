import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

@Suite struct CostAlertTests {
    private struct Bench {
        let engine: SQLiteEngine
        let clock: VirtualClock
        let ledger: UsageLedger

        func alerts() async throws -> [Alert] {
            try await engine.read { reader in
                try reader.rows("SELECT payload FROM job ORDER BY created_at, id").map {
                    try JSONDecoder().decode(Alert.self, from: Data(try $0.blob("payload")))
                }
            }
        }

        func record(_ dollars: Double, conversation: String? = nil, input: Int = 0, output: Int = 0, fallback: Bool = false) async {
            // A million output tokens cost one.
            ledger.record(
                AIDispatch.Call(
                    instance: "cloud", model: "m", purpose: .reply,
                    usage: AIUsage(inputTokens: input, outputTokens: output + Int(dollars * 1_000_000)),
                    account: .init(conversation: conversation), duration: .milliseconds(5), isFallback: fallback, isLocal: false))
            await ledger.flush()
        }
    }

    private func with(_ change: (inout CostSettings) -> Void = { _ in }, _ body: (Bench) async throws -> Void) async throws {
        let engine = try await SQLiteEngine.open(path: nil)
        try await engine.migrate(KernelSchema.migrations + ButlerSchema.migrations)
        var settings = CostSettings(), rate = RateSettings()
        rate.output = 1
        settings.rates = ["m": rate]
        settings.alerts.outputRatio = nil
        change(&settings)
        let clock = VirtualClock()
        let jobs = JobQueue(engine: engine, property: PropertyInfo.sample.id, clock: clock, logger: LogRecorder().logger())
        let ledger = UsageLedger(
            settings: settings, engine: engine, property: .sample, alerts: AlertIntake(jobs: jobs), clock: clock, logger: LogRecorder().logger())
        try await body(Bench(engine: engine, clock: clock, ledger: ledger))
        await engine.close()
    }

    @Test func aDayThatCostsMoreThanFiftyIsToldOnceAndOverTheNextDay() async throws {
        try await with { bench async throws in
            await bench.record(50)
            #expect(try await bench.alerts().isEmpty, "fifty is not more than fifty")
            await bench.record(0.01)
            await bench.record(5)
            let alerts = try await bench.alerts()
            #expect(alerts.map(\.name) == ["AICostDaily"] && alerts[0].labels["type"] == "ai_cost" && alerts[0].endsAt == nil)
            bench.clock.jumpWall(by: .seconds(86_400))
            await bench.record(0.01)
            #expect(try await bench.alerts().map { $0.endsAt != nil } == [true])
        }
    }

    @Test func aConversationAndAStayHaveTheirLimits() async throws {
        try await with { bench async throws in
            let conversations = ConversationRepository(property: PropertyInfo.sample.id), now = bench.clock.now
            try await bench.engine.write { transaction in
                for (id, stay) in [("c1", "R1"), ("c2", "R1"), ("c3", "R2")] {
                    var conversation = Conversation(id: id, instance: "channel", peer: PeerAddress(.session, id), at: now)
                    conversation.reservation = stay
                    conversation.knownRoom = KnownRoom(number: "204", stay: stay, since: now, until: now.addingTimeInterval(86_400))
                    try conversations.save(conversation, at: now, in: transaction)
                }
            }
            for id in ["c1", "c2", "c3"] { await bench.record(0.5, conversation: id) }
            #expect(try await bench.alerts().isEmpty)
            await bench.record(0.6, conversation: "c1")
            let first = try await bench.alerts()
            #expect(first.map(\.name) == ["AICostConversation"])
            #expect(first[0].labels["conversation"] == "c1" && first[0].labels["room"] == "204" && first[0].labels["stay"] == "R1")
            await bench.record(0.45, conversation: "c2")
            let all = try await bench.alerts()
            #expect(Set(all.map(\.name)) == ["AICostConversation", "AICostStay"] && all.count == 3)
            #expect(all.first { $0.name == "AICostStay" }?.fingerprint.contains("R1") == true)
        }
    }

    @Test func longAnswersAndStandInsShowOverADay() async throws {
        try await with({
            $0.alerts.outputRatio = 3; $0.alerts.leastCalls = 10
        }) { bench async throws in
            for index in 0..<9 { await bench.record(0, input: 100, output: 500, fallback: index < 3) }
            #expect(try await bench.alerts().isEmpty, "nine calls are no trend")
            await bench.record(0, input: 100, output: 500)
            #expect(Set(try await bench.alerts().map(\.name)) == ["AIOutputRatio", "AIFallbackShare"])
        }
    }
}
