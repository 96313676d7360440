import PluginAPI
import Synchronization

/// What was asked in a chat and is not answered yet.
final class OpenQuestions: Sendable {
    private let open = Mutex<Set<String>>([])
    private let changes: AsyncStream<Void>
    private let changed: AsyncStream<Void>.Continuation

    init() { (changes, changed) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    /// How many there are.
    var count: Int { open.withLock { $0.count } }

    /// A message is about to be sent: said before it is, since the answer may be quick.
    func ask(_ id: String) { open.withLock { _ = $0.insert(id) } }

    /// A frame of the server's: an answer, or that a message is not taken.
    func note(_ frame: JSONValue) {
        let id: String?
        switch frame["type"]?.stringValue {
        case "message": id = frame["in_reply_to"]?.stringValue
        case "error": id = frame["id"]?.stringValue
        default: id = nil
        }
        guard let id else { return }
        open.withLock { _ = $0.remove(id) }
        changed.yield()
    }

    /// The server sends no more.
    func end() { changed.finish() }

    /// Returns when all is answered, when the server has gone, or when the task is cancelled. For one caller.
    func untilAnswered() async {
        guard count > 0 else { return }
        for await _ in changes where count == 0 { return }
    }
}
