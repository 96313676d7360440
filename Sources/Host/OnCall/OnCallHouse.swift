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
        _ source: OnCallPlanSource, reader: PlanReader, kernel: JackKernel, linkKey: [UInt8], publicURL: String?, remembers: Duration,
        delivery: PageDelivery, incidents: IncidentTrigger? = nil
    ) async throws {
        self.kernel = kernel
        let parts = kernel.parts
        let links = publicURL.map(Self.link(under:))
        var made = OnCallService.Parts(
            engine: parts.engine, property: parts.property.id, clock: parts.clock, logger: parts.logger, metrics: parts.metrics,
            outbox: { [unowned kernel] in kernel.outbox }, direct: { order, instance in _ = try await delivery.send(order, through: instance) },
            links: AnswerLinks(key: linkKey), url: links)
        made.remembers = remembers
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

    /// Goes by another plan from now on; what is under way keeps its own.
    func change(to source: OnCallPlanSource) async throws {
        try await service.change(to: source)
        alarm.go(by: source.plan)
        try await arm()
    }

<<<<<<< HEAD
    /// What people are being told of, whose next step another plan would take to somebody else. They go on by their own plan all the same.
    func preview(_ next: any OnCallPlanning) -> [String] {
        service.openMatters.compactMap { open in
            let number = open.level + 1, at = open.nextStepAt ?? kernel.parts.clock.now
            guard let now = service.level(number, of: open, at: at) else { return nil }
            let then = next.level(number, for: open.matter, at: at)
            let old = now.steps.map(\.contact.label), new = then?.steps.map(\.contact.label) ?? []
            guard old != new else { return nil }
            func words(_ labels: [String]) -> String { labels.isEmpty ? "nobody" : labels.joined(separator: ", ") }
            return
                "open: \(open.id) (\(open.matter.receiver)): level \(number) pages \(words(old)), and would page \(words(new)) by the new plan; it keeps its own"
        }
    }
=======
    /// Tells every sink at once, past the engine: whoever hears it.
    private static func alarm(_ alert: Alert, _ kernel: JackKernel, _ delivery: PageDelivery) async throws {
        let id = "page_watchman:\(alert.startsAt.milliseconds):\(alert.endsAt == nil ? "firing" : "over")"
        let page = AlertPage(id: id, groupKey: alert.fingerprint, alerts: [alert], reason: "the watchman found an escalation overdue")
        var reached = 0, failure: (any Error)?
        for sink in kernel.instances.all(of: .alert) {
            do {
                _ = try await delivery.send(PageOrder(verb: alert.endsAt == nil ? .page : .resolve, page: page), through: sink.spec.name)
                reached += 1
            } catch { failure = error }
        }
        if reached == 0 { throw failure ?? HostError("there is no alert instance") }
    }

    /// What would change for what stands open by another plan: ``OnCallService/preview(_:)``.
    func preview(_ next: any OnCallPlanning) -> [String] { service.preview(next) }
>>>>>>> cover
}
