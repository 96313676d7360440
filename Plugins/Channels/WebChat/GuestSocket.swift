import PluginAPI
import Synchronization

/// One browser window's socket: frames leave it whole and in order, whoever sends them.
final class GuestSocket: Sendable {
    /// Close codes (RFC 6455, 7.4.1, and the registry for 1013).
    enum CloseCode: UInt16, Sendable {
        case goingAway = 1001
        case policyViolation = 1008
        case tryAgainLater = 1013
    }

    private enum Phase {
        /// Nothing is being written.
        case ready
        /// Somebody is writing, and will write what is queued.
        case writing
        /// The history is being read; what comes waits for it.
        case greeting
        case closed
    }

    private struct Queued {
        /// The message's id; nil for a frame that is not a message.
        let id: String?
        let frame: String
    }

    private struct State {
        var phase = Phase.ready
        var queue: [Queued] = []
        /// The last messages that this window got, in the history or as they came: none is sent to it twice.
        var recent: [String] = []
        var session: ChatSession?
        var locale: String?
    }

    /// A window that is this many frames behind is closed: it finds them in the history when it comes back.
    private static let maximumQueue = 64
    private static let remembered = 8

    private let connection: any SocketConnection
    private let state = Mutex(State())

    init(_ connection: any SocketConnection) { self.connection = connection }

    var session: ChatSession? { state.withLock { $0.session } }
    var locale: String? { state.withLock { $0.locale } }
    var isClosed: Bool { state.withLock { $0.phase == .closed } }

    func belong(to session: ChatSession, locale: String?) {
        state.withLock { state in
            state.session = session
            state.locale = locale
        }
    }

    /// Sends a frame, or queues it behind the one that is being written.
    /// - Returns: true where the connection has taken it or will at once; false where it is closed, or still greeting.
    @discardableResult
    func deliver(_ frame: String, id: String? = nil) async -> Bool {
        enum Step { case write, queued, refused, overflow }
        let step: Step = state.withLock { state in
            if let id {
                if state.recent.contains(id) { return state.phase == .closed ? .refused : .queued }
                state.recent = Array((state.recent + [id]).suffix(Self.remembered))
            }
            switch state.phase {
            case .closed: return .refused
            case .ready:
                state.phase = .writing
                return .write
            case .writing, .greeting:
                if state.queue.count >= Self.maximumQueue { return .overflow }
                state.queue.append(Queued(id: id, frame: frame))
                return state.phase == .writing ? .queued : .refused
            }
        }
        switch step {
        case .write: return await write(frame)
        case .queued: return true
        case .refused: return false
        case .overflow:
            await close(.tryAgainLater, "too slow")
            return false
        }
    }

    /// From now on what is delivered waits until ``greet(_:known:)``.
    func hold() { state.withLock { if $0.phase == .ready { $0.phase = .greeting } } }

    /// Sends the greeting, and after it what came meanwhile, save the messages that the greeting already holds.
    /// - Parameter known: their ids, the latest last.
    func greet(_ frame: String, known: [String]) async {
        let isHeld = state.withLock { state in
            guard state.phase == .greeting else { return false }
            let ids = Set(known)
            state.queue.removeAll { $0.id.map(ids.contains) ?? false }
            // A message of the history may still be on its way here: the history holds it from the moment that it was decided.
            state.recent = Array((known + state.recent).suffix(Self.remembered))
            state.phase = .writing
            return true
        }
        if isHeld { await write(frame) }
    }

    /// Safe to call twice.
    func close(_ code: CloseCode, _ reason: String) async {
        let isFirst = state.withLock { state in
            guard state.phase != .closed else { return false }
            state.phase = .closed
            state.queue = []
            return true
        }
        if isFirst { await connection.close(code: code.rawValue, reason: reason) }
    }

    /// Writes a frame and all that is queued behind it. Whoever calls it has set the phase to writing.
    /// - Returns: true where the frame itself was taken.
    @discardableResult
    private func write(_ frame: String) async -> Bool {
        var next: String? = frame
        var isTaken = false
        while let frame = next {
            do {
                try await connection.send(frame)
            } catch {
                // The connection is gone, or stood still until the caller's time was up: the window comes back and reads the history.
                await close(.tryAgainLater, "too slow")
                return isTaken
            }
            isTaken = true
            next = state.withLock { state in
                guard state.phase == .writing else { return nil }
                if state.queue.isEmpty {
                    // The array's room is given back: a thousand idle windows hold none.
                    state.queue = []
                    state.phase = .ready
                    return nil
                }
                return state.queue.removeFirst().frame
            }
        }
        return isTaken
    }
}
