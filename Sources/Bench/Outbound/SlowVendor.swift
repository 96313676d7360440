import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A vendor on loopback that takes every message, each after a while. It keeps nothing but counts, so that the memory that is measured is Jack's.
final class SlowVendor: Sendable {
    private final class Counts: Sendable {
        let value = Mutex<(taken: Int, open: Int, mostOpen: Int)>((0, 0, 0))
    }

    private let group: MultiThreadedEventLoopGroup
    private let listener: any Channel
    private let counts: Counts

    private init(group: MultiThreadedEventLoopGroup, listener: any Channel, counts: Counts) {
        self.group = group
        self.listener = listener
        self.counts = counts
    }

    static func start(latency: TimeAmount) async throws -> SlowVendor {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1), counts = Counts()
        let listener = try await ServerBootstrap(group: group).serverChannelOption(.backlog, value: 1024)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Taker(latency: latency, counts: counts))
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        return SlowVendor(group: group, listener: listener, counts: counts)
    }

    var url: String { "http://127.0.0.1:\(listener.localAddress?.port ?? 0)" }
    /// Messages that were answered.
    var taken: Int { counts.value.withLock { $0.taken } }
    /// The most that were on their way at once.
    var mostOpen: Int { counts.value.withLock { $0.mostOpen } }

    func stop() async throws {
        try await listener.close()
        try await group.shutdownGracefully()
    }

    /// It belongs to its event loop.
    private final class Taker: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let latency: TimeAmount
        private let counts: Counts

        init(latency: TimeAmount, counts: Counts) {
            self.latency = latency
            self.counts = counts
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head:
                counts.value.withLock { counts in
                    counts.open += 1
                    counts.mostOpen = max(counts.mostOpen, counts.open)
                }
            case .body: break
            case .end: context.eventLoop.assumeIsolated().scheduleTask(in: latency) { self.answer(context) }
            }
        }

        private func answer(_ context: ChannelHandlerContext) {
            let number = counts.value.withLock { counts in
                counts.open -= 1
                counts.taken += 1
                return counts.taken
            }
            let body = ByteBuffer(
                string: #"{"messaging_product":"whatsapp","contacts":[{"input":"+1","wa_id":"1"}],"messages":[{"id":"wamid.OUT\#(number)"}]}"#)
            let headers: HTTPHeaders = ["Content-Type": "application/json", "Content-Length": "\(body.readableBytes)"]
            context.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: headers))), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
