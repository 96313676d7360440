/// Writing through channel instances that the instance's settings name (``Plugin/references(in:)``).
public protocol ChannelAccess: Sendable {
    /// Hands a message to a channel instance, under that instance's limits, retries and metering. What is too long for the channel is shortened.
    ///
    /// The message is not stored: whoever calls is told what came of it, and decides. What the channel's vendor reports later of a message whose id is that of an
    /// ``AlertPage`` counts for the page.
    /// - Parameter channel: the channel instance's name in YAML.
    /// - Throws: ``PluginFailure``; permanent, configuration, where the settings do not name the channel. Never `credentialsRejected`: that the channel's
    ///   credentials are refused concerns the channel, and is not ready for whoever writes through it.
    func send(_ message: OutboundMessage, through channel: String) async throws -> SendResult
}

/// For a context whose instance names no channel.
public struct NoChannels: ChannelAccess {
    public init() {}

    public func send(_ message: OutboundMessage, through channel: String) async throws -> SendResult {
        throw PluginFailure.permanent(.configuration, "the instance's settings do not name the channel “\(channel)”")
    }
}

extension OutboundMessage {
    /// The message with a text that the channel takes: the whole, or its beginning and an ellipsis.
    public func fitting(_ features: ChannelFeatures) -> OutboundMessage {
        guard text.count > features.maximumTextLength else { return self }
        var message = self
        message.text = text.prefix(max(0, features.maximumTextLength - 1)) + "…"
        return message
    }
}
