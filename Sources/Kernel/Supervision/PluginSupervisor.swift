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

    struct Inner: Sendable {
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
        /// False while the instance is not in its place: before it has taken another's, and after another has taken its own. What it does then is not the name's state.
        var isInPlace: Bool
    }

    public let spec: InstanceSpec
    /// What the instance brings in passes here.
    public let inbound: InboundGate
    let environment: SupervisionEnvironment
    let executor: InstanceExecutor
    let gate: CallGate
    let routeGate: RouteGate
    let inner: Mutex<Inner>

    /// - Parameters:
    ///   - inbound: the way in of the supervisor that this one replaces; nil for a new one.
    ///   - isInPlace: false for one that is to be started beside the one of its name, and takes its place later: ``takePlace()``.
    init(_ spec: InstanceSpec, _ environment: SupervisionEnvironment, inbound: InboundGate? = nil, isInPlace: Bool = true) {
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
        inner = Mutex(Inner(since: environment.clock.now, isInPlace: isInPlace))
    }

    public var status: InstanceStatus { inner.withLock { status($0) } }

    func status(_ inner: borrowing Inner) -> InstanceStatus {
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
    func move(to next: InstanceState, _ reason: String?, of generation: Int? = nil, _ change: (inout Inner) -> Void = { _ in }) -> Bool {
        let moved: (status: InstanceStatus, isInPlace: Bool)? = inner.withLock { inner in
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
            if inner.isInPlace { tell(before, status) }
            return (status, inner.isInPlace)
        }
        guard let (status, isInPlace) = moved else { return false }
        let level: Logger.Level = next == .failed ? .error : next == .degraded ? .warning : .info
        environment.logger.log(
            level: level, isInPlace ? "instance \(next.rawValue)" : "instance \(next.rawValue), beside the one in place",
            metadata: ["instance": "\(spec.name)", "plugin": "\(status.plugin)"].merging(reason.map { ["reason": "\($0)"] } ?? [:]) { $1 })
        return true
    }

    /// What others know of the name: on the bus, and as a metric.
    private func tell(_ before: InstanceState, _ status: InstanceStatus) {
        environment.bus.post(InstanceChanged(before: before, status: status))
        Gauge(label: "jack_instance_up", dimensions: [("instance", status.name), ("kind", status.kind.rawValue)], factory: environment.metrics)
            .record(status.state.isCallable ? 1 : 0)
    }

    // MARK: Its place

    /// Takes the place of its name: from now on its state is the name's. Cannot fail.
    func takePlace() {
        inner.withLock { inner in
            guard !inner.isInPlace else { return }
            inner.isInPlace = true
            // One that is to be started yet has nothing to say.
            if inner.state != .stopped { tell(.starting, status(inner)) }
        }
    }

    /// Leaves the place of its name to another: its end is no news of the name's.
    func leavePlace() { inner.withLock { $0.isInPlace = false } }
}
