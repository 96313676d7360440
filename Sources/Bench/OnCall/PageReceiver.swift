import NIOCore
import NIOHTTP1
import Synchronization

/// Takes pages in Alertmanager's webhook format, and notes when the first page came that holds the alert of a number.
final class PageReceiver: Sendable {
    /// What stands before an alert's number in its labels.
    static let mark = "bench-"

    private let server: LocalServer
    private let arrivals: Arrivals

    private final class Arrivals: Sendable {
        let first = Mutex<[Int: Int64]>([:])
    }

    private init(server: LocalServer, arrivals: Arrivals) {
        self.server = server
        self.arrivals = arrivals
    }

    static func start() async throws -> PageReceiver {
        let arrivals = Arrivals()
        return PageReceiver(server: try await LocalServer { Reader(arrivals) }, arrivals: arrivals)
    }

    var url: String { server.url + "/page" }
    /// When the first page of each number came.
    var first: [Int: Int64] { arrivals.first.withLock { $0 } }
    var count: Int { arrivals.first.withLock { $0.count } }

    func stop() async throws { try await server.stop() }

    /// It belongs to its event loop.
    private final class Reader: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let arrivals: Arrivals
        private var body = ByteBuffer()

        init(_ arrivals: Arrivals) { self.arrivals = arrivals }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head: body.clear()
            case .body(var part): body.writeBuffer(&part)
            case .end:
                let now = Stopwatch.now, numbers = body.withUnsafeReadableBytes(Self.numbers)
                arrivals.first.withLock { first in
                    for number in numbers where first[number] == nil { first[number] = now }
                }
                let headers: HTTPHeaders = ["Content-Length": "0"]
                context.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: headers))), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }

        private static let markBytes = Array(PageReceiver.mark.utf8)

        /// The numbers in a text; no JSON is parsed, since the cores are those that are measured.
        private static func numbers(_ bytes: UnsafeRawBufferPointer) -> [Int] {
            let mark = markBytes
            var found: [Int] = [], place = 0
            while place + mark.count < bytes.count {
                guard bytes[place] == mark[0], mark.indices.allSatisfy({ bytes[place + $0] == mark[$0] }) else {
                    place += 1
                    continue
                }
                place += mark.count
                var number = 0
                while place < bytes.count, (0x30...0x39).contains(bytes[place]) {
                    number = number * 10 + Int(bytes[place] - 0x30)
                    place += 1
                }
                found.append(number)
            }
            return found
        }
    }
}
