import CoreMetrics
import Foundation
import Kernel
import Metrics
import PluginAPI

/// Fetches what guests send beside words, so that staff can see it.
///
/// Each file is a job that is left in the transaction that keeps the message, and a row of its own from then on. A process that dies in the middle of
/// fetching fetches again, and keeps the file once. What the channel refuses for good is not asked for again; everything else is, with growing waits, for as
/// long as `butler.media.try_for` says.
public struct GuestMedia: Sendable {
    /// The kind of job by which a file is fetched. Whoever puts Jack together registers ``perform(_:)`` for it.
    public static let jobKind = "guest-media"
    /// Files that are fetched at the same time. Few: they are held in memory, and take their channel's places from what is sent.
    public static let atOnce = 4
    /// The longest that fetching one file may take.
    static let timeout = Duration.seconds(120)

    private let settings: MediaSettings
    private let property: String
    private let engine: any StorageEngine
    private let jobs: JobQueue
    private let dispatcher: Dispatcher
    private let bus: EventBus
    private let clock: any TimeSource
    private let metrics: any MetricsFactory
    private let backoff = Backoff(base: .seconds(10), maximum: .seconds(1800))
    private let attachments: AttachmentRepository
    private let conversations: ConversationRepository

    /// Why a file is not kept.
    private struct Refusal: Sendable {
        var reason: String
        var detail: String
    }

    init(
        settings: MediaSettings, property: String, engine: any StorageEngine, jobs: JobQueue, dispatcher: Dispatcher, bus: EventBus,
        clock: any TimeSource, metrics: any MetricsFactory
    ) {
        self.settings = settings
        self.property = property
        self.engine = engine
        self.jobs = jobs
        self.dispatcher = dispatcher
        self.bus = bus
        self.clock = clock
        self.metrics = metrics
        attachments = AttachmentRepository(property: property)
        conversations = ConversationRepository(property: property)
    }

    /// Leaves the jobs that fetch a message's files, in the transaction that keeps the message. The same message twice leaves nothing twice.
    func expect(_ message: Message, through instance: String, now: Date, in transaction: any StorageTransaction) throws {
        guard settings.fetch else { return }
        for (place, media) in message.extras.media.prefix(settings.perMessage).enumerated() {
            let id = Identifier.make("att", at: now)
            guard try attachments.expect(id, media, place: place, of: message, through: instance, at: now, in: transaction) else { continue }
            try jobs.enqueue(Self.jobKind, payload: Array(id.utf8), at: now, key: Self.key(id), in: transaction)
        }
    }

    private static func key(_ id: String) -> String { "\(jobKind):\(id)" }

    /// Fetches the file that a job was left for.
    /// - Throws: ``Kernel/StorageError``, which the job queue tries again; what the channel says is dealt with here.
    public func perform(_ payload: [UInt8]) async throws {
        let id = String(decoding: payload, as: UTF8.self)
        let (found, refused) = try await engine.read { reader in
            let attachment = try self.attachments.get(id, in: reader)
            // What is said to be too large is not fetched to find it so.
            return (attachment, try attachment.flatMap { try self.refusal($0.media.size ?? 0, of: $0, reader) })
        }
        guard let attachment = found, attachment.state == .waiting else { return }
        if let refused { return try await engine.write { try self.refuse(attachment, refused, in: $0) } }
        let media = attachment.media, content: MediaContent
        do {
            content = try await dispatcher.call(
                attachment.instance, as: (any ChannelPlugin).self, "media", CallOptions(timeout: Self.timeout, attempts: 1)
            ) { try await $0.fetchMedia(media) }
        } catch let failure as PluginFailure {
            return try await engine.write { try self.failed(attachment, failure, in: $0) }
        }
        try await keep(attachment, content)
    }

    /// Forgets the files that were kept long enough, in steps that hold nobody up.
    public func keepHouse() async throws {
        guard let keepFor = settings.keepFor else { return }
        let now = clock.now, before = now.addingTimeInterval(-keepFor.seconds), step = 50
        while try await engine.write({ try self.attachments.forget(before: before, limit: step, at: now, in: $0) }) == step {}
    }

    // MARK: What becomes of a file

    private func keep(_ attachment: Attachment, _ content: MediaContent) async throws {
        let now = clock.now, type = MediaType.settle(content.bytes, declared: [content.mimeType, attachment.media.mimeType])
        try await engine.write { transaction in
            // Another may have come in between, and taken the room.
            guard try self.attachments.get(attachment.id, in: transaction)?.state == .waiting else { return }
            if let refused = try self.refusal(content.bytes.count, of: attachment, transaction) {
                return try self.refuse(attachment, refused, in: transaction)
            }
            try self.attachments.store(attachment.id, content.bytes, mimeType: type, at: now, in: transaction)
            try self.tell(attachment, "stored", "\(type), \(content.bytes.count) bytes", at: now, in: transaction)
        }
    }

    /// The limits, of which the first that is passed is named.
    private func refusal(_ size: Int, of attachment: Attachment, _ reader: any StorageReader) throws -> Refusal? {
        guard size <= settings.maximumFile.bytes else {
            return Refusal(reason: "too-large", detail: "the file is larger than butler.media.maximum_file (\(settings.maximumFile))")
        }
        guard try attachments.used(in: attachment.conversationID, reader) + max(1, size) <= settings.perConversation.bytes else {
            return Refusal(
                reason: "conversation-quota", detail: "the conversation's files come to butler.media.per_conversation (\(settings.perConversation))")
        }
        guard try attachments.used(in: nil, reader) + max(1, size) <= settings.total.bytes else {
            return Refusal(reason: "quota", detail: "all guests' files come to butler.media.total (\(settings.total))")
        }
        return nil
    }

    private func refuse(_ attachment: Attachment, _ refusal: Refusal, in transaction: any StorageTransaction) throws {
        let now = clock.now
        try attachments.fail(attachment.id, reason: refusal.reason, detail: refusal.detail, isFinal: true, at: now, in: transaction)
        try tell(attachment, "failed", refusal.detail, at: now, in: transaction)
    }

    private func failed(_ attachment: Attachment, _ failure: PluginFailure, in transaction: any StorageTransaction) throws {
        // Its conversation may have been deleted meanwhile.
        guard try attachments.get(attachment.id, in: transaction)?.state == .waiting else { return }
        let now = clock.now, isLate = now.timeIntervalSince(attachment.createdAt) >= settings.tryFor.seconds
        let isFinal = isLate || Self.isFinal(failure)
        try attachments.fail(
            attachment.id, reason: failure.reason.rawValue, detail: failure.message, isFinal: isFinal, at: now, in: transaction)
        guard !isFinal else { return try tell(attachment, "failed", failure.message, at: now, in: transaction) }
        // Full jitter may come to nothing, and a channel that is down has better to do.
        let wait = backoff.delay(afterFailures: attachment.attempts + 1, atLeast: max(failure.retryAfter ?? .zero, .seconds(2)))
        try jobs.enqueue(
            Self.jobKind, payload: Array(attachment.id.utf8), at: now.addingTimeInterval(wait.seconds), key: Self.key(attachment.id), in: transaction)
    }

    /// What is never to be had. A channel that the configuration no longer names may be named again.
    private static func isFinal(_ failure: PluginFailure) -> Bool { failure.disposition == .permanent && failure.reason != .configuration }

    private func tell(_ attachment: Attachment, _ outcome: String, _ reason: String, at date: Date, in transaction: any StorageTransaction) throws {
        try Ledger.record(
            .init(step: "media", outcome: outcome, reason: "file \(attachment.place + 1): \(reason)", at: date), of: attachment.messageID,
            property: property, in: transaction)
        let conversation = try conversations.get(attachment.conversationID, in: transaction)
        transaction.afterCommit { [bus, metrics] in
            if let conversation { bus.post(ConversationTouched(id: conversation.id, state: conversation.state)) }
            Counter(label: "jack_attachments_total", dimensions: [("channel", attachment.instance), ("outcome", outcome)], factory: metrics)
                .increment()
        }
    }
}
