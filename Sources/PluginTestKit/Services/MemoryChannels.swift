import PluginAPI
import Synchronization

/// A ``ChannelAccess`` that keeps what is written, gives each message an id, and fails when asked to. Every channel is there.
public final class MemoryChannels: ChannelAccess {
    /// A message as it was written.
    public struct Sent: Sendable {
        public let channel: String
        public let message: OutboundMessage
    }

    private struct State {
        var sent: [Sent] = []
        var failure: PluginFailure?
    }

    private let state = Mutex(State())

    public init() {}

    /// What was written, in order.
    public var sent: [Sent] { state.withLock { $0.sent } }

    /// Every call fails with this until it is nil again.
    public func fail(with failure: PluginFailure?) { state.withLock { $0.failure = failure } }

    public func send(_ message: OutboundMessage, through channel: String) async throws -> SendResult {
        try state.withLock { state throws -> SendResult in
            if let failure = state.failure { throw failure }
            state.sent.append(Sent(channel: channel, message: message))
            return SendResult(vendorIDs: ["sent-\(state.sent.count)"])
        }
    }
}
