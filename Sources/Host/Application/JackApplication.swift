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
    private let logOutput: StructuredLogHandler.Output
    private let lock: DatabaseLock?
    private let engine: SQLiteEngine
    let http: CurlEngine
    private let mail: MailEngine
    private let watch: Mutex<WatchHouse?>
    let onCall: OnCallHouse
    /// Incidents and maintenance.
    let operations: OperationsHouse
    private let current: Mutex<Current>
    private let configurator: Configurator
    private let background = Mutex<[Task<Void, Never>]>([])
    private let knowledgeTask = Mutex<Task<Void, Never>?>(nil)
    private let stopRequest = AsyncStream<String>.makeStream()
    private let isReloading = Mutex(false)

    /// What a reload replaces.
    struct Current: Sendable {
        var loaded: Configurator.Loaded
        var butler: Butler
        var usage: UsageLedger
        var notices: ConversationNotices?
    }

    /// The schema, whole.
    static let migrations =
        KernelSchema.migrations + ButlerSchema.migrations + OnCallSchema.migrations + RaisingSchema.migrations
        + OperationsSchema.migrations + SourceSchema.migrations

    var butler: Butler { current.withLock { $0.butler } }
    private var usage: UsageLedger { current.withLock { $0.usage } }
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
        current = Mutex(Self.butler(loaded, kernel: kernel, engine: engine, http: http))
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
        let messages = MessageDelivery(engine: engine, property: kernel.parts.property.id, dispatcher: kernel.dispatcher) { [weak self] in
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
        try await watch.start()
        try await onCall.arm()
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

    private func mount(_ status: InstanceStatus) {
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

    private func runKnowledge() {
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

    // MARK: Reloading

    /// Reads the configuration again and changes what runs into it; everything stays as it is where anything is wrong.
    /// - Parameter dryRun: only says what would change.
    func reload(dryRun: Bool) async throws -> (applied: Bool, changes: [String], diagnostics: [String]) {
        await configurator.fetchCalendars()
        let (next, diagnostics) = try configurator.load(makingSecrets: false)
        let lines = diagnostics.sorted.map(\.description)
        guard let next else { return (false, [], lines) }
        let difference = ConfigurationDiff(from: loaded.configuration, to: next.configuration)
        var changes = difference.lines
        if next.catalogs.fingerprint != loaded.catalogs.fingerprint { changes.append("change the butler's catalogs") }
        let plan = try next.onCallSource()
        if plan.plan.version != onCall.service.planVersion {
            switch (loaded.plan == nil, next.plan == nil) {
            case (false, false): changes.append("change the on-call plan")
            case (true, false): changes.append("go by the on-call plan from now on")
            case (false, true): changes.append("go by no on-call plan any more: alerts go to whom oncall.notify names")
            // The settings that differ are told already.
            case (true, true): break
            }
            if dryRun { changes += onCall.preview(plan.plan) }
        }
        // What has failed meanwhile, and what was renewed at the vendor, is tried again, also where no line of the file has changed.
        let failed = kernel.instances.failed(among: next.configuration.instances.map(\.spec))
        let restarts = failed.map { "restart \($0.kind) \($0.name): it has failed (\($0.reason ?? "no reason given"))" }
        guard !dryRun else { return (false, changes + restarts, lines) }
        // Two at once, by signal and by the API, would each stop what the other has just started.
        guard
            isReloading.withLock({ isBusy in
                defer { isBusy = true }
                return !isBusy
            })
        else { throw PluginFailure.notReady("busy", "another reload is under way; try again when it is done") }
        defer { isReloading.withLock { $0 = false } }
        guard !changes.isEmpty else { return (true, restarts, lines + (await restart(failed))) }
        let replaced = try await kernel.instances.reload(next.configuration.instances.map(\.spec)).stopped
        logOutput.level = next.configuration.settings.log.level.loggerLevel
        let taking = Self.butler(next, kernel: kernel, engine: engine, http: http), leaving = usage
        // The account that goes is closed before the one that comes is read from it.
        await leaving.flush()
        try await taking.usage.load()
        taking.butler.knowledge.expectFirstLook()
        current.withLock { $0 = taking }
        let watching = makeWatch(next)
        watch.withLock { watch in
            watch?.stop()
            watch = watching
        }
        try await watching.start()
        onCall.service.remember(for: next.onCall.history)
        onCall.service.tellNewsTogether(within: next.onCall.newsWindow)
        try await onCall.change(to: plan)
        try await operations.change(to: next)
        let names = Set(next.configuration.instances.map(\.name))
        for removed in difference.removed where !names.contains(removed.name) { routes.unmount(removed.name) }
        for supervisor in kernel.instances.all { mount(supervisor.status) }
        // A guest's page connects again at once, to what took over.
        for name in replaced { server.closeSockets(of: name) }
        runKnowledge()
        let stillOff = await restart(failed)
        logger.info("reloaded", metadata: ["changes": "\(changes.count + restarts.count)"])
        return (true, changes + restarts, lines + stillOff)
    }

    /// Starts instances once more that have failed.
    /// - Returns: a line for each that does not run afterwards either.
    private func restart(_ failed: [InstanceStatus]) async -> [String] {
        let tried = await kernel.instances.restart(failed.map(\.name))
        for status in tried { mount(status) }
        return tried.filter { !$0.state.isCallable }.map { "\($0.kind) \($0.name) does not run: \($0.reason ?? $0.state.rawValue)" }
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

    private func makeWatch(_ loaded: Configurator.Loaded) -> WatchHouse {
        let storage = loaded.configuration.settings.storage, path = storage.persist ? storage.path : nil
        return WatchHouse(
            loaded, kernel: kernel, metrics: metrics, health: HostHealth(engine: engine, instances: kernel.instances, path: path), databasePath: path,
            http: http, isTurning: { [service = onCall.service] in service.isTurning() }, butler: { [weak self] in self?.butler })
    }

    private static func butler(_ loaded: Configurator.Loaded, kernel: JackKernel, engine: SQLiteEngine, http: CurlEngine) -> Current {
        let settings = loaded.butler.completed(with: loaded.configuration.instances.filter { $0.kind == .ai }.map(\.name)),
            dispatcher = kernel.dispatcher
        let directory = loaded.configuration.directory.isEmpty ? "." : loaded.configuration.directory
        let usage = UsageLedger(
            settings: loaded.costs, engine: engine, property: kernel.parts.property, alerts: kernel.alerts, clock: kernel.parts.clock,
            logger: kernel.parts.logger)
        let ai = AIDispatch(dispatcher: dispatcher, clock: kernel.parts.clock, metrics: kernel.parts.metrics, meter: usage)
        var embed: KnowledgeBase.Embed?
        if let name = settings.knowledge.embeddings { embed = { texts, use in try await ai.embed(texts, for: use, by: name) } }
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
                alerts: kernel.alerts, jobs: kernel.jobs,
                bus: kernel.bus, clock: kernel.parts.clock, logger: kernel.parts.logger, metrics: kernel.parts.metrics),
            settings: settings, catalogs: loaded.catalogs, knowledge: knowledge)
        return Current(loaded: loaded, butler: butler, usage: usage, notices: notices)
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
