import ArgumentParser
import Foundation
import Kernel
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import PluginAPI

/// `jack chat`.
struct ChatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat", abstract: "Talk to a running Jack from the terminal, as a guest on the hotel's page does.",
        discussion:
            "Write a line and press Enter; an empty line or end of input ends the chat. Lines that a program or a file brings are all answered before it ends. With --message one message is sent and its answer printed."
    )
    @OptionGroup var options: ConfigurationOptions
    @Option(help: ArgumentHelp("Where Jack's chat socket is.", valueName: "ws-url")) var url: String?
    @Option(help: "The language to be answered in, where the message does not tell.") var locale = "en"
    @Option(help: "Send this, print the answer, and end.") var message: String?
    @Option(help: "How many seconds to wait for an answer; to lines that a program brings, from the last one on.") var timeout: Int = 60

    func run() async throws {
        let address = try url ?? defaultURL
        let socket: ChatSocket
        do {
            socket = try await ChatSocket.open(address)
        } catch let error as HostError {
            Terminal.error("jack: \(address): \(error)")
            throw ExitCode(2)
        } catch {
            Terminal.error("jack: no Jack answers at \(address); start one with: jack serve, or name its socket with --url")
            throw ExitCode(2)
        }
        try await socket.send(["type": "hello", "token": nil, "locale": .string(locale)])
        if let message {
            try await socket.say(message)
            guard try await withTimeout({ try await socket.untilAnswer { Self.show($0) } }) else {
                Terminal.error("jack: no answer within \(timeout) s")
                throw ExitCode(1)
            }
            return try await socket.close()
        }
        let questions = OpenQuestions()
        let printer = Task {
            for await frame in socket.frames {
                Self.show(frame)
                questions.note(frame)
            }
            questions.end()
        }
        defer { printer.cancel() }
        for await line in Self.input() {
            if line.isEmpty { break }
            let id = UUID().uuidString
            questions.ask(id)
            try await socket.say(line, id: id)
        }
        guard isatty(STDIN_FILENO) == 0 else {
            // Whoever sits there has seen what they wanted to see; what was asked last may still be answered.
            try await Task.sleep(for: .milliseconds(500))
            return try await socket.close()
        }
        let isOver = try await withTimeout { await questions.untilAnswered() }
        let left = questions.count
        try await socket.close()
        guard left > 0 else { return }
        Terminal.error("jack: \(left) message\(left == 1 ? " has" : "s have") no answer " + (isOver ? "and Jack has gone" : "within \(timeout) s"))
        throw ExitCode(1)
    }

    /// Lines as they are typed. Reading blocks, so it has a thread of its own.
    private static func input() -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream<String>.makeStream()
        Thread.detachNewThread {
            while let line = readLine() { continuation.yield(line) }
            continuation.finish()
        }
        return stream
    }

    private var defaultURL: String {
        get throws {
            let server = try options.connection().server
            let host = ["0.0.0.0", "::"].contains(server.host) ? "127.0.0.1" : server.host
            return "ws://\(host.contains(":") ? "[\(host)]" : host):\(server.port)/ws/chat"
        }
    }

    private func withTimeout(_ work: @escaping @Sendable () async throws -> Void) async throws -> Bool {
        let limit = timeout
        return try await withThrowingTaskGroup(of: Bool.self) { tasks in
            tasks.addTask {
                try await work()
                return true
            }
            tasks.addTask {
                try await Task.sleep(for: .seconds(limit))
                return false
            }
            defer { tasks.cancelAll() }
            return try await tasks.next() ?? false
        }
    }

    private static func show(_ frame: JSONValue) {
        switch frame["type"]?.stringValue {
        case "message":
            print("\(frame["from"]?.stringValue ?? "jack"): \(Terminal.plain(frame["text"]?.stringValue ?? ""))")
            let sources = (frame["sources"]?.arrayValue ?? []).compactMap { $0["title"]?.stringValue }
            if !sources.isEmpty { print("      (source: \(Terminal.plain(sources.joined(separator: ", "))))") }
        case "error": Terminal.error("error: \(Terminal.plain(frame["message"]?.stringValue ?? ""))")
        default: break
        }
    }
}

/// A small WebSocket client over NIO, for the terminal and the benchmark.
public final class ChatSocket: Sendable {
    private typealias Frames = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>

    /// What Jack sends, frame by frame.
    public let frames: AsyncStream<JSONValue>
    private let channel: any Channel
    private let reader: Task<Void, Never>

    private init(channel: any Channel, frames: AsyncStream<JSONValue>, reader: Task<Void, Never>) {
        self.channel = channel
        self.frames = frames
        self.reader = reader
    }

    /// Connects.
    /// - Parameter address: `ws://host:port/path`.
    public static func open(_ address: String, on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton) async throws -> ChatSocket {
        guard let url = URLComponents(string: address), url.scheme == "ws", let host = url.host else {
            throw HostError("“\(address)” is no ws:// address")
        }
        let port = url.port ?? 80
        let result: EventLoopFuture<Frames?> = try await ClientBootstrap(group: group).connect(
            host: host.trimmingCharacters(in: ["[", "]"]), port: port
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                let upgrader = NIOTypedWebSocketClientUpgrader<Frames?>(upgradePipelineHandler: { channel, _ in
                    channel.eventLoop.makeCompletedFuture { try Frames(wrappingChannelSynchronously: channel) }
                })
                var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: url.path.isEmpty ? "/" : url.path)
                head.headers.add(name: "Host", value: "\(host):\(port)")
                head.headers.add(name: "Content-Length", value: "0")
                return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
                    configuration: .init(
                        upgradeConfiguration: NIOTypedHTTPClientUpgradeConfiguration(
                            upgradeRequestHead: head, upgraders: [upgrader],
                            notUpgradingCompletionHandler: { channel in channel.close().map { nil } })))
            }
        }
        guard let frames = try await result.get() else { throw HostError("the server does not speak WebSocket there") }
        let (stream, continuation) = AsyncStream<JSONValue>.makeStream()
        let reader = Task {
            // Whatever ends the connection ends the stream; there is nobody else to tell.
            try? await frames.executeThenClose { inbound, outbound in
                for try await frame in inbound {
                    switch frame.opcode {
                    case .text:
                        if let value = try? JSONDecoder().decode(JSONValue.self, from: Data(frame.unmaskedData.readableBytesView)) {
                            continuation.yield(value)
                        }
                    case .ping: try await outbound.write(WebSocketFrame(fin: true, opcode: .pong, maskKey: .random(), data: frame.unmaskedData))
                    case .connectionClose: return
                    default: break
                    }
                }
            }
            continuation.finish()
        }
        return ChatSocket(channel: frames.channel, frames: stream, reader: reader)
    }

    public func send(_ value: JSONValue) async throws {
        let buffer = ByteBuffer(bytes: try JSONEncoder().encode(value))
        try await channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .text, maskKey: .random(), data: buffer))
    }

    /// Sends a guest's message; returns its id.
    @discardableResult
    public func say(_ text: String, id: String = UUID().uuidString) async throws -> String {
        try await send(["type": "message", "id": .string(id), "text": .string(text)])
        return id
    }

    /// Hands frames on until an answer or an error has come.
    public func untilAnswer(_ show: @Sendable (JSONValue) -> Void) async throws {
        for await frame in frames {
            show(frame)
            if ["message", "error"].contains(frame["type"]?.stringValue ?? "") { return }
        }
    }

    public func close() async throws {
        try? await channel.close()
        _ = await reader.value
    }
}
