import Foundation
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A TCP client that says exactly what a test wants to say, right or wrong.
final class RawClient: Sendable {
    struct State {
        var bytes: [UInt8] = []
        var isClosed = false
    }

    struct Timeout: Error, CustomStringConvertible {
        var description: String
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let owner: RawClient

        init(_ owner: RawClient) { self.owner = owner }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = Array(unwrapInboundIn(data).readableBytesView)
            owner.state.withLock { $0.bytes += bytes }
        }

        func channelInactive(context: ChannelHandlerContext) { owner.state.withLock { $0.isClosed = true } }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private let state = Mutex(State())
    private let channel = Mutex<(any Channel)?>(nil)

    static func connect(_ port: Int) async throws -> RawClient {
        let client = RawClient()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Collector(client)) }
            }
            .connect(host: "127.0.0.1", port: port).get()
        client.channel.withLock { $0 = channel }
        return client
    }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) async throws {
        guard let channel = channel.withLock({ $0 }) else { return }
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
    }

    /// Sends what the server may not want to take any more.
    func pour(_ bytes: [UInt8]) { channel.withLock { $0 }?.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

    func close() { channel.withLock { $0 }?.close(promise: nil) }

    var received: [UInt8] { state.withLock { $0.bytes } }
    var text: String { String(decoding: received, as: UTF8.self) }
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Takes what has come out of the buffer.
    func take(_ count: Int) -> [UInt8] {
        state.withLock { state in
            let taken = Array(state.bytes.prefix(count))
            state.bytes.removeFirst(taken.count)
            return taken
        }
    }

    /// Waits until the server has closed and returns all that it said.
    func untilClosed(within limit: Duration = .seconds(10)) async throws -> String {
        try await wait(within: limit, for: "the end of the connection") { $0.isClosed }
        return text
    }

    /// Waits until `text` has come.
    @discardableResult
    func until(_ expected: String, within limit: Duration = .seconds(10)) async throws -> String {
        try await wait(within: limit, for: "“\(expected)”") { String(decoding: $0.bytes, as: UTF8.self).contains(expected) }
        return text
    }

    func wait(within limit: Duration = .seconds(10), for what: String, _ condition: (State) -> Bool) async throws {
        let end = ContinuousClock.now + limit
        while !state.withLock({ condition($0) }) {
            guard ContinuousClock.now < end else {
                throw Timeout(description: "waited in vain for \(what); got \(state.withLock { $0.bytes.count }) bytes: \(text.prefix(500))")
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// One whole response to a request on a connection that stays open: status, header lines, body.
    func exchange(_ request: String) async throws -> RawResponse {
        let before = received.count
        try await send(request)
        return try await response(after: before)
    }

    func response(after start: Int = 0) async throws -> RawResponse {
        var parsed: RawResponse?
        try await wait(for: "a response") { state in
            parsed = RawResponse(Array(state.bytes.dropFirst(start)))
            return parsed != nil
        }
        return try #require(parsed)
    }
}

/// A response as it stood on the wire.
struct RawResponse {
    var status: Int
    var headers: [String: String]
    var body: String

    init?(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        let words = (lines.first ?? "").split(separator: " ")
        guard words.count >= 2, let code = Int(words[1]) else { return nil }
        status = code
        headers = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 2 { headers[parts[0].lowercased()] = parts[1] }
        }
        body = String(text[end.upperBound...])
        if let length = headers["content-length"].flatMap(Int.init) {
            guard body.utf8.count >= length else { return nil }
            body = String(decoding: Array(body.utf8).prefix(length), as: UTF8.self)
        }
    }

    /// `error.code` of the body.
    var errorCode: String? {
        let document = try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
        let error = document?["error"] as? [String: Any]
        guard error?["message"] is String, error?["details"] is [String: Any] else { return nil }
        return error?["code"] as? String
    }

    var json: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]) ?? [:] }
}
