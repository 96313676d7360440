import CoreMetrics
import Metrics
import PluginAPI

/// Asks AI instances: an ordered chain in which each stands in for the one before it, with the budget asked first and each call noted on the account that bears it.
///
/// An answer is handed on whole, so that a provider which fails in the middle of one can still be replaced: no guest has read a word of it. A provider that fails again and again is left
/// out for a while by its circuit breaker, and costs the chain no time; one that says when to come back (`Retry-After`, or a rate limit's headers) is asked last until then.
public struct AIDispatch: Sendable {
    /// On whose account a call goes.
    public struct Account: Sendable, Hashable {
        public var conversation: String?
        public var guest: String?

        public init(conversation: String? = nil, guest: String? = nil) {
            self.conversation = conversation
            self.guest = guest
        }
    }

    /// One call that a provider answered, or that was cut after it had gone out, as the bill will show it.
    public struct Call: Sendable, Hashable {
        public var instance: String
        public var model: String
        public var purpose: AIRequest.Purpose
        public var usage: AIUsage
        public var account: Account
        public var duration: Duration
        /// True where another was to answer and could not.
        public var isFallback: Bool
        /// True where nothing left the machine.
        public var isLocal: Bool
        /// True where the call was cut, and ``usage`` is reckoned from what was asked and heard: the vendor's bill has it all the same.
        public var isEstimated: Bool

        public init(
            instance: String, model: String, purpose: AIRequest.Purpose, usage: AIUsage, account: Account, duration: Duration, isFallback: Bool,
            isLocal: Bool, isEstimated: Bool = false
        ) {
            self.instance = instance
            self.model = model
            self.purpose = purpose
            self.usage = usage
            self.account = account
            self.duration = duration
            self.isFallback = isFallback
            self.isLocal = isLocal
            self.isEstimated = isEstimated
        }
    }

    /// An answer, and what its provider can do.
    public struct Answer: Sendable {
        public let response: AIResponse
        public let features: AIFeatures
    }

    /// How long a chain may take.
    public struct Limits: Sendable {
        /// All tries of all instances together.
        public var deadline: Duration = .seconds(60)
        /// Until a streaming provider has sent its first words, and from one piece to the next.
        public var silence: Duration = .seconds(20)

        /// - Parameter deadline: nil for the usual.
        public init(deadline: Duration? = nil) { if let deadline { self.deadline = deadline } }
    }

    private let dispatcher: Dispatcher
    private let clock: any TimeSource
    private let metrics: any MetricsFactory
    private let meter: any AIMeter
    private let rests = AIRests()

    public init(dispatcher: Dispatcher, clock: any TimeSource, metrics: any MetricsFactory, meter: any AIMeter = NoMeter()) {
        self.dispatcher = dispatcher
        self.clock = clock
        self.metrics = metrics
        self.meter = meter
    }

    /// Answers a request by the first instance that can. Tools are offered only to those that can use them.
    /// - Throws: ``PluginAPI/PluginFailure`` of the last instance where none could.
    public func complete(_ request: AIRequest, by names: [String], for account: Account = Account(), _ limits: Limits = Limits()) async throws
        -> ChainResult<Answer>
    {
        let clock = clock, asked = Asked(request.purpose) { TokenEstimate.tokens(of: request) }
        return try await chain(names, "complete", asked, account, limits) { provider, attempt in
            let features = provider.features
            guard features.completion else { throw PluginFailure.notImplemented("answering") }
            if case .json = request.format, !features.structuredOutput { throw PluginFailure.notImplemented("structured output") }
            let request = features.tools ? request : request.withoutTools()
            let response =
                features.streaming
                ? try await AnswerStream(provider.stream(request), silence: limits.silence, clock: clock).whole { attempt.heard($0) }
                : try await provider.complete(request)
            return Metered(value: Answer(response: response, features: features), usage: response.usage, model: response.model)
        }
    }

    /// Tells which of the labels a text has, by the first instance that can.
    public func classify(_ request: ClassificationRequest, by names: [String], for account: Account = Account(), _ limits: Limits = Limits())
        async throws -> ChainResult<Classification>
    {
        let asked = Asked(.classification) { TokenEstimate.tokens(of: request) }
        return try await chain(names, "classify", asked, account, limits) { provider, _ in
            let answer = try await provider.classify(request)
            return Metered(value: answer, usage: answer.usage, model: answer.model ?? "")
        }
    }

    /// Makes vectors by one instance: vectors of two cannot be compared.
    public func embed(_ texts: [String], for use: EmbeddingUse, by name: String, _ limits: Limits = Limits()) async throws -> AIEmbeddings {
        let asked = Asked("embedding", model: \.features.embeddingModel) { TokenEstimate.tokens(of: texts) }
        return try await chain([name], "embed", asked, Account(), limits) { provider, _ in
            let vectors = try await provider.embed(texts, for: use)
            return Metered(value: vectors, usage: vectors.usage, model: vectors.model)
        }.value
    }

    private struct Metered<R: Sendable>: Sendable {
        var value: R
        var usage: AIUsage
        var model: String
    }

    /// What is asked, as far as the bill is concerned.
    private struct Asked: Sendable {
        let purpose: AIRequest.Purpose
        let model: @Sendable (any AIProvider) -> String?
        /// Reckoned only where a call is cut.
        let tokens: @Sendable () -> Int

        init(_ purpose: AIRequest.Purpose, model: (@Sendable (any AIProvider) -> String?)? = nil, tokens: @escaping @Sendable () -> Int) {
            self.purpose = purpose
            self.model = model ?? { $0.model(for: purpose) }
            self.tokens = tokens
        }
    }

    private func chain<R: Sendable>(
        _ names: [String], _ operation: String, _ asked: Asked, _ account: Account, _ limits: Limits,
        _ body: @escaping @Sendable (any AIProvider, AIAttempt) async throws -> Metered<R>
    ) async throws -> ChainResult<R> {
        let end = clock.monotonic + limits.deadline, meter = meter, clock = clock, rests = rests
        let resting = names.count > 1 ? rests.resting(among: names, at: clock.monotonic) : [:]
        // Who rests is better than nobody.
        let order = resting.isEmpty ? names : names.filter { resting[$0] == nil } + names.filter { resting[$0] != nil }
        var passed: [ChainResult<R>.Step] = [], told: Set<String> = []
        var last: PluginFailure?
        for (place, name) in order.enumerated() {
            let begun = clock.monotonic
            guard begun < end else { break }
            if !resting.isEmpty {
                // They count as passed over, once each.
                for earlier in names.prefix(while: { $0 != name }) {
                    guard let left = resting[earlier], told.insert(earlier).inserted else { continue }
                    let seconds = Duration.seconds(Int64(left.seconds.rounded(.up)))
                    passed.append(ChainResult.Step(instance: earlier, reason: "it asked to be left alone for another \(seconds.text)"))
                }
                told.insert(name)
            }
            // Who has a stand-in need not try twice while a guest waits.
            let options = CallOptions(deadline: end - begun, attempts: place + 1 < order.count ? 1 : nil), attempts = AIAttempts()
            do {
                let (answer, attempt) = try await dispatcher.call(name, as: (any AIProvider).self, operation, options) { provider in
                    let isLocal = provider.features.isLocal
                    if let refusal = meter.refusal(of: name, isLocal: isLocal) { throw refusal }
                    let attempt = attempts.begin(model: asked.model(provider), isLocal: isLocal, at: clock.monotonic)
                    do {
                        let answer = try await body(provider, attempt)
                        attempt.answered()
                        rests.answered(name)
                        return (answer, attempt)
                    } catch {
                        attempt.failed(error)
                        rests.failed(name, error, at: clock.monotonic)
                        throw error
                    }
                }
                record(attempts.cut(but: attempt), of: name, asked, account)
                let call = Call(
                    instance: name, model: answer.model, purpose: asked.purpose, usage: answer.usage, account: account,
                    duration: clock.monotonic - begun, isFallback: !passed.isEmpty, isLocal: attempt.isLocal)
                meter.record(call)
                count(call)
                return ChainResult(value: answer.value, instance: name, passedOver: passed)
            } catch {
                record(attempts.cut(), of: name, asked, account)
                guard let failure = error as? PluginFailure else { throw error }
                passed.append(ChainResult.Step(instance: name, reason: failure.description))
                last = failure
            }
        }
        throw last ?? (names.isEmpty ? .permanent(.configuration, "no AI instance is named") : .notReady(.timeout, "the time for an answer is over"))
    }

    /// Takes down calls that went out and whose end nobody heard. They stood in for nobody.
    private func record(_ cut: [AIAttempt], of instance: String, _ asked: Asked, _ account: Account) {
        for attempt in cut {
            let call = Call(
                instance: instance, model: attempt.model ?? "", purpose: asked.purpose,
                usage: AIUsage(inputTokens: asked.tokens(), outputTokens: attempt.outputTokens), account: account,
                duration: clock.monotonic - attempt.begun, isFallback: false, isLocal: attempt.isLocal, isEstimated: true)
            meter.record(call)
            count(call)
        }
    }

    private func count(_ call: Call) {
        for (direction, tokens) in [("input", call.usage.inputTokens), ("output", call.usage.outputTokens)] where tokens > 0 {
            Counter(label: "jack_ai_tokens_total", dimensions: [("instance", call.instance), ("direction", direction)], factory: metrics)
                .increment(by: tokens)
        }
        if call.isFallback { Counter(label: "jack_ai_fallbacks_total", dimensions: [("instance", call.instance)], factory: metrics).increment() }
    }
}

/// Who keeps the account of AI calls. Must be quick: it is asked in the middle of an answer.
public protocol AIMeter: Sendable {
    /// Why an instance may not be called now; nil where it may.
    func refusal(of instance: String, isLocal: Bool) -> PluginFailure?

    /// Takes down a call.
    func record(_ call: AIDispatch.Call)
}

/// Keeps no account.
public struct NoMeter: AIMeter {
    public init() {}
    public func refusal(of instance: String, isLocal: Bool) -> PluginFailure? { nil }
    public func record(_ call: AIDispatch.Call) {}
}
