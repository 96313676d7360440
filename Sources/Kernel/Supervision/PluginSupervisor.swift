import CoreMetrics
import Foundation
import Logging
import PluginAPI
import Synchronization

/// Runs one instance: starts it by its policy, keeps its state, lets calls in while it runs, and stops it. Whatever the instance does, the others go on.
public final class PluginSupervisor: Sendable {
    /// A context, and how to end what was begun through it.
    public typealias Context = (context: PluginContext, end: @Sendable () async -> Void)

    /// Makes the context of an instance; the supervisor adds the instance's own health reporter.
    public typealias ContextFactory = @Sendable (_ spec: InstanceSpec, _ health: any HealthReporter) -> Context

    private struct Inner {
        var state = InstanceState.stopped
        var reason: String?
        var needsCredentials = false
        var since: Date
        var failedStarts = 0
        var plugin: (any Plugin)?
        var endContext: (@Sendable () async -> Void)?
        var starter: Task<Void, any Error>?
    }

    public let spec: InstanceSpec
    private let environment: SupervisionEnvironment
    private let executor: InstanceExecutor
    private let gate: CallGate
    private let inner: Mutex<Inner>

    init(_ spec: InstanceSpec, _ environment: SupervisionEnvironment) {
        self.spec = spec
        self.environment = environment
        executor = InstanceExecutor(instance: spec.name)
        gate = CallGate(
            instance: spec.name, limits: spec.limits, clock: environment.clock, executor: executor, metrics: environment.metrics, random: environment.random)
        inner = Mutex(Inner(since: environment.clock.now))
    }

    public var status: InstanceStatus {
        inner.withLock { inner in
            InstanceStatus(
                name: spec.name, plugin: spec.registration.manifest.id, kind: spec.registration.kind, state: inner.state, reason: inner.reason,
                needsCredentials: inner.needsCredentials, since: inner.since, failedStarts: inner.failedStarts)
        }
    }

    /// The routes of the running plugin; none while it does not run.
    public var routes: [PluginRoute] {
        let plugin = inner.withLock { $0.state.isCallable ? $0.plugin : nil }
        return (plugin?.routes ?? []).map(attributed)
    }

    /// The route with its work on the instance's executor, so that a trap in it is known to be the instance's.
    private func attributed(_ route: PluginRoute) -> PluginRoute {
        let executor = executor
        switch route {
        case .webhook(let hook):
            return .webhook(
                WebhookRoute(hook.method, tail: hook.tail, verification: hook.verification, maximumBodyBytes: hook.maximumBodyBytes) { request in
                    try await withTaskExecutorPreference(executor) { try await hook.parse(request) }
                })
        case .page(let page):
            return .page(PageRoute(path: page.path) { request in try await withTaskExecutorPreference(executor) { try await page.respond(request) } })
        case .socket(let socket):
            return .socket(
                SocketRoute(path: socket.path, maximumMessageBytes: socket.maximumMessageBytes) { connection in
                    try await withTaskExecutorPreference(executor) { try await socket.serve(connection) }
                })
        }
    }

    // MARK: Starting

    /// Starts by the policy. Returns when the instance runs, or when the policy says to go on without it; with `retry` the tries go on in the background.
    /// - Throws: ``PluginAPI/PluginFailure`` where the policy is `fail`.
    public func start() async throws {
        let firstTry = Task { try await self.tryToStart() }
        do {
            try await firstTry.value
        } catch let failure as PluginFailure {
            switch spec.onStartFailure {
            case .fail: throw failure
            case .disable: move(to: .stopped, "did not start and is left off: \(failure.message)")
            case .retry where failure.disposition == .notReady: retryInBackground(after: failure)
            case .retry: break
            }
        }
    }

    private func tryToStart() async throws {
        guard move(to: .starting, nil) else { return }
        let (context, end) = environment.context(spec, SupervisorHealth(supervisor: self))
        do {
            let plugin = try spec.make(context)
            let limit = spec.startTimeout
            let name = spec.name
            try await Deadline.run(
                limit, clock: environment.clock, on: executor,
                timeout: { PluginFailure.notReady(.timeout, "\(name) did not start within \(limit.text)") },
                { try await plugin.start() })
            let runs = inner.withLock { inner in
                guard inner.state == .starting else { return false }
                inner.plugin = plugin
                inner.endContext = end
                inner.failedStarts = 0
                inner.needsCredentials = false
                return true
            }
            guard runs, move(to: .running, nil) else {
                await plugin.stop()
                await end()
                return
            }
        } catch {
            await end()
            let failure = CallGate.classify(error, instance: spec.name)
            inner.withLock { inner in
                inner.failedStarts += 1
                inner.needsCredentials = failure.disposition == .credentialsRejected
            }
            move(to: .failed, failure.message)
            throw failure
        }
    }

    private func retryInBackground(after failure: PluginFailure) {
        let backoff = Backoff(base: .seconds(1), maximum: .seconds(120), random: environment.random)
        let task = Task {
            var wait = backoff.delay(afterFailures: 1, atLeast: max(failure.retryAfter ?? .zero, .milliseconds(200)))
            while !Task.isCancelled {
                try await environment.clock.sleep(for: wait)
                do {
                    return try await tryToStart()
                } catch let failure as PluginFailure {
                    guard failure.disposition == .notReady else { return }
                    wait = backoff.delay(afterFailures: status.failedStarts, atLeast: max(failure.retryAfter ?? .zero, .milliseconds(200)))
                }
            }
        }
        inner.withLock { $0.starter = task }
    }

    /// Marks the instance as kept off, for `reason`.
    func hold(_ reason: String) {
        inner.withLock { inner in
            inner.reason = reason
            inner.since = environment.clock.now
        }
        environment.logger.error("instance held back", metadata: ["instance": "\(spec.name)", "reason": "\(reason)"])
    }

    // MARK: Stopping

    /// Lets no more calls in, waits for those under way, and stops the plugin. Safe at any time, and twice.
    /// - Parameter drain: how long calls under way may take, and then how long the plugin may.
    public func stop(drain: Duration = .seconds(10)) async {
        let (plugin, starter) = inner.withLock { inner in
            defer { inner.starter = nil }
            return (inner.plugin, inner.starter)
        }
        starter?.cancel()
        guard status.state != .stopped, move(to: .stopping, nil) else { return }
        let deadline = environment.clock.monotonic + drain
        while gate.inFlight > 0, environment.clock.monotonic < deadline { try? await environment.clock.sleep(for: .milliseconds(10)) }
        if let plugin {
            let name = spec.name
            do {
                try await Deadline.run(
                    drain, clock: environment.clock, on: executor,
                    timeout: { PluginFailure.notReady(.timeout, "\(name) did not stop within \(drain.text) and was left behind") },
                    { await plugin.stop() })
            } catch {
                environment.logger.warning("instance did not stop cleanly", metadata: ["instance": "\(spec.name)", "error": "\(error)"])
            }
        }
        let end = inner.withLock { inner in
            defer { (inner.plugin, inner.endContext) = (nil, nil) }
            return inner.endContext
        }
        await end?()
        move(to: .stopped, nil)
    }

    // MARK: Calling

    func call<P: Sendable, R: Sendable>(
        as type: P.Type, _ operation: String, _ options: CallOptions, _ body: @escaping @Sendable (P) async throws -> R
    ) async throws -> R {
        let (plugin, state, reason, rejected) = inner.withLock { ($0.plugin, $0.state, $0.reason, $0.needsCredentials) }
        guard state.isCallable, let plugin else {
            let why = "\(spec.name) is \(state.rawValue)" + (reason.map { ": \($0)" } ?? "")
            throw rejected ? PluginFailure.credentialsRejected(why) : PluginFailure.notReady(.unreachable, why, retryAfter: .seconds(1))
        }
        guard let typed = plugin as? P else {
            throw PluginFailure.permanent(.configuration, "\(spec.name) is a \(spec.registration.kind) plugin and cannot be called as \(P.self)")
        }
        return try await gate.call(operation, options, onCredentialsRejected: { self.credentialsRejected($0) }) { try await body(typed) }
    }

    /// Asks the plugin whether its vendor is there, running or not. A plugin that does not run is constructed for it, and not started.
    public func probe(timeout limit: Duration = .seconds(10)) async throws -> ProbeResult {
        let name = spec.name
        let probe: @Sendable (any Plugin) async throws -> ProbeResult = { [clock = environment.clock, executor] plugin in
            try await Deadline.run(
                limit, clock: clock, on: executor, timeout: { PluginFailure.notReady(.timeout, "\(name) did not answer the probe within \(limit.text)") },
                { try await plugin.probe() })
        }
        if let plugin = inner.withLock({ $0.plugin }) { return try await probe(plugin) }
        let (context, end) = environment.context(spec, SilentHealth())
        do {
            let result = try await probe(spec.make(context))
            await end()
            return result
        } catch {
            await end()
            throw error
        }
    }

    // MARK: Health

    func degraded(_ why: String) { if status.state == .running || status.reason != why { move(to: .degraded, why) } }

    func recovered() { if status.state == .degraded { move(to: .running, nil) } }

    func credentialsRejected(_ why: String) {
        inner.withLock { $0.needsCredentials = true }
        move(to: .failed, why)
    }

    /// Changes the state where the table allows it, says so once, and tells the bus.
    @discardableResult
    private func move(to next: InstanceState, _ reason: String?) -> Bool {
        let change: (InstanceState, InstanceStatus)? = inner.withLock { inner in
            let before = inner.state
            guard before.successors.contains(next) || (before == next && inner.reason != reason && next == .degraded) else { return nil }
            inner.state = next
            inner.reason = reason
            inner.since = environment.clock.now
            return (
                before,
                InstanceStatus(
                    name: spec.name, plugin: spec.registration.manifest.id, kind: spec.registration.kind, state: next, reason: reason,
                    needsCredentials: inner.needsCredentials, since: inner.since, failedStarts: inner.failedStarts)
            )
        }
        guard let (before, status) = change else { return false }
        let level: Logger.Level = next == .failed ? .error : next == .degraded ? .warning : .info
        environment.logger.log(
            level: level, "instance \(next.rawValue)",
            metadata: ["instance": "\(spec.name)", "plugin": "\(status.plugin)"].merging(reason.map { ["reason": "\($0)"] } ?? [:]) { $1 })
        Gauge(label: "jack_instance_up", dimensions: [("instance", spec.name), ("kind", status.kind.rawValue)], factory: environment.metrics)
            .record(next.isCallable ? 1 : 0)
        environment.bus.post(InstanceChanged(before: before, status: status))
        return true
    }
}

/// What supervisors need of the kernel.
public struct SupervisionEnvironment: Sendable {
    public var clock: any TimeSource
    public var logger: Logger
    public var metrics: any MetricsFactory
    public var bus: EventBus
    public var context: PluginSupervisor.ContextFactory
    /// Draws from 0 to 1 for jitter.
    public var random: @Sendable () -> Double

    public init(
        clock: any TimeSource, logger: Logger, metrics: any MetricsFactory, bus: EventBus, context: @escaping PluginSupervisor.ContextFactory,
        random: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }
    ) {
        self.clock = clock
        self.logger = logger
        self.metrics = metrics
        self.bus = bus
        self.context = context
        self.random = random
    }
}

private struct SupervisorHealth: HealthReporter {
    /// The plugin holds its context, and the supervisor holds the plugin.
    private weak let supervisor: PluginSupervisor?
    init(supervisor: PluginSupervisor) { self.supervisor = supervisor }
    func degraded(_ why: String) { supervisor?.degraded(why) }
    func recovered() { supervisor?.recovered() }
    func credentialsRejected(_ why: String) { supervisor?.credentialsRejected(why) }
}

/// What a plugin that is only probed says of its health concerns nobody.
private struct SilentHealth: HealthReporter {
    func degraded(_ why: String) {}
    func recovered() {}
    func credentialsRejected(_ why: String) {}
}
