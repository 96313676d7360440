import Logging
import PluginAPI

/// The channels that an instance's settings name, as the instance may write through them.
struct InstanceChannels: ChannelAccess {
    let instance: String
    /// The channel instances' names.
    let named: Set<String>
    let kernel: @Sendable () throws -> JackKernel

    /// Below the time that the caller's own call is given: whoever waits for it is told what came of it.
    private static let patience = Duration.seconds(25)

    func send(_ message: OutboundMessage, through channel: String) async throws -> SendResult {
        guard named.contains(channel) else {
            throw PluginFailure.permanent(.configuration, "the settings of \(instance) do not name the channel “\(channel)”")
        }
        let kernel = try kernel()
        let result: SendResult
        do {
            result = try await kernel.dispatcher.call(
                channel, as: (any ChannelPlugin).self, "send", CallOptions(deadline: Self.patience)
            ) { try await $0.send(message.fitting($0.features)) }
        } catch let failure as PluginFailure where failure.disposition == .credentialsRejected {
            // They are the channel's, not this instance's: it must not be stopped for them.
            throw PluginFailure.notReady(.unauthorized, "\(channel) is not let in by its vendor", retryAfter: .seconds(30), cause: failure)
        }
        await follow(result.vendorIDs, of: channel, as: message.id, kernel)
        return result
    }

    /// What the channel's vendor reports of the message counts for the entry that is being delivered by it.
    private func follow(_ vendorIDs: [String], of channel: String, as id: String, _ kernel: JackKernel) async {
        let outbox = kernel.outbox
        do {
            try await uncancelled { try await kernel.parts.engine.write { try outbox.follow(vendorIDs, of: channel, as: id, in: $0) } }
        } catch {
            // It has left; what is lost is only what its vendor would have reported.
            kernel.parts.logger.warning("a message's receipts will not be known", metadata: ["outbox": "\(id)", "error": "\(error)"])
        }
    }
}
