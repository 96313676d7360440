import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import NIOWebSocket
import PluginAPI
import Synchronization

/// What a request to open a WebSocket gets.
enum SocketDecision: Sendable {
    /// `subprotocol` is echoed where one was asked for and chosen.
    case accept(MountedSocket, PluginRequest, subprotocol: String?)
    case refuse(GatewayError)
    /// No WebSocket is meant, or none can be opened here: the router answers.
    case pass
}

/// Decides on a connection's first request whether it may become a WebSocket.
///
/// NIO's upgrade handler loses the head of a request whose `Upgrade` nobody takes; so what will not be accepted goes on without that header.
final class UpgradeGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private let upgrader: SocketUpgrader
    private let decide: @Sendable (HTTPRequest, _ peer: String?) -> SocketDecision

    init(upgrader: SocketUpgrader, decide: @escaping @Sendable (HTTPRequest, String?) -> SocketDecision) {
        self.upgrader = upgrader
        self.decide = decide
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data), head.headers.contains(name: "Upgrade") else { return context.fireChannelRead(data) }
        switch decision(head, context) {
        case .accept(let mounted, let request, let subprotocol):
            upgrader.accepted.withLock { $0 = SocketUpgrader.Accepted(mounted: mounted, request: request, subprotocol: subprotocol) }
            // The handler takes only names that it knows, one at a time.
            head.headers.replaceOrAdd(name: "Upgrade", value: "websocket")
        case .refuse(let error):
            try? context.pipeline.syncOperations.handler(type: ConnectionGuard.self).refuse(error)
            return
        case .pass: head.headers.remove(name: "Upgrade")
        }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    /// The parts of RFC 6455, 4.2.1 that the protocol itself asks for; the rest is the gateway's policy.
    private func decision(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) -> SocketDecision {
        let headers = head.headers
        guard head.method == .GET, head.version == .http1_1, headers[canonicalForm: "upgrade"].contains(where: { $0.lowercased() == "websocket" }),
            headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "upgrade" }), !headers.contains(name: "Transfer-Encoding"),
            headers.first(name: "Content-Length").map({ $0 == "0" }) ?? true
        else { return .pass }
        guard headers["Sec-WebSocket-Version"] == ["13"] else {
            return .refuse(
                GatewayError(
                    .upgradeRequired, "websocket_version", "this server speaks version 13 of the WebSocket protocol",
                    headers: [.secWebSocketVersion: "13"]))
        }
        guard headers["Sec-WebSocket-Key"].count == 1, headers["Sec-WebSocket-Key"][0].utf8.count == 24 else {
            return .refuse(.badRequest("websocket_key", "a WebSocket request needs one key of 16 bytes in base64"))
        }
        guard let request = try? HTTPRequest(head, secure: false, splitCookie: false) else { return .pass }
        return decide(request, context.channel.remoteAddress?.ipAddress)
    }
}

/// Turns an accepted connection into a WebSocket.
final class SocketUpgrader: NIOTypedHTTPServerProtocolUpgrader {
    struct Accepted: Sendable {
        var mounted: MountedSocket
        var request: PluginRequest
        var subprotocol: String?
    }

    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []
    let accepted = Mutex<Accepted?>(nil)
    private let pingInterval: Duration
    private let closeTimeout: Duration

    init(pingInterval: Duration, closeTimeout: Duration) {
        self.pingInterval = pingInterval
        self.closeTimeout = closeTimeout
    }

    func buildUpgradeResponse(
        channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        inner(for: upgradeRequest).buildUpgradeResponse(
            channel: channel, upgradeRequest: upgradeRequest, initialResponseHeaders: initialResponseHeaders)
    }

    func upgrade(channel: any Channel, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<Negotiated> {
        inner(for: upgradeRequest).upgrade(channel: channel, upgradeRequest: upgradeRequest)
    }

    /// NIO's own upgrader, with the limits of the route that was accepted.
    private func inner(for head: HTTPRequestHead) -> NIOTypedWebSocketServerUpgrader<Negotiated> {
        let accepted = accepted.withLock { $0 }
        let maximum = accepted?.mounted.route.maximumMessageBytes ?? 0
        return NIOTypedWebSocketServerUpgrader<Negotiated>(
            maxFrameSize: max(125, min(maximum, Int(UInt32.max))), enableAutomaticErrorHandling: false,
            shouldUpgrade: { channel, _ in
                guard let accepted else { return channel.eventLoop.makeSucceededFuture(nil) }
                var headers = HTTPHeaders()
                if let subprotocol = accepted.subprotocol { headers.add(name: "Sec-WebSocket-Protocol", value: subprotocol) }
                return channel.eventLoop.makeSucceededFuture(headers)
            },
            upgradePipelineHandler: { [pingInterval, closeTimeout] channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    guard let accepted else { throw ChannelError.inappropriateOperationForState }
                    let session = SocketSession(
                        instance: accepted.mounted.instance, route: accepted.mounted.route, request: accepted.request, channel: channel)
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(SocketRules())
                    try pipeline.addHandler(
                        NIOWebSocketFrameAggregator(minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 1024, maxAccumulatedFrameSize: maximum))
                    try pipeline.addHandler(SocketHandler(session: session, pingInterval: pingInterval, closeTimeout: closeTimeout))
                    return .socket(session)
                }
            })
    }
}
