import Kernel
import PluginAPI

/// Delivers messages, looking at the conversation once more at the moment of sending: the AI never talks over a human who has taken it, and nobody who opted out is written to.
public struct MessageDelivery: Sendable {
    private let engine: any StorageEngine
    private let dispatcher: Dispatcher
    private let conversations: ConversationRepository
    private let marksRead: @Sendable () -> Bool

    /// - Parameter marksRead: whether a guest's message is marked as read once it is answered (`butler.mark_read`).
    public init(
        engine: any StorageEngine, property: String, dispatcher: Dispatcher, marksRead: @escaping @Sendable () -> Bool = { true }
    ) {
        self.engine = engine
        self.dispatcher = dispatcher
        self.marksRead = marksRead
        conversations = ConversationRepository(property: property)
    }

    public func deliver(_ entry: OutboxEntry) async throws -> Outbox.Delivery {
        let message = try entry.decoded(OutboundMessage.self)
        if let reason = try await objection(to: message, entry) { return .withdrawn(reason: reason) }
        do {
            let result = try await dispatcher.call(entry.instance, as: (any ChannelPlugin).self, "send", CallOptions(attempts: 1)) { channel in
                // The turn may have been long in coming: the channel's rate lets so many through.
                do {
                    if let reason = try await objection(to: message, entry) { throw Withdrawn(reason: reason) }
                } catch {
                    throw CallAbandoned(error)
                }
                return try await channel.send(message.fitting(channel.features))
            }
            markRead(message, through: entry.instance)
            return .accepted(result)
        } catch let abandoned as CallAbandoned {
            guard let withdrawn = abandoned.cause as? Withdrawn else { throw abandoned.cause }
            return .withdrawn(reason: withdrawn.reason)
        }
    }

    /// Marks the message that was answered as read. Only words of Jack's or of a colleague's answer: where it is held or handed over, nobody has read it yet.
    ///
    /// A courtesy beside the delivery, which has succeeded already: whether it works changes nothing.
    private func markRead(_ reply: OutboundMessage, through instance: String) {
        guard reply.author != .system, let question = reply.inReplyTo, marksRead() else { return }
        let (dispatcher, peer) = (dispatcher, reply.peer)
        Task {
            _ = try? await dispatcher.call(instance, as: (any ChannelPlugin).self, "mark-read", .courtesy) {
                try await $0.markRead(question, from: peer)
            }
        }
    }

    private struct Withdrawn: Error { var reason: String }

    /// Why a message must not leave any more.
    private func objection(to message: OutboundMessage, _ entry: OutboxEntry) async throws -> String? {
        let conversations = conversations, peer = message.peer
        guard let conversation = try await engine.read({ try conversations.find(entry.instance, peer, in: $0) }) else { return nil }
        if conversation.optedOut, message.author != .system { return "the guest does not want messages by this channel" }
        if message.author == .jack, !conversation.state.belongsToJack, conversation.stateSince > entry.createdAt {
            return "a colleague took the conversation before the reply left"
        }
        return nil
    }
}
