import Foundation
import Kernel
import PluginAPI

/// The safety lane: an emergency reaches humans at once, whoever holds the conversation and whatever the AI would say.
struct EmergencyStage: Stage {
    let lane: SafetyLane
    let desk: Desk
    let identity: IdentityStage

    func decide(_ turn: inout Turn) async throws -> Decision? {
        guard let finding = lane.check(turn.text, language: turn.language) else { return nil }
        // Somebody in danger writes as they can: the phrase tells the language better than what was known before.
        turn.language = finding.language
        await identity.recognise(&turn)
        let now = desk.clock.now
        turn.note("safety", finding.rule.id, "the message holds “\(finding.phrase)”: \(finding.rule.summary)", rule: desk.safetyFile, at: now)
        return Self.emergency(
            id: finding.rule.id, severity: finding.rule.severity, department: finding.rule.department, summary: finding.rule.summary,
            reply: finding.rule.reply[turn.language] ?? finding.rule.reply[String(desk.property.locale.prefix(2))] ?? finding.rule.reply["en"] ?? "",
            turn,
            desk)
    }

    /// By what the alert about a message is known.
    static func fingerprint(of message: String) -> String { "emergency:\(message)" }

    static func emergency(id: String, severity: AlertSeverity, department: String, summary: String, reply: String, _ turn: Turn, _ desk: Desk)
        -> Decision
    {
        let now = desk.clock.now
        let room = turn.room
        let place = turn.whereabouts(at: now)
        var labels = [
            "alertname": "GuestEmergency", "type": "guest_emergency", "severity": severity.rawValue, "property": desk.property.id, "category": id,
            "department": department, "conversation": turn.conversation.id, "channel": turn.item.instance,
        ]
        labels["room"] = room
        labels["room_known_by"] = turn.place?.label
        labels["stay"] = turn.stay?.id ?? turn.conversation.reservation
        labels["vip"] = turn.guest?.vip
        if !turn.isSenderProven { labels["sender"] = "unproven" }
        labels["guest"] = turn.guest.map { "\($0.firstName) \($0.lastName)" }
        let alert = Alert(
            fingerprint: fingerprint(of: turn.item.id), name: "GuestEmergency", severity: severity,
            summary: "\(summary) — \(place)", detail: turn.text, labels: labels,
            annotations: ["guest_text": turn.text, "message": turn.item.id], startsAt: turn.receivedAt, isEmergency: true)
        var task = HotelTask(
            id: Identifier.make("tsk", at: now), conversationID: turn.conversation.id, messageID: turn.item.id, intent: HotelTask.emergency,
            department: department,
            room: room, title: summary, description: turn.text, priority: .urgent, dueAt: now.addingTimeInterval(desk.settings.sla.urgent.seconds),
            createdAt: now)
        // Whoever reads the task alone must not take the room for certain either.
        if turn.place.map({ !$0.isProven }) ?? !turn.possibleRooms.isEmpty { task.notes = place }
        return Decision(reply: .init(text: reply, author: .system), task: task, alert: alert, state: .escalated)
    }
}

/// While a human holds the conversation, or is awaited, Jack keeps silent.
struct CustodyStage: Stage {
    let desk: Desk

    func decide(_ turn: inout Turn) async throws -> Decision? {
        guard !turn.conversation.state.belongsToJack else { return nil }
        let who = turn.conversation.assignedTo.map { "\($0) answers" } ?? "staff were asked to answer"
        turn.note("custody", "silent", "the conversation is \(turn.conversation.state.rawValue): \(who)", at: desk.clock.now)
        return .silence
    }
}

/// A message that has no words cannot be understood yet; it is passed on.
struct WordlessStage: Stage {
    let desk: Desk

    func decide(_ turn: inout Turn) async throws -> Decision? {
        guard turn.text.allSatisfy(\.isWhitespace) else { return nil }
        turn.note("content", "handed over", "the message has no text", at: desk.clock.now)
        return Decision(reply: .init(text: desk.replies.text(.noText, locale: turn.language), author: .system), state: .escalated)
    }
}
