import Butler
import CoreMetrics
import Foundation
import Gateway
import Kernel
import Logging
import NIOCore
import OnCall
import PluginAPI
import Synchronization

/// Jack, put together: the same for `jack serve` and for tests, which run the real thing on a free port.
public final class JackApplication: Sendable {
    /// What a test puts in place of the real.
    public struct Options: Sendable {
        public var clock: any TimeSource = SystemTime()
        public var logOutput: StructuredLogHandler.Output = .init()

        public init() {}
    }

    let kernel: JackKernel
    let metrics: PrometheusRegistry
    let logger: Logger
    let server: GatewayServer
    let routes = MountedRoutes()
    let logOutput: StructuredLogHandler.Output
    private let lock: DatabaseLock?
    let engine: SQLiteEngine
    let http: CurlEngine
    private let mail: MailEngine
    let watch: Mutex<WatchHouse?>
    let onCall: OnCallHouse
    /// Incidents and maintenance.
    let operations: OperationsHouse
    let current: Mutex<Current>
    let configurator: Configurator
    let usage: UsageLedger
    private let background = Mutex<[Task<Void, Never>]>([])
    private let knowledgeTask = Mutex<Task<Void, Never>?>(nil)
    private let stopRequest = AsyncStream<String>.makeStream()
    let phase = Mutex(Phase.settled)

    /// What a reload replaces.
    struct Current: Sendable {
        var loaded: Configurator.Loaded
        var butler: Butler
        var notices: ConversationNotices?
    }

    /// What is done to the whole.
    enum Phase: Sendable { case settled, reloading, stopping }

    /// The schema, whole.
    static let migrations =
        KernelSchema.migrations + ButlerSchema.migrations + OnCallSchema.migrations + RaisingSchema.migrations
        + OperationsSchema.migrations + SourceSchema.migrations

    var butler: Butler { current.withLock { $0.butler } }
    var loaded: Configurator.Loaded { current.withLock { $0.loaded } }
    var storage: any StorageEngine { engine }
    var heartbeats: (any HeartbeatKeeping)? { watch.withLock { $0?.heartbeats } }
    var alertSources: AlertSources? { watch.withLock { $0?.sources } }

    /// The port that is listened on, once started.
    public var port: Int? { server.port }

    /// Opens the storage and composes everything. Nothing runs yet.
    /// - Throws: ``Kernel/StorageError`` where the database cannot be used, ``HostError``.
    init(_ loaded: Configurator.Loaded, configurator: Configurator, options: Options = Options()) async throws {
        let configuration = loaded.configuration, settings = configuration.settings, clock = options.clock
        self.configurator = configurator
        let format: StructuredLogHandler.Format = settings.log.format == .json ? .json : .text
        let output = options.logOutput
        output.level = settings.log.level.loggerLevel
        logOutput = output
        let logger = Logger(label: "jack") { StructuredLogHandler(label: $0, format: format, output: output, clock: clock) }
        self.logger = logger
        let metrics = PrometheusRegistry()
        self.metrics = metrics
        Self.describe(metrics)
        let migrations = Self.migrations
        let path = settings.storage.persist ? settings.storage.path : nil
        lock = try path.map(DatabaseLock.init)
        let engine = try await SQLiteEngine.open(path: path, options: .init(migrations: migrations))
        self.engine = engine
        try await engine.migrate(migrations)
        let property = configuration.property
        guard let key = settings.security.encryptionKey else { throw HostError("security.encryption_key is missing") }
        let keys = EncryptionKeys(secret: key, previous: settings.security.previousEncryptionKeys)
        let http = try CurlEngine(), mail = try MailEngine()
        (self.http, self.mail) = (http, mail)
        var parts = JackKernel.Parts(
            property: property, engine: engine, clock: clock, logger: logger, metrics: metrics,
            http: { CurlHTTPClient(engine: http, policy: OutboundPolicy(for: $0)) }, mail: mail,
            files: { Self.files($0, configuration) },
            secrets: { EncryptedSecretStore(engine: engine, property: property.id, owner: $0, keys: keys, clock: clock) },
            trapFile: path.map { $0 + ".trap" })
        parts.retention = BoxRetention(inbox: settings.storage.keepInbox, outbox: settings.storage.keepOutbox)
        let kernel = JackKernel(parts)
        self.kernel = kernel
        usage = UsageLedger(
            settings: loaded.costs, engine: engine, property: property, alerts: kernel.alerts, clock: clock, logger: logger)
        current = Mutex(Self.butler(loaded, kernel: kernel, engine: engine, http: http, usage: usage))
        let trigger = IncidentTrigger(jobs: kernel.jobs)
        onCall = try await OnCallHouse(
            loaded.onCallSource(), reader: loaded.planReader, kernel: kernel, linkKey: keys.derived("oncall/links/1"),
            publicURL: configuration.property.publicURL, settings: loaded.onCall, delivery: PageDelivery(dispatcher: kernel.dispatcher),
            incidents: trigger)
        watch = Mutex(nil)
        let link = ApplicationLink(), health = HostHealth(engine: engine, instances: kernel.instances, path: path)
        operations = OperationsHouse(
            loaded, trigger: trigger, onCall: onCall.service, kernel: kernel, keys: keys, link: link, health: { await health.unwell() })
        server = Self.gateway(
            loaded, kernel: kernel, metrics: metrics, routes: routes, link: link, engine: engine, onCall: onCall, operations: operations)
        link.connect(self)
        kernel.connect(handlers(concurrency: loaded.butler.concurrency))
    }

    private func handlers(concurrency: Int) -> JackKernel.Handlers {
        let messages = MessageDelivery(
            engine: engine, property: kernel.parts.property.id, clock: kernel.parts.clock, dispatcher: kernel.dispatcher
        ) { [weak self] in
            self?.butler
        }
        let pages = PageDelivery(dispatcher: kernel.dispatcher) { [weak self] in self?.onCall.service }
        return JackKernel.Handlers(
            concurrency: concurrency,
            inbound: { [weak self] item in
                guard let self else { throw CancellationError() }
                if try await alertSources?.take(item) == true { return }
                try await butler.handle(item)
            },
            deliveries: [
                .message: { try await messages.deliver($0) }, .page: { try await pages.deliver($0) },
                ConversationNotices.kind: { [weak self] entry in
                    guard let notices = self?.current.withLock({ $0.notices }) else { return .withdrawn(reason: "nobody is to be told any more") }
                    return try await notices.deliver(entry)
                },
            ],
            transcript: { [weak self] instance, peer, limit in try await self?.butler.transcript(instance, with: peer, limit: limit) ?? [] },
            lifetimes: [ConversationNotices.kind: ConversationNotices.lifetime], forgets: [ConversationNotices.kind],
            died: { [weak self] letter, transaction in
                // What a program sent to an alert source is no guest's conversation.
                if case .event(let event) = letter.content, self?.alertSources?.takes(event, by: letter.instance) == true { return nil }
                return try self?.butler.take(letter, in: transaction)
            },
            recovered: { [weak self] id, date, transaction in try self?.butler.recovered(letter: id, at: date, in: transaction) })
    }

    // MARK: Running

    /// Starts the instances, takes up the work that waits, and listens.
    /// - Throws: ``PluginAPI/PluginFailure`` where an instance whose policy is `fail` does not start; where the port cannot be had.
    public func start() async throws {
        let kernel = kernel
        let calling = onCall.start()
        background.withLock { $0 += calling }
        try await operations.start()
        kernel.jobs.register(Heartbeats.jobKind) { [weak self] in try await self?.watch.withLock { $0 }?.heartbeats.perform($0) }
        kernel.jobs.register(GuestWatch.jobKind) { [weak self] in try await self?.butler.watch?.perform($0) }
        kernel.jobs.register(GuestMedia.jobKind, atOnce: GuestMedia.atOnce) { [weak self] in try await self?.butler.media?.perform($0) }
        kernel.keepHouse { [weak self] in try await self?.butler.media?.keepHouse() }
        kernel.jobs.register(AlertSources.lapseKind) { [weak self] in try await self?.alertSources?.lapse($0) }
        let watch = makeWatch(loaded)
        self.watch.withLock { $0 = watch }
        let changes = kernel.bus.subscribe(to: InstanceChanged.self)
        background.withLock { tasks in
            tasks.append(Task { [weak self] in for await change in changes { self?.mount(change.status) } })
        }
        butler.knowledge.expectFirstLook()
        try await usage.load()
        let plan = try loaded.onCallSource().plan
        try await engine.write { [onCall] transaction in
            try watch.expect(in: transaction)
            try onCall.expect(plan, in: transaction)
        }
        watch.start()
        try await kernel.start(loaded.configuration.instances.map(\.spec))
        for supervisor in kernel.instances.all { mount(supervisor.status) }
        runKnowledge()
        try await kernel.jobs.schedule("butler.idle", every: .seconds(600)) { [weak self] in try await self?.butler.closeIdle() }
        try await kernel.jobs.schedule("butler.retention", every: .seconds(86_400)) { [weak self] in try await self?.deleteOld() }
        try await kernel.jobs.schedule("oncall.calendars", every: loaded.onCall.calendars.refresh) { [weak self] in await self?.refreshCalendars() }
        background.withLock { tasks in tasks.append(Task { [weak self] in await self?.refreshCalendars() }) }
        do {
            try await server.start()
        } catch let error as IOError where [EADDRINUSE, EADDRNOTAVAIL, EACCES].contains(error.errnoCode) {
            let server = loaded.configuration.settings.server, ports = [server.port, server.metricsPort].compactMap { $0 }.map(String.init)
            throw HostError(
                "\(server.host) cannot be listened on at port \(ports.joined(separator: " and ")): \(String(cString: strerror(error.errnoCode))); "
                    + "stop the program that has it, or set PORT or server.host")
        }
        logger.info(
            "ready", metadata: ["port": "\(server.port ?? 0)", "version": "\(JackHost.version)", "instances": "\(kernel.instances.all.count)"])
    }

    /// Waits until somebody asks for the stop.
    func untilStopRequested() async -> String {
        for await reason in stopRequest.stream { return reason }
        return "cancelled"
    }

    func requestStop(_ reason: String) { stopRequest.continuation.yield(reason) }

    /// Stops in order: input first, then the work under way, then the instances, then storage.
    public func stop() async {
        logger.info("stopping")
        phase.withLock { $0 = .stopping }
        await server.stop()
        let tasks = background.withLock { tasks in
            defer { tasks = [] }
            return tasks
        }
        knowledgeTask.withLock { $0 }?.cancel()
        await kernel.stop(drain: loaded.configuration.settings.server.drainTimeout)
        watch.withLock { $0 }?.stop()
        tasks.forEach { $0.cancel() }
        await usage.flush()
        await http.shutdown()
        await mail.shutdown()
        await engine.close()
        lock?.release()
        logger.info("stopped")
    }

    func mount(_ status: InstanceStatus) {
        guard let supervisor = kernel.instances.supervisor(status.name), supervisor.status.state.isCallable else {
            routes.unmount(status.name)
            return server.closeSockets(of: status.name)
        }
        do {
            try routes.mount(supervisor.routes, of: status.name)
        } catch {
            logger.error("routes cannot be mounted", metadata: ["instance": "\(status.name)", "error": "\(error)"])
        }
    }

    func runKnowledge() {
        let butler = butler
        knowledgeTask.withLock { task in
            task?.cancel()
            task = Task { await butler.prepareAndFollowKnowledge() }
            Task {
                await butler.knowledge.firstLook()
                // Learning and indexing took more than what is kept of them.
                ProcessMemory.trim()
            }
        }
    }

    /// Stops an instance and starts it again as it is configured; its sockets close, and its routes are there again when this returns.
    /// - Throws: ``PluginAPI/PluginFailure`` `.notFound`; `.held`.
    func restart(instance: String, by person: String) async throws {
        logger.info("restarting an instance", metadata: ["instance": "\(instance)", "by": "\(person)"])
        mount(try await kernel.instances.restart(instance))
        // A guest's page connects again at once, to what runs now.
        server.closeSockets(of: instance)
    }

    /// Puts a plan in place of another, unless a third has come in between.
    func replace(_ old: LoadedPlan, by new: LoadedPlan) -> Bool {
        current.withLock { current in
            guard current.loaded.plan?.plan.version == old.plan.version else { return false }
            current.loaded.plan = new
            return true
        }
    }

    // MARK: Composition

    func makeWatch(_ loaded: Configurator.Loaded) -> WatchHouse {
        let storage = loaded.configuration.settings.storage, path = storage.persist ? storage.path : nil
        return WatchHouse(
            loaded, kernel: kernel, metrics: metrics, health: HostHealth(engine: engine, instances: kernel.instances, path: path), databasePath: path,
            http: http, isTurning: { [service = onCall.service] in service.isTurning() }, butler: { [weak self] in self?.butler })
    }

    static func butler(_ loaded: Configurator.Loaded, kernel: JackKernel, engine: SQLiteEngine, http: CurlEngine, usage: UsageLedger) -> Current {
        let settings = loaded.butler.completed(with: loaded.configuration.instances.filter { $0.kind == .ai }.map(\.name)),
            dispatcher = kernel.dispatcher
        let directory = loaded.configuration.directory.isEmpty ? "." : loaded.configuration.directory
        let ai = AIDispatch(dispatcher: dispatcher, clock: kernel.parts.clock, metrics: kernel.parts.metrics, meter: usage)
        var embed: KnowledgeBase.Embed?
        if let name = settings.knowledge.embeddings {
            embed = { texts, use, limit in try await ai.embed(texts, for: use, by: name, .init(deadline: limit)) }
        }
        let knowledge = KnowledgeBase(
            engine: engine, property: kernel.parts.property.id, settings: settings.knowledge, folder: "\(directory)/\(settings.knowledge.folder)",
            documents: HostDocuments(), clock: kernel.parts.clock, logger: kernel.parts.logger, embed: embed,
            makeIndex: { collection, dimensions in engine.vectorIndex(collection: collection, dimensions: dimensions) })
        let notices = ConversationNotices(
            loaded.notify, outbox: { [unowned kernel] in kernel.outbox },
            http: CurlHTTPClient(engine: http, policy: OutboundPolicy(toReach: loaded.notify.url, allowsPrivate: loaded.notify.allowPrivate)),
            clock: kernel.parts.clock)
        let butler = Butler(
            .init(
                property: kernel.parts.property, engine: engine, dispatcher: dispatcher, ai: ai, notices: notices,
                outbox: { [unowned kernel] in kernel.outbox },
                alerts: kernel.alerts, jobs: kernel.jobs, boxes: kernel.parts.retention,
                bus: kernel.bus, clock: kernel.parts.clock, logger: kernel.parts.logger, metrics: kernel.parts.metrics),
            settings: settings, catalogs: loaded.catalogs, knowledge: knowledge)
        return Current(loaded: loaded, butler: butler, notices: notices)
    }

    /// The files that an instance's settings name, relative to the configuration file.
    static func files(_ spec: InstanceSpec, _ configuration: LoadedConfiguration) -> any FileReader {
        LocalFiles(directory: configuration.directory.isEmpty ? "." : configuration.directory, settings: spec.settings.printed) { bytes, file in
            var diagnostics = Diagnostics()
            let document = YAMLReader().read(bytes, file: file, &diagnostics)
            return (document, diagnostics)
        }
    }
}
