import CoreMetrics
import Foundation
import Kernel
import PluginAPI

/// What staff do: take conversations, answer, approve what Jack drafted, and work off tasks. Every change is checked by the rules and leaves its reason.
public struct StaffDesk: Sendable {
    private let engine: any StorageEngine
    private let outbox: @Sendable () -> Outbox
    private let bus: EventBus
    private let clock: any TimeSource
    private let property: PropertyInfo
    private let sla: SLASettings
    private let conversations: ConversationRepository
    private let messages: MessageRepository
    private let tasks: TaskRepository
    private let watch: GuestWatch?
    private let window: ReplyWindow
    private let features: @Sendable (_ instance: String) -> ChannelFeatures?
    private let meter: TaskMeter

    init(
        engine: any StorageEngine, outbox: @escaping @Sendable () -> Outbox, bus: EventBus, clock: any TimeSource, property: PropertyInfo,
        sla: SLASettings, notices: ConversationNotices?, watch: GuestWatch?, window: ReplyWindow, metrics: any MetricsFactory,
        features: @escaping @Sendable (_ instance: String) -> ChannelFeatures?
    ) {
        self.window = window
        meter = TaskMeter(metrics: metrics)
        self.features = features
        self.watch = watch
        self.engine = engine
        self.outbox = outbox
        self.bus = bus
        self.clock = clock
        self.property = property
        self.sla = sla
        conversations = ConversationRepository(property: property.id, notices: notices, metrics: metrics)
        messages = MessageRepository(property: property.id)
        tasks = TaskRepository(property: property.id)
    }

    /// Changes where a conversation stands. `taken` needs a person.
    /// - Throws: ``ButlerError``.
    public func move(_ id: String, to state: ConversationState, by person: String?) async throws -> Conversation {
        let now = clock.now
        return try await engine.write { transaction in
            guard var conversation = try conversations.get(id, in: transaction) else {
                throw ButlerError(.notFound, "there is no conversation “\(id)”")
            }
            if state == .taken, person == nil { throw ButlerError(.invalid, "say who takes the conversation") }
            try conversation.move(to: state, at: now)
            if state == .taken { conversation.assignedTo = person }
            try conversations.save(conversation, at: now, in: transaction)
            let reason = "\(person ?? "staff") made the conversation \(state.rawValue)"
            try Ledger.record(.init(step: "staff", outcome: state.rawValue, reason: reason, at: now), of: id, property: property.id, in: transaction)
            try watch?.look(at: conversation, now: now, in: transaction)
            announce(conversation, transaction)
            return conversation
        }
    }

    /// Answers a guest. Whoever answers takes the conversation.
    /// - Throws: ``ButlerError``; `.conflict` where the channel takes no free text any more and no template is configured for that.
    /// - Parameter clientID: the caller's own id: the same is one message, however often it is sent.
    public func reply(to id: String, text: String, by person: String, clientID: String? = nil) async throws -> Message {
        let now = clock.now
        guard !text.allSatisfy(\.isWhitespace) else { throw ButlerError(.invalid, "the reply is empty") }
        return try await engine.write { transaction in
            guard var conversation = try conversations.get(id, in: transaction) else {
                throw ButlerError(.notFound, "there is no conversation “\(id)”")
            }
            let vendorID = clientID.map { "staff:\($0)" }
            if let vendorID, let known = try messages.find(vendorID: vendorID, in: id, transaction) { return known }
            let template = try template(for: text, in: conversation)
            let last = try messages.list(of: id, limit: 20, in: transaction).last { $0.author == .guest }
            if conversation.state != .taken { try conversation.move(to: .taken, at: now) }
            conversation.assignedTo = person
            conversation.lastReplyAt = now
            try conversations.save(conversation, at: now, in: transaction)
            let message = Message(
                id: Identifier.make("msg", at: now), conversationID: id, author: .staff, authorName: person, text: text,
                language: conversation.language,
                vendorID: vendorID, inReplyTo: last?.id, state: .released, createdAt: now)
            try messages.add(message, in: transaction)
            try outbox().enqueue(
                .message(message.outbound(to: conversation.peer, answering: last?.vendorID), through: conversation.instance, at: now), in: transaction
            )
            try Ledger.record(
                .init(step: "staff", outcome: "replied", reason: "\(person) answered" + Self.note(template), at: now), of: message.id,
                property: property.id,
                in: transaction)
            try watch?.answered(conversation, now: now, in: transaction)
            announce(conversation, transaction)
            return message
        }
    }

    /// Lets a held reply go, as it is or in other words. The order that waited with it becomes a task now.
    /// - Throws: ``ButlerError``.
    public func approve(_ id: String, text: String? = nil, by person: String) async throws -> Message {
        let now = clock.now
        if let text, text.allSatisfy(\.isWhitespace) { throw ButlerError(.invalid, "the reply is empty") }
        return try await engine.write { transaction in
            try messages.settle(id, .released, text: text, by: person, at: now, in: transaction)
            guard let message = try messages.get(id, in: transaction),
                var conversation = try conversations.get(message.conversationID, in: transaction)
            else {
                throw ButlerError(.notFound, "there is no reply “\(id)”")
            }
            let answered = try message.inReplyTo.flatMap { try messages.get($0, in: transaction) }
            let template = try template(for: message.text, in: conversation)
            conversation.lastReplyAt = now
            try conversations.save(conversation, at: now, in: transaction)
            try outbox().enqueue(
                .message(message.outbound(to: conversation.peer, answering: answered?.vendorID), through: conversation.instance, at: now),
                in: transaction)
            if let order = message.heldOrder { try begin(order, heldWith: message, by: person, at: now, in: transaction) }
            let reason = "\(person) approved it" + (text == nil ? "" : " in other words") + Self.note(template)
            try Ledger.record(.init(step: "approval", outcome: "approved", reason: reason, at: now), of: id, property: property.id, in: transaction)
            try watch?.answered(conversation, now: now, in: transaction)
            announce(conversation, transaction)
            return message
        }
    }

    /// Makes the task of an order that was held; its time begins now.
    private func begin(_ order: HotelTask, heldWith reply: Message, by person: String, at now: Date, in transaction: any StorageTransaction) throws {
        var task = order
        task.createdAt = now
        task.dueAt = now.addingTimeInterval(sla.due(task.priority).seconds)
        try tasks.save(task, at: now, in: transaction)
        let note = Ledger.Entry(
            step: "task", outcome: "created", reason: "\(person) approved it: it is for \(task.department), due \(task.dueAt.iso8601)",
            details: ["task": .string(task.id)], at: now)
        try Ledger.record(note, of: reply.inReplyTo ?? reply.id, property: property.id, in: transaction)
        try watch?.look(at: task, now: now, in: transaction)
        let made = task
        transaction.afterCommit { [bus, meter] in
            bus.post(TaskTouched(task: made))
            meter.made(made)
        }
    }

    /// Does not let a held reply go; the conversation is then the person's. The order that waited with it makes no task.
    /// - Throws: ``ButlerError``.
    public func reject(_ id: String, reason: String, by person: String) async throws -> Message {
        let now = clock.now
        return try await engine.write { transaction in
            try messages.settle(id, .rejected, by: person, at: now, in: transaction)
            guard let message = try messages.get(id, in: transaction),
                var conversation = try conversations.get(message.conversationID, in: transaction)
            else {
                throw ButlerError(.notFound, "there is no reply “\(id)”")
            }
            if conversation.state != .taken { try conversation.move(to: .taken, at: now) }
            conversation.assignedTo = person
            try conversations.save(conversation, at: now, in: transaction)
            let why = "\(person) rejected it: \(reason)" + (message.heldOrder == nil ? "" : "; the order that waited with it makes no task")
            try Ledger.record(.init(step: "approval", outcome: "rejected", reason: why, at: now), of: id, property: property.id, in: transaction)
            try watch?.look(at: conversation, now: now, in: transaction)
            announce(conversation, transaction)
            return message
        }
    }

    /// Makes a task by hand. The ledger says who did.
    /// - Parameter clientID: the caller's own id: the same is one task, however often it is sent.
    /// - Throws: ``ButlerError`` `.invalid`; `.notFound` where there is no such conversation.
    public func createTask(
        department: String, room: String?, title: String, description: String, priority: TaskPriority, conversation: String? = nil,
        dueAt: Date? = nil, by person: String, clientID: String? = nil
    ) async throws -> HotelTask {
        let now = clock.now
        guard !title.isEmpty, !department.isEmpty else { throw ButlerError(.invalid, "a task has a title and a department") }
        let task = HotelTask(
            id: clientID.map { Identifier.of("tsk", named: $0) } ?? Identifier.make("tsk", at: now), conversationID: conversation,
            department: department, room: room, title: title,
            description: description,
            priority: priority, dueAt: dueAt ?? now.addingTimeInterval(sla.due(priority).seconds), createdAt: now)
        return try await engine.write { transaction in
            if clientID != nil, let known = try tasks.get(task.id, in: transaction) { return known }
            if let conversation, try conversations.get(conversation, in: transaction) == nil {
                throw ButlerError(.notFound, "there is no conversation “\(conversation)”")
            }
            try tasks.save(task, at: now, in: transaction)
            try Ledger.record(
                .init(step: "staff", outcome: task.state.rawValue, reason: "\(person) made the task by hand", at: now), of: task.id,
                property: property.id, in: transaction)
            try watch?.look(at: task, now: now, in: transaction)
            transaction.afterCommit { [bus, meter] in
                bus.post(TaskTouched(task: task))
                meter.made(task)
            }
            return task
        }
    }

    /// Moves a task on.
    /// - Throws: ``ButlerError``.
    public func move(task id: String, to state: HotelTask.State, by person: String?, notes: String? = nil) async throws -> HotelTask {
        let now = clock.now
        return try await engine.write { transaction in
            guard var task = try tasks.get(id, in: transaction) else { throw ButlerError(.notFound, "there is no task “\(id)”") }
            let isNew = task.state != state
            try task.move(to: state, by: person, at: now)
            if let notes { task.notes = notes }
            try tasks.save(task, at: now, in: transaction)
            let reason = "\(person ?? "staff") made the task \(state.rawValue)"
            try Ledger.record(.init(step: "staff", outcome: state.rawValue, reason: reason, at: now), of: id, property: property.id, in: transaction)
            let changed = task
            try watch?.look(at: changed, now: now, in: transaction)
            transaction.afterCommit { [bus, meter] in
                bus.post(TaskTouched(task: changed))
                if isNew { meter.done(changed) }
            }
            return task
        }
    }

    /// Closes conversations in which nobody has written for a while. Those that wait for a human, also for an approval, stay open.
    func closeIdle(after idle: Duration) async throws -> Int {
        let now = clock.now
        return try await engine.write { transaction in
            let idle = try conversations.quiet(since: now.addingTimeInterval(-idle.seconds), limit: 1000, in: transaction)
            for var conversation in idle {
                try conversation.move(to: .closed, at: now)
                try conversations.save(conversation, at: now, in: transaction)
                try watch?.look(at: conversation, now: now, in: transaction)
                announce(conversation, transaction)
            }
            return idle.count
        }
    }

    /// What will go in place of a reply; nil where the reply itself can. A colleague is told at once what the channel would refuse later.
    private func template(for text: String, in conversation: Conversation) throws -> MessageTemplate? {
        let features = features(conversation.instance)
        guard window.isClosed(for: conversation, features) else { return nil }
        guard let template = window.template(for: text, through: conversation.instance, features) else {
            throw ButlerError(.conflict, window.refusal(through: conversation.instance, features))
        }
        return template
    }

    private static func note(_ template: MessageTemplate?) -> String {
        template.map { "; the channel's reply window is over, so the template “\($0.name)” goes in its place" } ?? ""
    }

    private func announce(_ conversation: Conversation, _ transaction: any StorageTransaction) {
        let (bus, id, state) = (bus, conversation.id, conversation.state)
        transaction.afterCommit { bus.post(ConversationTouched(id: id, state: state)) }
    }
}
