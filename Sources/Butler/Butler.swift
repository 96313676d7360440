import CoreMetrics
import Foundation
import Kernel
import Logging
import PluginAPI

/// The hotel's domain: what becomes of what guests write, and what staff do about it.
public final class Butler: Sendable {
    public let desk: Desk
    public let staff: StaffDesk
    public let knowledge: KnowledgeBase
    public let conversations: ConversationRepository
    public let messages: MessageRepository
    public let tasks: TaskRepository
    public let guests: GuestRepository
    /// Sees to it that no guest waits unseen; nil where no jobs were given.
    public let watch: GuestWatch?
    /// Fetches guests' files; nil where no jobs were given.
    public let media: GuestMedia?
    public let attachments: AttachmentRepository
    /// Deletes conversations, and erases guests.
    public let eraser: ConversationEraser
    private let pipeline: ReplyPipeline
    private let unreached: UnreachedGuests
    let window: ReplyWindow
    /// Whether a guest's message is marked as read at its channel once it is answered.
    let marksRead: Bool
    private let engine: any StorageEngine
    private let clock: any TimeSource

    /// What the butler needs of the kernel.
    public struct Environment: Sendable {
        public var property: PropertyInfo
        public var engine: any StorageEngine
        public var dispatcher: Dispatcher
        /// The way to every AI instance; nil for one that keeps no account.
        public var ai: AIDispatch?
        /// Who is told of changes of conversations.
        public var notices: ConversationNotices?
        /// The outbox is made after the butler, who tells it how messages are delivered.
        public var outbox: @Sendable () -> Outbox
        public var alerts: AlertIntake
        /// Where the guests' watch leaves what is due later; nil for a butler without a watch.
        public var jobs: JobQueue?
        /// How long the kernel keeps events and deliveries.
        public var boxes: BoxRetention
        public var bus: EventBus
        public var clock: any TimeSource
        public var logger: Logger
        public var metrics: any MetricsFactory

        public init(
            property: PropertyInfo, engine: any StorageEngine, dispatcher: Dispatcher, ai: AIDispatch? = nil,
            notices: ConversationNotices? = nil, outbox: @escaping @Sendable () -> Outbox,
            alerts: AlertIntake, jobs: JobQueue? = nil, boxes: BoxRetention = BoxRetention(), bus: EventBus, clock: any TimeSource, logger: Logger,
            metrics: any MetricsFactory
        ) {
            self.jobs = jobs
            self.boxes = boxes
            self.property = property
            self.engine = engine
            self.dispatcher = dispatcher
            self.ai = ai
            self.notices = notices
            self.outbox = outbox
            self.alerts = alerts
            self.bus = bus
            self.clock = clock
            self.logger = logger
            self.metrics = metrics
        }
    }

    public init(_ environment: Environment, settings: ButlerSettings, catalogs: ButlerCatalogs, knowledge: KnowledgeBase) {
        desk = Desk(
            property: environment.property, settings: settings, intents: IntentIndex(catalogs.intents),
            replies: Replies(catalogs.replies, fallback: String(environment.property.locale.prefix(2))), knowledge: knowledge,
            dispatcher: environment.dispatcher,
            ai: environment.ai
                ?? AIDispatch(dispatcher: environment.dispatcher, clock: environment.clock, metrics: environment.metrics), clock: environment.clock,
            logger: environment.logger, safetyFile: settings.safety)
        watch = environment.jobs.map {
            GuestWatch(
                settings: settings.watch, property: environment.property.id, engine: environment.engine, jobs: $0, alerts: environment.alerts,
                clock: environment.clock, metrics: environment.metrics)
        }
        let window = ReplyWindow(templates: settings.closedWindow, property: environment.property, clock: environment.clock)
        self.window = window
        marksRead = settings.markRead
        let media = environment.jobs.map {
            GuestMedia(
                settings: settings.media, property: environment.property.id, engine: environment.engine, jobs: $0,
                dispatcher: environment.dispatcher, bus: environment.bus, clock: environment.clock, metrics: environment.metrics)
        }
        self.media = media
        attachments = AttachmentRepository(property: environment.property.id)
        staff = StaffDesk(
            engine: environment.engine, outbox: environment.outbox, bus: environment.bus, clock: environment.clock, property: environment.property,
            sla: settings.sla, notices: environment.notices, watch: watch, window: window, metrics: environment.metrics,
            features: { [dispatcher = environment.dispatcher] in dispatcher.channelFeatures($0) })
        pipeline = ReplyPipeline(
            desk: desk, safety: SafetyLane(catalogs.safety), engine: environment.engine, outbox: environment.outbox, alerts: environment.alerts,
            bus: environment.bus, metrics: environment.metrics, notices: environment.notices, watch: watch, media: media)
        eraser = ConversationEraser(
            engine: environment.engine, settings: settings.retention, boxes: environment.boxes, property: environment.property.id,
            alerts: environment.alerts,
            bus: environment.bus, clock: environment.clock, logger: environment.logger, notices: environment.notices,
            metrics: environment.metrics)
        self.knowledge = knowledge
        engine = environment.engine
        clock = environment.clock
        conversations = pipeline.conversations
        messages = pipeline.messages
        tasks = pipeline.tasks
        guests = pipeline.guests
        unreached = UnreachedGuests(
            property: environment.property.id, bus: environment.bus, clock: environment.clock, conversations: pipeline.conversations,
            messages: pipeline.messages, guests: pipeline.guests, watch: watch, media: media)
    }

    /// Hands the conversation to staff whose guest was not reached, or not heard, in the transaction that gives the letter up.
    /// - Returns: what the letter is about; nil where it concerns no conversation.
    public func take(_ letter: DeadLetter, in transaction: any StorageTransaction) throws -> DeadLetterMatter? {
        try unreached.take(letter, in: transaction)
    }

    /// Gives a conversation back to Jack that was with staff only for a letter which is dealt with anew, or has left after all.
    public func recovered(letter id: String, at date: Date, in transaction: any StorageTransaction) throws {
        try unreached.recovered(id, at: date, in: transaction)
    }

    /// Hands the conversation to staff whose reply the channel does not take any more.
    func kept(back message: OutboundMessage, of entry: OutboxEntry, because reason: String) async throws {
        let letter = DeadLetter(
            box: .outbox, id: entry.id, instance: entry.instance, kind: entry.kind.rawValue, reason: reason, attempts: entry.attempts,
            createdAt: entry.createdAt, diedAt: clock.now, content: .message(message))
        let unreached = unreached
        try await engine.write { transaction in _ = try unreached.take(letter, in: transaction) }
    }

    /// Deals with what concerns guests; the item is complete when this returns.
    public func handle(_ item: Inbox.Item) async throws {
        switch (item.event.content, item.event.peer) {
        case (.message(let message), let peer?): try await pipeline.handle(item, message, from: peer)
        case (.consent(let wanted), let peer?): try await consent(item, peer, wanted)
        case (.pms(let event), _): try await keep(item, event)
        case (.reaction(let emoji, let vendorID), _):
            try await note(item, "reaction", emoji.isEmpty ? "taken back" : emoji, "the guest reacted to \(vendorID)")
        default: try await note(item, "inbox", "ignored", "nobody deals with such an event")
        }
    }

    /// Has the AI on this machine learn what it will be asked, so that no guest waits for it, and indexes the knowledge; then looks at the knowledge until the task is cancelled.
    public func prepareAndFollowKnowledge() async { await knowledge.run { [self] in await prepare() } }

    /// Has the AI on this machine learn what it will be asked.
    /// - Parameter limit: how long it may take.
    public func prepare(within limit: Duration = .seconds(120)) async {
        for name in desk.settings.intentAI.isEmpty ? desk.settings.ai : desk.settings.intentAI {
            let request = ClassificationRequest(text: "hotel", labels: desk.intents.labels, labelSet: desk.intents.labelSet)
            // What it cannot do now is said when a guest asks. Not on anybody's account: this machine learns.
            _ = try? await desk.dispatcher.call(
                name, as: (any AIProvider).self, "prepare", CallOptions(deadline: limit, timeout: limit, attempts: 1)
            ) { provider in
                if provider.features.isLocal { _ = try await provider.classify(request) }
            }
        }
    }

    /// What was said with a peer, for a channel whose vendor keeps no history.
    public func transcript(_ instance: String, with peer: PeerAddress, limit: Int) async throws -> [TranscriptEntry] {
        try await engine.read { [self] reader in
            guard let conversation = try conversations.find(instance, peer, in: reader) else { return [] }
            let all = try messages.list(of: conversation.id, limit: limit, in: reader).filter { $0.state == .received || $0.state == .released }
            let vendorIDs = Dictionary(all.map { ($0.id, $0.vendorID) }) { first, _ in first }
            return all.map { message in
                TranscriptEntry(
                    id: message.id, vendorID: message.author == .guest ? message.vendorID : nil, author: message.author, text: message.text,
                    sentAt: message.createdAt,
                    inReplyTo: message.inReplyTo.flatMap { vendorIDs[$0] ?? nil }, quickReplies: message.extras.quickReplies,
                    sources: message.extras.sources)
            }
        }
    }

    /// Closes conversations that went quiet.
    public func closeIdle() async throws { _ = try await staff.closeIdle(after: desk.settings.idleAfter) }

    private func consent(_ item: Inbox.Item, _ peer: PeerAddress, _ wanted: Bool) async throws {
        let now = clock.now
        try await engine.write { [self] transaction in
            var conversation =
                try conversations.find(item.instance, peer, in: transaction)
                ?? Conversation(id: Identifier.make("cnv", at: now), instance: item.instance, peer: peer, at: now)
            conversation.optedOut = !wanted
            try conversations.save(conversation, at: now, in: transaction)
            try Inbox.complete(item, in: transaction)
        }
    }

    private func keep(_ item: Inbox.Item, _ event: PMSEvent) async throws {
        let now = clock.now
        try await engine.write { [self] transaction in
            if let guest = event.guest ?? event.reservation?.guest { _ = try guests.keep(guest, at: now, in: transaction) }
            try Inbox.complete(item, in: transaction)
        }
    }

    private func note(_ item: Inbox.Item, _ step: String, _ outcome: String, _ reason: String) async throws {
        let now = clock.now, property = desk.property.id
        try await engine.write { transaction in
            try Ledger.record(.init(step: step, outcome: outcome, reason: reason, at: now), of: item.id, property: property, in: transaction)
            try Inbox.complete(item, in: transaction)
        }
    }
}

/// The files that say how the butler behaves.
public struct ButlerCatalogs: Sendable {
    public var intents: IntentCatalog
    public var safety: SafetyCatalog
    public var replies: ReplyCatalog

    /// Changes with anything that the files say.
    public var fingerprint: Int {
        var hasher = Hasher()
        hasher.combine(intents.printed)
        hasher.combine(safety.printed)
        hasher.combine(replies.printed)
        return hasher.finalize()
    }

    /// Reads the files that the settings name, relative to `directory`. Every mistake in any of them is a diagnostic.
    public static func read(
        _ settings: ButlerSettings, directory: String, language: String, documents: any DocumentSource, _ diagnostics: inout Diagnostics
    ) -> ButlerCatalogs? {
        func load<T: PluginSettings>(_ path: String, _ type: T.Type) -> T? {
            documents.document(path.hasPrefix("/") ? path : "\(directory)/\(path)", &diagnostics).flatMap { T.decode($0, &diagnostics) }
        }
        let intents = load(settings.intents, IntentCatalog.self), safety = load(settings.safety, SafetyCatalog.self)
        let replies = load(settings.replies, ReplyCatalog.self)
        if let replies {
            let missing = Replies.missing(in: replies, language: language)
            if !missing.isEmpty {
                diagnostics.error(
                    .missing, "\(settings.replies) lacks replies in “\(language)”: \(missing.joined(separator: ", "))", remedy: "add them", at: nil)
            }
        }
        guard let intents, let safety, let replies else { return nil }
        return ButlerCatalogs(intents: intents, safety: safety, replies: replies)
    }
}
