import Logging
import NIOCore
import NIOWebSocket
import PluginAPI
import Synchronization

/// One open WebSocket, as its plugin holds it. A task runs only while there is something to hand over: an idle socket has none.
final class SocketSession: SocketConnection {
    private struct State {
        /// What came and was not yet taken; short, since reading stops at ``highWater``.
        var queue: [String] = []
        /// Nil until the plugin has taken the connection, and after it was told of its end.
        var receiver: (any SocketReceiver)?
        var worker: Task<Void, Never>?
        /// Nil until the connection is handed to the plugin.
        var logger: Logger?
        /// No message follows.
        var isFinished = false
        /// The instance stops.
        var isCancelled = false
        /// The plugin was told of the end.
        var isOver = false
    }

    private enum Step {
        case open
        case take(String, by: any SocketReceiver, readsOn: Bool)
        case end((any SocketReceiver)?, isCancelled: Bool)
        case rest
    }

    /// So many messages may wait before nothing more is read from the peer, and so few must be left before reading goes on.
    private static let highWater = 16, lowWater = 4

    let instance: String
    let route: SocketRoute
    let request: PluginRequest
    let channel: any Channel
    private let state = Mutex(State())

    init(instance: String, route: SocketRoute, request: PluginRequest, channel: any Channel) {
        self.instance = instance
        self.route = route
        self.request = request
        self.channel = channel
    }

    // MARK: The plugin's side

    func send(_ text: String) async throws {
        try await channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: text)))
    }

    func close(code: UInt16, reason: String) async {
        try? await channel.triggerUserOutboundEvent(SocketHandler.Close(code: code, reason: reason)).get()
    }

    // MARK: The channel's side

    /// Hands the connection to the plugin.
    func begin(_ logger: Logger) {
        state.withLock { state in
            state.logger = logger
            wake(&state)
        }
        channel.closeFuture.whenComplete { _ in self.finish() }
    }

    /// Takes a message in. Returns whether reading must stop.
    func deliver(_ text: String) -> Bool {
        state.withLock { state in
            guard !state.isFinished else { return false }
            state.queue.append(text)
            wake(&state)
            return state.queue.count >= Self.highWater
        }
    }

    /// The peer is gone, or said that it goes: no message follows.
    func finish() {
        state.withLock { state in
            guard !state.isFinished else { return }
            state.isFinished = true
            wake(&state)
        }
    }

    /// The instance stops: its work is cancelled, and the socket closes with 1001.
    func cancel() {
        state.withLock { state in
            state.isCancelled = true
            state.worker?.cancel()
            wake(&state)
        }
    }

    // MARK: The work

    private func wake(_ state: inout State) {
        guard state.logger != nil, state.worker == nil, !state.isOver else { return }
        state.worker = Task { await self.work() }
    }

    private func next() -> Step {
        state.withLock { state in
            if state.isCancelled || (state.isFinished && state.queue.isEmpty) {
                state.isOver = true
                state.worker = nil
                defer { state.receiver = nil }
                return .end(state.receiver, isCancelled: state.isCancelled)
            }
            guard let receiver = state.receiver else { return .open }
            if state.queue.isEmpty {
                state.queue = []
                state.worker = nil
                return .rest
            }
            let text = state.queue.removeFirst()
            return .take(text, by: receiver, readsOn: state.queue.count == Self.lowWater)
        }
    }

    private func work() async {
        while true {
            do {
                switch next() {
                case .open:
                    let receiver = try await route.open(self)
                    state.withLock { $0.receiver = receiver }
                case .take(let text, let receiver, let readsOn):
                    if readsOn { channel.triggerUserOutboundEvent(SocketHandler.ReadOn(), promise: nil) }
                    try await receiver.receive(text)
                case .end(let receiver, let isCancelled):
                    if isCancelled { await close(code: 1001, reason: "going away") }
                    await receiver?.closed()
                    return
                case .rest: return
                }
            } catch {
                await fail(error)
            }
        }
    }

    private func fail(_ error: any Error) async {
        let logger = state.withLock { state in
            state.isFinished = true
            state.queue = []
            return state.logger
        }
        if error is CancellationError { return await close(code: 1001, reason: "going away") }
        if channel.isActive {
            logger?.error("a socket's plugin failed", metadata: ["instance": .string(instance), "error": .string("\(error)")])
        }
        await close(code: 1011, reason: "internal error")
    }
}
