import Foundation
import NIOCore
import NIOPosix

/// Guests who write on the chat socket, each one message after the other.
struct ChatLoad: Sendable {
    var port: Int
    var connections: Int
    /// How long messages are sent, in nanoseconds; 0 only opens the sockets.
    var duration: Int64
    /// What is asked, in turn.
    var questions: [String]

    struct Outcome: Sendable {
        /// From sending a message to its acknowledgement, and to its answer.
        var acknowledged = Times()
        var answered = Times()
        /// Answers without a source, and error frames: not what is to be measured.
        var unfounded = 0
        var errors: [String] = []
        var elapsed: Int64 = 0

        var rate: Double { Double(answered.count) / (Double(elapsed) / 1e9) }
    }

    /// Runs the load on one thread; the sockets are closed at its end.
    func run() async throws -> Outcome {
        let crowd = try await Crowd.open(self)
        let begun = Stopwatch.now
        var outcome = try await crowd.talk(until: begun + duration)
        outcome.elapsed = Stopwatch.now - begun
        try await crowd.close()
        return outcome
    }
}

/// Open chat sockets.
final class Crowd: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let guests: [any Channel]

    private init(group: MultiThreadedEventLoopGroup, guests: [any Channel]) {
        self.group = group
        self.guests = guests
    }

    /// Opens the sockets, a few at a time, and returns when each has its session.
    static func open(_ load: ChatLoad) async throws -> Crowd {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var guests: [any Channel] = []
        do {
            for start in stride(from: 0, to: load.connections, by: 20) {
                let opened = try await withThrowingTaskGroup(of: (any Channel).self) { tasks in
                    for index in start..<min(start + 20, load.connections) {
                        tasks.addTask {
                            let ready = group.any().makePromise(of: Void.self)
                            do {
                                let channel = try await ClientBootstrap(group: group).channelOption(.tcpOption(.tcp_nodelay), value: 1)
                                    .channelInitializer { channel in
                                        channel.eventLoop.makeCompletedFuture {
                                            try channel.pipeline.syncOperations.addHandler(GuestConnection(load, index: index, ready: ready))
                                        }
                                    }.connect(host: "127.0.0.1", port: load.port).get()
                                try await ready.futureResult.get()
                                return channel
                            } catch {
                                ready.fail(error)
                                throw error
                            }
                        }
                    }
                    return try await tasks.reduce(into: [any Channel]()) { $0.append($1) }
                }
                guests += opened
            }
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        return Crowd(group: group, guests: guests)
    }

    /// Lets all write until a moment, and waits for the last answers.
    func talk(until: Int64) async throws -> ChatLoad.Outcome {
        let results = guests.map { channel in
            channel.eventLoop.flatSubmit {
                do {
                    return try channel.pipeline.syncOperations.handler(type: GuestConnection.self).talk(until: until, channel)
                } catch {
                    return channel.eventLoop.makeFailedFuture(error)
                }
            }
        }
        var total = ChatLoad.Outcome()
        for result in results {
            let outcome = try await result.get()
            total.acknowledged.add(outcome.acknowledged)
            total.answered.add(outcome.answered)
            total.unfounded += outcome.unfounded
            total.errors += outcome.errors
        }
        return total
    }

    func close() async throws {
        for guest in guests { try? await guest.close() }
        try await group.shutdownGracefully()
    }
}

/// One guest's socket: enough of RFC 6455 for a server that sends whole text frames. Lean, for it runs on the cores that are measured. It belongs to its event loop.
private final class GuestConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let load: ChatLoad
    private let index: Int
    private let ready: EventLoopPromise<Void>
    private var result: EventLoopPromise<ChatLoad.Outcome>?
    private var outcome = ChatLoad.Outcome()
    private var received = ByteBuffer()
    private var isUpgraded = false
    private var until: Int64 = 0
    private var sentAt: Int64 = 0
    private var sent = 0
    private var awaited = ""
    private let limit = TimeAmount.seconds(20)
    private var patience: Scheduled<Void>?

    init(_ load: ChatLoad, index: Int, ready: EventLoopPromise<Void>) {
        self.load = load
        self.index = index
        self.ready = ready
    }

    func talk(until: Int64, _ channel: any Channel) -> EventLoopFuture<ChatLoad.Outcome> {
        let promise = channel.eventLoop.makePromise(of: ChatLoad.Outcome.self)
        guard channel.isActive else {
            promise.fail(BenchError("a chat socket was closed"))
            return promise.futureResult
        }
        outcome = ChatLoad.Outcome()
        result = promise
        self.until = until
        next(channel)
        return promise.futureResult
    }

    func channelActive(context: ChannelHandlerContext) {
        let head =
            "GET /ws/chat HTTP/1.1\r\nHost: 127.0.0.1:\(load.port)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: head)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        received.writeBuffer(&buffer)
        if !isUpgraded { guard takeUpgrade(context) else { return } }
        while let (opcode, payload) = takeFrame() {
            switch opcode {
            case 1: take(payload, context.channel)
            case 8: context.close(promise: nil)
            case 9: write(opcode: 10, Array(payload.readableBytesView), context.channel)
            default: break
            }
        }
        received.discardReadBytes()
    }

    func channelInactive(context: ChannelHandlerContext) { fail(BenchError("the server closed a chat socket")) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error)
        context.close(promise: nil)
    }

    private func fail(_ error: any Error) {
        patience?.cancel()
        ready.fail(error)
        result?.fail(error)
        result = nil
    }

    private func next(_ channel: any Channel) {
        patience?.cancel()
        guard Stopwatch.now < until else {
            result?.succeed(outcome)
            result = nil
            return
        }
        awaited = "\(index)-\(sent)"
        let question = load.questions[(index + sent) % load.questions.count]
        sent += 1
        sentAt = Stopwatch.now
        write(opcode: 1, Array(#"{"type":"message","id":"\#(awaited)","text":"\#(question)"}"#.utf8), channel)
        patience = channel.eventLoop.assumeIsolated().scheduleTask(in: limit) { self.fail(BenchError("no answer came within 20 s")) }
    }

    private func take(_ frame: ByteBuffer, _ channel: any Channel) {
        if has(frame, #""type":"session""#) { return ready.succeed(()) }
        let isError = has(frame, #""type":"error""#)
        if isError {
            outcome.errors.append(String(buffer: frame))
            ready.fail(BenchError(String(buffer: frame)))
            result?.succeed(outcome)
            result = nil
            return
        }
        guard result != nil, has(frame, #""\#(awaited)""#) else { return }
        if has(frame, #""type":"ack""#) {
            outcome.acknowledged.add(Stopwatch.now - sentAt)
        } else if has(frame, #""type":"message""#) {
            outcome.answered.add(Stopwatch.now - sentAt)
            if has(frame, #""sources":[]"#) { outcome.unfounded += 1 }
            next(channel)
        }
    }

    private func has(_ frame: ByteBuffer, _ text: String) -> Bool {
        var text = text
        return text.withUTF8 { needle in
            frame.withUnsafeReadableBytes { bytes in
                guard bytes.count >= needle.count else { return false }
                return (0...bytes.count - needle.count).contains { start in needle.indices.allSatisfy { bytes[start + $0] == needle[$0] } }
            }
        }
    }

    private func takeUpgrade(_ context: ChannelHandlerContext) -> Bool {
        let view = received.readableBytesView
        guard let end = view.firstRange(of: Array("\r\n\r\n".utf8)) else { return false }
        let head = String(decoding: view[..<end.lowerBound], as: UTF8.self)
        guard head.hasPrefix("HTTP/1.1 101") else {
            fail(BenchError("the chat socket was refused: \(head)"))
            context.close(promise: nil)
            return false
        }
        received.moveReaderIndex(to: end.upperBound)
        isUpgraded = true
        write(opcode: 1, Array(#"{"type":"hello","token":null,"locale":"en"}"#.utf8), context.channel)
        return true
    }

    private func takeFrame() -> (opcode: UInt8, payload: ByteBuffer)? {
        var rest = received
        guard let first = rest.readInteger(as: UInt8.self), let second = rest.readInteger(as: UInt8.self) else { return nil }
        var length = Int(second & 0x7F)
        if length == 126 {
            guard let long = rest.readInteger(as: UInt16.self) else { return nil }
            length = Int(long)
        } else if length == 127 {
            guard let long = rest.readInteger(as: UInt64.self) else { return nil }
            length = Int(long)
        }
        guard let payload = rest.readSlice(length: length) else { return nil }
        received = rest
        return (first & 0x0F, payload)
    }

    /// A masked frame, as a client must send it.
    private func write(opcode: UInt8, _ payload: [UInt8], _ channel: any Channel) {
        var frame = channel.allocator.buffer(capacity: payload.count + 8)
        frame.writeInteger(0x80 | opcode)
        if payload.count < 126 {
            frame.writeInteger(0x80 | UInt8(payload.count))
        } else {
            frame.writeInteger(UInt8(0x80 | 126))
            frame.writeInteger(UInt16(payload.count))
        }
        let mask: [UInt8] = (0..<4).map { _ in UInt8.random(in: .min ... .max) }
        frame.writeBytes(mask)
        frame.writeBytes(payload.indices.map { payload[$0] ^ mask[$0 & 3] })
        channel.writeAndFlush(frame, promise: nil)
    }
}
