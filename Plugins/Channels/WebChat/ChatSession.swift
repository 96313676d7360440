import Crypto
import Foundation
import PluginAPI
import Synchronization

/// A browser's session as it is while a socket of its is open, or while its last messages still count against its rate.
final class ChatSession: Sendable {
    /// The peer's address: random, and no secret.
    let id: String
    /// Where it is stored: the token's hash, never the token.
    let key: String
    let created: Date

    private struct State {
        var locale: String?
        /// When the row was last written; nil where there is none yet.
        var written: Date?
        var hasSpoken: Bool
        /// When the messages came that count against the rate, oldest first; those before `head` no longer do.
        var times: [Duration] = []
        var head = 0
        /// The last messages by their ids.
        var recent: [Recent] = []
    }

    private struct Recent {
        let id: String
        let at: Duration
        var repeats = 0
    }

    private let state: Mutex<State>

    /// A session that nobody has spoken in; it exists only in memory.
    init(token: String, locale: String?, now: Date) {
        id = Token.random(bytes: 16)
        key = Self.key(for: token)
        created = now
        state = Mutex(State(locale: locale, written: nil, hasSpoken: false))
    }

    private init(key: String, row: Row) {
        id = row.id
        self.key = key
        created = Date(milliseconds: row.created)
        state = Mutex(State(locale: row.locale, written: Date(milliseconds: row.written), hasSpoken: true))
    }

    static func key(for token: String) -> String {
        "session/" + Hex.text(SHA256.hash(data: Data(token.utf8)))
    }

    var locale: String? { state.withLock { $0.locale } }

    /// True from the first message on: there may be a history.
    var hasSpoken: Bool { state.withLock { $0.hasSpoken } }

    func speak(locale: String?) {
        state.withLock { state in
            state.hasSpoken = true
            state.locale = locale ?? state.locale
        }
    }

    // MARK: The row

    /// What is stored of a session.
    private struct Row: Codable {
        let id: String
        /// Milliseconds since 1970, as all of a row's moments.
        let created: Int64
        let written: Int64
        let locale: String?
    }

    /// The session that is stored under a token's key; nil where there is none, or it was written too long ago.
    static func load(_ key: String, from store: any KeyValueStore, lifetime: Duration, now: Date) async throws -> ChatSession? {
        guard let bytes = try await store.get(key), let row = try? JSONDecoder().decode(Row.self, from: Data(bytes)) else { return nil }
        // The store counts by the lifetime that was set when the row was written; the operator may have shortened it since.
        guard Date(milliseconds: row.written).addingTimeInterval(lifetime.seconds) > now else { return nil }
        return ChatSession(key: key, row: row)
    }

    /// Writes the row where there is none yet, or where it is a day old: a session that is used does not end, and using it costs no write.
    func store(in store: any KeyValueStore, lifetime: Duration, now: Date) async throws {
        let age = min(86_400, lifetime.seconds / 2)
        let (isDue, locale) = state.withLock { state in
            (state.written.map { abs(now.timeIntervalSince($0)) >= age } ?? true, state.locale)
        }
        guard isDue else { return }
        try await store.set(
            key, json: Row(id: id, created: created.milliseconds, written: now.milliseconds, locale: locale), lifetime: lifetime)
        state.withLock { $0.written = now }
    }

    /// True where a row has been written.
    var isStored: Bool { state.withLock { $0.written != nil } }

    // MARK: The rate

    static let window = Duration.seconds(60)
    /// How often one message may come again within the window before its repetitions count as messages.
    private static let allowedRepeats = 5

    /// How many messages are remembered by their ids, to know a repetition.
    private static let remembered = 32

    /// Counts a message, unless it is one that was counted within the last minute.
    /// - Returns: how long to wait where there have been too many; nil where it may pass.
    func admit(_ messageID: String, limit: Int, now: Duration) -> Duration? {
        state.withLock { state in
            Self.drop(&state, now: now)
            if let known = state.recent.lastIndex(where: { $0.id == messageID }), state.recent[known].repeats < Self.allowedRepeats {
                state.recent[known].repeats += 1
                return nil
            }
            let count = state.times.count - state.head
            if count >= limit { return state.times[state.times.count - limit] + Self.window - now }
            state.times.append(now)
            if state.recent.count == Self.remembered { state.recent.removeFirst() }
            state.recent.append(Recent(id: messageID, at: now))
            return nil
        }
    }

    /// Until when the last message counts; nil where none was sent.
    var countsUntil: Duration? { state.withLock { $0.times.last.map { $0 + Self.window } } }

    /// Forgets what is older than the window. The front is cut off only when it is the larger part, so that a message costs the same at any limit.
    private static func drop(_ state: inout State, now: Duration) {
        while state.head < state.times.count, now - state.times[state.head] >= window { state.head += 1 }
        if state.head * 2 > state.times.count {
            state.times.removeFirst(state.head)
            state.head = 0
        }
        if let first = state.recent.first, now - first.at >= window { state.recent.removeAll { now - $0.at >= window } }
    }
}

/// What a browser proves itself with.
enum Token {
    /// Random bytes in base64url without padding.
    static func random(bytes count: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// True where a text can be a token of ours; what cannot is not even looked up.
    static func isSound(_ text: String) -> Bool {
        text.utf8.count == 43
            && text.utf8.allSatisfy {
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0
                    || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
            }
    }
}
