import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOPosix
import PluginAPI
import Synchronization

/// A small HTTP/1.1 server on a port of its own on the loopback address, whose every answer, good or bad, a test decides.
///
/// ```swift
/// try await LoopbackServer.run { request in request.path == "/v1/me" ? .json(#"{"name":"Miramar"}"#) : .status(404) } use: { server in
///     let response = try await client.send(ClientRequest(.get, server.url("/v1/me")))
///     #expect(server.requests.map(\.path) == ["/v1/me"])
/// }
/// ```
public final class LoopbackServer: Sendable {
    /// A request as it came.
    public struct Request: Sendable {
        public let method: String
        /// Path and query.
        public let target: String
        public let headers: HTTPFields
        public let body: [UInt8]
        /// Which connection brought it, counted from 1.
        public let connection: Int

        /// The path without the query.
        public var path: String { String(target.prefix { $0 != "?" }) }
        public var text: String { String(decoding: body, as: UTF8.self) }
        /// The first value of a header, whatever its case.
        public func header(_ name: String) -> String? { HTTPField.Name(name).flatMap { headers[$0] } }
    }

    public typealias Answer = @Sendable (Request) async -> LoopbackReply

    private struct State {
        var requests: [Request] = []
        var connections = 0
        var open = 0
        var mostOpen = 0
        var bytesSent = 0
    }

    private typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, ByteBuffer>

    public let port: Int
    private let listener: any Channel
    private let serving: Task<Void, Never>
    private let state: Shared

    /// The state outlives `init`, which must hand it to the task that serves.
    private final class Shared: Sendable {
        let value = Mutex(State())
    }

    private init(port: Int, listener: any Channel, serving: Task<Void, Never>, state: Shared) {
        self.port = port
        self.listener = listener
        self.serving = serving
        self.state = state
    }

    /// Starts a server. End it with ``shutdown()``, or use ``run(_:use:)``.
    public static func start(_ answer: @escaping Answer) async throws -> LoopbackServer {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)))
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
        guard let port = server.channel.localAddress?.port else { throw ChannelError.unknownLocalAddress }
        let state = Shared()
        let serving = Task {
            // The listener's own error is the end of serving, which is what ``shutdown()`` asks for.
            _ = try? await server.executeThenClose { inbound in
                try await withThrowingDiscardingTaskGroup { group in
                    for try await connection in inbound {
                        group.addTask { _ = try? await serve(connection, state, answer) }
                    }
                }
            }
        }
        return LoopbackServer(port: port, listener: server.channel, serving: serving, state: state)
    }

    /// Runs a server for as long as `body` runs.
    public static func run<T: Sendable>(_ answer: @escaping Answer, use body: (LoopbackServer) async throws -> T) async throws -> T {
        let server = try await start(answer)
        do {
            let result = try await body(server)
            await server.shutdown()
            return result
        } catch {
            await server.shutdown()
            throw error
        }
    }

    /// Answers with one reply after the other, whatever is asked. What comes after the last is answered with 599, which nobody expects.
    public static func inOrder(_ replies: [LoopbackReply]) -> Answer {
        let rest = ReplyQueue(replies)
        return { _ in rest.next() ?? .text("the script is at its end", status: 599) }
    }

    private final class ReplyQueue: Sendable {
        private let replies: Mutex<[LoopbackReply]>
        init(_ replies: [LoopbackReply]) { self.replies = Mutex(replies) }
        func next() -> LoopbackReply? { replies.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
    }

    /// `http://127.0.0.1:<port><path>`.
    public func url(_ path: String = "/") -> String { "http://127.0.0.1:\(port)\(path)" }

    /// The requests so far, in the order in which they were complete.
    public var requests: [Request] { state.value.withLock { $0.requests } }

    /// How many connections were ever opened.
    public var connections: Int { state.value.withLock { $0.connections } }

    /// How many connections are open.
    public var openConnections: Int { state.value.withLock { $0.open } }

    /// The most connections that were open at one time.
    public var mostOpenConnections: Int { state.value.withLock { $0.mostOpen } }

    /// How many bytes the system has taken for sending, on all connections. It takes no more where the peer does not read.
    public var bytesSent: Int { state.value.withLock { $0.bytesSent } }

    /// Cuts all connections and stops listening. The port then refuses connections.
    public func shutdown() async {
        serving.cancel()
        try? await listener.close().get()
        await serving.value
    }

    private static func serve(_ connection: Connection, _ state: Shared, _ answer: Answer) async throws {
        let number = state.value.withLock { state in
            state.connections += 1
            state.open += 1
            state.mostOpen = max(state.mostOpen, state.open)
            return state.connections
        }
        connection.channel.closeFuture.whenComplete { _ in state.value.withLock { $0.open -= 1 } }
        try await connection.executeThenClose { inbound, outbound in
            var head: HTTPRequestHead?, body: [UInt8] = []
            for try await part in inbound {
                switch part {
                case .head(let new): (head, body) = (new, [])
                case .body(let bytes): body += Array(bytes.readableBytesView)
                case .end:
                    guard let head else { return }
                    let request = Request(
                        method: head.method.rawValue, target: head.uri, headers: HTTPFields(head.headers), body: body, connection: number)
                    state.value.withLock { $0.requests.append(request) }
                    guard try await carryOut(answer(request), on: connection.channel, outbound, state) else { return }
                }
            }
        }
    }

    /// Returns false where the connection is to end.
    private static func carryOut(
        _ reply: LoopbackReply, on channel: any Channel, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>, _ state: Shared
    ) async throws -> Bool {
        for step in reply.steps {
            switch step {
            case .send(let bytes):
                try await outbound.write(ByteBuffer(bytes: bytes))
                state.value.withLock { $0.bytesSent += bytes.count }
            case .wait(let signal):
                await signal.wait()
                try Task.checkCancellation()
            case .pause(let duration): try await Task.sleep(for: duration)
            case .sleep(let duration, let clock): try await clock.sleep(for: duration)
            case .close: return false
            case .hang:
                let gone = LoopbackSignal()
                channel.closeFuture.whenComplete { _ in gone.open() }
                await gone.wait()
                return false
            }
        }
        return true
    }
}

extension HTTPFields {
    fileprivate init(_ headers: HTTPHeaders) {
        self.init(headers.compactMap { name, value in HTTPField.Name(name).map { HTTPField(name: $0, value: value) } })
    }
}
