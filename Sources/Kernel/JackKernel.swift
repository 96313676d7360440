import CoreMetrics
import Foundation
import Logging
import PluginAPI
import Synchronization

/// The kernel, composed: storage, events, jobs, instances and dispatch, the inbox and the outbox. It knows no hotel and no vendor; who deals with what arrives is handed in.
public final class JackKernel: Sendable {
    /// What the kernel is made of.
    public struct Parts: Sendable {
        public var property: PropertyInfo
        public var engine: any StorageEngine
        public var clock: any TimeSource
        public var logger: Logger
        public var metrics: any MetricsFactory
        public var http: @Sendable (_ spec: InstanceSpec) -> any HTTPClient
        /// Carries the instances' mail; nil for a kernel without.
        public var mail: MailEngine?
        /// Makes the reader of the files that an instance's settings name.
        public var files: @Sendable (_ spec: InstanceSpec) -> any FileReader
        /// Makes the secret store of an instance.
        public var secrets: @Sendable (_ instance: String) -> any SecretStore
        /// Where the mark of a trap is kept; nil keeps none.
        public var trapFile: String?
        /// How long what was dealt with is remembered.
        public var retention = BoxRetention()

        public init(
            property: PropertyInfo, engine: any StorageEngine, clock: any TimeSource, logger: Logger, metrics: any MetricsFactory,
            http: @escaping @Sendable (_ spec: InstanceSpec) -> any HTTPClient, mail: MailEngine? = nil,
            files: @escaping @Sendable (_ spec: InstanceSpec) -> any FileReader, secrets: @escaping @Sendable (_ instance: String) -> any SecretStore,
            trapFile: String?
        ) {
            self.property = property
            self.engine = engine
            self.clock = clock
            self.logger = logger
            self.metrics = metrics
            self.http = http
            self.mail = mail
            self.files = files
            self.secrets = secrets
            self.trapFile = trapFile
        }
    }

    /// Who deals with what arrives and what leaves.
    public struct Handlers: Sendable {
        /// Conversations that are worked on at the same time.
        public var concurrency: Int
        /// Deals with an event that is not the kernel's own business; completes the item in its transaction.
        public var inbound: Inbox.Handler
        public var deliveries: [OutboxEntry.Kind: Outbox.Deliver]
        /// What was said with a peer.
        public var transcript: @Sendable (_ instance: String, _ peer: PeerAddress, _ limit: Int) async throws -> [TranscriptEntry]
        /// For how long kinds beside messages are tried, in place of a number of tries.
        public var lifetimes: [OutboxEntry.Kind: Duration]
        /// Kinds of which nothing is kept once they have left.
        public var forgets: Set<OutboxEntry.Kind>
        /// What follows for the hotel from what could not be dealt with or did not arrive.
        public var died: DeadLetters.Concern
        /// What follows for the hotel where a letter is dealt with anew, or has left after all.
        public var recovered: DeadLetters.Recovery

        public init(
            concurrency: Int = 32, inbound: @escaping Inbox.Handler, deliveries: [OutboxEntry.Kind: Outbox.Deliver],
            transcript: @escaping @Sendable (_ instance: String, _ peer: PeerAddress, _ limit: Int) async throws -> [TranscriptEntry],
            lifetimes: [OutboxEntry.Kind: Duration] = [:], forgets: Set<OutboxEntry.Kind> = [], died: @escaping DeadLetters.Concern = { _, _ in nil },
            recovered: @escaping DeadLetters.Recovery = { _, _, _ in }
        ) {
            self.concurrency = concurrency
            self.inbound = inbound
            self.deliveries = deliveries
            self.transcript = transcript
            self.lifetimes = lifetimes
            self.forgets = forgets
            self.died = died
            self.recovered = recovered
        }
    }

    private struct Connected {
        var inbox: Inbox
        var outbox: Outbox
        var letters: DeadLetters
        var handlers: Handlers
    }

    public let parts: Parts
    public let bus: EventBus
    public let jobs: JobQueue
    public let alerts: AlertIntake
    public let instances: InstanceRegistry
    public let dispatcher: Dispatcher
    public let holds: HoldRepository
    private let connected = Mutex<Connected?>(nil)
    private let workers = Mutex<[Task<Void, Never>]>([])
    private let chores = Mutex<[@Sendable () async throws -> Void]>([])
    private let pages = Mutex<(@Sendable (_ page: String) async -> PageStanding?)?>(nil)

    public init(_ parts: Parts) {
        self.parts = parts
        let bus = EventBus()
        self.bus = bus
        jobs = JobQueue(engine: parts.engine, property: parts.property.id, clock: parts.clock, logger: parts.logger)
        alerts = AlertIntake(jobs: jobs)
        holds = HoldRepository(engine: parts.engine, property: parts.property.id)
        let link = KernelLink()
        let jobs = jobs
        instances = InstanceRegistry(
            SupervisionEnvironment(clock: parts.clock, logger: parts.logger, metrics: parts.metrics, bus: bus) { spec, health in
                Self.context(spec, health, parts: parts, jobs: jobs, link: link)
            })
        dispatcher = Dispatcher(instances: instances)
        link.connect(self)
    }

    /// Says who deals with what arrives and leaves. Once, before ``start(_:)``.
    public func connect(_ handlers: Handlers) {
        let property = parts.property.id
        let letters = DeadLetters(alerts: alerts, property: property, concern: handlers.died, recovered: handlers.recovered)
        var policy = Outbox.Policy()
        policy.lifetimes.merge(handlers.lifetimes) { $1 }
        policy.forgets = handlers.forgets
        let outbox = Outbox(
            engine: parts.engine, property: property, clock: parts.clock, logger: parts.logger, metrics: parts.metrics, bus: bus,
            letters: letters, policy: policy,
            // Twice as many as may be with the vendor: while it has some, others are looked up and written down.
            concurrency: { [instances] in 2 * (instances.supervisor($0)?.spec.limits.concurrency ?? 16) }, deliveries: handlers.deliveries,
            reported: { [alerts] changed, transaction in
                guard changed.kind == .page, let state = DeliveryState(rawValue: changed.state.rawValue) else { return }
                let reason = changed.reason.flatMap { $0.isEmpty ? nil : $0 }
                try alerts.report(PageOutcome(page: changed.id, instance: changed.instance, state: state, reason: reason), in: transaction)
            })
        let engine = parts.engine, alerts = alerts
        let answers = AnswerDesk(
            instances: instances, dispatcher: dispatcher, engine: engine, alerts: alerts, property: property, clock: parts.clock, logger: parts.logger
        )
        let inbox = Inbox(
            engine: parts.engine, property: property, clock: parts.clock, logger: parts.logger, metrics: parts.metrics,
            letters: letters, concurrency: handlers.concurrency,
            handler: { item in
                switch item.event.content {
                case .receipt(let receipt):
                    try await engine.write { transaction in
                        try outbox.apply(receipt, from: item.instance, at: item.event.occurredAt, in: transaction)
                        try Inbox.complete(item, in: transaction)
                    }
                case .acknowledgement(let answer):
                    try await engine.write { transaction in
                        try alerts.acknowledge(answer, through: item.instance, id: item.id, in: transaction)
                        try Inbox.complete(item, in: transaction)
                    }
                case .message(let message):
                    if try await answers.take(item, message) { return }
                    try await handlers.inbound(item)
                default: try await handlers.inbound(item)
                }
            })
        connected.withLock { $0 = Connected(inbox: inbox, outbox: outbox, letters: letters, handlers: handlers) }
    }

    /// - Precondition: ``connect(_:)`` was called.
    public var inbox: Inbox { require { $0.inbox } }
    public var outbox: Outbox { require { $0.outbox } }
    var deadLetters: DeadLetters { require { $0.letters } }

    private func require<T>(_ part: (Connected) -> T) -> T {
        guard let connected = connected.withLock({ $0 }) else { preconditionFailure("the kernel is used before connect(_:)") }
        return part(connected)
    }

    /// Finds out whether an instance ended the last process, starts the instances, and then takes up the work that waits.
    /// - Throws: ``PluginAPI/PluginFailure`` where an instance whose policy is `fail` does not start.
    public func start(_ specs: [InstanceSpec]) async throws {
        if let file = parts.trapFile, let finding = CrashMark.begin(at: file) {
            let reason = "its code ended the process (\(finding.signal)); look into the log, then: jack plugins release \(finding.instance)"
            parts.logger.critical(
                "an instance ended the process and is held back", metadata: ["instance": "\(finding.instance)", "signal": "\(finding.signal)"])
            try await holds.hold(finding.instance, reason: reason, at: parts.clock.now)
        }
        try await instances.start(specs, held: holds.all())
        let (inbox, outbox, jobs, logger) = (inbox, outbox, jobs, parts.logger)
        workers.withLock { workers in
            workers = [
                Task { await inbox.run() },
                Task {
                    while !Task.isCancelled {
                        do { try await outbox.run() } catch {
                            logger.error("the outbox cannot be read", metadata: ["error": "\(error)"])
                            try? await Task.sleep(for: .seconds(1))
                        }
                    }
                },
                Task { await jobs.run() },
            ]
        }
        let housekeeping = Housekeeping(engine: parts.engine, clock: parts.clock, retention: parts.retention, others: chores.withLock { $0 })
        try await jobs.schedule("kernel.housekeeping", every: .seconds(3600)) { try await housekeeping.run() }
    }

    /// Registers who knows how what people were paged for stands: what instances ask by ``PluginAPI/PageAccess``.
    public func tellOfPages(_ standing: @escaping @Sendable (_ page: String) async -> PageStanding?) { pages.withLock { $0 = standing } }

    /// Has something else cleaned with the kernel's own tables, once an hour. Said before ``start(_:)``; done in steps that hold nobody up.
    public func keepHouse(_ chore: @escaping @Sendable () async throws -> Void) { chores.withLock { $0.append(chore) } }

    /// Stops in order: no more input, then the work under way, then the instances, producers first, then storage.
    public func stop(drain: Duration = .seconds(10)) async {
        let tasks = workers.withLock { workers in
            defer { workers = [] }
            return workers
        }
        tasks.forEach { $0.cancel() }
        let limit = drain
        do {
            try await Deadline.run(
                limit, clock: parts.clock, timeout: { PluginFailure.notReady(.timeout, "work under way did not end within \(limit.text)") },
                { for task in tasks { await task.value } })
        } catch {
            // Nothing is lost by it: what was not completed is done again after the next start.
            parts.logger.warning("stopped with work under way", metadata: ["error": "\(error)"])
        }
        await instances.stop(drain: drain)
        bus.close()
        if let file = parts.trapFile { CrashMark.end(at: file) }
    }

    /// Stops an instance and keeps it off, also after a restart.
    public func hold(_ instance: String, reason: String) async throws {
        try await holds.hold(instance, reason: reason, at: parts.clock.now)
        await instances.hold(instance, reason: reason)
    }

    /// Starts a held instance, and holds it no longer.
    public func release(_ instance: String) async throws {
        guard try await holds.release(instance) else { throw PluginFailure.permanent(.notFound, "“\(instance)” is not held") }
        try await instances.release(instance)
    }

    private static func context(_ spec: InstanceSpec, _ health: any HealthReporter, parts: Parts, jobs: JobQueue, link: KernelLink)
        -> PluginSupervisor.Context
    {
        var logger = parts.logger
        logger[metadataKey: "instance"] = "\(spec.name)"
        let scheduler = InstanceScheduler(instance: spec.name, jobs: jobs, clock: parts.clock, logger: logger)
        let mail: (any MailService)? = parts.mail.map {
            KernelMailService(
                instance: spec.name, engine: $0, policy: OutboundPolicy(for: spec), clock: parts.clock, health: health, logger: logger)
        }
        let context = PluginContext(
            instance: spec.name, property: parts.property, logger: logger, metrics: PluginMetrics(instance: spec.name, factory: parts.metrics),
            clock: parts.clock, http: parts.http(spec),
            storage: PluginKeyValueStore(engine: parts.engine, property: parts.property.id, instance: spec.name, clock: parts.clock),
            secrets: parts.secrets(spec.name), scheduler: scheduler, inbound: InstanceInbound(instance: spec.name, link: link), health: health,
            files: parts.files(spec), mail: mail ?? NoMail(),
            channels: InstanceChannels(
                instance: spec.name, named: Set(spec.references.filter { $0.kind == .channel }.map(\.name)), kernel: { try link.kernel() }),
            pages: InstancePages(link: link))
        return (context, { await scheduler.end() })
    }

    fileprivate func standing(of page: String) async -> PageStanding? { await pages.withLock { $0 }?(page) }

    fileprivate func transcript(_ instance: String, _ peer: PeerAddress, _ limit: Int) async throws -> [TranscriptEntry] {
        try await require { $0.handlers }.transcript(instance, peer, limit)
    }
}

/// Contexts are made by the kernel and outlive nothing of it; this breaks the circle.
private final class KernelLink: Sendable {
    private struct Weak { weak var kernel: JackKernel? }
    private let state = Mutex(Weak())
    func connect(_ kernel: JackKernel) { state.withLock { $0.kernel = kernel } }
    func kernel() throws -> JackKernel {
        guard let kernel = state.withLock({ $0.kernel }) else { throw PluginFailure.notReady(.unreachable, "the kernel has stopped") }
        return kernel
    }
}

private struct InstancePages: PageAccess {
    let link: KernelLink

    func standing(of page: String) async -> PageStanding? { await (try? link.kernel())?.standing(of: page) }
}

private struct InstanceInbound: InboundPort {
    let instance: String
    let link: KernelLink

    func accept(_ events: [InboundEvent]) async throws -> [InboundReceipt] {
        do {
            let kernel = try link.kernel()
            // Back-pressure: whoever brings too much waits here, and so does what it reads from.
            try await kernel.instances.supervisor(instance)?.inbound.enter(events.count)
            return try await kernel.inbox.accept(instance, events)
        } catch let error as StorageError {
            throw PluginFailure.notReady(.unreachable, "what arrived cannot be stored: \(error.message)", cause: error)
        }
    }

    func giveUp(_ event: InboundEvent, reason: String, attempts: Int) async throws {
        do {
            try await link.kernel().inbox.giveUp(instance, event, reason: reason, attempts: attempts)
        } catch let error as StorageError {
            throw PluginFailure.notReady(.unreachable, "what cannot be handed in cannot be noted either: \(error.message)", cause: error)
        }
    }

    func transcript(with peer: PeerAddress, limit: Int) async throws -> [TranscriptEntry] {
        try await link.kernel().transcript(instance, peer, limit)
    }
}
