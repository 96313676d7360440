import CoreMetrics
import Foundation
import Kernel
import Metrics
import PluginAPI

/// Sees to it that no guest waits unseen: an unanswered message, a complaint past its due time, a queue that nobody works off.
///
/// Nothing is polled. Whatever changes a conversation or a task has it looked at in the same transaction; what is due later is a job, which survives
/// restarts and looks again when its time has come.
public struct GuestWatch: Sendable {
    /// The kind of job by which the watch looks again. Whoever puts Jack together registers ``perform(_:)`` for it.
    public static let jobKind = "guest-watch"

    static func fingerprint(unanswered conversation: String) -> String { "guest:unanswered:\(conversation)" }
    static func fingerprint(complaint task: String) -> String { "guest:complaint-sla:\(task)" }

    /// What a job looks at.
    private enum Look: Codable {
        case conversation(String)
        case task(String)
    }

    private let settings: WatchSettings
    private let property: String
    private let engine: any StorageEngine
    private let jobs: JobQueue
    private let standing: StandingAlerts
    private let clock: any TimeSource
    private let metrics: any MetricsFactory
    private let conversations: ConversationRepository
    private let tasks: TaskRepository
    private let guests: GuestRepository

    public init(
        settings: WatchSettings, property: String, engine: any StorageEngine, jobs: JobQueue, alerts: AlertIntake, clock: any TimeSource,
        metrics: any MetricsFactory
    ) {
        self.settings = settings
        self.property = property
        self.engine = engine
        self.jobs = jobs
        standing = StandingAlerts(intake: alerts, property: property)
        self.clock = clock
        self.metrics = metrics
        conversations = ConversationRepository(property: property)
        tasks = TaskRepository(property: property)
        guests = GuestRepository(property: property)
    }

    /// Looks again at what a job was left for.
    public func perform(_ payload: [UInt8]) async throws {
        let look = try JSONDecoder().decode(Look.self, from: Data(payload)), now = clock.now
        try await engine.write { transaction in
            switch look {
            case .conversation(let id):
                guard let conversation = try conversations.get(id, in: transaction) else { return }
                try self.look(at: conversation, now: now, in: transaction)
            case .task(let id):
                guard let task = try tasks.get(id, in: transaction) else { return }
                try self.look(at: task, now: now, in: transaction)
                guard task.dueAt <= now, task.state != .done, task.state != .cancelled else { return }
                transaction.afterCommit { [metrics] in
                    Counter(label: "jack_sla_breaches_total", dimensions: [("department", task.department)], factory: metrics).increment()
                }
            }
        }
    }

    /// How many conversations wait for a human whom nobody has sent yet.
    public func escalationQueue() async throws -> Int { try await engine.read { try self.escalationQueue(in: $0) } }

    // MARK: Conversations

    /// Looks at a conversation in the transaction that changed it, or that a message came with.
    func look(at conversation: Conversation, now: Date, in transaction: any StorageTransaction) throws {
        try lookAtQueue(now: now, in: transaction)
        if conversation.state.belongsToJack {
            let summary = "the conversation is \(conversation.state.rawValue)"
            try standing.end(DeadLetters.fingerprint(conversation.id), summary: summary, at: now, in: transaction)
        }
        guard let limit = settings.unanswered else { return }
        let fingerprint = Self.fingerprint(unanswered: conversation.id)
        let stands = try standing.get(fingerprint, in: transaction)
        guard let waiting = try waiting(in: conversation, transaction) else {
            if stands != nil {
                let how =
                    conversation.state == .closed || conversation.state == .resolved
                    ? "the conversation is \(conversation.state.rawValue)" : "answered"
                try standing.end(fingerprint, summary: "the guest waits no more: \(how)", at: now, in: transaction)
            }
            return
        }
        // One that waits on behind an answered one is a matter of its own.
        if let stands, stands.annotations["message"] != waiting.message {
            try standing.end(fingerprint, summary: "the guest's earlier message is answered", at: now, in: transaction)
        } else if stands != nil {
            return
        }
        let due = waiting.since.addingTimeInterval(limit.seconds)
        guard due <= now else {
            return try jobs.enqueue(
                Self.jobKind, payload: [UInt8](JSONEncoder().encode(Look.conversation(conversation.id))), at: due,
                key: "\(Self.jobKind):conversation:\(conversation.id)", in: transaction)
        }
        var labels = try conversation.labels(property: property, guests: guests, at: now, in: transaction)
        let severity = labels["vip"] == nil ? settings.unansweredSeverity : settings.unansweredVipSeverity
        labels.merge(["alertname": "GuestUnanswered", "type": "guest_unanswered", "severity": severity.rawValue]) { $1 }
        let place = labels["room"].map { "in room \($0)" } ?? "by \(conversation.instance)"
        try standing.raise(
            Alert(
                fingerprint: fingerprint, name: "GuestUnanswered", severity: severity,
                summary: "a guest \(place) has waited \(limit.text) for an answer", detail: String(waiting.text.prefix(500)), labels: labels,
                annotations: ["message": waiting.message, "guest_text": String(waiting.text.prefix(500)), "waits_since": waiting.since.iso8601],
                startsAt: now),
            in: transaction)
    }

    private struct Waiting {
        var message: String
        var text: String
        var since: Date
    }

    /// The oldest message that awaits an answer.
    ///
    /// While a human holds the conversation, or is awaited, only a human's words answer it: that a colleague was asked is no answer. With Jack, only
    /// a reply that waits for approval keeps a guest waiting.
    private func waiting(in conversation: Conversation, _ transaction: any StorageTransaction) throws -> Waiting? {
        let row: SQLRow?
        switch conversation.state {
        case .escalated, .taken:
            row = try transaction.row(
                """
                SELECT m.id, m.text, w.since FROM guest_wait w JOIN message m ON m.id = w.message_id
                WHERE w.property = :property AND w.conversation_id = :id
                """, ["id": conversation.id.sql, "property": property.sql])
        case .active:
            row = try transaction.row(
                """
                SELECT q.id, q.text, q.created_at AS since FROM message r JOIN message q ON q.id = r.in_reply_to
                WHERE r.conversation_id = :id AND r.property = :property AND r.state = 'held' ORDER BY q.seq LIMIT 1
                """, ["id": conversation.id.sql, "property": property.sql])
        case .new, .resolved, .closed: row = nil
        }
        if row == nil { try forget(conversation, transaction) }
        return try row.map { Waiting(message: try $0.string("id"), text: try $0.string("text"), since: try $0.date("since")) }
    }

    /// A guest's message was dealt with.
    /// - Parameter awaitsHuman: true where what the guest was told is no answer yet.
    func dealtWith(
        _ message: String, receivedAt: Date, in conversation: Conversation, awaitsHuman: Bool, now: Date, _ transaction: any StorageTransaction
    ) throws {
        if awaitsHuman {
            // The first of several that wait counts.
            try transaction.run(
                """
                INSERT INTO guest_wait (property, conversation_id, message_id, since) VALUES (:property, :id, :message, :since)
                ON CONFLICT (property, conversation_id) DO NOTHING
                """, ["property": property.sql, "id": conversation.id.sql, "message": message.sql, "since": receivedAt.sql])
        }
        try look(at: conversation, now: now, in: transaction)
    }

    /// A human answered.
    func answered(_ conversation: Conversation, now: Date, in transaction: any StorageTransaction) throws {
        try forget(conversation, transaction)
        // Whether their words arrive is another letter's matter.
        try standing.end(DeadLetters.fingerprint(conversation.id), summary: "a colleague wrote to the guest", at: now, in: transaction)
        try look(at: conversation, now: now, in: transaction)
    }

    private func forget(_ conversation: Conversation, _ transaction: any StorageTransaction) throws {
        try transaction.run(
            "DELETE FROM guest_wait WHERE property = :property AND conversation_id = :id", ["property": property.sql, "id": conversation.id.sql])
    }

    // MARK: The queue

    private func escalationQueue(in reader: any StorageReader) throws -> Int {
        try reader.row("SELECT COUNT(*) AS n FROM conversation WHERE property = :property AND state = 'escalated'", ["property": property.sql])?
            .int("n") ?? 0
    }

    private func lookAtQueue(now: Date, in transaction: any StorageTransaction) throws {
        guard let limit = settings.escalationQueue else { return }
        let length = try escalationQueue(in: transaction), fingerprint = "guest:escalation-queue"
        // A tenth below the limit before it is over: a queue at its limit must not page with every guest.
        if length <= limit - max(1, limit / 10) {
            try standing.end(fingerprint, summary: "\(length) conversations wait for a human", at: now, in: transaction)
        } else if length > limit {
            try standing.raise(
                Alert(
                    fingerprint: fingerprint, name: "EscalationQueue", severity: .error,
                    summary: "\(length) conversations wait for a human, more than \(limit)",
                    labels: [
                        "alertname": "EscalationQueue", "type": "escalation_queue", "severity": AlertSeverity.error.rawValue, "property": property,
                    ], startsAt: now),
                in: transaction)
        }
    }

    // MARK: Tasks

    /// Looks at a task in the transaction that made or changed it.
    func look(at task: HotelTask, now: Date, in transaction: any StorageTransaction) throws {
        let fingerprint = Self.fingerprint(complaint: task.id)
        guard task.state != .done, task.state != .cancelled else {
            try standing.end(fingerprint, summary: "the complaint is \(task.state.rawValue)", at: now, in: transaction)
            return
        }
        guard task.dueAt <= now else {
            // Who gets more time is not late any more.
            try standing.end(fingerprint, summary: "the complaint is due later", at: now, in: transaction)
            return try jobs.enqueue(
                Self.jobKind, payload: [UInt8](JSONEncoder().encode(Look.task(task.id))), at: task.dueAt, key: "\(Self.jobKind):task:\(task.id)",
                in: transaction)
        }
        guard settings.isComplaint(task.intent) else { return }
        var labels =
            try task.conversationID.flatMap { try conversations.get($0, in: transaction) }
            .map { try $0.labels(property: property, guests: guests, at: now, in: transaction) } ?? ["property": property]
        if let room = task.room { labels["room"] = room }
        let severity = settings.complaintSeverity
        labels.merge([
            "alertname": "GuestComplaintSLA", "type": "complaint_sla", "severity": severity.rawValue, "department": task.department, "task": task.id,
        ]) { $1 }
        try standing.raise(
            Alert(
                fingerprint: fingerprint, name: "GuestComplaintSLA", severity: severity,
                summary: "a complaint\(labels["room"].map { " of room \($0)" } ?? "") is past its time and not done",
                detail: String(task.description.prefix(500)), labels: labels,
                annotations: ["guest_text": String(task.description.prefix(500)), "due_at": task.dueAt.iso8601].merging(
                    task.messageID.map { ["message": $0] } ?? [:]
                ) { $1 },
                startsAt: now),
            in: transaction)
    }
}
