import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Synchronization
import WebChatChannel

/// A WebSocket in memory: the test is the browser.
final class FakeSocket: SocketConnection {
    struct Gone: Error {}

    private struct State {
        var sent: [String] = []
        var closed: (code: UInt16, reason: String)?
        var isBroken = false
        /// Nil while sends pass; else those that wait.
        var waiting: [CheckedContinuation<Void, any Error>]?
    }

    let request = PluginRequest(method: .get, path: "/ws/chat", remoteAddress: "192.0.2.7", url: "https://jack.example.com/ws/chat")
    private let messages: AsyncThrowingStream<String, any Error>
    private let input: AsyncThrowingStream<String, any Error>.Continuation
    private let state = Mutex(State())

    init() { (messages, input) = AsyncThrowingStream.makeStream() }

    // MARK: The plugin's side

    func send(_ text: String) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let outcome: Result<Void, any Error>? = state.withLock { state in
                if state.isBroken || state.closed != nil { return .failure(Gone()) }
                state.sent.append(text)
                if state.waiting != nil {
                    state.waiting?.append(continuation)
                    return nil
                }
                return .success(())
            }
            if let outcome { continuation.resume(with: outcome) }
        }
    }

    func close(code: UInt16, reason: String) async {
        state.withLock { if $0.closed == nil { $0.closed = (code, reason) } }
        input.finish()
    }

    // MARK: The gateway's side

    /// Hands what the browser says to the plugin, as the gateway does, until the browser has gone.
    func run(_ open: @Sendable (any SocketConnection) async throws -> any SocketReceiver) async throws {
        let receiver = try await open(self)
        do {
            for try await text in messages { try await receiver.receive(text) }
        } catch is Gone {}
        await receiver.closed()
    }

    // MARK: The browser's side

    func say(_ frame: JSONValue) throws { say(String(decoding: try JSONEncoder().encode(frame), as: UTF8.self)) }
    func say(_ raw: String) { input.yield(raw) }
    func leave() { input.finish() }
    func vanish() { input.finish(throwing: Gone()) }

    /// From now on nothing can be sent.
    func breakOff() { state.withLock { $0.isBroken = true } }

    /// From now on a send does not return until ``resume()``.
    func stall() { state.withLock { $0.waiting = [] } }

    func resume() {
        let waiting = state.withLock { state in
            defer { state.waiting = nil }
            return state.waiting ?? []
        }
        for continuation in waiting { continuation.resume() }
    }

    var raw: [String] { state.withLock { $0.sent } }
    var frames: [JSONValue] { raw.compactMap { try? JSONDecoder().decode(JSONValue.self, from: Data($0.utf8)) } }
    var closed: UInt16? { state.withLock { $0.closed?.code } }

    /// The frames of one type that have come.
    func frames(_ type: String) -> [JSONValue] { frames.filter { $0["type"]?.stringValue == type } }

    /// Waits for the `count`th frame of a type; nil where it does not come.
    func frame(_ type: String, _ count: Int = 1) async -> JSONValue? {
        _ = await eventually { frames(type).count >= count }
        return frames(type).dropFirst(count - 1).first
    }
}

/// The browser's program, as far as tests need it.
extension FakeSocket {
    @discardableResult
    func hello(_ token: String? = nil, locale: String = "en") async throws -> JSONValue? {
        try say(["type": "hello", "token": token.map { .string($0) } ?? .null, "locale": .string(locale)])
        return await frame("session")
    }

    func write(_ id: String, _ text: String = "hello") throws { try say(["type": "message", "id": .string(id), "text": .string(text)]) }
}

/// An inbox whose history waits until the test lets it be read.
final class GatedInbox: InboundPort {
    private struct State {
        var entries: [TranscriptEntry] = []
        var asked: [(PeerAddress, Int)] = []
        var isOpen = true
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func accept(_ events: [InboundEvent]) async throws -> [InboundReceipt] { events.map { InboundReceipt(id: $0.vendorID, isDuplicate: false) } }

    func giveUp(_ event: InboundEvent, reason: String, attempts: Int) async throws {}

    func transcript(with peer: PeerAddress, limit: Int) async throws -> [TranscriptEntry] {
        let entries = state.withLock { state in
            state.asked.append((peer, limit))
            return state.entries
        }
        await withCheckedContinuation { continuation in
            let passes = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if passes { continuation.resume() }
        }
        return entries
    }

    func set(_ entries: [TranscriptEntry]) { state.withLock { $0.entries = entries } }
    func shut() { state.withLock { $0.isOpen = false } }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// How many reads wait.
    var waiting: Int { state.withLock { $0.waiting.count } }
    var asked: [(PeerAddress, Int)] { state.withLock { $0.asked } }
}

/// A running channel with its services.
struct Bench {
    let test: TestContext
    let chat: WebChat

    init(_ settings: JSONValue = [:], property: PropertyInfo = .sample, inbound: (any InboundPort)? = nil, test: TestContext? = nil) async throws {
        let test = test ?? TestContext(property: property)
        self.test = test
        let context = test.context
        chat = try WebChat(
            settings: validatedSettings(for: WebChat.self, settings),
            context: PluginContext(
                instance: context.instance, property: context.property, logger: context.logger, metrics: context.metrics, clock: context.clock,
                http: context.http, storage: context.storage, secrets: context.secrets, scheduler: context.scheduler,
                inbound: inbound ?? context.inbound, health: context.health))
        try await chat.start()
    }

    /// Opens a socket; the task ends when the plugin is done with it.
    func connect(_ socket: FakeSocket = FakeSocket()) -> (socket: FakeSocket, serving: Task<Void, any Error>) {
        guard let route = socketRoute else { return (socket, Task {}) }
        return (socket, Task { try await socket.run(route.open) })
    }

    func open() -> FakeSocket { connect().socket }

    var socketRoute: SocketRoute? {
        chat.routes.lazy.compactMap { if case .socket(let route) = $0 { route } else { nil } }.first
    }

    func page(_ path: String) -> PageRoute? {
        chat.routes.lazy.compactMap { if case .page(let route) = $0 { route } else { nil } }.first { $0.path == path }
    }

    /// The session that a message came from.
    var peer: PeerAddress? { test.inbound.events.first?.peer }
}
