import Foundation
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import Kernel

/// What a scripted provider does, and who asked it.
private final class ProviderScript: Sendable {
    typealias Stream = @Sendable () -> AsyncThrowingStream<AIStreamEvent, any Error>
    private struct State {
        var complete: @Sendable () async throws -> AIResponse = { AIResponse(text: "whole", model: "m") }
        var stream: Stream?
        var features = AIFeatures()
        var calls = 0
        var asked: AIRequest?
    }
    private let state = Mutex(State())
    var calls: Int { state.withLock { $0.calls } }
    /// What was asked of it last.
    var asked: AIRequest? { state.withLock { $0.asked } }
    func count(_ request: AIRequest) {
        state.withLock { state in
            state.calls += 1
            state.asked = request
        }
    }
    var features: AIFeatures {
        get {
            state.withLock { state in
                var features = state.features
                features.streaming = state.stream != nil
                return features
            }
        }
        set { state.withLock { $0.features = newValue } }
    }
    var complete: @Sendable () async throws -> AIResponse { state.withLock { $0.complete } }
    func completes(_ body: @escaping @Sendable () async throws -> AIResponse) { state.withLock { $0.complete = body } }
    var stream: Stream? { state.withLock { $0.stream } }
    func streams(_ body: @escaping Stream) { state.withLock { $0.stream = body } }
}

private struct ProviderFake: AIProvider {
    struct Settings: PluginSettings {
        let script: ProviderScript
        init() { script = ProviderScript() }
        init(_ script: ProviderScript) { self.script = script }
        init(from decoder: any Decoder) { self.init() }
    }

    static let manifest = PluginManifest(id: "scripted-ai", summary: "An AI for tests", stability: .experimental)
    let script: ProviderScript
    init(settings: Settings, context: PluginContext) { script = settings.script }
    var features: AIFeatures { script.features }
    func model(for purpose: AIRequest.Purpose) -> String? { "asked-\(purpose.rawValue)" }
    func complete(_ request: AIRequest) async throws -> AIResponse {
        script.count(request)
        return try await script.complete()
    }
    func stream(_ request: AIRequest) -> AsyncThrowingStream<AIStreamEvent, any Error> {
        script.count(request)
        return script.stream?() ?? AsyncThrowingStream { $0.finish() }
    }
}

/// Remembers calls, and refuses what it is told to.
private final class Book: AIMeter {
    private let state = Mutex<(calls: [AIDispatch.Call], refused: Set<String>)>(([], []))
    var calls: [AIDispatch.Call] { state.withLock { $0.calls } }
    func refuse(_ name: String) { state.withLock { _ = $0.refused.insert(name) } }
    func refusal(of instance: String, isLocal: Bool) -> PluginFailure? {
        state.withLock { $0.refused.contains(instance) } ? .permanent("over-budget", "no money") : nil
    }
    func record(_ call: AIDispatch.Call) { state.withLock { $0.calls.append(call) } }
}

@Suite struct AIDispatchTests {
    private struct Bench {
        let one: ProviderScript, two: ProviderScript
        let book: Book
        let clock: VirtualClock
        let ai: AIDispatch

        func ask(_ names: [String] = ["one", "two"]) async throws -> ChainResult<AIDispatch.Answer> {
            try await ai.complete(
                AIRequest(instructions: "", messages: [AIMessage(.user, "hi")]), by: names, for: .init(conversation: "c", guest: "g"))
        }
    }

    private func withBench(_ body: (Bench) async throws -> Void) async throws {
        let engine = try await SQLiteEngine.open(path: nil)
        try await engine.migrate(KernelSchema.migrations)
        let one = ProviderScript(), two = ProviderScript(), book = Book(), clock = VirtualClock()
        let kernel = JackKernel(
            .init(
                property: .sample, engine: engine, clock: clock, logger: LogRecorder().logger(), metrics: MemoryMetrics(),
                http: { _ in ScriptedHTTPClient() }, files: { _ in NoFiles() }, secrets: { _ in MemorySecretStore() }, trapFile: nil))
        kernel.connect(.init(inbound: { _ in }, deliveries: [:], transcript: { _, _, _ in [] }))
        var limits = CallLimits()
        // The last of a chain tries again by its limits, and nobody moves the clock on for it.
        limits.attempts = 1
        try await kernel.start([
            InstanceSpec(name: "one", registration: PluginRegistration(ProviderFake.self), settings: ProviderFake.Settings(one)),
            InstanceSpec(name: "two", registration: PluginRegistration(ProviderFake.self), settings: ProviderFake.Settings(two), limits: limits),
        ])
        let ai = AIDispatch(dispatcher: kernel.dispatcher, clock: clock, metrics: MemoryMetrics(), meter: book)
        try await body(Bench(one: one, two: two, book: book, clock: clock, ai: ai))
        await kernel.stop(drain: .zero)
        await engine.close()
    }

    @Test func aCallIsOnTheAccountOfWhoCausedIt() async throws {
        try await withBench { bench async throws in
            bench.one.completes { AIResponse(text: "hi", usage: AIUsage(inputTokens: 3, outputTokens: 2), model: "m-1") }
            #expect(try await bench.ask().instance == "one")
            let call = try #require(bench.book.calls.first)
            #expect(call.instance == "one" && call.model == "m-1" && call.usage.inputTokens == 3 && call.purpose == .reply && !call.isFallback)
            #expect(call.account == .init(conversation: "c", guest: "g"))
        }
    }

    @Test func whoIsBusyIsReplacedAtOnce() async throws {
        try await withBench { bench async throws in
            bench.one.completes { throw PluginFailure.notReady(.overloaded, "529", retryAfter: .seconds(30)) }
            let answer = try await bench.ask()
            #expect(answer.instance == "two" && answer.passedOver.map(\.instance) == ["one"])
            #expect(bench.one.calls == 1, "a guest does not wait for a second try where another can answer")
            #expect(bench.book.calls.map(\.isFallback) == [true])
        }
    }

    @Test func whoFailsAgainAndAgainIsLeftOutForAWhile() async throws {
        try await withBench { bench async throws in
            bench.one.completes { throw PluginFailure.notReady(.vendorFault, "500") }
            for _ in 0..<8 { _ = try await bench.ask() }
            #expect(bench.one.calls == CallLimits().breakerFailures)
            await bench.clock.advance(by: CallLimits().breakerReset)
            bench.one.completes { AIResponse(text: "back", model: "m") }
            #expect(try await bench.ask().instance == "one")
        }
    }

    @Test func whoAsksToBeLeftAloneIsAskedAgainWhenThatIsOver() async throws {
        try await withBench { bench async throws in
            bench.one.completes { throw PluginFailure.notReady(.rateLimited, "429", retryAfter: .seconds(30)) }
            for _ in 0..<3 {
                let answer = try await bench.ask()
                #expect(answer.instance == "two" && answer.passedOver.map(\.instance) == ["one"])
            }
            #expect(bench.one.calls == 1 && bench.book.calls.allSatisfy(\.isFallback))
            #expect(try await bench.ask().passedOver.first?.reason.contains("30s") == true)
            await bench.clock.advance(by: .seconds(30))
            bench.one.completes { AIResponse(text: "back", model: "m") }
            #expect(try await bench.ask().instance == "one")
            #expect(try await bench.ask().passedOver.isEmpty)
        }
    }

    @Test func aDayIsLongerThanAnybodyIsLeftAlone() async throws {
        try await withBench { bench async throws in
            bench.one.completes { throw PluginFailure.notReady("out-of-credit", "402", retryAfter: .seconds(86_400)) }
            _ = try await bench.ask()
            await bench.clock.advance(by: .seconds(299))
            _ = try await bench.ask()
            #expect(bench.one.calls == 1)
            await bench.clock.advance(by: .seconds(1))
            _ = try await bench.ask()
            #expect(bench.one.calls == 2)
        }
    }

    @Test func whoRestsIsAskedWhereNobodyElseCan() async throws {
        try await withBench { bench async throws in
            bench.one.completes { throw PluginFailure.notReady(.overloaded, "529", retryAfter: .seconds(30)) }
            _ = try await bench.ask()
            bench.one.completes { AIResponse(text: "after all", model: "m") }
            bench.two.completes { throw PluginFailure.permanent(.contentFiltered, "no") }
            let answer = try await bench.ask()
            #expect(answer.instance == "one" && answer.passedOver.map(\.instance) == ["one", "two"])
            #expect(try await bench.ask(["one"]).value.response.text == "after all")
            #expect(try await bench.ask().passedOver.isEmpty, "it answered, and rests no more")
        }
    }

    @Test func overBudgetNobodyIsCalled() async throws {
        try await withBench { bench async throws in
            bench.book.refuse("one")
            #expect(try await bench.ask().instance == "two")
            #expect(bench.one.calls == 0)
        }
    }

    @Test func whoseStreamBreaksInTheMiddleIsReplaced() async throws {
        try await withBench { bench async throws in
            bench.one.streams {
                AsyncThrowingStream { continuation in
                    continuation.yield(.text("Breakfast is fr"))
                    continuation.finish(throwing: PluginFailure.notReady(.unreachable, "gone"))
                }
            }
            let answer = try await bench.ask()
            #expect(answer.instance == "two" && answer.value.response.text == "whole")
        }
    }

    @Test func aStreamWithoutAnEndIsNoAnswer() async throws {
        try await withBench { bench async throws in
            bench.two.streams {
                AsyncThrowingStream { continuation in
                    continuation.yield(.text("Breakfast is fr"))
                    continuation.finish()
                }
            }
            let failure = await #expect(throws: PluginFailure.self) { try await bench.ask(["two"]) }
            #expect(failure?.reason == .malformedReply)
        }
    }

    @Test func aStreamThatFallsSilentIsGivenUp() async throws {
        try await withBench { bench async throws in
            let ended = Mutexed(false)
            bench.one.streams {
                AsyncThrowingStream { continuation in
                    continuation.onTermination = { _ in ended.update { $0 = true } }
                    continuation.yield(.text("Breakfast"))
                }
            }
            async let answer = bench.ask()
            #expect(await eventually { bench.one.calls == 1 })
            #expect(
                await eventually {
                    await bench.clock.advance(by: .seconds(1))
                    return bench.two.calls == 1
                })
            #expect(try await answer.instance == "two")
            #expect(await eventually { ended.value }, "the line is let go")
        }
    }

    @Test func whatAProviderCannotDoIsNotAskedOfIt() async throws {
        try await withBench { bench async throws in
            bench.two.features = AIFeatures(structuredOutput: true)
            let request = AIRequest(instructions: "", messages: [AIMessage(.user, "hi")], format: .json(name: "x", schema: [:]))
            #expect(try await bench.ai.complete(request, by: ["one", "two"]).instance == "two")
            #expect(bench.one.calls == 0)
        }
    }

    @Test func whoCannotUseToolsHearsNothingOfThem() async throws {
        try await withBench { bench async throws in
            bench.one.features = AIFeatures(tools: true)
            bench.two.features = AIFeatures(tools: false)
            let request = AIRequest(
                instructions: "",
                messages: [
                    AIMessage(.user, "how long do I stay"),
                    AIMessage(.assistant, parts: [.text("A moment."), .toolCall(AIToolCall(id: "1", name: "stay", arguments: [:]))]),
                    AIMessage(.user, parts: [.toolResult(callID: "1", content: "until Monday", isError: false)]),
                ], tools: [AITool(name: "stay", description: "", parameters: ["type": "object"])])
            _ = try await bench.ai.complete(request, by: ["one"])
            #expect(bench.one.asked?.messages == request.messages && bench.one.asked?.tools.count == 1)
            _ = try await bench.ai.complete(request, by: ["two"])
            #expect(bench.two.asked?.messages == [AIMessage(.user, "how long do I stay")] && bench.two.asked?.tools.isEmpty == true)
        }
    }

    // MARK: Calls that are cut

    @Test func aStreamThatIsGivenUpIsOnTheBillWithWhatWasHeard() async throws {
        try await withBench { bench async throws in
            bench.one.streams { AsyncThrowingStream { $0.yield(.text("Breakfast is from seven")) } }
            async let answer = bench.ask()
            #expect(
                await eventually {
                    await bench.clock.advance(by: .seconds(1))
                    return bench.two.calls == 1
                })
            #expect(try await answer.instance == "two")
            let cut = try #require(bench.book.calls.first)
            #expect(bench.book.calls.map(\.isEstimated) == [true, false] && cut.instance == "one" && cut.model == "asked-reply")
            // Three bytes a token: “hi”, and what was read.
            #expect(cut.usage == AIUsage(inputTokens: 1, outputTokens: 8) && cut.account == .init(conversation: "c", guest: "g"))
            #expect(!cut.isFallback && bench.book.calls.last?.isFallback == true)
        }
    }

    @Test func whatDidNotAnswerInTimeIsOnTheBill() async throws {
        try await withBench { bench async throws in
            let clock = bench.clock
            bench.one.completes {
                try await clock.sleep(for: .seconds(3600))
                return AIResponse(text: "late", model: "m")
            }
            async let answer = bench.ask()
            #expect(
                await eventually {
                    await clock.advance(by: .seconds(1))
                    return bench.two.calls == 1
                })
            #expect(try await answer.instance == "two")
            #expect(bench.book.calls.map(\.instance) == ["one", "two"] && bench.book.calls.map(\.isEstimated) == [true, false])
            #expect(bench.book.calls.first?.usage == AIUsage(inputTokens: 1))
        }
    }

    @Test func whatIsStoppedInTheMiddleIsOnTheBill() async throws {
        try await withBench { bench async throws in
            let clock = bench.clock
            bench.one.completes {
                try await clock.sleep(for: .seconds(3600))
                return AIResponse(text: "late", model: "m")
            }
            let asking = Task { try await bench.ask() }
            #expect(await eventually { bench.one.calls == 1 })
            asking.cancel()
            await #expect(throws: CancellationError.self) { try await asking.value }
            #expect(bench.book.calls.map(\.isEstimated) == [true] && bench.two.calls == 0)
        }
    }

    @Test(arguments: [
        PluginFailure.notReady(.overloaded, "529"), .notReady(.unreachable, "nobody is there"), .permanent(.outOfCredit, "no credit"),
    ])
    func whatAVendorRefusedCostsNothing(failure: PluginFailure) async throws {
        try await withBench { bench async throws in
            bench.one.completes { throw failure }
            #expect(try await bench.ask().instance == "two")
            #expect(bench.book.calls.map(\.instance) == ["two"])
        }
    }

    @Test func allTriesOfACallHaveOneTime() async throws {
        try await withBench { bench async throws in
            let clock = bench.clock
            for script in [bench.one, bench.two] {
                script.completes {
                    try await clock.sleep(for: .seconds(3600))
                    return AIResponse(text: "late", model: "m")
                }
            }
            let request = AIRequest(instructions: "", messages: [AIMessage(.user, "hi")]), ai = bench.ai
            let asking = Task { try await ai.complete(request, by: ["one", "two"], for: .init(), .init(deadline: .seconds(5))) }
            #expect(await eventually { bench.one.calls == 1 })
            #expect(
                await eventually {
                    await clock.advance(by: .seconds(5))
                    return bench.book.calls.count == 1
                })
            let failure = await #expect(throws: PluginFailure.self) { try await asking.value }
            #expect(failure?.reason == .timeout && bench.two.calls == 0, "nothing was left for the second")
        }
    }
}
