import Foundation
import Kernel
import Logging
import OnCall
import PluginAPI

/// Incidents and maintenance, as a running Jack holds them.
final class OperationsHouse: Sendable {
    let incidents: IncidentDesk
    let maintenance: MaintenanceDesk
    private let kernel: JackKernel
    /// The configuration that is in force, as it stood in its files when it was read.
    private let inForce: ConfigurationInForce

    /// - Parameters:
    ///   - trigger: hears who is paged.
    ///   - health: what is not well, by name.
    init(
        _ loaded: Configurator.Loaded, trigger: IncidentTrigger, onCall: OnCallService, kernel: JackKernel, keys: EncryptionKeys,
        link: ApplicationLink, health: @escaping @Sendable () async -> [String]
    ) {
        self.kernel = kernel
        let parts = kernel.parts, inForce = ConfigurationInForce(ConfigurationCopy(loaded))
        self.inForce = inForce
        incidents = IncidentDesk(
            .init(
                engine: parts.engine, jobs: kernel.jobs, alerts: kernel.alerts, property: parts.property, clock: parts.clock, logger: parts.logger,
                trigger: trigger, matters: { onCall.openMatters }), plan: loaded.plan?.plan.incidents ?? .standard)
        let store = EncryptedSecretStore(engine: parts.engine, property: parts.property.id, owner: "maintenance", keys: keys, clock: parts.clock)
        maintenance = MaintenanceDesk(
            .init(
                engine: parts.engine, jobs: kernel.jobs, alerts: kernel.alerts, property: parts.property.id, clock: parts.clock,
                logger: parts.logger, board: onCall, health: health,
                keep: { id in try await store.set(id, to: inForce.copy.secret()) },
                takeBack: { id in
                    guard let kept = try await store.get(id) else { return "the configuration of the begin was not kept" }
                    let application = try link.application()
                    return try await ConfigurationCopy(kept).takeBack(at: parts.clock.now) { try await application.reload(dryRun: false) }
                }, forget: { id in try await store.remove(id) },
                run: { command, timeout in await RecoveryProgram.run(command, timeout: timeout) }),
            plan: loaded.plan?.plan.maintenance ?? .none)
    }

    /// Takes up what an earlier process left. Before anybody listens, and before the jobs run.
    func start() async throws {
        try await maintenance.load()
        try await incidents.start()
        try await maintenance.start()
    }

    /// Asks for what a configuration that is about to be in force orders: ``take(_:)``.
    /// - Throws: ``Kernel/StorageError``.
    func expect(_ next: Configurator.Loaded, in transaction: any StorageTransaction) throws {
        try maintenance.expect(next.plan?.plan.maintenance ?? .none, in: transaction)
    }

    /// Goes by another configuration from now on. Cannot fail.
    /// - Parameter copy: its files as they were read.
    func take(_ next: Configurator.Loaded, _ copy: ConfigurationCopy) {
        maintenance.take(next.plan?.plan.maintenance ?? .none)
        inForce.replace(copy)
        incidents.change(to: next.plan?.plan.incidents ?? .standard)
    }

    /// What a guest's new request to an instance is told. Alert instances take their answers all the same: somebody may be acknowledging.
    func refusal(_ instance: String) -> MaintenanceRefusal? {
        guard let refusal = maintenance.refusal, let kind = kernel.instances.supervisor(instance)?.spec.registration.kind else { return nil }
        return [.channel, .pms].contains(kind) ? refusal : nil
    }
}
