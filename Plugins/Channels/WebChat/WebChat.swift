import Foundation
import PluginAPI
import Synchronization

/// The hotel's own chat page, and the WebSocket under it.
///
/// A session is a browser that holds a token. Its peer is ``PeerAddress/Kind/session`` with the session's id, which is no secret and not the token.
public struct WebChat: ChannelPlugin {
    public typealias Settings = WebChatSettings

    public static let manifest = PluginManifest(
        id: "webchat", summary: "A chat page on the hotel's own site: no account, no vendor, no app.", stability: .beta,
        capabilities: ["text", "quick-replies", "sources", "typing", "history"],
        quality: [
            .documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .met, .typedFailures: .met, .documentedLimits: .met,
            .probe: .exempt("there is no vendor to ask"), .dataDestinations: .exempt("nothing leaves the machine"), .reconnects: .met,
            .idempotency: .met, .receipts: .met, .vendorDocument: .exempt("there is no vendor"),
        ])

    public let features: ChannelFeatures
    public let routes: [PluginRoute]
    private let hub = SocketHub()

    public init(settings: WebChatSettings, context: PluginContext) throws {
        features = ChannelFeatures(
            maximumTextLength: 4000, quickReplies: 10, typing: true, receipts: [.sent, .delivered], isIdempotent: true)
        let service = ChatService(settings: settings, context: context, hub: hub)
        // A text at its limit may come with every character escaped, as twelve bytes; one beyond it must still be read to be refused by name.
        let socket = SocketRoute(path: settings.socketPath, maximumMessageBytes: max(64 << 10, settings.maximumText * 12 + 4096)) { connection in
            await service.open(connection)
        }
        routes = ChatPages.routes(settings: settings, property: context.property) + [.socket(socket)]
    }

    public static func validate(_ settings: WebChatSettings, _ report: inout ValidationReport) { settings.check(&report) }

    public func start() async throws { hub.open() }

    /// Closes every socket with 1001; browsers come back by themselves.
    public func stop() async {
        await withTaskGroup(of: Void.self) { group in
            for socket in hub.shut() { group.addTask { await socket.close(.goingAway, "Jack is restarting") } }
        }
    }

    /// Sends to every open socket of the session. Where there is none, the message waits in the history, and the state stays at `sent`.
    /// - Throws: ``PluginFailure/Reason/unknownRecipient`` for a peer that is not a session; never because the guest is away.
    public func send(_ message: OutboundMessage) async throws -> SendResult {
        guard message.peer.kind == .session else {
            throw PluginFailure.permanent(.unknownRecipient, "the guest page reaches only its own sessions, not a \(message.peer.kind.rawValue)")
        }
        let isDelivered = await Self.deliver(ServerFrame.message(message).text, id: message.id, to: hub.sockets(of: message.peer.value))
        return SendResult(vendorIDs: [message.id], state: isDelivered ? .delivered : .sent)
    }

    public func indicateTyping(to peer: PeerAddress) async throws {
        guard peer.kind == .session else { return }
        _ = await Self.deliver(ServerFrame.typing, id: nil, to: hub.sockets(of: peer.value))
    }

    /// True where at least one socket took the frame.
    private static func deliver(_ frame: String, id: String?, to sockets: [GuestSocket]) async -> Bool {
        if sockets.count < 2 { return await sockets.first?.deliver(frame, id: id) ?? false }
        return await withTaskGroup(of: Bool.self) { group in
            for socket in sockets { group.addTask { await socket.deliver(frame, id: id) } }
            return await group.reduce(false) { $0 || $1 }
        }
    }
}
