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

    private struct Inner: Sendable {
        var state = InstanceState.stopped
        var reason: String?
        var needsCredentials = false
        var since: Date
        var failedStarts = 0
        /// Counts starts and stops: what belongs to an earlier one changes nothing any more.
        var generation = 0
        var plugin: (any Plugin)?
        var routes: [PluginRoute] = []
        /// What a channel could carry when it last started; kept while it does not run.
        var channelFeatures: ChannelFeatures?
        var endContext: (@Sendable () async -> Void)?
        /// The start that is under way.
        var launching: Task<Void, any Error>?
        /// Tries again and again in the background.
        var starter: Task<Void, any Error>?
        var stopping: Task<Void, Never>?
        /// What the plugin said of itself before its start had returned.
        var earlyDegraded: String?
        var earlyRejected: String?
    }

    public let spec: InstanceSpec
    /// What the instance brings in passes here.
    public let inbound: InboundGate
    private let environment: SupervisionEnvironment
    private let executor: InstanceExecutor
    private let gate: CallGate
    private let routeGate: RouteGate
    private let inner: Mutex<Inner>

    /// - Parameter inbound: the way in of the supervisor that this one replaces; nil for a new one.
    init(_ spec: InstanceSpec, _ environment: SupervisionEnvironment, inbound: InboundGate? = nil) {
        self.spec = spec
        self.inbound =
            inbound
            ?? InboundGate(
                instance: spec.name, limits: spec.inbound, clock: environment.clock, metrics: environment.metrics, logger: environment.logger)
        self.environment = environment
        executor = InstanceExecutor(instance: spec.name)
        gate = CallGate(
            instance: spec.name, limits: spec.limits, clock: environment.clock, executor: executor, metrics: environment.metrics,
            random: environment.random)
        routeGate = RouteGate(
            instance: spec.name, limits: spec.limits, inbound: spec.inbound, clock: environment.clock, executor: executor,
            metrics: environment.metrics, logger: environment.logger)
        inner = Mutex(Inner(since: environment.clock.now))
    }

    public var status: InstanceStatus { inner.withLock { status($0) } }

    private func status(_ inner: borrowing Inner) -> InstanceStatus {
        InstanceStatus(
            name: spec.name, plugin: spec.registration.manifest.id, kind: spec.registration.kind, state: inner.state, reason: inner.reason,
            needsCredentials: inner.needsCredentials, since: inner.since, failedStarts: inner.failedStarts)
    }

    /// The routes of the running plugin; none while it does not run.
    public var routes: [PluginRoute] {
        let (routes, generation) = inner.withLock { ($0.state.isCallable ? $0.routes : [], $0.generation) }
        let health = RouteGate.Health(
            failed: { [weak self] in self?.degraded($0, generation) }, recovered: { [weak self] in self?.recovered(generation, from: $0) })
        return routes.map { routeGate.guarding($0, health) }
    }

    /// What a channel can carry, as it said at its last start; nil before, and for any other kind.
    public var channelFeatures: ChannelFeatures? { inner.withLock { $0.channelFeatures } }

    // MARK: Starting

    /// Starts by the policy. Returns when the instance runs, or when the policy says to go on without it; with `retry` the tries go on in the background.
    /// Does nothing where it runs already; returns where a stop came between.
    /// - Throws: ``PluginAPI/PluginFailure`` where the policy is `fail`.
    public func start() async throws {
        guard let generation = begin() else { return }
        do {
            try await launch(generation)
        } catch let failure as PluginFailure {
            switch spec.onStartFailure {
            case .fail: throw failure
            case .disable: move(to: .stopped, "did not start and is left off: \(failure.message)", of: generation)
            case .retry where failure.disposition == .notReady: retryInBackground(after: failure, generation)
            case .retry: break
            }
        }
    }

    /// Moves into `starting`; returns what this start is known by, or nil where it may not be.
    private func begin(after earlier: Int? = nil) -> Int? {
        var generation = 0
        let moved = move(to: .starting, nil, of: earlier) { inner in
            inner.generation += 1
            (inner.earlyDegraded, inner.earlyRejected) = (nil, nil)
            generation = inner.generation
        }
        return moved ? generation : nil
    }

    /// - Throws: ``PluginAPI/PluginFailure`` where the plugin does not start; nothing where a stop came between.
    private func launch(_ generation: Int) async throws {
        // A task of its own: a caller that is cancelled must not leave a half-started plugin.
        let task = Task { try await self.tryToStart(generation) }
        let isCurrent = inner.withLock { inner in
            guard inner.generation == generation else { return false }
            inner.launching = task
            return true
        }
        if !isCurrent { task.cancel() }
        defer { inner.withLock { if $0.generation == generation { $0.launching = nil } } }
        try await task.value
    }

    private func tryToStart(_ generation: Int) async throws {
        let (old, endOld) = takePlugin()
        await leave(old, endOld, within: .seconds(10))
        let (context, end) = environment.context(spec, SupervisorHealth(supervisor: self, generation: generation))
        let attempt = StartAttempt()
        do {
            let (limit, spec) = (spec.startTimeout, spec)
            let (plugin, routes, features) = try await Deadline.run(
                limit, clock: environment.clock, on: executor,
                timeout: { PluginFailure.notReady(.timeout, "\(spec.name) did not start within \(limit.text)") },
                { try await Self.begin(spec, context, attempt) })
            try refuseRejected(generation)
            let runs = move(to: .running, nil, of: generation) { inner in
                (inner.plugin, inner.routes, inner.endContext) = (plugin, routes, end)
                inner.channelFeatures = features
                inner.failedStarts = 0
                inner.needsCredentials = false
            }
            guard runs else {
                await leave(attempt.giveUp(), end, within: .seconds(10))
                return
            }
            gate.begin()
            routeGate.begin()
            sayEarly(generation)
        } catch {
            await leave(attempt.giveUp(), end, within: .seconds(10))
            let failure = CallGate.classify(error, instance: spec.name)
            let isMine = move(to: .failed, failure.message, of: generation) { inner in
                inner.failedStarts += 1
                inner.needsCredentials = failure.disposition == .credentialsRejected
            }
            if isMine { throw failure }
        }
    }

    /// The plugin's own code, from its construction on. It runs to its end whether somebody still waits or not.
    private static func begin(_ spec: InstanceSpec, _ context: PluginContext, _ attempt: StartAttempt) async throws
        -> (any Plugin, [PluginRoute], ChannelFeatures?)
    {
        let plugin = try spec.make(context)
        let routes = plugin.routes, features = (plugin as? any ChannelPlugin)?.features
        do {
            try await plugin.start()
        } catch {
            // What a start began before it failed must not go on.
            await plugin.stop()
            throw error
        }
        if !attempt.succeed(plugin) { await plugin.stop() }
        return (plugin, routes, features)
    }

    private func refuseRejected(_ generation: Int) throws {
        let rejected = inner.withLock { $0.generation == generation ? $0.earlyRejected : nil }
        if let rejected { throw PluginFailure.credentialsRejected(rejected) }
    }

    private func sayEarly(_ generation: Int) {
        let (degraded, rejected) = inner.withLock { inner in
            defer { (inner.earlyDegraded, inner.earlyRejected) = (nil, nil) }
            return (inner.earlyDegraded, inner.earlyRejected)
        }
        if let degraded { self.degraded(degraded, generation) }
        if let rejected { credentialsRejected(rejected, generation) }
    }

    private func retryInBackground(after failure: PluginFailure, _ failed: Int) {
        let backoff = Backoff(base: .seconds(1), maximum: .seconds(120), random: environment.random)
        let wait: @Sendable (PluginFailure, Int) -> Duration = { failure, failures in
            backoff.delay(afterFailures: failures, atLeast: max(failure.retryAfter ?? .zero, .milliseconds(200)))
        }
        inner.withLock { inner in
            guard inner.generation == failed else { return }
            inner.starter = Task {
                var (failure, last) = (failure, failed)
                while failure.disposition == .notReady {
                    try await environment.clock.sleep(for: wait(failure, status.failedStarts))
                    guard let generation = begin(after: last) else { return }
                    last = generation
                    do { return try await launch(generation) } catch let next as PluginFailure { failure = next }
                }
            }
        }
    }

    /// Says why the instance is kept off.
    func hold(_ reason: String) {
        inner.withLock { inner in
            let before = inner.state
            inner.reason = reason
            inner.since = environment.clock.now
            environment.bus.post(InstanceChanged(before: before, status: status(inner)))
        }
        environment.logger.error("instance held back", metadata: ["instance": "\(spec.name)", "reason": "\(reason)"])
    }

    // MARK: Stopping

    /// Lets no more calls in, waits for those under way, and stops the plugin. Safe at any time, and twice: the second waits for the first.
    /// - Parameter drain: how long calls under way may take, and then how long the plugin may.
    public func stop(drain: Duration = .seconds(10)) async {
        let task = inner.withLock { inner in
            if let stopping = inner.stopping { return stopping }
            // A task of its own: a caller that is cancelled must not leave a half-stopped plugin.
            let task = Task { await self.shutDown(drain) }
            inner.stopping = task
            return task
        }
        await task.value
    }

    private func shutDown(_ drain: Duration) async {
        defer { inner.withLock { $0.stopping = nil } }
        let (starter, launching) = inner.withLock { inner in
            defer { (inner.starter, inner.launching) = (nil, nil) }
            return (inner.starter, inner.launching)
        }
        let moved = move(to: .stopping, nil) { $0.generation += 1 }
        starter?.cancel()
        launching?.cancel()
        _ = await launching?.result
        guard moved else { return }
        let deadline = environment.clock.monotonic + drain
        while gate.inFlight > 0, environment.clock.monotonic < deadline { try? await environment.clock.sleep(for: .milliseconds(10)) }
        let (plugin, end) = takePlugin()
        await leave(plugin, end, within: drain)
        routeGate.end()
        move(to: .stopped, nil)
    }

    private func takePlugin() -> ((any Plugin)?, (@Sendable () async -> Void)?) {
        inner.withLock { inner in
            defer { (inner.plugin, inner.endContext, inner.routes) = (nil, nil, []) }
            return (inner.plugin, inner.endContext)
        }
    }

    /// Stops a plugin, whatever it does, and ends its context.
    private func leave(_ plugin: (any Plugin)?, _ end: (@Sendable () async -> Void)?, within limit: Duration) async {
        guard plugin != nil || end != nil else { return }
        let (name, clock, logger, executor) = (spec.name, environment.clock, environment.logger, executor)
        await Task {
            if let plugin {
                do {
                    try await Deadline.run(
                        limit, clock: clock, on: executor,
                        timeout: { PluginFailure.notReady(.timeout, "\(name) did not stop within \(limit.text) and was left behind") },
                        { await plugin.stop() })
                } catch {
                    logger.warning("instance did not stop cleanly", metadata: ["instance": "\(name)", "error": "\(error)"])
                }
            }
            await end?()
        }.value
    }

    // MARK: Calling

    func call<P: Sendable, R: Sendable>(
        as type: P.Type, _ operation: String, _ options: CallOptions, _ body: @escaping @Sendable (P) async throws -> R
    ) async throws -> R {
        let (plugin, generation) = try inner.withLock { inner in
            guard let plugin = inner.plugin, inner.state.isCallable else { throw notCallable(inner) }
            return (plugin, inner.generation)
        }
        guard let typed = plugin as? P else {
            throw PluginFailure.permanent(.configuration, "\(spec.name) is a \(spec.registration.kind) plugin and cannot be called as \(P.self)")
        }
        return try await gate.call(
            operation, options, onCredentialsRejected: { self.credentialsRejected($0, generation) },
            // A call that waited for its turn or its next try must not come after the stop.
            ready: { try self.inner.withLock { if $0.generation != generation || !$0.state.isCallable { throw self.notCallable($0) } } },
            { try await body(typed) })
    }

    /// Calls that are under way.
    var inFlight: Int { gate.inFlight }

    private func notCallable(_ inner: borrowing Inner) -> PluginFailure {
        let why = "\(spec.name) is \(inner.state.rawValue)" + (inner.reason.map { ": \($0)" } ?? "")
        return inner.needsCredentials ? .credentialsRejected(why) : .notReady(.unreachable, why, retryAfter: .seconds(1))
    }

    /// Asks the plugin whether its vendor is there, running or not. A plugin that does not run is constructed for it, and not started.
    public func probe(timeout limit: Duration = .seconds(10)) async throws -> ProbeResult {
        let name = spec.name
        if let plugin = inner.withLock({ $0.plugin }) {
            return try await Deadline.run(
                limit, clock: environment.clock, on: executor,
                timeout: { PluginFailure.notReady(.timeout, "\(name) did not answer the probe within \(limit.text)") },
                { try await plugin.probe() })
        }
        let (context, end) = environment.context(spec, SilentHealth())
        do {
            // Constructed where its code belongs, so that a trap is known for whose it is.
            let result = try await Deadline.run(
                limit, clock: environment.clock, on: executor,
                timeout: { PluginFailure.notReady(.timeout, "\(name) did not answer the probe within \(limit.text)") },
                { [spec] in try await spec.make(context).probe() })
            await end()
            return result
        } catch {
            await end()
            throw error
        }
    }

    // MARK: Health

    func degraded(_ why: String, _ generation: Int) {
        if keep(generation, { $0.earlyDegraded = why }) { return }
        move(to: .degraded, why, of: generation)
    }

    /// - Parameter why: where given, the trouble that is over; another one is not.
    func recovered(_ generation: Int, from why: String? = nil) {
        if keep(generation, { $0.earlyDegraded = nil }) { return }
        let status = status
        guard status.state == .degraded, why == nil || why == status.reason else { return }
        move(to: .running, nil, of: generation)
    }

    func credentialsRejected(_ why: String, _ generation: Int) {
        if keep(generation, { $0.earlyRejected = why }) { return }
        move(to: .failed, why, of: generation) { $0.needsCredentials = true }
    }

    /// Keeps for later what is said during the start; false where it is not that time.
    private func keep(_ generation: Int, _ change: (inout Inner) -> Void) -> Bool {
        inner.withLock { inner in
            guard inner.generation == generation, inner.state == .starting else { return false }
            change(&inner)
            return true
        }
    }

    /// Changes the state where the table allows it, says so once, and tells the bus.
    /// - Parameters:
    ///   - generation: where given, the start or stop that must still be the last.
    ///   - change: what changes with the state.
    @discardableResult
    private func move(to next: InstanceState, _ reason: String?, of generation: Int? = nil, _ change: (inout Inner) -> Void = { _ in }) -> Bool {
        let moved: InstanceStatus? = inner.withLock { inner in
            let before = inner.state
            guard generation == nil || generation == inner.generation,
                before.successors.contains(next) || (before == next && next == .degraded && inner.reason != reason)
            else { return nil }
            inner.state = next
            inner.reason = reason
            inner.since = environment.clock.now
            change(&inner)
            let status = status(inner)
            // Within the lock, so that changes are told in the order in which they happened.
            environment.bus.post(InstanceChanged(before: before, status: status))
            return status
        }
        guard let status = moved else { return false }
        let level: Logger.Level = next == .failed ? .error : next == .degraded ? .warning : .info
        environment.logger.log(
            level: level, "instance \(next.rawValue)",
            metadata: ["instance": "\(spec.name)", "plugin": "\(status.plugin)"].merging(reason.map { ["reason": "\($0)"] } ?? [:]) { $1 })
        Gauge(label: "jack_instance_up", dimensions: [("instance", spec.name), ("kind", status.kind.rawValue)], factory: environment.metrics)
            .record(next.isCallable ? 1 : 0)
        return true
    }
}
