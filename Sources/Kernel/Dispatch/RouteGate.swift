import CoreMetrics
import Logging
import Metrics
import PluginAPI

/// The one way into what an instance serves by a route: deadline, meters and circuit breaker, as ``CallGate`` has them for calls.
///
/// The breaker is not that of calls: a vendor that cannot be reached is no reason to turn away what it sends. It counts only what does not return in time,
/// since strangers call here, and what a request makes a plugin refuse says nothing of the instance. What sockets do is not counted either: a peer that does
/// not read can hold up whoever writes to it.
final class RouteGate: Sendable {
    /// What is done, as metrics name it.
    enum Operation: String, Sendable {
        case webhook, page
        case socketOpen = "socket-open"
        case socketMessage = "socket-message"
        case socketClosed = "socket-closed"

        fileprivate var tellsHealth: Bool { self == .webhook || self == .page }
        /// May take as long as a call: it is done for somebody who is connected, and may wait for the instance's own limits or for the peer.
        fileprivate var isPatient: Bool { self == .socketMessage || self == .socketClosed }
    }

    /// Who is told how the instance is, with the reason by which it is known again.
    struct Health: Sendable {
        let failed: @Sendable (String) -> Void
        let recovered: @Sendable (String) -> Void
    }

    private let instance: String
    private let clock: any TimeSource
    let executor: InstanceExecutor
    private let breaker: CircuitBreaker
    private let requests: DeadlineWatch
    private let patient: DeadlineWatch
    private let metrics: any MetricsFactory
    private let logger: Logger
    private let trouble: String

    init(
        instance: String, limits: CallLimits, inbound: InboundLimits, clock: any TimeSource, executor: InstanceExecutor, metrics: any MetricsFactory,
        logger: Logger
    ) {
        self.instance = instance
        self.clock = clock
        self.executor = executor
        self.metrics = metrics
        self.logger = logger
        breaker = CircuitBreaker(threshold: limits.breakerFailures, reset: limits.breakerReset, clock: clock)
        requests = DeadlineWatch(inbound.timeout, clock: clock, executor: executor)
        patient = DeadlineWatch(limits.timeout, clock: clock, executor: executor)
        trouble = "it does not answer what is sent to its webhooks and pages within \(inbound.timeout.text)"
    }

    /// A plugin has started: what was thought of an earlier one is forgotten.
    func begin() { breaker.succeeded() }

    /// The plugin has stopped.
    func end() {
        requests.rest()
        patient.rest()
    }

    /// The meters of one operation, made once for a route: what is called thousands of times a second must not look them up.
    struct Meters: Sendable {
        fileprivate let operation: Operation
        fileprivate let succeeded: Counter
        fileprivate let duration: Metrics.Timer
    }

    func meters(_ operation: Operation) -> Meters {
        Meters(
            operation: operation, succeeded: counter(operation, "ok"),
            duration: Timer(
                label: "jack_call_duration_seconds", dimensions: [("instance", instance), ("operation", operation.rawValue)], factory: metrics))
    }

    /// Does the plugin's work on the instance's executor, so that a trap in it is known to be the instance's, and gives it up when its time is over.
    /// - Throws: what the work throws; ``PluginAPI/PluginFailure`` not ready where it does not return in time, or has not for a while.
    func run<R: Sendable>(_ meters: Meters, _ health: Health, _ work: @escaping @Sendable () async throws -> R) async throws -> R {
        let operation = meters.operation, watch = operation.isPatient ? patient : requests
        let admission = operation.tellsHealth ? breaker.admit() : .go
        if case .refused(let wait) = admission {
            counter(operation, "refused").increment()
            throw PluginFailure.notReady(.circuitOpen, "\(instance) did not answer repeatedly and is given a rest", retryAfter: wait)
        }
        let start = clock.monotonic
        defer { meters.duration.recordNanoseconds((clock.monotonic - start).nanoseconds) }
        do {
            let result = try await watch.run(work)
            if operation.tellsHealth { answered(health) }
            meters.succeeded.increment()
            return result
        } catch is DeadlineWatch.Passed {
            counter(operation, PluginFailure.Reason.timeout.rawValue).increment()
            if operation.tellsHealth { hung(operation, health) }
            throw PluginFailure.notReady(.timeout, "\(instance) did not answer within \(watch.limit.text)")
        } catch let error as CancellationError where Task.isCancelled {
            breaker.abandoned(admission)
            counter(operation, "cancelled").increment()
            throw error
        } catch {
            if operation.tellsHealth { answered(health) }
            counter(operation, CallGate.classify(error, instance: instance).reason.rawValue).increment()
            throw error
        }
    }

    private func answered(_ health: Health) {
        if case .closed = breaker.succeeded() { return }
        health.recovered(trouble)
    }

    /// Said once when it begins, and once more, as the instance's state, when it goes on.
    private func hung(_ operation: Operation, _ health: Health) {
        let state = breaker.failed()
        if state == .closed(failures: 1) {
            logger.warning(
                "an instance did not answer a request in time", metadata: ["instance": "\(instance)", "operation": "\(operation.rawValue)"])
        }
        if case .closed = state { return }
        health.failed(trouble)
    }

    private func counter(_ operation: Operation, _ outcome: String) -> Counter {
        Counter(
            label: "jack_calls_total", dimensions: [("instance", instance), ("operation", operation.rawValue), ("outcome", outcome)], factory: metrics
        )
    }
}
