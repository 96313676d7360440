import Foundation
import Kernel
import PluginAPI

/// Turns a request into a task, as far as the hotel lets Jack act alone.
struct ActionStage: Stage {
    /// What a reply that asked for the room is about.
    static let askedForRoom = "ask_room"
    /// Departments whose work is done in a room.
    static let roomDepartments: Set<String> = ["housekeeping", "maintenance", "room_service"]

    let desk: Desk

    func decide(_ turn: inout Turn) async throws -> Decision? {
        if let decision = resume(&turn) { return decision }
        guard let intent = turn.intent, turn.confidence >= desk.settings.autonomy.intent else { return nil }
        if intent.id == "emergency" {
            // What no phrase of the safety lane held but the classifier understood is as urgent.
            turn.note("safety", "emergency", "classified as an emergency", at: desk.clock.now)
            return EmergencyStage.emergency(
                id: "emergency", severity: .critical, department: intent.department ?? "front_desk", summary: "A guest reports an emergency",
                reply: desk.replies.text(.handedOver, locale: turn.language), turn, desk)
        }
        guard intent.action, let department = intent.department else { return nil }
        if intent.identity, turn.guest == nil {
            turn.note("identity", "needed", "\(intent.id) needs a known guest", at: desk.clock.now)
            return Decision(reply: .init(text: desk.replies.text(.identityNeeded, locale: turn.language), author: .jack, topic: "identity"), state: .active)
        }
        if let (mode, rule) = desk.limit(for: intent.id), mode == .handOver {
            turn.note("autonomy", "hand over", "\(intent.id) is for staff", rule: rule, at: desk.clock.now)
            var decision = desk.handOver(turn, .handedOver)
            decision.task = task(turn, intent, department, turn.text, turn.item.id)
            return decision
        }
        if turn.room == nil, Self.roomDepartments.contains(department) {
            turn.note("task", "needs room", "\(department) must know the room", at: desk.clock.now)
            return Decision(
                reply: .init(text: desk.replies.text(.taskNeedsRoom, locale: turn.language), author: .jack, topic: Self.askedForRoom), state: .active)
        }
        return accept(&turn, intent, department, text: turn.text, message: turn.item.id)
    }

    /// The guest answers the question for the room: the request before it is taken up again.
    private func resume(_ turn: inout Turn) -> Decision? {
        guard let room = turn.room, let question = turn.history.last, question.intent == Self.askedForRoom,
            let request = turn.history.last(where: { $0.id == question.inReplyTo }), let intent = request.intent.flatMap({ desk.intents[$0] }),
            let department = intent.department, PhraseMatcher.words(turn.text).count <= 8
        else { return nil }
        turn.intent = intent
        turn.note("task", "resumed", "room \(room) was asked for by the reply before", at: desk.clock.now)
        return accept(&turn, intent, department, text: request.text, message: request.id)
    }

    private func accept(_ turn: inout Turn, _ intent: IntentDefinition, _ department: String, text: String, message: String) -> Decision {
        let task = task(turn, intent, department, text, message)
        turn.note("task", "created", "\(intent.id) is for \(department), due \(task.dueAt.iso8601)", details: ["task": .string(task.id)], at: desk.clock.now)
        let kind: FixedReply = intent.id == "feedback.complaint" ? .complaint : .taskCreated
        let reply = Decision.Reply(
            text: desk.replies.text(
                kind, locale: turn.language,
                ["department": desk.replies.department(department, locale: turn.language), "room": turn.room ?? ""]), author: .jack)
        return Decision(reply: reply, task: task, state: kind == .complaint ? .escalated : .active)
    }

    private func task(_ turn: Turn, _ intent: IntentDefinition, _ department: String, _ text: String, _ message: String) -> HotelTask {
        let now = desk.clock.now
        return HotelTask(
            id: Identifier.make("tsk", at: now), conversationID: turn.conversation.id, messageID: message, intent: intent.id, department: department,
            room: turn.room, title: intent.description, description: text, priority: intent.priority,
            dueAt: now.addingTimeInterval(desk.settings.sla.due(intent.priority).seconds), createdAt: now)
    }
}
