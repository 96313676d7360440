import CoreMetrics
import Foundation
import Kernel
import Logging
import Metrics
import PluginAPI

/// Takes a guest's message from the inbox to what follows from it: a reply, a task, an alert, or silence; all of it, and the message's completion, in one transaction.
public struct ReplyPipeline: Sendable {
    let desk: Desk
    let stages: [any Stage]
    let engine: any StorageEngine
    let outbox: @Sendable () -> Outbox
    let alerts: AlertIntake
    let bus: EventBus
    let metrics: any MetricsFactory
    /// Sees to it that nobody waits unseen; nil where nobody does.
    let watch: GuestWatch?
    /// Fetches what guests send beside words; nil where nobody does.
    let media: GuestMedia?
    let conversations: ConversationRepository
    let messages: MessageRepository
    let tasks: TaskRepository
    let guests: GuestRepository
    let tries: VerificationTries

    init(
        desk: Desk, safety: SafetyLane, engine: any StorageEngine, outbox: @escaping @Sendable () -> Outbox, alerts: AlertIntake, bus: EventBus,
        metrics: any MetricsFactory, notices: ConversationNotices?, watch: GuestWatch?, media: GuestMedia?
    ) {
        self.watch = watch
        self.media = media
        self.desk = desk
        self.engine = engine
        self.outbox = outbox
        self.alerts = alerts
        self.bus = bus
        self.metrics = metrics
        let property = desk.property.id
        conversations = ConversationRepository(property: property, notices: notices, metrics: metrics)
        messages = MessageRepository(property: property)
        tasks = TaskRepository(property: property)
        guests = GuestRepository(property: property)
        tries = VerificationTries(property: property)
        let identity = IdentityStage(desk: desk) { [tries, clock = desk.clock] numbers, turn in
            try await engine.write { transaction in
                try tries.admit(
                    numbers, message: turn.item.id, conversation: turn.conversation.id, instance: turn.item.instance, at: clock.now, in: transaction)
            }
        }
        stages = [
            EmergencyStage(lane: safety, desk: desk, identity: identity), CustodyStage(desk: desk), WordlessStage(desk: desk), identity,
            IntentStage(desk: desk),
            ActionStage(desk: desk, identity: identity), CourtesyStage(desk: desk), AnswerStage(desk: desk),
        ]
    }

    /// Deals with one message.
    func handle(_ item: Inbox.Item, _ message: InboundMessage, from peer: PeerAddress) async throws {
        let start = desk.clock.monotonic
        var turn = try await begin(item, message, peer)
        var decision: Decision?
        for stage in stages {
            decision = try await stage.decide(&turn)
            if decision != nil { break }
        }
        let settled = decision ?? desk.handOver(turn, .notUnderstood)
        try await commit(turn, settled)
        Timer(label: "jack_message_processing_seconds", dimensions: [("channel", item.instance)], factory: metrics)
            .recordNanoseconds(
                (desk.clock.monotonic - start).components.attoseconds / 1_000_000_000 + (desk.clock.monotonic - start).components.seconds
                    * 1_000_000_000)
        if let judged = turn.judged {
            Recorder(label: "jack_answer_confidence", dimensions: [("decision", judged.mode.rawValue)], aggregate: true, factory: metrics)
                .record(judged.confidence)
        }
        if turn.intent != nil { Recorder(label: "jack_intent_confidence", dimensions: [], aggregate: true, factory: metrics).record(turn.confidence) }
    }

    private func begin(_ item: Inbox.Item, _ message: InboundMessage, _ peer: PeerAddress) async throws -> Turn {
        let (conversations, messages, tasks, now, locale) = (conversations, messages, tasks, desk.clock.now, desk.property.locale)
        return try await engine.read { reader in
            let known = try conversations.find(item.instance, peer, in: reader)
            let conversation = known ?? Conversation(id: Identifier.make("cnv", at: now), instance: item.instance, peer: peer, at: now)
            let history = known == nil ? [] : try messages.list(of: conversation.id, limit: 12, in: reader).filter { $0.id != item.id }
            let day = now.addingTimeInterval(-86_400)
            let openTasks =
                known == nil
                ? 0 : try tasks.open(in: conversation.id, since: day, reader) + messages.heldOrders(in: conversation.id, since: day, reader)
            return Turn(
                item: item, message: message, conversation: conversation, isNew: known == nil, history: history, openTasks: openTasks,
                language: conversation.language ?? message.locale.map { String($0.prefix(2)).lowercased() }, hotelLanguage: String(locale.prefix(2)))
        }
    }

    private func commit(_ turn: Turn, _ decision: Decision) async throws {
        let now = desk.clock.now
        let property = desk.property.id
        try await engine.write { transaction in
            // Staff may have come in since the turn began: what they did stands.
            var conversation = try conversations.find(turn.item.instance, turn.conversation.peer, in: transaction) ?? turn.conversation
            let isSilenced = turn.conversation.state.belongsToJack && !conversation.state.belongsToJack
            // What an unproven sender has shown counts for this message: the next one from the address may be another's.
            if turn.isSenderProven {
                if let guest = turn.guest { conversation.guestID = try guests.keep(guest, at: now, in: transaction) }
                conversation.reservation = turn.stay?.id ?? conversation.reservation
            }
            turn.remember(in: &conversation, isSomethingDone: decision.task?.room != nil, timeZone: desk.property.timeZone)
            if turn.isLanguageKnown { conversation.language = turn.language }
            conversation.lastGuestAt = turn.receivedAt
            let isEmergency = decision.alert != nil
            let next = decision.state ?? (conversation.state.belongsToJack ? .active : nil)
            // Whoever holds a conversation keeps it, and only an emergency asks for more people than have come already.
            if let next, !isSilenced || isEmergency, conversation.state != .taken || next != .escalated { try conversation.move(to: next, at: now) }
            try conversations.save(conversation, at: now, in: transaction)
            // One that was given up is there already, for staff to read, and is dealt with anew.
            if try messages.get(turn.item.id, in: transaction) == nil {
                let message = Message(
                    id: turn.item.id, conversationID: conversation.id, author: .guest, authorName: turn.message.displayName, text: turn.text,
                    extras: .init(media: turn.message.media, location: turn.message.location, senderDoubt: turn.senderDoubt), language: turn.language,
                    intent: turn.intent?.id,
                    confidence: turn.intent == nil ? nil : turn.confidence, vendorID: turn.item.event.vendorID, state: .received,
                    createdAt: turn.receivedAt)
                try messages.add(message, in: transaction)
                try media?.expect(message, through: turn.item.instance, now: now, in: transaction)
            }
            for note in turn.notes {
                // Verification is counted by conversation, not by message.
                let subject = note.step == "verification" ? conversation.id : turn.item.id
                try Ledger.record(note, of: subject, property: property, in: transaction)
            }
            if turn.hasTriedNumbers, turn.verification != .refused { try tries.forgive(message: turn.item.id, in: transaction) }
            if let task = decision.task { try tasks.save(task, at: now, in: transaction) }
            if let alert = decision.alert { try alerts.raise(alert, in: transaction) }
            if let reply = decision.reply {
                try release(reply, of: turn, in: &conversation, isSilenced: isSilenced && !isEmergency, at: now, transaction)
            }
            if let task = decision.task { try watch?.look(at: task, now: now, in: transaction) }
            let isHeld = decision.reply?.isHeld == true && !isSilenced
            try watch?.dealtWith(
                turn.item.id, receivedAt: turn.receivedAt, in: conversation, awaitsHuman: !conversation.state.belongsToJack || isHeld, now: now,
                transaction)
            try Inbox.complete(turn.item, in: transaction)
            announce(turn, decision, conversation, transaction)
        }
    }

    private func release(
        _ reply: Decision.Reply, of turn: Turn, in conversation: inout Conversation, isSilenced: Bool, at now: Date,
        _ transaction: any StorageTransaction
    ) throws {
        var message = Message(
            id: Identifier.make("msg", at: now), conversationID: conversation.id, author: reply.author, text: reply.text,
            extras: .init(quickReplies: reply.quickReplies, sources: reply.sources), language: turn.language, intent: reply.topic,
            inReplyTo: turn.item.id,
            state: isSilenced ? .rejected : reply.isHeld ? .held : .released, createdAt: now)
        message.heldOrder = reply.heldOrder
        try messages.add(message, in: transaction)
        if isSilenced {
            let note = Ledger.Entry(
                step: "reply", outcome: "withdrawn",
                reason: "a colleague took the conversation meanwhile"
                    + (reply.heldOrder == nil ? "" : "; the order that waited with it makes no task"),
                at: now)
            return try Ledger.record(note, of: turn.item.id, property: desk.property.id, in: transaction)
        }
        if reply.isHeld {
            // The guest is told that somebody looks at it; what is held they do not see.
            let notice = Decision.Reply(text: desk.replies.text(.held, locale: turn.language), author: .system)
            return try release(notice, of: turn, in: &conversation, isSilenced: false, at: now, transaction)
        }
        conversation.lastReplyAt = now
        try conversations.save(conversation, at: now, in: transaction)
        try outbox().enqueue(
            .message(message.outbound(to: conversation.peer, answering: turn.item.event.vendorID), through: conversation.instance, at: now),
            in: transaction)
    }

    private func announce(_ turn: Turn, _ decision: Decision, _ conversation: Conversation, _ transaction: any StorageTransaction) {
        let (bus, metrics, instance) = (bus, metrics, turn.item.instance)
        transaction.afterCommit {
            bus.post(ConversationTouched(id: conversation.id, state: conversation.state))
            Counter(label: "jack_messages_total", dimensions: [("channel", instance), ("author", "guest")], factory: metrics).increment()
            if let reply = decision.reply {
                Counter(label: "jack_messages_total", dimensions: [("channel", instance), ("author", reply.author.rawValue)], factory: metrics)
                    .increment()
            }
            if let task = decision.task {
                bus.post(TaskTouched(task: task))
                TaskMeter(metrics: metrics).made(task)
            }
        }
    }
}

extension Message {
    /// The message as its channel takes it.
    func outbound(to peer: PeerAddress, answering vendorID: String?) -> OutboundMessage {
        let author: OutboundMessage.Author =
            switch author {
            case .staff: .staff
            case .jack, .guest: .jack
            case .system: .system
            }
        return OutboundMessage(
            id: id, peer: peer, author: author, text: text, media: extras.media, location: extras.location, quickReplies: extras.quickReplies,
            inReplyTo: vendorID,
            sources: extras.sources, locale: language)
    }
}

/// Published when a conversation changed or somebody wrote in it.
public struct ConversationTouched: BusEvent {
    public let id: String
    public let state: ConversationState
}

/// Published when a task was made or changed.
public struct TaskTouched: BusEvent {
    public let task: HotelTask
}
