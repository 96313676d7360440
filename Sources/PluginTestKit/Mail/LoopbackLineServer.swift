import NIOCore
import NIOPosix
import Synchronization

/// A server of lines on a port of its own on the loopback address, whose every word, good or bad, a test decides: for SMTP, IMAP and their like.
///
/// ```swift
/// let server = try await LoopbackLineServer.start { client in
///     try await client.send("220 ready\r\n")
///     while let line = await client.line() { try await client.send("250 OK\r\n") }
/// }
/// ```
public final class LoopbackLineServer: Sendable {
    /// One connection. When the closure that serves it returns, it is closed. For one task alone.
    public actor Client {
        fileprivate typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>
        private let pieces: AsyncStream<[UInt8]>
        private var rest: [UInt8] = []
        private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
        private let state: Shared
        /// Which connection it is, counted from 1.
        public nonisolated let number: Int

        fileprivate init(_ pieces: AsyncStream<[UInt8]>, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>, number: Int, _ state: Shared) {
            self.pieces = pieces
            self.outbound = outbound
            self.number = number
            self.state = state
        }

        /// The next line without its end; nil where the client has gone.
        public func line() async -> String? {
            while true {
                if let end = rest.firstIndex(of: 10) {
                    let line = String(decoding: rest[..<end].filter { $0 != 13 }, as: UTF8.self)
                    rest.removeFirst(end + 1)
                    state.value.withLock { $0.lines.append(line) }
                    return line
                }
                var iterator = pieces.makeAsyncIterator()
                guard let piece = await iterator.next(isolation: self) else { return nil }
                rest += piece
            }
        }

        public func send(_ text: String) async throws { try await send(Array(text.utf8)) }
        public func send(_ bytes: [UInt8]) async throws { try await outbound.write(ByteBuffer(bytes: bytes)) }
    }

    public typealias Script = @Sendable (Client) async throws -> Void

    fileprivate struct State {
        var lines: [String] = []
        var connections = 0
        var open = 0
    }

    fileprivate final class Shared: Sendable { let value = Mutex(State()) }

    public let port: Int
    private let listener: any Channel
    private let serving: Task<Void, Never>
    private let state: Shared

    private init(port: Int, listener: any Channel, serving: Task<Void, Never>, state: Shared) {
        self.port = port
        self.listener = listener
        self.serving = serving
        self.state = state
    }

    /// Starts a server. End it with ``shutdown()``.
    public static func start(_ script: @escaping Script) async throws -> LoopbackLineServer {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture { try Client.Connection(wrappingChannelSynchronously: channel) }
            }
        guard let port = server.channel.localAddress?.port else { throw ChannelError.unknownLocalAddress }
        let state = Shared()
        let serving = Task {
            // The listener's own error is the end of serving, which is what ``shutdown()`` asks for.
            _ = try? await server.executeThenClose { inbound in
                try await withThrowingDiscardingTaskGroup { group in
                    for try await connection in inbound { group.addTask { _ = try? await serve(connection, state, script) } }
                }
            }
        }
        return LoopbackLineServer(port: port, listener: server.channel, serving: serving, state: state)
    }

    /// All lines that clients have sent, in order.
    public var lines: [String] { state.value.withLock { $0.lines } }
    /// How many connections were ever opened.
    public var connections: Int { state.value.withLock { $0.connections } }
    /// How many connections are open.
    public var openConnections: Int { state.value.withLock { $0.open } }

    /// Cuts all connections and stops listening.
    public func shutdown() async {
        serving.cancel()
        try? await listener.close().get()
        await serving.value
    }

    private static func serve(_ connection: Client.Connection, _ state: Shared, _ script: @escaping Script) async throws {
        let number = state.value.withLock { state in
            state.connections += 1
            state.open += 1
            return state.connections
        }
        connection.channel.closeFuture.whenComplete { _ in state.value.withLock { $0.open -= 1 } }
        try await connection.executeThenClose { inbound, outbound in
            let (pieces, continuation) = AsyncStream.makeStream(of: [UInt8].self)
            let client = Client(pieces, outbound, number: number, state)
            let reader = Task {
                defer { continuation.finish() }
                for try await piece in inbound { continuation.yield(Array(piece.readableBytesView)) }
            }
            defer { reader.cancel() }
            try await script(client)
        }
    }
}
