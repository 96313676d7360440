import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

@Suite struct UsageTests {
    private func settings(daily: Double? = nil, monthly: Double? = nil) -> CostSettings {
        var settings = CostSettings(), rate = RateSettings(), better = RateSettings()
        (rate.input, rate.output, rate.cacheRead) = (2, 10, 0.5)
        (better.input, better.output) = (100, 100)
        settings.rates = ["gpt": rate, "gpt-5-pro": better]
        settings.budget.daily = daily
        settings.budget.monthly = monthly
        return settings
    }

    private struct Bench {
        let engine: SQLiteEngine
        let clock = VirtualClock()
        let jobs: JobQueue

        func ledger(_ settings: CostSettings) -> UsageLedger {
            UsageLedger(
                settings: settings, engine: engine, property: .sample, alerts: AlertIntake(jobs: jobs), clock: clock, logger: LogRecorder().logger())
        }

        func summary(_ grouping: UsageSummary.Grouping) async throws -> [UsageSummary] { try await report(grouping, limit: 100).items }

        func report(_ grouping: UsageSummary.Grouping, limit: Int) async throws -> UsageReport {
            try await engine.read { try UsageRepository(property: PropertyInfo.sample.id).summary(by: grouping, limit: limit, in: $0) }
        }

        func alerts() async throws -> [Alert] {
            try await engine.read { reader in
                try reader.rows("SELECT payload FROM job ORDER BY created_at, id").map {
                    try JSONDecoder().decode(Alert.self, from: Data(try $0.blob("payload")))
                }
            }
        }
    }

    private func withBench(_ body: (Bench) async throws -> Void) async throws {
        let engine = try await SQLiteEngine.open(path: nil)
        try await engine.migrate(KernelSchema.migrations + ButlerSchema.migrations)
        let clock = VirtualClock()
        let jobs = JobQueue(engine: engine, property: PropertyInfo.sample.id, clock: clock, logger: LogRecorder().logger())
        try await body(Bench(engine: engine, jobs: jobs))
        await engine.close()
    }

    private func call(
        _ model: String = "gpt-4o", input: Int = 1_000_000, output: Int = 0, cached: Int = 0, conversation: String? = nil, isLocal: Bool = false,
        isEstimated: Bool = false
    )
        -> AIDispatch.Call
    {
        AIDispatch.Call(
            instance: "openai", model: model, purpose: .reply, usage: AIUsage(inputTokens: input, outputTokens: output, cacheReadTokens: cached),
            account: .init(conversation: conversation), duration: .milliseconds(12), isFallback: false, isLocal: isLocal,
            isEstimated: isEstimated)
    }

    @Test func everyCallIsOnTheBillOfWhoCausedIt() async throws {
        try await withBench { bench async throws in
            let ledger = bench.ledger(settings())
            ledger.record(call(input: 1_000_000, output: 100_000, cached: 400_000, conversation: "a"))
            ledger.record(call("gpt-5-pro-2026", input: 10_000, conversation: "b"))
            ledger.record(call("unpriced", input: 5, conversation: "b"))
            await ledger.flush()
            let byConversation = try await bench.summary(.conversation)
            // 0.6 M plain at 2, 0.4 M cached at 0.5, 0.1 M out at 10.
            #expect(byConversation.map(\.key) == ["a", "b"] && abs((byConversation.first?.cost ?? 0) - 2.4) < 1e-9)
            #expect(abs((byConversation.last?.cost ?? 0) - 1) < 1e-9 && byConversation.last?.calls == 2)
            #expect(try await bench.summary(.model).map(\.key) == ["gpt-4o", "gpt-5-pro-2026", "unpriced"])
            #expect(try await bench.summary(.day).map(\.calls) == [3])
        }
    }

    /// A hotel that has run for a year asks for what today costs, and the total is that of the year.
    @Test func theLastDaysAreShownAndAllAreCounted() async throws {
        try await withBench { bench async throws in
            let ledger = bench.ledger(settings())
            for _ in 0..<5 {
                ledger.record(call(conversation: "a"))
                await ledger.flush()
                await bench.clock.advance(by: .seconds(86_400))
            }
            let report = try await bench.report(.day, limit: 2)
            let all = try await bench.report(.day, limit: 100).items.map(\.key)
            #expect(all == all.sorted() && report.items.map(\.key) == all.suffix(2) && report.count == 5 && abs(report.cost - 10) < 1e-9)
            let none = try await bench.report(.model, limit: 1)
            #expect(none.count == 1 && none.items.count == 1 && abs(none.cost - 10) < 1e-9)
        }
    }

    @Test func theBudgetIsToldOfOnceAStepAndThenOnlyThisMachineIsAsked() async throws {
        try await withBench { bench async throws in
            let ledger = bench.ledger(settings(daily: 10))
            for _ in 0..<4 {
                ledger.record(call())
                await ledger.flush()
            }
            #expect(try await bench.alerts().map(\.severity) == [.warning])
            ledger.record(call())
            await ledger.flush()
            #expect(try await bench.alerts().map(\.severity) == [.critical], "the same trouble, and worse")
            #expect(ledger.refusal(of: "openai", isLocal: false) == nil)
            ledger.record(call())
            #expect(ledger.refusal(of: "openai", isLocal: false)?.reason == .overBudget)
            #expect(ledger.refusal(of: "embedded", isLocal: true) == nil)
            await ledger.flush()
            // A new process knows what the old one spent, and does not tell of it again.
            let next = bench.ledger(settings(daily: 10))
            try await next.load()
            #expect(next.refusal(of: "openai", isLocal: false) != nil)
            await bench.clock.advance(by: .seconds(86_400))
            #expect(next.refusal(of: "openai", isLocal: false) == nil, "a new day")
        }
    }

    @Test func whatCannotBeWrittenDownIsWrittenWithTheNext() async throws {
        try await withBench { bench async throws in
            let ledger = bench.ledger(settings(daily: 2)), budget = { try await bench.alerts().filter { $0.name == "AIBudget" } }
            try await bench.engine.write { try $0.run("ALTER TABLE ai_usage RENAME TO elsewhere", [:]) }
            ledger.record(call(conversation: "a"))
            await ledger.flush()
            #expect(try await budget().isEmpty)
            try await bench.engine.write { try $0.run("ALTER TABLE elsewhere RENAME TO ai_usage", [:]) }
            #expect(try await bench.summary(.day).isEmpty)
            // One that costs nothing: the alert is of the call before it.
            ledger.record(call("unpriced", conversation: "b"))
            await ledger.flush()
            #expect(try await bench.summary(.conversation).map(\.key) == ["a", "b"])
            #expect(try await budget().map(\.severity) == [.critical], "the budget was used up while nothing could be written")
            ledger.record(call("unpriced", conversation: "b"))
            await ledger.flush()
            #expect(try await bench.summary(.day).map(\.calls) == [3], "each once")
            #expect(try await budget().count == 1)
        }
    }

    @Test func whatNoTryWritesDownDoesNotStandInTheWay() async throws {
        try await withBench { bench async throws in
            let ledger = bench.ledger(settings())
            try await bench.engine.write { try $0.run("ALTER TABLE ai_usage RENAME TO elsewhere", [:]) }
            for _ in 0..<20 {
                ledger.record(call(conversation: "a"))
                await ledger.flush()
            }
            try await bench.engine.write { try $0.run("ALTER TABLE elsewhere RENAME TO ai_usage", [:]) }
            ledger.record(call(conversation: "b"))
            await ledger.flush()
            #expect(try await bench.summary(.conversation).map(\.key) == ["b"])
        }
    }

    @Test func whatWasCutCountsForTheBudgetAndSaysThatItIsReckoned() async throws {
        try await withBench { bench async throws in
            let ledger = bench.ledger(settings(daily: 4))
            ledger.record(call(conversation: "a"))
            for _ in 0..<2 { ledger.record(call(conversation: "a", isEstimated: true)) }
            #expect(ledger.refusal(of: "openai", isLocal: false)?.reason == .overBudget)
            await ledger.flush()
            let sums = try await bench.summary(.conversation)
            #expect(sums.map(\.calls) == [3] && sums.map(\.estimated) == [2] && abs((sums.first?.cost ?? 0) - 6) < 1e-9)
        }
    }

    @Test func otherPricesHoldAtOnceAndWhatWasSpentStaysSpent() async throws {
        try await withBench { bench async throws in
            let ledger = bench.ledger(settings(daily: 100))
            for _ in 0..<4 { ledger.record(call()) }
            await ledger.flush()
            #expect(try await bench.alerts().isEmpty)
            ledger.change(to: settings(daily: 6))
            #expect(ledger.refusal(of: "openai", isLocal: false)?.reason == .overBudget, "8 of 6")
            var dearer = settings(daily: 1000)
            dearer.rates["gpt"]?.input = 900
            ledger.change(to: dearer)
            #expect(ledger.refusal(of: "openai", isLocal: false) == nil)
            ledger.record(call())
            await ledger.flush()
            // Beside what 908 in a day are an alert for by themselves.
            #expect(try await bench.alerts().filter { $0.name == "AIBudget" }.map(\.severity) == [.warning], "908 of 1000")
        }
    }

    @Test func aMonthHoldsWhatItsDaysDoNot() async throws {
        try await withBench { bench async throws in
            let ledger = bench.ledger(settings(monthly: 4))
            ledger.record(call())
            await bench.clock.advance(by: .seconds(86_400))
            ledger.record(call())
            ledger.record(call())
            #expect(ledger.refusal(of: "openai", isLocal: false) != nil)
            await ledger.flush()
        }
    }

    @Test func overBudgetTheNextInTheChainAnswers() async throws {
        try await withHouse({ $0.settings.ai = ["ai", "ai2"] }) { house async throws in
            house.parts.secondAI.features = AIFeatures(isLocal: true)
            house.parts.secondAI.answers("From this machine.", confidence: 0.9)
            let ledger = UsageLedger(
                settings: settings(daily: 0), engine: house.engine, property: .sample, alerts: house.kernel.alerts, clock: house.clock,
                logger: LogRecorder().logger())
            let ai = AIDispatch(dispatcher: house.kernel.dispatcher, clock: house.clock, metrics: MemoryMetrics(), meter: ledger)
            let answer = try await ai.complete(AIRequest(instructions: "", messages: [AIMessage(.user, "hi")]), by: ["ai", "ai2"])
            #expect(answer.instance == "ai2" && answer.passedOver.first?.reason.contains("budget") == true)
        }
    }
}
