import Kernel
import PluginAPI

/// Delivers messages, looking at the conversation once more at the moment of sending: the AI never talks over a human who has taken it, nobody who
/// opted out is written to, and where the channel takes free text no longer, the template leaves that is configured for it, or nothing.
public struct MessageDelivery: Sendable {
    /// For how long a look at the conversation counts. Whoever takes it over within that time does so while the message leaves.
    private static let freshness = Duration.milliseconds(250)

    private let engine: any StorageEngine
    private let clock: any TimeSource
    private let dispatcher: Dispatcher
    private let property: String
    private let conversations: ConversationRepository
    private let butler: @Sendable () -> Butler?

    /// - Parameter butler: who knows what a channel's reply window means to the hotel, and whether answered messages are marked as read; nil does neither.
    public init(
        engine: any StorageEngine, property: String, clock: any TimeSource, dispatcher: Dispatcher,
        butler: @escaping @Sendable () -> Butler? = { nil }
    ) {
        self.engine = engine
        self.clock = clock
        self.dispatcher = dispatcher
        self.property = property
        self.butler = butler
        conversations = ConversationRepository(property: property)
    }

    public func deliver(_ entry: OutboxEntry) async throws -> Outbox.Delivery {
        let message = try entry.decoded(OutboundMessage.self)
        do {
            let (seen, lookedAt) = (try await conversation(of: message, entry), clock.monotonic)
            let result = try await dispatcher.call(entry.instance, as: (any ChannelPlugin).self, "send", CallOptions(attempts: 1)) { channel in
                let features = channel.features, outgoing: OutboundMessage
                do {
                    // The turn may have been long in coming: the channel's rate lets so many through.
                    let isFresh = clock.monotonic - lookedAt < Self.freshness
                    let conversation = isFresh ? seen : try await conversation(of: message, entry)
                    outgoing = try await inWindow(message, conversation, entry, features)
                } catch {
                    throw CallAbandoned(error)
                }
                return try await channel.send(outgoing.fitting(features))
            }
            markRead(message, through: entry.instance)
            return .accepted(result)
        } catch let withdrawn as Withdrawn {
            return .withdrawn(reason: withdrawn.reason)
        } catch let abandoned as CallAbandoned {
            guard let withdrawn = abandoned.cause as? Withdrawn else { throw abandoned.cause }
            if withdrawn.isForStaff { try await butler()?.kept(back: message, of: entry, because: withdrawn.reason) }
            return .withdrawn(reason: withdrawn.reason)
        }
    }

    private struct Withdrawn: Error {
        var reason: String
        /// True where a human is to see to it.
        var isForStaff = false
    }

    /// The message as the channel still takes it.
    /// - Throws: ``Withdrawn`` for Jack's own, and for a colleague's, which was promised, a permanent failure: a dead letter, of which staff hear.
    private func inWindow(
        _ message: OutboundMessage, _ conversation: Conversation?, _ entry: OutboxEntry, _ features: ChannelFeatures
    ) async throws -> OutboundMessage {
        guard features.replyWindow != nil, message.template == nil, let window = butler()?.window, let conversation,
            window.isClosed(for: conversation, features)
        else { return message }
        guard let template = window.template(for: message.text, through: entry.instance, features) else {
            let reason = window.refusal(through: entry.instance, features)
            if message.author == .staff { throw PluginFailure.permanent(.windowClosed, reason) }
            throw Withdrawn(reason: reason, isForStaff: true)
        }
        let property = property
        let note = Ledger.Entry(
            step: "delivery", outcome: "template", reason: "the channel's reply window is over: the template “\(template.name)” goes in its place",
            at: window.clock.now)
        try await engine.write { try Ledger.record(note, of: message.id, property: property, in: $0) }
        var other = message
        other.template = template
        return other
    }

    /// Marks the message that was answered as read. Only words of Jack's or of a colleague's answer: where it is held or handed over, nobody has read it yet.
    ///
    /// A courtesy beside the delivery, which has succeeded already: whether it works changes nothing.
    private func markRead(_ reply: OutboundMessage, through instance: String) {
        guard reply.author != .system, let question = reply.inReplyTo, butler()?.marksRead == true else { return }
        let (dispatcher, peer) = (dispatcher, reply.peer)
        Task {
            _ = try? await dispatcher.call(instance, as: (any ChannelPlugin).self, "mark-read", .courtesy) {
                try await $0.markRead(question, from: peer)
            }
        }
    }

    /// The conversation that a message belongs to, as it stands now.
    /// - Throws: ``Withdrawn`` where the message must not leave any more.
    private func conversation(of message: OutboundMessage, _ entry: OutboxEntry) async throws -> Conversation? {
        let conversations = conversations, peer = message.peer
        let (found, isErased) = try await engine.read { reader in
            let found = try conversations.find(entry.instance, peer, in: reader)
            // Deleted while the reply waited for its turn.
            return (found, try found == nil && Outbox.state(of: entry.id, in: reader)?.state == .withdrawn)
        }
        guard let conversation = found else {
            if isErased { throw Withdrawn(reason: "the conversation was deleted") }
            return nil
        }
        if conversation.optedOut, message.author != .system { throw Withdrawn(reason: "the guest does not want messages by this channel") }
        if message.author == .jack, !conversation.state.belongsToJack, conversation.stateSince > entry.createdAt {
            throw Withdrawn(reason: "a colleague took the conversation before the reply left")
        }
        return conversation
    }
}
