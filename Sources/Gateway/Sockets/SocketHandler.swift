import NIOCore
import NIOWebSocket
import PluginAPI

/// A peer broke the protocol; the code is what the socket closes with.
struct SocketFault: Error {
    var code: UInt16
    var reason: String
}

/// Refuses frames that RFC 6455 forbids a client to send and that the codec lets through. Stands before the aggregator, which forgets the mask.
final class SocketRules: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias InboundOut = WebSocketFrame

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        if frame.maskKey == nil {
            context.fireErrorCaught(SocketFault(code: 1002, reason: "a client masks its frames"))
        } else if frame.rsv1 || frame.rsv2 || frame.rsv3 {
            context.fireErrorCaught(SocketFault(code: 1002, reason: "no extension was agreed on"))
        } else {
            switch frame.opcode {
            case .text, .binary, .continuation, .ping, .pong, .connectionClose: context.fireChannelRead(data)
            default: context.fireErrorCaught(SocketFault(code: 1002, reason: "unknown opcode"))
            }
        }
    }
}

/// Speaks the WebSocket protocol for one session: text in and out, pings, back-pressure, and an orderly end.
final class SocketHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// Asks for the closing handshake.
    struct Close: Sendable {
        var code: UInt16
        var reason: String
    }

    /// Says that the session has room again.
    struct ReadOn: Sendable {}

    private let session: SocketSession
    private let pingInterval: TimeAmount
    private let closeTimeout: TimeAmount

    private var isClosing = false
    private var isPaused = false
    private var holdsRead = false
    /// A frame came since the last ping.
    private var sawFrame = true
    private var timer: Scheduled<Void>?

    init(session: SocketSession, pingInterval: Duration, closeTimeout: Duration) {
        self.session = session
        self.pingInterval = TimeAmount(pingInterval)
        self.closeTimeout = TimeAmount(closeTimeout)
    }

    func handlerAdded(context: ChannelHandlerContext) { setTimer(context, pingInterval) }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        session.finish()
        context.fireChannelInactive()
    }

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var frame = unwrapInboundIn(data)
        sawFrame = true
        if isClosing {
            if frame.opcode == .connectionClose { context.close(promise: nil) }
            return
        }
        var bytes = frame.unmaskedData
        switch frame.opcode {
        case .text:
            guard let text = try? bytes.readUTF8ValidatedString(length: bytes.readableBytes) else {
                return close(context, 1007, "text must be UTF-8")
            }
            if session.deliver(text) { isPaused = true }
        case .binary: close(context, 1003, "only text is taken here")
        case .ping:
            frame = WebSocketFrame(fin: true, opcode: .pong, data: bytes)
            context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
        case .connectionClose: answerClose(context, &bytes)
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let fault as SocketFault: close(context, fault.code, fault.reason)
        case NIOWebSocketError.invalidFrameLength: close(context, 1009, "a message may have \(session.route.maximumMessageBytes) bytes")
        case is NIOWebSocketError: close(context, 1002, "malformed control frame")
        case NIOWebSocketFrameAggregator.Error.accumulatedFrameSizeIsTooLarge, NIOWebSocketFrameAggregator.Error.tooManyFragments:
            close(context, 1009, "a message may have \(session.route.maximumMessageBytes) bytes")
        case is NIOWebSocketFrameAggregator.Error: close(context, 1002, "fragments out of order")
        default: context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: close(context, 1001, "going away")
        case ChannelEvent.inputClosed: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func read(context: ChannelHandlerContext) {
        if isPaused, !isClosing { holdsRead = true } else { context.read() }
    }

    // MARK: Out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isClosing else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        context.write(data, promise: promise)
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        switch event {
        case let event as Close: close(context, event.code, event.reason, promise)
        case is ReadOn:
            isPaused = false
            readOn(context)
            promise?.succeed()
        default: context.triggerUserOutboundEvent(event, promise: promise)
        }
    }

    private func readOn(_ context: ChannelHandlerContext) {
        guard holdsRead else { return }
        holdsRead = false
        context.read()
    }

    // MARK: End

    /// Sends a close frame once, and gives the peer a moment to answer it.
    private func close(_ context: ChannelHandlerContext, _ code: UInt16, _ reason: String, _ promise: EventLoopPromise<Void>? = nil) {
        guard !isClosing, context.channel.isActive else {
            promise?.succeed()
            return
        }
        isClosing = true
        var data = context.channel.allocator.buffer(capacity: 2 + reason.utf8.count)
        data.writeInteger(code)
        // A control frame carries 125 bytes. A reason is cut between characters.
        var text = reason
        while text.utf8.count > 123 { text.removeLast() }
        data.writeString(text)
        context.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: .connectionClose, data: data)), promise: promise)
        timer?.cancel()
        setTimer(context, closeTimeout)
        readOn(context)
        session.finish()
    }

    private func answerClose(_ context: ChannelHandlerContext, _ bytes: inout ByteBuffer) {
        var code: UInt16 = 1000
        if bytes.readableBytes > 0 {
            guard let given = bytes.readInteger(as: UInt16.self), Self.mayBeSent(given) else { return close(context, 1002, "bad close code") }
            guard (try? bytes.readUTF8ValidatedString(length: bytes.readableBytes)) != nil else { return close(context, 1007, "text must be UTF-8") }
            code = given
        }
        let closed = context.eventLoop.makePromise(of: Void.self)
        let channel = context.channel
        closed.futureResult.whenComplete { _ in channel.close(promise: nil) }
        close(context, code, "", closed)
    }

    /// RFC 6455, 7.4.
    private static func mayBeSent(_ code: UInt16) -> Bool {
        (1000...1003).contains(code) || (1007...1014).contains(code) || (3000...4999).contains(code)
    }

    // MARK: Time

    private func setTimer(_ context: ChannelHandlerContext, _ wait: TimeAmount) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: wait) { self.timerFired(context) }
    }

    private func timerFired(_ context: ChannelHandlerContext) {
        guard !isClosing else { return context.close(promise: nil) }
        // A peer that is not being read from cannot show that it lives.
        guard sawFrame || isPaused else { return close(context, 1001, "no answer to a ping") }
        sawFrame = false
        context.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer())), promise: nil)
        setTimer(context, pingInterval)
    }
}
