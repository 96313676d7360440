import Foundation
import NIOCore
import NIOPosix

/// What is sent, by how many, for how long.
struct Load: Sendable {
    var port: Int
    var connections: Int
    /// In nanoseconds.
    var duration: Int64
    /// Requests are numbered from here on, so that none is sent twice by mistake.
    var firstNumber = 0
    /// A connection sends this many at most, whatever the time; nil for no limit.
    var requestsPerConnection: Int?
    /// Nanoseconds from one request to the next, over all connections; nil for as fast as answers come.
    var pace: Int64?
    /// Makes the request of a number, its head included, at the moment in which it is sent.
    var request: @Sendable (_ number: Int) -> [UInt8]

    /// A POST whose body has this many bytes, up to the end of its head.
    static func head(_ path: String, bytes: Int, _ fields: [(name: String, value: String)]) -> String {
        "POST \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: \(bytes)\r\n"
            + fields.map { "\($0.name): \($0.value)\r\n" }.joined() + "\r\n"
    }

    /// What came back.
    struct Outcome: Sendable {
        var times = Times()
        var acknowledged = 0
        var refused = 0
        var statuses: [Int: Int] = [:]
        /// In nanoseconds, from the first request to the last answer.
        var elapsed: Int64 = 0
        /// Requests, answered or not; of several connections, those of the busiest.
        var sent = 0

        var rate: Double { Double(acknowledged) / (Double(elapsed) / 1e9) }

        mutating func add(_ other: Outcome) {
            times.add(other.times)
            acknowledged += other.acknowledged
            refused += other.refused
            statuses.merge(other.statuses, uniquingKeysWith: +)
            sent = max(sent, other.sent)
        }
    }

    /// Sends from one thread of its own, each connection one request after the other.
    func run() async throws -> Outcome {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let begun = Stopwatch.now
        var total = Outcome()
        do {
            let load = self
            let results = try await withThrowingTaskGroup(of: Outcome.self) { tasks in
                for index in 0..<connections {
                    tasks.addTask {
                        let promise = group.any().makePromise(of: Outcome.self)
                        do {
                            _ = try await ClientBootstrap(group: group).channelOption(.tcpOption(.tcp_nodelay), value: 1)
                                .channelInitializer { channel in
                                    channel.eventLoop.makeCompletedFuture {
                                        try channel.pipeline.syncOperations.addHandler(
                                            LoadConnection(load, index: index, begun: begun, result: promise))
                                    }
                                }.connect(host: "127.0.0.1", port: load.port).get()
                        } catch {
                            promise.fail(error)
                        }
                        return try await promise.futureResult.get()
                    }
                }
                return try await tasks.reduce(into: [Outcome]()) { $0.append($1) }
            }
            for result in results { total.add(result) }
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        total.elapsed = Stopwatch.now - begun
        try await group.shutdownGracefully()
        return total
    }
}

/// One connection of the load: writes a request, reads its answer, writes the next. It belongs to its event loop.
private final class LoadConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let load: Load
    private let index: Int
    private let begun: Int64
    private let result: EventLoopPromise<Load.Outcome>
    private var outcome = Load.Outcome()
    private var received = ByteBuffer()
    private var sentAt: Int64 = 0

    init(_ load: Load, index: Int, begun: Int64, result: EventLoopPromise<Load.Outcome>) {
        self.load = load
        self.index = index
        self.begun = begun
        self.result = result
    }

    func channelActive(context: ChannelHandlerContext) { next(context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        received.writeBuffer(&buffer)
        guard let status = takeAnswer() else { return }
        outcome.times.add(Stopwatch.now - sentAt)
        if status == 200 { outcome.acknowledged += 1 } else { outcome.refused += 1 }
        outcome.statuses[status, default: 0] += 1
        next(context)
    }

    func channelInactive(context: ChannelHandlerContext) { result.succeed(outcome) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        result.fail(error)
        context.close(promise: nil)
    }

    private func next(_ context: ChannelHandlerContext) {
        guard Stopwatch.now < begun + load.duration, outcome.sent < load.requestsPerConnection ?? .max else {
            result.succeed(outcome)
            return context.close(promise: nil)
        }
        let place = outcome.sent * load.connections + index
        outcome.sent += 1
        let wait = load.pace.map { begun + Int64(place) * $0 - Stopwatch.now } ?? 0
        guard wait > 0 else { return send(load.firstNumber + place, context) }
        context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(wait)) { self.send(self.load.firstNumber + place, context) }
    }

    private func send(_ number: Int, _ context: ChannelHandlerContext) {
        let request = load.request(number)
        sentAt = Stopwatch.now
        context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(bytes: request)), promise: nil)
    }

    /// The status of the answer, once it is here whole. Enough of HTTP for answers that have a length; quick, since it takes the server's cores.
    private func takeAnswer() -> Int? {
        let status = received.withUnsafeReadableBytes { bytes -> Int? in
            guard let head = bytes.indices.first(where: { Self.isEnd(bytes, at: $0) }) else { return nil }
            guard bytes.count - (head + 4) >= Self.length(UnsafeRawBufferPointer(rebasing: bytes[..<head])) else { return nil }
            return bytes[9..<12].reduce(0) { $0 * 10 + Int($1) - 0x30 }
        }
        if status != nil { received.clear() }
        return status
    }

    private static func isEnd(_ bytes: UnsafeRawBufferPointer, at place: Int) -> Bool {
        place + 3 < bytes.count && bytes[place] == 0x0D && bytes[place + 1] == 0x0A && bytes[place + 2] == 0x0D && bytes[place + 3] == 0x0A
    }

    private static let lengthName = Array("\r\ncontent-length:".utf8)

    private static func length(_ head: UnsafeRawBufferPointer) -> Int {
        let name = lengthName
        guard head.count > name.count else { return 0 }
        for start in 0..<head.count - name.count where head[start] == 0x0D {
            guard name.indices.allSatisfy({ name[$0] == head[start + $0] | (name[$0] >= 0x61 ? 0x20 : 0) }) else { continue }
            return head[(start + name.count)...].drop { $0 == 0x20 }.prefix { (0x30...0x39).contains($0) }.reduce(0) { $0 * 10 + Int($1) - 0x30 }
        }
        return 0
    }
}
