import HTTPTypes
import NIOCore
import NIOHTTP1
import PluginAPI

/// Watches one HTTP connection: time limits, size limits, malformed requests, keep-alive and the end.
///
/// It stands right behind the decoder, sees every part of every request and response, and answers for itself where no request gets as far as the
/// router. After such an answer it closes its own half and goes on reading for a moment: a connection closed with unread bytes is reset, and the
/// peer would lose the answer.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Where the peer's next bytes belong.
    private enum Reading { case nothing, header, body, refused }

    private let limits: GatewayConfiguration
    /// Told of answers that the router never saw.
    private let onRefusal: @Sendable (GatewayError) -> Void

    private var reading = Reading.nothing
    /// Requests whose response has not ended.
    private var outstanding = 0
    private var responseBegun = false
    private var bodyBytes = 0
    private var sawPart = false
    /// The peer has said that this request is its last; what it pipelined before is still answered.
    private var sawLastRequest = false
    /// The response that is being written ends the connection.
    private var closesAfterResponse = false
    private var isQuiescing = false
    private var context: ChannelHandlerContext?

    private var deadline: NIODeadline?
    private var timer: Scheduled<Void>?
    private var timerAt = NIODeadline.distantFuture

    init(limits: GatewayConfiguration, onRefusal: @escaping @Sendable (GatewayError) -> Void) {
        self.limits = limits
        self.onRefusal = onRefusal
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { setDeadline(limits.idleTimeout) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        setDeadline(limits.idleTimeout)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        sawPart = true
        guard reading != .refused else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard !sawLastRequest else { return }
            reading = .body
            bodyBytes = 0
            outstanding += 1
            // NIO's decoder reads nothing after a request that asks for an upgrade, whether it gets one or not.
            if !head.isKeepAlive || head.headers.contains(name: "Upgrade") { sawLastRequest = true }
            if let length = head.headers.first(name: "Content-Length").flatMap(Int.init), length > limits.maximumBodyBytes {
                return refuse(.bodyTooLarge(limits.maximumBodyBytes))
            }
            if outstanding == 1, head.headers.first(name: "Expect")?.lowercased() == "100-continue" {
                context.writeAndFlush(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
            }
        case .body(let bytes):
            bodyBytes += bytes.readableBytes
            guard bodyBytes <= limits.maximumBodyBytes else { return refuse(.bodyTooLarge(limits.maximumBodyBytes)) }
        case .end:
            reading = .nothing
            deadline = nil
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        switch reading {
        case .nothing where !sawPart && outstanding == 0:
            // Bytes came, and they were no whole header.
            reading = .header
            setDeadline(limits.headerTimeout)
        case .body where deadline == nil || !isBodyDeadline: setDeadline(limits.bodyTimeout, body: true)
        default: break
        }
        sawPart = false
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        switch error {
        case .headerOverflow:
            refuse(
                GatewayError(
                    .requestHeaderFieldsTooLarge, "header_too_large", "the header is longer than \(limits.maximumHeaderBytes) bytes",
                    details: ["maximum_bytes": .int(limits.maximumHeaderBytes)]))
        default: refuse(.badRequest("malformed_request", "this is not HTTP/1.1 as RFC 9112 has it"))
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            isQuiescing = true
            if outstanding == 0 { context.close(promise: nil) }
        case ChannelEvent.inputClosed where reading == .refused || outstanding == 0: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: Responses

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard reading != .refused else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(var head):
            guard !head.status.isInformational else { break }
            responseBegun = true
            if head.headers[canonicalForm: "connection"].contains("close") { closesAfterResponse = true }
            if outstanding == 1, sawLastRequest || isQuiescing { closesAfterResponse = true }
            if closesAfterResponse {
                head.headers.replaceOrAdd(name: "Connection", value: "close")
                return context.write(wrapOutboundOut(.head(head)), promise: promise)
            }
        case .body: break
        case .end:
            responseBegun = false
            outstanding -= 1
            if closesAfterResponse {
                let written = promise ?? context.eventLoop.makePromise(of: Void.self)
                let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
                written.futureResult.whenComplete { _ in bound.value.linger() }
                reading = .refused
                return context.write(data, promise: written)
            }
            if outstanding == 0, reading == .nothing { setDeadline(limits.idleTimeout) }
        }
        context.write(data, promise: promise)
    }

    /// Answers in the router's place and ends the connection.
    func refuse(_ error: GatewayError) {
        guard let context, reading != .refused else { return }
        reading = .refused
        onRefusal(error)
        // An answer that has begun cannot be followed by another, and answers keep the order of their requests.
        guard !responseBegun, outstanding <= 1 else { return context.close(promise: nil) }
        let body = error.body
        var headers = HTTPHeaders([("Content-Type", "application/json"), ("Content-Length", "\(body.count)"), ("Connection", "close")])
        for field in SecurityHeaders.always { headers.add(name: field.name.canonicalName, value: field.value) }
        headers.add(name: "Server", value: limits.serverName)
        for field in error.headers where field.name != .connection { headers.add(name: field.name.canonicalName, value: field.value) }
        let status = HTTPResponseStatus(statusCode: error.status.code, reasonPhrase: error.status.reasonPhrase)
        context.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(bytes: body)))), promise: nil)
        let written = context.eventLoop.makePromise(of: Void.self)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in bound.value.linger() }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
        // Holds even where the peer does not take the answer.
        setDeadline(limits.lingerTimeout)
    }

    private func linger() {
        guard let context, context.channel.isActive else { return }
        context.close(mode: .output, promise: nil)
        setDeadline(limits.lingerTimeout)
        // The one whose turn it is to read may have gone; what is thrown away is read here.
        context.read()
    }

    // MARK: Time

    private var isBodyDeadline = false

    private func setDeadline(_ wait: Duration, body: Bool = false) {
        guard let context else { return }
        isBodyDeadline = body
        let deadline = NIODeadline.now() + TimeAmount(wait)
        self.deadline = deadline
        // A timer that comes too early looks again; only one that would come too late must be set anew. So a quick request costs no timer at all.
        guard timer == nil || timerAt > deadline else { return }
        timer?.cancel()
        setTimer(context, deadline)
    }

    private func setTimer(_ context: ChannelHandlerContext, _ deadline: NIODeadline) {
        timerAt = deadline
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.timerFired() }
    }

    private func timerFired() {
        timer = nil
        guard let context, let deadline else { return }
        guard NIODeadline.now() >= deadline else { return setTimer(context, deadline) }
        switch reading {
        case .nothing, .refused: context.close(promise: nil)
        case .header: refuse(GatewayError(.requestTimeout, "header_timeout", "the header did not come to its end in time"))
        case .body: refuse(GatewayError(.requestTimeout, "body_timeout", "the body did not come to its end in time"))
        }
    }
}

extension HTTPResponseStatus {
    fileprivate var isInformational: Bool { (100..<200).contains(code) }
}
