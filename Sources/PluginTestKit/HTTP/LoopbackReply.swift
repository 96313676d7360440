import PluginAPI
import Synchronization

/// What a ``LoopbackServer`` answers: steps that are carried out one after the other on the connection.
public struct LoopbackReply: Sendable {
    /// One step.
    public enum Step: Sendable {
        /// Sends bytes.
        case send([UInt8])
        /// Waits until the test opens the signal.
        case wait(LoopbackSignal)
        /// Waits by the machine's clock; keep it to some milliseconds.
        case pause(Duration)
        /// Waits by a clock that the test moves, such as a ``VirtualClock``.
        case sleep(Duration, any TimeSource)
        /// Closes the connection.
        case close
        /// Says nothing until the peer goes or the server stops.
        case hang
    }

    public var steps: [Step]

    public init(_ steps: [Step]) { self.steps = steps }

    /// A status, headers and a body with its length. The connection stays open.
    public static func status(_ status: Int, headers: [(String, String)] = [], body: [UInt8] = []) -> LoopbackReply {
        LoopbackReply([.send(head(status, headers + [("Content-Length", "\(body.count)")]) + body)])
    }

    /// 200, or another status, with a text.
    public static func text(_ text: String, status: Int = 200) -> LoopbackReply {
        .status(status, headers: [("Content-Type", "text/plain; charset=utf-8")], body: Array(text.utf8))
    }

    /// 200, or another status, with JSON text.
    public static func json(_ json: String, status: Int = 200) -> LoopbackReply {
        .status(status, headers: [("Content-Type", "application/json")], body: Array(json.utf8))
    }

    /// 302, or another status, to a place.
    public static func redirect(to location: String, status: Int = 302) -> LoopbackReply {
        .status(status, headers: [("Location", location)])
    }

    /// Bytes as they are, HTTP or not, and then the end of the connection.
    public static func garbage(_ bytes: [UInt8]) -> LoopbackReply { LoopbackReply([.send(bytes), .close]) }

    /// Nothing, ever.
    public static var silence: LoopbackReply { LoopbackReply([.hang]) }

    /// A head that promises `length` bytes, fewer bytes, and the end of the connection.
    public static func cut(after sent: [UInt8], of length: Int) -> LoopbackReply {
        LoopbackReply([.send(head(200, [("Content-Length", "\(length)")]) + sent), .close])
    }

    /// A body in pieces with a pause after each, under one length.
    public static func drip(_ body: [UInt8], piece: Int, every pause: Duration) -> LoopbackReply {
        var steps: [Step] = [.send(head(200, [("Content-Length", "\(body.count)")]))]
        for start in stride(from: 0, to: body.count, by: max(1, piece)) {
            steps += [.send(Array(body[start..<min(body.count, start + max(1, piece))])), .pause(pause)]
        }
        return LoopbackReply(steps)
    }

    /// A chunked body, one chunk for each piece.
    public static func chunked(_ pieces: [[UInt8]]) -> LoopbackReply {
        LoopbackReply([.send(head(200, [("Transfer-Encoding", "chunked")]))] + pieces.map { .send(chunk($0)) } + [.send(chunk([]))])
    }

    /// This reply, once the test opens the signal.
    public func after(_ signal: LoopbackSignal) -> LoopbackReply { LoopbackReply([.wait(signal)] + steps) }

    /// This reply, after a delay by a clock that the test moves.
    public func after(_ delay: Duration, on clock: any TimeSource) -> LoopbackReply { LoopbackReply([.sleep(delay, clock)] + steps) }

    /// This reply, and then the end of the connection.
    public func closing() -> LoopbackReply { LoopbackReply(steps + [.close]) }

    /// A response's head, for replies that are put together by hand.
    public static func head(_ status: Int, _ headers: [(String, String)] = []) -> [UInt8] {
        Array(("HTTP/1.1 \(status) Reply\r\n" + headers.map { "\($0): \($1)\r\n" }.joined() + "\r\n").utf8)
    }

    /// One chunk of a chunked body; an empty one ends it.
    public static func chunk(_ bytes: [UInt8]) -> [UInt8] {
        Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8)
    }
}

/// A gate that a test opens once, for any number of tasks that wait.
public final class LoopbackSignal: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [AsyncStream<Never>.Continuation] = []
    }

    private let state = Mutex(State())

    public init() {}

    public var isOpen: Bool { state.withLock { $0.isOpen } }

    /// Lets whoever waits go on, now and from now on.
    public func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.finish() }
    }

    /// Returns once the gate is open, or the task is cancelled.
    public func wait() async {
        let (stream, continuation) = AsyncStream<Never>.makeStream()
        let isOpen = state.withLock { state in
            if !state.isOpen { state.waiting.append(continuation) }
            return state.isOpen
        }
        if !isOpen { for await _ in stream {} }
    }
}
