import NIOCore
import NIOHTTP1
import Synchronization

/// A vendor on loopback that takes every message, each after a while. It keeps nothing but counts, so that the memory that is measured is Jack's.
final class SlowVendor: Sendable {
    private final class Counts: Sendable {
        let value = Mutex<(taken: Int, open: Int, mostOpen: Int)>((0, 0, 0))
    }

    private let server: LocalServer
    private let counts: Counts

    private init(server: LocalServer, counts: Counts) {
        self.server = server
        self.counts = counts
    }

    static func start(latency: TimeAmount) async throws -> SlowVendor {
        let counts = Counts()
        return SlowVendor(server: try await LocalServer { Taker(latency: latency, counts: counts) }, counts: counts)
    }

    var url: String { server.url }
    /// Messages that were answered.
    var taken: Int { counts.value.withLock { $0.taken } }
    /// The most that were on their way at once.
    var mostOpen: Int { counts.value.withLock { $0.mostOpen } }

    func stop() async throws { try await server.stop() }

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
