import Butler
import Foundation
import Kernel
import Logging
import PluginAPI

/// A provider that answers at once, the same each time: what is left is Jack's own part.
struct StaticAI: AIProvider {
    struct Settings: PluginSettings { init() {} }

    static let manifest = PluginManifest(id: "static-ai", summary: "Answers at once, for jack-bench", stability: .experimental)

    init() {}
    init(settings: Settings, context: PluginContext) throws {}

    var features: AIFeatures { AIFeatures() }
    func complete(_ request: AIRequest) async throws -> AIResponse {
        AIResponse(text: "Breakfast is from seven to half past ten.", usage: AIUsage(inputTokens: 900, outputTokens: 40), model: "static-1")
    }
}

/// What Jack's way to a provider costs beside calling it: chain, limits, breaker, meters, budget check and the account in SQLite.
struct AIBenchmark {
    var seconds = 5.0
    var concurrent = 64

    func run() async throws -> Table {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let logger = Logger(label: "jack") { _ in SwiftLogNoOpLogHandler() }, clock = SystemTime(), metrics = PrometheusRegistry()
        let migrations = KernelSchema.migrations + ButlerSchema.migrations
        let engine = try await SQLiteEngine.open(path: folder.path + "/jack.db", options: .init(migrations: migrations))
        try await engine.migrate(migrations)
        let property = PropertyInfo(id: "main", name: "Bench", locale: "en", languages: ["en"], timeZone: "UTC", publicURL: nil)
        let http = try CurlEngine(), keys = EncryptionKeys(secret: Secret("bench-secret-bench-secret-bench-secret"))
        let kernel = JackKernel(
            .init(
                property: property, engine: engine, clock: clock, logger: logger, metrics: metrics,
                http: { CurlHTTPClient(engine: http, policy: OutboundPolicy(for: $0)) },
                files: { _ in NoFiles() },
                secrets: { EncryptedSecretStore(engine: engine, property: "main", owner: $0, keys: keys, clock: clock) }, trapFile: nil))
        kernel.connect(.init(inbound: { _ in }, deliveries: [:], transcript: { _, _, _ in [] }))
        var limits = CallLimits()
        limits.concurrency = concurrent
        try await kernel.start([
            InstanceSpec(name: "static", registration: PluginRegistration(StaticAI.self), settings: StaticAI.Settings(), limits: limits)
        ])
        var rate = RateSettings(), costs = CostSettings()
        (rate.input, rate.output) = (2, 10)
        costs.rates = ["static": rate]
        costs.budget.daily = 1_000_000
        let usage = UsageLedger(settings: costs, engine: engine, property: property, alerts: kernel.alerts, clock: clock, logger: logger)
        try await usage.load()
        let table = try await measure(AIDispatch(dispatcher: kernel.dispatcher, clock: clock, metrics: metrics, meter: usage), usage, engine)
        await kernel.stop(drain: .seconds(1))
        await http.shutdown()
        await engine.close()
        return table
    }

    private func measure(_ ai: AIDispatch, _ usage: UsageLedger, _ engine: SQLiteEngine) async throws -> Table {
        let provider = StaticAI()
        let request = AIRequest(instructions: "Answer briefly.", messages: [AIMessage(.user, "When is breakfast?")])
        let account = AIDispatch.Account(conversation: "cnv_bench", guest: "gst_bench")
        func time(_ count: Int, _ call: () async throws -> Void) async throws -> Times {
            var times = Times()
            for _ in 0..<count {
                let begun = Stopwatch.now
                try await call()
                times.add(Stopwatch.now - begun)
            }
            return times
        }
        var calls = 500
        _ = try await time(calls) { _ = try await ai.complete(request, by: ["static"], for: account) }
        let direct = try await time(5_000) { _ = try await provider.complete(request) }
        let dispatched = try await time(5_000) { _ = try await ai.complete(request, by: ["static"], for: account) }
        calls += 5_000
        let begun = Stopwatch.now, end = begun + Int64(seconds * 1e9)
        let answered = try await withThrowingTaskGroup(of: Int.self) { tasks in
            for _ in 0..<concurrent {
                tasks.addTask {
                    var count = 0
                    while Stopwatch.now < end {
                        _ = try await ai.complete(request, by: ["static"], for: account)
                        count += 1
                    }
                    return count
                }
            }
            return try await tasks.reduce(0, +)
        }
        let rate = Double(answered) / (Double(Stopwatch.now - begun) / 1e9)
        calls += answered
        await usage.flush()
        let rows = try await engine.read { try $0.row("SELECT COUNT(*) AS n FROM ai_usage")?.int("n") ?? 0 }
        return Table(
            name: "ai",
            method: """
                A provider that answers at once, called by itself and through Jack's AI dispatch: chain, limits, circuit breaker, metrics, budget check, and a row in SQLite for each call \
                (written beside the answer, many in one commit). 5,000 calls one after the other each way; then \(concurrent) at a time for \(Measure.plain(seconds)) s.
                """,
            measures: [
                Measure("the provider by itself, median", direct.milliseconds(at: 0.5), "ms"),
                Measure("through the dispatch, median", dispatched.milliseconds(at: 0.5), "ms"),
                Measure("added, median", dispatched.milliseconds(at: 0.5) - direct.milliseconds(at: 0.5), "ms", goal: .below(0.3)),
                Measure("through the dispatch, p99", dispatched.milliseconds(at: 0.99), "ms"),
                Measure("\(concurrent) at a time", rate, "calls/s", goal: .atLeast(5_000)),
                Measure("calls less rows in the account", Double(calls - rows), "calls", goal: .exactly(0)),
            ])
    }
}
