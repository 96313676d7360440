import CoreMetrics
import Foundation
import Kernel
import Logging
import PluginAPI

/// Deletes conversations, and erases guests: their words stay in no table of Jack's but on call's (docs/security.md says what is kept where).
///
/// What is still open is not deleted: whoever deals with it must be able to read it. Everything of one call is one transaction.
public struct ConversationEraser: Sendable {
    /// What others know that speaks against deleting a conversation, in a sentence that goes on after “it is open still:”; nil where nothing does.
    public typealias Objection = @Sendable (_ conversation: String) async throws -> String?

    private let engine: any StorageEngine
    private let settings: RetentionSettings
    private let property: String
    private let bus: EventBus
    private let clock: any TimeSource
    private let logger: Logger
    private let standing: StandingAlerts
    private let kernel: Eraser
    private let conversations: ConversationRepository
    private let messages: MessageRepository
    private let attachments: AttachmentRepository
    private let tasks: TaskRepository
    private let guests: GuestRepository
    private let usage: UsageRepository
    private let tries: VerificationTries

    init(
        engine: any StorageEngine, settings: RetentionSettings, boxes: BoxRetention, property: String, alerts: AlertIntake, bus: EventBus,
        clock: any TimeSource,
        logger: Logger, notices: ConversationNotices?, metrics: any MetricsFactory
    ) {
        self.engine = engine
        self.settings = settings
        self.property = property
        self.bus = bus
        self.clock = clock
        self.logger = logger
        standing = StandingAlerts(intake: alerts, property: property)
        kernel = Eraser(property: property, retention: boxes)
        conversations = ConversationRepository(property: property, notices: notices, metrics: metrics)
        messages = MessageRepository(property: property)
        attachments = AttachmentRepository(property: property)
        tasks = TaskRepository(property: property)
        guests = GuestRepository(property: property)
        usage = UsageRepository(property: property)
        tries = VerificationTries(property: property)
    }

    // MARK: Erasing

    /// Deletes a conversation, with its messages, files, deliveries and history. Its tasks stay without the guest's words.
    /// - Throws: ``ButlerError`` `.notFound`; `.conflict` where something of it is still open.
    public func erase(conversation id: String, by person: String, unless open: Objection) async throws -> ErasureReport {
        try await erase([id], by: person, unless: open) { _, _ in }
    }

    /// Deletes all conversations of a guest, and what Jack keeps of the guest. What the PMS knows of them is the PMS's.
    /// - Throws: ``ButlerError`` `.notFound`; `.conflict` where something is still open in any of them, or the guest has just written by another way.
    public func erase(guest id: String, by person: String, unless open: Objection) async throws -> ErasureReport {
        let ids = try await engine.read { reader in
            guard try guests.get(id, in: reader) != nil else { throw ButlerError(.notFound, "there is no guest “\(id)”") }
            return try conversations.ids(of: id, in: reader)
        }
        return try await erase(ids, by: person, unless: open) { transaction, now in
            guard try conversations.ids(of: id, in: transaction).isEmpty else {
                throw ButlerError(.conflict, "the guest “\(id)” has just begun another conversation; try again")
            }
            try guests.delete(id, in: transaction)
            try Ledger.erase(of: id, property: property, in: transaction)
            try Ledger.record(
                .init(step: "erasure", outcome: "erased", reason: "\(person) erased the guest", at: now), of: id, property: property, in: transaction)
        }
    }

    /// - Parameter finish: what else belongs to it, in the same transaction.
    private func erase(
        _ ids: [String], by person: String, unless open: Objection,
        finish: @escaping @Sendable (_ transaction: any StorageTransaction, _ now: Date) throws -> Void
    ) async throws -> ErasureReport {
        let before = clock.now
        let traces: [String: Eraser.Traces] = try await engine.read { reader in
            try ids.reduce(into: [:]) { traces, id in
                guard let conversation = try conversations.get(id, in: reader) else {
                    throw ButlerError(.notFound, "there is no conversation “\(id)”")
                }
                traces[id] = try kernel.find(subject(conversation), at: before, in: reader)
            }
        }
        for id in ids {
            if let reason = try await open(id) { throw Self.refusal(id, reason) }
        }
        return try await engine.write { transaction in
            let now = clock.now
            let found = try ids.map { id in
                guard let conversation = try conversations.get(id, in: transaction) else {
                    throw ButlerError(.notFound, "there is no conversation “\(id)”")
                }
                if let reason = try objection(to: conversation, in: transaction) { throw Self.refusal(id, reason) }
                return conversation
            }
            var report = ErasureReport()
            for conversation in found {
                try erase(conversation, traces[conversation.id] ?? .init(), by: person, at: now, &report, in: transaction)
            }
            try finish(transaction, now)
            return report
        }
    }

    private static func refusal(_ id: String, _ reason: String) -> ButlerError {
        ButlerError(.conflict, "the conversation “\(id)” is open still: \(reason)")
    }

    private func subject(_ conversation: Conversation) -> Eraser.Subject {
        Eraser.Subject(
            instance: conversation.instance, peer: conversation.peer, reference: conversation.id,
            lanes: [ConversationNotices.lane(of: conversation.id)],
            lastActive: conversation.updatedAt)
    }

    /// Why a conversation must not go yet.
    private func objection(to conversation: Conversation, in reader: any StorageReader) throws -> String? {
        if conversation.state == .escalated { return "it waits for a human; answer it, or resolve it, first" }
        let own = try tasks.list(of: conversation.id, in: reader)
        if let task = own.first(where: { $0.intent == HotelTask.emergency && $0.state != .done && $0.state != .cancelled }) {
            return "its emergency is not dealt with (task \(task.id))"
        }
        if let task = try own.first(where: { try standing.get(GuestWatch.fingerprint(complaint: $0.id), in: reader) != nil }) {
            return "a complaint in it is past its time and not done (task \(task.id))"
        }
        let ids = try messages.ids(of: conversation.id, in: reader)
        return try kernel.objection(to: subject(conversation), fingerprints: alerts(of: conversation.id, ids, own), in: reader)
    }

    /// The alerts that may tell of a conversation.
    private func alerts(of conversation: String, _ messages: [String], _ tasks: [HotelTask]) -> [String] {
        [GuestWatch.fingerprint(unanswered: conversation), DeadLetters.fingerprint(conversation)]
            + messages.flatMap { [EmergencyStage.fingerprint(of: $0), DeadLetters.fingerprint($0)] }
            + tasks.map { GuestWatch.fingerprint(complaint: $0.id) }
    }

    private func erase(
        _ conversation: Conversation, _ traces: Eraser.Traces, by person: String, at now: Date, _ report: inout ErasureReport,
        in transaction: any StorageTransaction
    ) throws {
        let id = conversation.id, own = try tasks.list(of: id, in: transaction), messages = try messages.ids(of: id, in: transaction)
        var erased = ErasureReport()
        (erased.conversations, erased.messages, erased.tasks) = (1, messages.count, own.count)
        erased.attachments = try attachments.count(of: id, in: transaction)
        for fingerprint in alerts(of: id, messages + traces.inbox, own) {
            try standing.forget(fingerprint, summary: "the conversation was deleted", at: now, in: transaction)
        }
        try kernel.erase(traces, messages: messages, of: subject(conversation), in: transaction)
        for message in messages { try tries.forgive(message: message, in: transaction) }
        try usage.forget(conversation: id, in: transaction)
        try tasks.forgetWords(of: id, in: transaction)
        try conversations.delete(conversation, at: now, in: transaction)
        try Ledger.record(
            .init(step: "erasure", outcome: "deleted", reason: "\(person) deleted the conversation: \(erased)", at: now), of: id, property: property,
            in: transaction)
        report.conversations += 1
        report.messages += erased.messages
        report.attachments += erased.attachments
        report.tasks += erased.tasks
        transaction.afterCommit { [bus] in bus.post(ConversationErased(id: id)) }
    }

    // MARK: Retention

    /// Deletes conversations in which nothing has happened for as long as `butler.retention` says, each in a transaction of its own, and guests whom nothing
    /// else is known of. One that is still open stays until another day.
    /// - Returns: how many conversations went.
    @discardableResult
    public func keepHouse(unless open: Objection) async throws -> Int {
        guard let keep = settings.conversations else { return 0 }
        let before = clock.now.addingTimeInterval(-keep.seconds)
        var last: (date: Date, id: String)?, count = 0
        while true {
            let batch = try await engine.read { [last] in try conversations.untouched(since: before, after: last, limit: 50, in: $0) }
            for conversation in batch {
                try Task.checkCancellation()
                do {
                    _ = try await erase([conversation.id], by: "butler.retention", unless: open) { transaction, _ in
                        try guests.deleteIfForgotten(conversation.guestID, before: before, in: transaction)
                    }
                    count += 1
                } catch let error as ButlerError {
                    logger.info("a conversation is kept beyond its time", metadata: ["reason": "\(error.message)"])
                }
            }
            guard let final = batch.last else { break }
            last = (final.updatedAt, final.id)
        }
        if count > 0 { logger.notice("conversations were deleted as old as butler.retention says", metadata: ["count": "\(count)"]) }
        return count
    }
}

/// Published when a conversation was deleted.
public struct ConversationErased: BusEvent {
    public let id: String
}
