import Kernel
import PluginAPI

/// Delivers messages, looking at the conversation once more at the moment of sending: the AI never talks over a human who has taken it, and nobody who opted out is written to.
public struct MessageDelivery: Sendable {
    private let engine: any StorageEngine
    private let dispatcher: Dispatcher
    private let conversations: ConversationRepository

    public init(engine: any StorageEngine, property: String, dispatcher: Dispatcher) {
        self.engine = engine
        self.dispatcher = dispatcher
        conversations = ConversationRepository(property: property)
    }

    public func deliver(_ entry: OutboxEntry) async throws -> Outbox.Delivery {
        let message = try entry.decoded(OutboundMessage.self)
        let conversations = conversations, peer = message.peer
        let conversation = try await engine.read { try conversations.find(entry.instance, peer, in: $0) }
        if let conversation {
            if conversation.optedOut, message.author != .system { return .withdrawn(reason: "the guest does not want messages by this channel") }
            if message.author == .jack, !conversation.state.belongsToJack, conversation.stateSince > entry.createdAt {
                return .withdrawn(reason: "a colleague took the conversation before the reply left")
            }
        }
        let result = try await dispatcher.call(entry.instance, as: (any ChannelPlugin).self, "send", CallOptions(attempts: 1)) { channel in
            try await channel.send(message.fitting(channel.features))
        }
        return .accepted(result)
    }
}
