import Logging
import PluginAPI
import Synchronization

/// All instances by name.
///
/// Consumers start before producers: alert sinks, AI providers and PMS integrations before channels, so that what a channel brings in finds who deals with it. Stopping goes
/// the other way round.
public final class InstanceRegistry: Sendable {
    private struct Inner {
        var supervisors: [String: PluginSupervisor] = [:]
        /// Names in the order of the configuration.
        var order: [String] = []
        /// Instances that are kept off, with the reason.
        var held: [String: String] = [:]
    }

    private let environment: SupervisionEnvironment
    /// Kinds in the order of starting; a kind that is not named starts before the last.
    private let startOrder: [PluginKind]
    private let inner = Mutex(Inner())
    /// One change of the whole at a time.
    private let turn = ConcurrencyLimiter(1)

    public init(_ environment: SupervisionEnvironment, startOrder: [PluginKind] = [.alert, .ai, .pms, .channel]) {
        self.environment = environment
        self.startOrder = startOrder
    }

    public func supervisor(_ name: String) -> PluginSupervisor? { inner.withLock { $0.supervisors[name] } }

    /// All instances in the order of the configuration.
    public var all: [PluginSupervisor] { inner.withLock { inner in inner.order.compactMap { inner.supervisors[$0] } } }

    /// The instances of one kind, in the order of the configuration.
    public func all(of kind: PluginKind) -> [PluginSupervisor] { all.filter { $0.spec.registration.kind == kind } }

    /// The routes of all running instances.
    public var routes: [(instance: String, route: PluginRoute)] { all.flatMap { supervisor in supervisor.routes.map { (supervisor.spec.name, $0) } } }

    /// Makes the instances without starting any, in the order of the configuration.
    @discardableResult
    public func prepare(_ specs: [InstanceSpec]) -> [PluginSupervisor] {
        let supervisors = specs.map { PluginSupervisor($0, environment) }
        inner.withLock { inner in
            for supervisor in supervisors {
                inner.supervisors[supervisor.spec.name] = supervisor
                inner.order.append(supervisor.spec.name)
            }
        }
        return supervisors
    }

    /// Starts instances, those of one kind together, and kinds in their order.
    /// - Parameter held: instances that are not to be started, with the reason.
    /// - Throws: ``PluginAPI/PluginFailure`` where an instance whose policy is `fail` does not start; what was started before is stopped.
    public func start(_ specs: [InstanceSpec], held: [String: String] = [:]) async throws {
        let supervisors = prepare(specs)
        inner.withLock { $0.held = held }
        do {
            try await start(supervisors.filter { held[$0.spec.name] == nil })
        } catch {
            await stop()
            throw error
        }
        for supervisor in supervisors { if let reason = held[supervisor.spec.name] { supervisor.hold(reason) } }
    }

    /// Stops all, producers first.
    public func stop(drain: Duration = .seconds(10)) async {
        for group in grouped(all).reversed() {
            await withTaskGroup { tasks in
                for supervisor in group { tasks.addTask { await supervisor.stop(drain: drain) } }
            }
        }
    }

    /// Stops an instance and keeps it off until it is released, reloads included.
    public func hold(_ name: String, reason: String) async {
        inner.withLock { $0.held[name] = reason }
        guard let supervisor = supervisor(name) else { return }
        await supervisor.stop()
        supervisor.hold(reason)
    }

    /// Starts an instance that was held back.
    public func release(_ name: String) async throws {
        guard let supervisor = supervisor(name) else { throw PluginFailure.permanent(.notFound, "there is no instance “\(name)”") }
        inner.withLock { _ = $0.held.removeValue(forKey: name) }
        try await supervisor.start()
    }

    /// Changes what runs into `specs`: starts what is new or changed, swaps it in, and only then drains and stops what it replaces. Instances whose fingerprint is the same are not touched, and
    /// those that are held stay off.
    /// - Throws: ``PluginAPI/PluginFailure`` where something new does not start; everything is then as before.
    /// - Returns: the names that were started, and those that were stopped.
    public func reload(_ specs: [InstanceSpec]) async throws -> (started: [String], stopped: [String]) {
        try await turn.acquire()
        defer { turn.release() }
        let (before, held) = inner.withLock { ($0.supervisors, $0.held) }
        let fresh = specs.filter { before[$0.name]?.spec.fingerprint != $0.fingerprint }.map {
            PluginSupervisor($0, environment, inbound: before[$0.name]?.inbound)
        }
        do {
            try await start(fresh.filter { held[$0.spec.name] == nil }, strictly: true)
        } catch {
            for supervisor in fresh { await supervisor.stop() }
            throw error
        }
        let replaced = inner.withLock { inner in
            let names = Set(specs.map(\.name))
            var replaced = inner.supervisors.filter { !names.contains($0.key) }.map(\.value)
            for old in replaced { inner.supervisors[old.spec.name] = nil }
            for supervisor in fresh {
                if let old = inner.supervisors.updateValue(supervisor, forKey: supervisor.spec.name) { replaced.append(old) }
            }
            inner.order = specs.map(\.name)
            return replaced
        }
        for supervisor in fresh {
            supervisor.inbound.change(to: supervisor.spec.inbound)
            if let reason = held[supervisor.spec.name] { supervisor.hold(reason) }
        }
        for group in grouped(replaced).reversed() { for supervisor in group { await supervisor.stop() } }
        return (fresh.map(\.spec.name).filter { held[$0] == nil }, replaced.map(\.spec.name))
    }

    /// Instances that have failed, although they are to run as they are configured: what a reload starts again.
    public func failed(among specs: [InstanceSpec]) -> [InstanceStatus] {
        let (supervisors, held) = inner.withLock { ($0.supervisors, $0.held) }
        return specs.compactMap { spec in
            guard held[spec.name] == nil, let supervisor = supervisors[spec.name], supervisor.spec.fingerprint == spec.fingerprint else { return nil }
            let status = supervisor.status
            return status.state == .failed ? status : nil
        }
    }

    /// Starts instances once more that have failed, each by its policy. What runs by now, or is held, is left as it is.
    /// - Returns: how each is afterwards.
    public func restart(_ names: [String]) async -> [InstanceStatus] {
        guard (try? await turn.acquire()) != nil else { return [] }
        defer { turn.release() }
        let held = inner.withLock { $0.held }
        let supervisors = names.compactMap { held[$0] == nil ? supervisor($0) : nil }
        for group in grouped(supervisors) {
            await withTaskGroup { tasks in
                // Why one does not start stands in its status.
                for supervisor in group where supervisor.status.state == .failed { tasks.addTask { try? await supervisor.start() } }
            }
        }
        return supervisors.map(\.status)
    }

    /// Stops one instance and starts it again as it is configured, by its policy, however it is: also one that a person has mended at its vendor.
    /// - Returns: how it is afterwards; why it does not run stands there.
    /// - Throws: ``PluginAPI/PluginFailure`` `.notFound`; `.held` where it is kept off; `CancellationError`.
    public func restart(_ name: String) async throws -> InstanceStatus {
        try await turn.acquire()
        defer { turn.release() }
        guard let supervisor = supervisor(name) else { throw PluginFailure.permanent(.notFound, "there is no instance “\(name)”") }
        if let reason = inner.withLock({ $0.held[name] }) {
            throw PluginFailure.permanent(.held, "“\(name)” is held (\(reason)): release it")
        }
        await supervisor.stop()
        try? await supervisor.start()
        return supervisor.status
    }

    /// - Parameter strictly: any instance that does not start is an error, whatever its policy.
    private func start(_ supervisors: [PluginSupervisor], strictly: Bool = false) async throws {
        for group in grouped(supervisors) {
            try await withThrowingTaskGroup { tasks in
                for supervisor in group { tasks.addTask { try await supervisor.start() } }
                try await tasks.waitForAll()
            }
            for supervisor in group where strictly && !supervisor.status.state.isCallable {
                throw PluginFailure.permanent(
                    .configuration, "\(supervisor.spec.name) did not start: \(supervisor.status.reason ?? "no reason given")")
            }
        }
    }

    private func grouped(_ supervisors: [PluginSupervisor]) -> [[PluginSupervisor]] {
        func rank(_ kind: PluginKind) -> Int { startOrder.firstIndex(of: kind).map { $0 * 2 } ?? max(0, startOrder.count * 2 - 3) }
        return Dictionary(grouping: supervisors) { rank($0.spec.registration.kind) }.sorted { $0.key < $1.key }.map(\.value)
    }
}

extension PluginFailure.Reason {
    /// The instance is kept off until it is released.
    public static let held: PluginFailure.Reason = "held"
}
