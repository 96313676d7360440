import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOWebSocket
import PluginAPI

/// What a connection turned out to be.
enum Negotiated: Sendable {
    case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
    case socket(SocketSession)
}

/// One accepted connection: HTTP/1.1 or a WebSocket, on the same port.
struct GatewayChannel: ServerChildChannel, HTTPChannelHandler {
    struct Value: ServerChildChannelValue {
        let channel: any Channel
        /// Nil for a connection that was turned away.
        let negotiated: EventLoopFuture<Negotiated>?
    }

    let responder: Responder
    let configuration: GatewayConfiguration
    let registry: ConnectionRegistry
    let decide: @Sendable (HTTPRequest, String?) -> SocketDecision
    let onRefusal: @Sendable (GatewayError) -> Void

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        if let refusal = registry.admit(channel) {
            return channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(TurnedAway(refusal, linger: TimeAmount(configuration.lingerTimeout)))
                return Value(channel: channel, negotiated: nil)
            }
        }
        return channel.eventLoop.makeCompletedFuture {
            // A connection keeps its buffer while it is idle; it grows where more comes.
            try channel.syncOptions?.setOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 512, maximum: 65_536))
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = configuration.maximumHeaderBytes
            limits.maxHeaderListSize = configuration.maximumHeaderBytes
            limits.maxHeaderFieldCount = 200
            let encoder = HTTPResponseEncoder()
            let decoder = ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, informationalResponseStrategy: .drop, limitConfiguration: limits))
            let guardian = ConnectionGuard(limits: configuration, onRefusal: onRefusal)
            let upgrader = SocketUpgrader(pingInterval: configuration.pingInterval, closeTimeout: configuration.lingerTimeout)
            let gate = UpgradeGate(upgrader: upgrader, decide: decide)
            let upgrade = NIOTypedHTTPServerUpgradeHandler<Negotiated>(
                httpEncoder: encoder, extraHTTPHandlers: [decoder, guardian, gate],
                upgradeConfiguration: NIOTypedHTTPServerUpgradeConfiguration(upgraders: [upgrader]) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(HTTP1ToHTTPServerCodec(secure: false))
                        try channel.pipeline.syncOperations.addHandler(MalformedHead())
                        return .http(
                            try NIOAsyncChannel(wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true)))
                    }
                })
            try channel.pipeline.syncOperations.addHandlers([encoder, decoder, guardian, gate, upgrade])
            return Value(channel: channel, negotiated: upgrade.upgradeResultFuture)
        }
    }

    func handle(value: Value, logger: Logger) async {
        guard let negotiated = value.negotiated else {
            try? await value.channel.closeFuture.get()
            return
        }
        do {
            switch try await negotiated.get() {
            case .http(let channel): await handleHTTP(asyncChannel: channel, logger: logger)
            // Not waited for: a task that waits costs every open socket some kilobytes. The registry holds what must be ended.
            case .socket(let session):
                registry.add(session)
                let registry = registry
                session.channel.closeFuture.whenComplete { _ in registry.remove(session) }
                session.begin(logger)
            }
        } catch {
            // The peer left before it had said what it wanted.
            value.channel.close(promise: nil)
        }
    }
}

/// Turns a connection away: 503, and the door.
private final class TurnedAway: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let refusal: ConnectionRegistry.Refusal
    private let linger: TimeAmount

    init(_ refusal: ConnectionRegistry.Refusal, linger: TimeAmount) {
        self.refusal = refusal
        self.linger = linger
    }

    func channelActive(context: ChannelHandlerContext) {
        let error =
            switch refusal {
            case .houseIsFull: GatewayError.unavailable("too_many_connections", "all connections are taken")
            case .peerHasEnough: GatewayError.unavailable("too_many_connections", "this address has too many connections")
            }
        let body = String(decoding: error.body, as: UTF8.self)
        let text =
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
            + "Retry-After: 5\r\nConnection: close\r\n\r\n\(body)"
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        context.close(mode: .output, promise: nil)
        let channel = context.channel
        context.eventLoop.scheduleTask(in: linger) { channel.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent || event as? ChannelEvent == .inputClosed { context.close(promise: nil) }
    }
}

/// A head that is HTTP/1.1 but cannot be read as a request, such as one without `Host`.
private final class MalformedHead: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTP1TypeConversionError, let guardian = try? context.pipeline.syncOperations.handler(type: ConnectionGuard.self) else {
            return context.fireErrorCaught(error)
        }
        guardian.refuse(.badRequest("malformed_request", "the request line or a header cannot be read"))
    }
}
