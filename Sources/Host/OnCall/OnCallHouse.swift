import Foundation
import Kernel
import Logging
import OnCall
import PluginAPI

/// On call as a running Jack holds it: the service, the watchman beside it, the drills, and the links by which people answer.
final class OnCallHouse: Sendable {
    let service: OnCallService
    private let watchman: OnCallWatchman
    private let alarm: WatchmanAlarm
    private let drills: DrillJobs
    private let kernel: JackKernel

    /// - Parameters:
    ///   - publicURL: under which Jack is reached from outside; nil for no links.
    ///   - delivery: carries a page to its sink.
    init(
        _ source: OnCallPlanSource, reader: PlanReader, kernel: JackKernel, linkKey: [UInt8], publicURL: String?, settings: OnCallSettings,
        delivery: PageDelivery, incidents: IncidentTrigger? = nil
    ) async throws {
        self.kernel = kernel
        let parts = kernel.parts
        let links = publicURL.map(Self.link(under:))
        var made = OnCallService.Parts(
            engine: parts.engine, property: parts.property.id, clock: parts.clock, logger: parts.logger, metrics: parts.metrics,
            outbox: { [unowned kernel] in kernel.outbox }, direct: { order, instance in _ = try await delivery.send(order, through: instance) },
            links: AnswerLinks(key: linkKey), url: links)
        made.remembers = settings.history
        made.limits.newsWindow = settings.newsWindow.seconds
        made.incidents = incidents
        service = try await OnCallService(made, plan: source) { version, archive in
            try LoadedPlan.restore(version, archive, by: reader)
        }
        drills = DrillJobs(service: service, jobs: kernel.jobs, engine: parts.engine, clock: parts.clock, logger: parts.logger)
        let alarm = WatchmanAlarm(source.plan, kernel: kernel, delivery: delivery)
        self.alarm = alarm
        watchman = OnCallWatchman(engine: parts.engine, property: parts.property.id, clock: parts.clock, logger: parts.logger) {
            try await alarm.tell($0)
        }
    }

    private static func link(under publicURL: String) -> @Sendable (String) -> String {
        let base = publicURL.hasSuffix("/") ? String(publicURL.dropLast()) : publicURL
        return { token in "\(base)\(AnswerPages.path)?token=\(token)" }
    }

    /// Takes alerts and answers from now on, and works until the tasks are cancelled.
    func start() -> [Task<Void, Never>] {
        service.attach(to: kernel)
        drills.attach()
        return [Task { [service] in await service.run() }, Task { [watchman] in await watchman.run() }]
    }

    /// Asks for the plan's drills: at the start, and whenever the plan has changed.
    func arm() async throws { try await drills.arm() }

    /// Asks for the drills of a plan that is about to be in force: ``take(_:)``.
    func expect(_ plan: any OnCallPlanning, in transaction: any StorageTransaction) throws { try drills.arm(plan.drills, in: transaction) }

    /// Goes by another plan from now on; what is under way keeps its own. Cannot fail: what cannot be stored now is tried again each second.
    func take(_ source: OnCallPlanSource) async {
        await service.take(source)
        alarm.go(by: source.plan)
    }

    /// What would change for what stands open by another plan: ``OnCallService/preview(_:)``.
    func preview(_ next: any OnCallPlanning) -> [String] { service.preview(next) }
}
