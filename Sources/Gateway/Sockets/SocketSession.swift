import NIOCore
import NIOWebSocket
import PluginAPI
import Synchronization

/// One open WebSocket, as its plugin holds it.
final class SocketSession: SocketConnection {
    private struct State {
        /// What came and was not yet taken; short, since reading stops at ``highWater``.
        var queue: [String] = []
        var waiter: CheckedContinuation<String?, any Error>?
        var isFinished = false
        var cancelWork: (@Sendable () -> Void)?
        var isCancelled = false
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

    var messages: AsyncThrowingStream<String, any Error> { AsyncThrowingStream { try await self.next() } }

    func send(_ text: String) async throws {
        try await channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: text)))
    }

    func close(code: UInt16, reason: String) async {
        try? await channel.triggerUserOutboundEvent(SocketHandler.Close(code: code, reason: reason)).get()
    }

    // MARK: The channel's side

    /// Takes a message in. Returns whether reading must stop.
    func deliver(_ text: String) -> Bool {
        let (waiter, isFull): (CheckedContinuation<String?, any Error>?, Bool) = state.withLock { state in
            if let waiter = state.waiter {
                state.waiter = nil
                return (waiter, false)
            }
            state.queue.append(text)
            return (nil, state.queue.count >= Self.highWater)
        }
        waiter?.resume(returning: text)
        return isFull
    }

    /// The peer is gone: messages end, and the plugin's work is cancelled.
    func finish() {
        let (waiter, cancel) = state.withLock { state in
            state.isFinished = true
            defer { (state.waiter, state.cancelWork) = (nil, nil) }
            return (state.waiter, state.cancelWork)
        }
        waiter?.resume(returning: nil)
        cancel?()
    }

    /// The instance stops: its work is cancelled, and the socket closes with 1001.
    func cancel() {
        let cancel = state.withLock { state in
            state.isCancelled = true
            return state.cancelWork
        }
        cancel?()
    }

    /// Says how to cancel the plugin's work.
    func onCancel(_ body: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            if state.isFinished || state.isCancelled { return true }
            state.cancelWork = body
            return false
        }
        if isLate { body() }
    }

    private func next() async throws -> String? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (result, resumes): (Result<String?, any Error>?, Bool) = state.withLock { state in
                    if !state.queue.isEmpty {
                        let text = state.queue.removeFirst()
                        return (.success(text), state.queue.count == Self.lowWater)
                    }
                    if state.isFinished { return (.success(nil), false) }
                    if Task.isCancelled || state.waiter != nil { return (.failure(CancellationError()), false) }
                    state.waiter = continuation
                    return (nil, false)
                }
                if resumes { channel.triggerUserOutboundEvent(SocketHandler.ReadOn(), promise: nil) }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume(throwing: CancellationError())
        }
    }
}
