import Foundation
import Kernel
import PluginAPI

/// Has a human see to a guest who was not reached, or not heard: the conversation is handed to staff in the transaction that gives the letter up.
struct UnreachedGuests: Sendable {
    let property: String
    let bus: EventBus
    let clock: any TimeSource
    let conversations: ConversationRepository
    let messages: MessageRepository
    let guests: GuestRepository
    let watch: GuestWatch?
    let media: GuestMedia?

    /// - Returns: the conversation that the letter is about; nil where it is about none.
    func take(_ letter: DeadLetter, in transaction: any StorageTransaction) throws -> DeadLetterMatter? {
        switch letter.content {
        case .message: try unreached(letter, transaction)
        case .event(let event): try unheard(letter, event, transaction)
        case .other: nil
        }
    }

    /// A message that the guest does not have.
    private func unreached(_ letter: DeadLetter, _ transaction: any StorageTransaction) throws -> DeadLetterMatter? {
        guard let message = try messages.get(letter.id, in: transaction),
            let conversation = try conversations.get(message.conversationID, in: transaction)
        else { return nil }
        let handed = try handOver(conversation, letter, "the message did not reach the guest: \(letter.reason)", transaction)
        // What was answered by it is not answered. The guest counts as waiting from now on: nobody could know it before.
        if let question = message.inReplyTo {
            try watch?.dealtWith(question, receivedAt: letter.diedAt, in: handed, awaitsHuman: true, now: letter.diedAt, transaction)
        } else {
            try watch?.look(at: handed, now: letter.diedAt, in: transaction)
        }
        let place = Self.place(handed, at: letter.diedAt)
        return try matter(of: handed, "a message to the guest \(place) did not arrive: \(letter.reason)", letter, transaction)
    }

    /// A guest's message that nobody has read.
    private func unheard(_ letter: DeadLetter, _ event: InboundEvent, _ transaction: any StorageTransaction) throws -> DeadLetterMatter? {
        guard case .message(let given) = event.content, let peer = event.peer else { return nil }
        let now = letter.diedAt
        var conversation =
            try conversations.find(letter.instance, peer, in: transaction)
            ?? Conversation(id: Identifier.make("cnv", at: now), instance: letter.instance, peer: peer, at: now)
        conversation.lastGuestAt = letter.createdAt
        let handed = try handOver(conversation, letter, "the guest's message could not be dealt with", transaction)
        if try messages.get(letter.id, in: transaction) == nil {
            let message = Message(
                id: letter.id, conversationID: handed.id, author: .guest, authorName: given.displayName, text: given.words,
                extras: .init(media: given.media, location: given.location), language: handed.language, vendorID: event.vendorID,
                state: .received, createdAt: letter.createdAt)
            try messages.add(message, in: transaction)
            try media?.expect(message, through: letter.instance, now: now, in: transaction)
        }
        try watch?.dealtWith(letter.id, receivedAt: now, in: handed, awaitsHuman: true, now: now, transaction)
        return try matter(of: handed, "a message of the guest \(Self.place(handed, at: letter.diedAt)) could not be dealt with", letter, transaction)
    }

    /// Whoever holds the conversation keeps it.
    private func handOver(_ before: Conversation, _ letter: DeadLetter, _ reason: String, _ transaction: any StorageTransaction) throws
        -> Conversation
    {
        var conversation = before
        if conversation.state != .taken { try conversation.move(to: .escalated, at: letter.diedAt) }
        try conversations.save(conversation, at: letter.diedAt, in: transaction)
        let note = Ledger.Entry(
            step: "letter", outcome: conversation.state.rawValue, reason: "\(reason); staff are to see to it",
            details: ["before": .string(before.state.rawValue)], at: letter.diedAt)
        try Ledger.record(note, of: letter.id, property: property, in: transaction)
        let (bus, id, state) = (bus, conversation.id, conversation.state)
        transaction.afterCommit { bus.post(ConversationTouched(id: id, state: state)) }
        return conversation
    }

    // MARK: Recovering

    /// Gives the conversation of a letter that is dealt with anew, or has left after all, back to Jack, where nothing but letters held it.
    func recovered(_ id: String, at now: Date, in transaction: any StorageTransaction) throws {
        guard let message = try messages.get(id, in: transaction),
            var conversation = try conversations.get(message.conversationID, in: transaction),
            conversation.state == .escalated, try isHeldByLettersAlone(conversation, transaction)
        else { return }
        try conversation.move(to: .active, at: now)
        try conversations.save(conversation, at: now, in: transaction)
        let note = Ledger.Entry(
            step: "letter", outcome: "given back", reason: "nothing else held the conversation: Jack answers in it again", at: now)
        for subject in [id, conversation.id] { try Ledger.record(note, of: subject, property: property, in: transaction) }
        try watch?.look(at: conversation, now: now, in: transaction)
        let (bus, touched) = (bus, ConversationTouched(id: conversation.id, state: conversation.state))
        transaction.afterCommit { bus.post(touched) }
    }

    /// Whether a letter had the conversation handed over, all letters since then are on their way again, and the guest has written nothing that Jack
    /// kept silent about.
    private func isHeldByLettersAlone(_ conversation: Conversation, _ reader: any StorageReader) throws -> Bool {
        var isByLetter = false
        for message in try messages.list(of: conversation.id, limit: 500, in: reader) {
            let lines = try Ledger.entries(of: message.id, property: property, in: reader).filter { $0.at >= conversation.stateSince }
            if lines.contains(where: { $0.step == "custody" || $0.step == "safety" }) { return false }
            let fates = lines.filter { $0.step == "letter" }, burials = fates.filter { $0.outcome == ConversationState.escalated.rawValue }
            guard !burials.isEmpty else { continue }
            // One that was dropped, or kept back, staff must see to.
            guard fates.last?.outcome == DeadLetters.retried else { return false }
            if let state = try Outbox.state(of: message.id, in: reader)?.state, !state.hasLeft { return false }
            isByLetter =
                isByLetter
                || burials.contains {
                    $0.at == conversation.stateSince && $0.details?["before"]?.stringValue != ConversationState.escalated.rawValue
                }
        }
        return isByLetter
    }

    private func matter(of conversation: Conversation, _ summary: String, _ letter: DeadLetter, _ reader: any StorageReader) throws
        -> DeadLetterMatter
    {
        let text = letter.text.map { String($0.prefix(500)) }
        return DeadLetterMatter(
            subject: conversation.id, summary: summary, detail: text,
            labels: try conversation.labels(property: property, guests: guests, at: letter.diedAt, in: reader),
            annotations: letter.box == .inbox ? text.map { ["guest_text": $0] } ?? [:] : [:])
    }

    private static func place(_ conversation: Conversation, at date: Date) -> String {
        conversation.room(at: date).map { "in room \($0.number)" } ?? "by \(conversation.instance)"
    }
}

extension Conversation {
    /// What routing may decide by. What is not known is left out: a label that is missing counts as an empty one.
    func labels(property: String, guests: GuestRepository, at date: Date, in reader: any StorageReader) throws -> [String: String] {
        var labels = ["property": property, "conversation": id, "channel": instance]
        labels["room"] = room(at: date)?.number
        labels["stay"] = reservation
        labels["vip"] = try guestID.flatMap { try guests.get($0, in: reader)?.vip }
        return labels.filter { !$0.value.isEmpty }
    }
}

extension InboundMessage {
    /// What the guest wrote, under a picture too.
    var words: String { text ?? media.compactMap(\.caption).joined(separator: "\n") }
}
