import Butler
import Foundation
import Gateway
import Kernel
import OnCall
import PluginAPI
import Synchronization

/// What a running Jack watches: its own metrics by rules, heartbeats, its sign of life, what its instances do, and guests who wait. A reload makes a new one.
final class WatchHouse: Sendable {
    let heartbeats: Heartbeats
    let sources: AlertSources
    private let rules: AlertRuleWatch
    private let beacon: Beacon?
    private let system: SystemAlerts
    private let instances: Set<String>
    private let tasks = Mutex<[Task<Void, Never>]>([])

    init(
        _ loaded: Configurator.Loaded, kernel: JackKernel, metrics: PrometheusRegistry, health: any HealthSource, databasePath: String?,
        http: CurlEngine, isTurning: @escaping @Sendable () -> Bool, butler: @escaping @Sendable () -> Butler?
    ) {
        let parts = kernel.parts, settings = loaded.onCall.watch
        var sources = SystemGauges.Sources()
        if let databasePath {
            sources.folder = URL(fileURLWithPath: databasePath).deletingLastPathComponent().path
            sources.databaseBytes = {
                ["", "-wal"].reduce(0) { sum, end in
                    let size = try? FileManager.default.attributesOfItem(atPath: databasePath + end)[.size] as? Int64
                    return sum + (size ?? 0)
                }
            }
        }
        sources.escalations = { try await butler()?.watch?.escalationQueue() ?? 0 }
        sources.isHealthy = { await health.isDatabaseConnected() }
        let gauges = SystemGauges(sources, clock: parts.clock, metrics: parts.metrics)
        rules = AlertRuleWatch(
            loaded.rules, engine: parts.engine, alerts: kernel.alerts, property: parts.property, samples: { metrics.samples(of: $0) },
            collect: { [weak kernel] in
                if let kernel { JackApplication.recordDepths(of: kernel, in: metrics) }
                await gauges.collect()
            }, clock: parts.clock, logger: parts.logger)
        heartbeats = Heartbeats(
            settings.heartbeats, engine: parts.engine, jobs: kernel.jobs, alerts: kernel.alerts, property: parts.property.id, clock: parts.clock)
        self.sources = AlertSources(
            loaded.onCall.sources, engine: parts.engine, jobs: kernel.jobs, alerts: kernel.alerts, property: parts.property.id, clock: parts.clock,
            metrics: parts.metrics, logger: parts.logger)
        beacon = Beacon(
            settings.beacon, property: parts.property.id,
            http: CurlHTTPClient(engine: http, policy: OutboundPolicy(toReach: settings.beacon.url, allowsPrivate: settings.beacon.allowPrivate)),
            isSound: {
                // On call first: an engine that hangs may keep the database waiting too.
                guard isTurning() else { return false }
                return await health.isDatabaseConnected()
            }, clock: parts.clock, logger: parts.logger)
        instances = Set(loaded.configuration.instances.map(\.name))
        system = SystemAlerts(
            engine: parts.engine, alerts: kernel.alerts, property: parts.property.id, backup: settings.backup, bus: kernel.bus, clock: parts.clock,
            logger: parts.logger)
    }

    /// Asks for the heartbeats that are expected, and ends what stands of what is configured no more.
    /// - Throws: ``Kernel/StorageError``.
    func expect(in transaction: any StorageTransaction) throws {
        try heartbeats.arm(in: transaction)
        try system.expect(instances, in: transaction)
    }

    /// Begins to watch, once what is expected was asked for. Cannot fail.
    func start() {
        tasks.withLock { tasks in
            tasks = [Task { [rules] in await rules.run() }, Task { [system] in await system.run() }]
            if let beacon { tasks.append(Task { await beacon.run() }) }
        }
    }

    /// Watches no more; also where it has not started.
    func stop() {
        let running = tasks.withLock { tasks in
            defer { tasks = [] }
            return tasks
        }
        running.forEach { $0.cancel() }
        system.end()
    }
}
