import Foundation
import Kernel
import PluginAPI

/// Turns a request into a task, as far as the hotel lets Jack act alone.
struct ActionStage: Stage {
    /// What a reply that asked for the room is about.
    static let askedForRoom = "ask_room"
    /// What a reply that asked who the guest is is about.
    static let askedForIdentity = "ask_identity"
    /// Departments whose work is done in a room.
    static let roomDepartments: Set<String> = ["housekeeping", "maintenance", "room_service"]

    /// What is asked for: by this message, or by an earlier one that a question of Jack's held up.
    private struct Request {
        var intent: IntentDefinition
        var text: String
        var message: String
    }

    let desk: Desk
    /// Finds out where somebody in danger may be; nil where no emergency is decided on.
    var identity: IdentityStage?

    func decide(_ turn: inout Turn) async throws -> Decision? {
        if let decision = await answerToQuestion(&turn) { return decision }
        guard let intent = turn.intent, turn.confidence >= desk.settings.autonomy.intent else { return nil }
        if intent.id == "emergency" {
            // What no phrase of the safety lane held but the classifier understood is as urgent.
            turn.note("safety", "emergency", "classified as an emergency", at: desk.clock.now)
            if !turn.isSenderProven { await identity?.recognise(&turn) }
            return EmergencyStage.emergency(
                id: "emergency", severity: .critical, department: intent.department ?? "front_desk", summary: "A guest reports an emergency",
                reply: desk.replies.text(.handedOver, locale: turn.language), turn, desk)
        }
        return act(&turn, Request(intent: intent, text: turn.text, message: turn.item.id))
    }

    /// The guest answers a question of Jack's, for the room or for who they are: the request before it is taken up again.
    private func answerToQuestion(_ turn: inout Turn) async -> Decision? {
        guard let question = turn.history.last, let request = heldUp(by: question, in: turn) else { return nil }
        switch question.intent {
        case Self.askedForRoom:
            // A room that is known by other means answers nothing: who asked need not be who writes now.
            guard let room = turn.room, turn.place?.source == .named || turn.verification == .accepted, PhraseMatcher.words(turn.text).count <= 8
            else { return nil }
            turn.note("task", "resumed", "room \(room) was asked for by the reply before", at: desk.clock.now)
        case Self.askedForIdentity:
            switch turn.verification {
            case .refused?, .tooLong?: return ask(turn, .identityNeeded, Self.askedForIdentity)
            case .blocked?: return desk.handOver(turn, .handedOver)
            case .accepted? where turn.guest != nil:
                turn.note("task", "resumed", "the guest is known now", at: desk.clock.now)
                // What was asked for in another room is not meant for the guest's own.
                if turn.place?.source != .named, let named = await room(in: request.text) { turn.place = Place(number: named, source: .named) }
            default: return nil
            }
        default: return nil
        }
        (turn.intent, turn.confidence) = (request.intent, 1)
        return act(&turn, request) ?? desk.handOver(turn, .handedOver)
    }

    private func room(in text: String) async -> String? {
        guard let known = try? await desk.rooms.numbers() else { return nil }
        return ReplyGuard.roomNumbers(in: text).lazy.compactMap { known[$0] }.first
    }

    /// The request that a question held up. A question that was asked again leads back to the first.
    private func heldUp(by question: Message, in turn: Turn) -> Request? {
        var question = question
        while let place = turn.history.firstIndex(where: { $0.id == question.inReplyTo }) {
            let answered = turn.history[place]
            if place > 0, turn.history[place - 1].intent == Self.askedForIdentity, question.intent == Self.askedForIdentity {
                question = turn.history[place - 1]
                continue
            }
            return answered.intent.flatMap { desk.intents[$0] }.map { Request(intent: $0, text: answered.text, message: answered.id) }
        }
        return nil
    }

    /// Acts on the turn's intent as the hotel allows; nil where there is nothing to do about it.
    func act(_ turn: inout Turn) -> Decision? {
        turn.intent.flatMap { act(&turn, Request(intent: $0, text: turn.text, message: turn.item.id)) }
    }

    private func act(_ turn: inout Turn, _ request: Request) -> Decision? {
        let intent = request.intent
        guard intent.action || intent.identity else { return nil }
        if intent.identity, turn.guest == nil {
            turn.note("identity", "needed", "\(intent.id) needs a known guest", at: desk.clock.now)
            return ask(turn, .identityNeeded, Self.askedForIdentity)
        }
        guard intent.action, let department = intent.department else { return nil }
        guard turn.openTasks < desk.settings.autonomy.openTasks else {
            turn.note(
                "task", "refused", "\(turn.openTasks) tasks of this conversation are open already", rule: "butler.autonomy.open_tasks",
                at: desk.clock.now)
            return desk.handOver(turn, .handedOver)
        }
        let limit = desk.limit(for: intent.id)
        if let (mode, rule) = limit, mode == .handOver {
            turn.note("autonomy", "hand over", "\(intent.id) is for staff", rule: rule, at: desk.clock.now)
            var decision = desk.handOver(turn, .handedOver)
            decision.task = task(turn, intent, department, request)
            return decision
        }
        if turn.room == nil, Self.roomDepartments.contains(department) {
            turn.note("task", "needs room", "\(department) must know the room", at: desk.clock.now)
            return ask(turn, .taskNeedsRoom, Self.askedForRoom)
        }
        var decision = accept(turn, intent, department, request)
        if let doubt = doubt(turn, intent, department) {
            turn.note("autonomy", "hold", "\(doubt): a colleague must approve it", at: desk.clock.now)
            hold(&decision, &turn)
        } else if let (mode, rule) = limit, mode == .hold {
            turn.note("autonomy", "hold", "what Jack promises for \(intent.id) needs a colleague's approval", rule: rule, at: desk.clock.now)
            hold(&decision, &turn)
        } else if let task = decision.task {
            turn.note(
                "task", "created", "\(intent.id) is for \(department), due \(task.dueAt.iso8601)", details: ["task": .string(task.id)],
                at: desk.clock.now)
        }
        return decision
    }

    /// Nobody works on what a colleague has not approved: the task waits with the reply.
    private func hold(_ decision: inout Decision, _ turn: inout Turn) {
        decision.reply?.isHeld = true
        decision.reply?.heldOrder = decision.task
        if let task = decision.task {
            turn.note(
                "task", "held", "\(task.intent ?? "the order") is for \(task.department), once the reply is approved",
                details: ["task": .string(task.id)],
                at: desk.clock.now)
        }
        decision.task = nil
    }

    /// Why the room may not be the guest's to order to; nil where nothing speaks against it. Whom nobody knows may still have towels brought.
    private func doubt(_ turn: Turn, _ intent: IntentDefinition, _ department: String) -> String? {
        guard Self.roomDepartments.contains(department), let room = turn.room, room != turn.ownRoom else { return nil }
        if let own = turn.ownRoom { return "asked for in \(room), and the guest lives in \(own)" }
        return intent.identity ? "asked for in \(room), and the PMS does not say that the guest lives there" : nil
    }

    private func ask(_ turn: Turn, _ reply: FixedReply, _ topic: String) -> Decision {
        Decision(reply: .init(text: desk.replies.text(reply, locale: turn.language), author: .jack, topic: topic), state: .active)
    }

    private func accept(_ turn: Turn, _ intent: IntentDefinition, _ department: String, _ request: Request) -> Decision {
        let task = task(turn, intent, department, request)
        let kind: FixedReply = intent.id == "feedback.complaint" ? .complaint : .taskCreated
        let reply = Decision.Reply(
            text: desk.replies.text(
                kind, locale: turn.language,
                ["department": desk.replies.department(department, locale: turn.language), "room": turn.room ?? ""]), author: .jack)
        return Decision(reply: reply, task: task, state: kind == .complaint ? .escalated : .active)
    }

    private func task(_ turn: Turn, _ intent: IntentDefinition, _ department: String, _ request: Request) -> HotelTask {
        let now = desk.clock.now
        var task = HotelTask(
            id: Identifier.make("tsk", at: now), conversationID: turn.conversation.id, messageID: request.message, intent: intent.id,
            department: department,
            room: turn.room, title: intent.description, description: request.text,
            priority: intent.priority,
            dueAt: now.addingTimeInterval(desk.settings.sla.due(intent.priority).seconds), createdAt: now)
        task.notes = doubt(turn, intent, department)
        return task
    }
}
