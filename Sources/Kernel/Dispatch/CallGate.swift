import CoreMetrics
import Metrics
import PluginAPI
import Tracing

/// The one way into an instance: every call passes its limits, deadline, retries, circuit breaker, meters and trace here, and nowhere else.
final class CallGate: Sendable {
    let instance: String
    private let limits: CallLimits
    private let clock: any TimeSource
    private let backoff: Backoff
    private let breaker: CircuitBreaker
    private let rate: RateLimiter
    private let concurrency: ConcurrencyLimiter
    private let alarms: Alarms
    private let executor: InstanceExecutor
    private let metrics: any MetricsFactory

    init(
        instance: String, limits: CallLimits, clock: any TimeSource, executor: InstanceExecutor, metrics: any MetricsFactory,
        random: @escaping @Sendable () -> Double
    ) {
        self.instance = instance
        self.limits = limits
        self.clock = clock
        self.executor = executor
        self.metrics = metrics
        backoff = Backoff(base: limits.backoff, maximum: limits.maximumBackoff, random: random)
        breaker = CircuitBreaker(threshold: limits.breakerFailures, reset: limits.breakerReset, clock: clock)
        rate = RateLimiter(rate: limits.rate, burst: limits.burst, clock: clock)
        concurrency = ConcurrencyLimiter(limits.concurrency)
        alarms = Alarms(clock)
    }

    /// A plugin has started: what was thought of an earlier one is forgotten.
    func begin() { breaker.succeeded() }

    /// Calls that are under way.
    var inFlight: Int { concurrency.inUse }

    /// Calls until it succeeds, or fails for good, or the tries are used up.
    /// - Parameter ready: asked before each try, when its turn has come; throws where the instance may not be called any more.
    func call<R: Sendable>(
        _ operation: String, _ options: CallOptions, onCredentialsRejected: @escaping @Sendable (String) -> Void,
        ready: @Sendable () throws -> Void = {}, _ body: @escaping @Sendable () async throws -> R
    ) async throws -> R {
        let attempts = options.attempts ?? limits.attempts
        let deadline = options.deadline.map { clock.monotonic + $0 }
        return try await withSpan("\(instance).\(operation)") { span in
            span.attributes["jack.instance"] = instance
            var failures = 0
            while true {
                do {
                    return try await attempt(operation, options, deadline: deadline, ready: ready, body)
                } catch let error as CancellationError where Task.isCancelled {
                    throw error
                } catch let abandoned as CallAbandoned {
                    throw abandoned
                } catch {
                    let failure = Self.classify(error, instance: instance)
                    failures += 1
                    if failure.disposition == .credentialsRejected { onCredentialsRejected(failure.message) }
                    guard failure.disposition == .notReady, failures < attempts else { throw failure }
                    let wait = backoff.delay(afterFailures: failures, atLeast: failure.retryAfter)
                    if let deadline, clock.monotonic + wait >= deadline { throw failure }
                    if wait > limits.maximumBackoff { throw failure }
                    try await clock.sleep(for: wait)
                }
            }
        }
    }

    private func attempt<R: Sendable>(
        _ operation: String, _ options: CallOptions, deadline: Duration?, ready: @Sendable () throws -> Void,
        _ body: @escaping @Sendable () async throws -> R
    ) async throws -> R {
        // A courtesy is nothing to find out by whether the instance is well again: the probe is for what matters.
        let admission = options.isCourtesy && breaker.isOpen ? .refused(wait: limits.breakerReset) : breaker.admit()
        if case .refused(let wait) = admission {
            count(operation, "refused")
            throw PluginFailure.notReady(.circuitOpen, "\(instance) failed repeatedly and is given a rest", retryAfter: wait)
        }
        do {
            try await takeTurn(deadline, isCourtesy: options.isCourtesy)
        } catch {
            breaker.abandoned(admission)
            count(operation, error is CancellationError ? "cancelled" : "no-turn")
            throw error
        }
        defer { concurrency.release() }
        do {
            try ready()
        } catch {
            breaker.abandoned(admission)
            count(operation, "refused")
            throw error
        }
        var limit = options.timeout ?? limits.timeout
        if let deadline { limit = min(limit, max(.zero, deadline - clock.monotonic)) }
        let start = clock.monotonic
        let instance = instance
        let allowed = limit
        defer {
            Timer(label: "jack_call_duration_seconds", dimensions: [("instance", instance), ("operation", operation)], factory: metrics)
                .recordNanoseconds((clock.monotonic - start).nanoseconds)
        }
        do {
            let result = try await Deadline.run(
                limit, alarms: alarms, on: executor,
                timeout: { PluginFailure.notReady(.timeout, "\(instance) did not answer within \(allowed.text)") }, body)
            if options.isCourtesy { breaker.abandoned(admission) } else { breaker.succeeded() }
            count(operation, "ok")
            return result
        } catch let error as CancellationError where Task.isCancelled {
            breaker.abandoned(admission)
            count(operation, "cancelled")
            throw error
        } catch let abandoned as CallAbandoned {
            breaker.abandoned(admission)
            count(operation, "abandoned")
            throw abandoned
        } catch {
            let failure = Self.classify(error, instance: instance)
            if options.isCourtesy {
                breaker.abandoned(admission)
            } else if failure.disposition == .notReady, failure.reason != .recipientLimited {
                breaker.failed()
            } else {
                // Whoever refuses for good, or one recipient for now, is there and answers.
                breaker.succeeded()
            }
            count(operation, failure.reason.rawValue)
            throw failure
        }
    }

    /// Waits for the rate and for a place. The caller's deadline counts here too: what waited in vain says nothing of the instance.
    private func takeTurn(_ deadline: Duration?, isCourtesy: Bool) async throws {
        let instance = instance
        let late: @Sendable () -> PluginFailure = { .notReady(.overloaded, "\(instance) has more calls than its limits let through in time") }
        if isCourtesy {
            // It must not take the turn of what matters: where there is a queue, it is left undone.
            guard concurrency.acquireAtOnce() else { throw late() }
            guard rate.reserve(atMost: .zero) != nil else {
                concurrency.release()
                throw late()
            }
            return
        }
        guard let deadline else {
            _ = try await rate.acquire()
            return try await concurrency.acquire()
        }
        guard try await rate.acquire(atMost: deadline - clock.monotonic) else { throw late() }
        if concurrency.acquireAtOnce() { return }
        let rest = deadline - clock.monotonic
        guard rest > .zero else { throw late() }
        let waiting = Task { [concurrency] in try await concurrency.acquire() }
        let timer = Task { [clock] in
            try await clock.sleep(for: rest)
            waiting.cancel()
        }
        defer { timer.cancel() }
        do {
            try await withTaskCancellationHandler {
                try await waiting.value
            } onCancel: {
                waiting.cancel()
            }
        } catch {
            try Task.checkCancellation()
            throw late()
        }
    }

    private func count(_ operation: String, _ outcome: String) {
        Counter(label: "jack_calls_total", dimensions: [("instance", instance), ("operation", operation), ("outcome", outcome)], factory: metrics)
            .increment()
    }

    static func classify(_ error: any Error, instance: String) -> PluginFailure {
        if let failure = error as? PluginFailure { return failure }
        // Nobody cancelled the caller: something within the plugin was, and that is a failure like another.
        if error is CancellationError { return .notReady(.cancelled, "\(instance) gave up in the middle", cause: error) }
        return .notReady("unclassified", "\(instance) failed in an unforeseen way: \(error)", cause: error)
    }
}

/// How one call differs from what the instance's limits say.
public struct CallOptions: Sendable {
    /// The longest that the whole may take, waits included; nil for no limit beyond the tries'.
    public var deadline: Duration?
    /// The longest that one try may take.
    public var timeout: Duration?
    /// Tries; 1 where the caller retries durably itself.
    public var attempts: Int?
    /// True for what nobody misses, such as a sign that an answer is being written: whether it succeeds is nothing to the circuit breaker, and it waits for
    /// no turn.
    public var isCourtesy: Bool

    public init(deadline: Duration? = nil, timeout: Duration? = nil, attempts: Int? = nil, isCourtesy: Bool = false) {
        self.deadline = deadline
        self.timeout = timeout
        self.attempts = attempts
        self.isCourtesy = isCourtesy
    }

    /// Tried once and only where there is room at once, and nothing to the circuit breaker.
    public static let courtesy = CallOptions(attempts: 1, isCourtesy: true)
}

/// Thrown in a call's body by the caller that gives the call up itself, once its turn has come: it says nothing of the instance, and reaches the caller as it is.
public struct CallAbandoned: Error {
    public let cause: any Error

    public init(_ cause: any Error) { self.cause = cause }
}

extension Duration {
    var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
