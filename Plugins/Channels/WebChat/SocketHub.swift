import PluginAPI
import Synchronization

/// Which sockets are open, and whose they are.
final class SocketHub: Sendable {
    private struct Members {
        let session: ChatSession
        var sockets: [GuestSocket] = []
    }

    private struct State {
        var isOpen = true
        /// All sockets by identity: also those that have not said hello.
        var all: [ObjectIdentifier: GuestSocket] = [:]
        var byID: [String: Members] = [:]
        var idByKey: [String: String] = [:]
        /// Sessions without a socket whose last messages still count, by the moment until which they do.
        var lingering: [(until: Duration, id: String)] = []
        var swept = Duration.zero
    }

    /// What became of a socket that wants to belong to a session.
    enum Joining: Sendable {
        case joined(ChatSession)
        case full
        case shut
    }

    private let state = Mutex(State())

    func open() { state.withLock { $0.isOpen = true } }

    /// Takes no more sockets; returns those that are open.
    func shut() -> [GuestSocket] {
        state.withLock { state in
            state.isOpen = false
            return Array(state.all.values)
        }
    }

    /// False where the hub is shut.
    func add(_ socket: GuestSocket) -> Bool {
        state.withLock { state in
            guard state.isOpen else { return false }
            state.all[ObjectIdentifier(socket)] = socket
            return true
        }
    }

    /// The session that is known by this key without asking the disk.
    func session(forKey key: String) -> ChatSession? {
        state.withLock { state in state.idByKey[key].flatMap { state.byID[$0]?.session } }
    }

    /// Lets a socket belong to a session. Where another socket has brought the same session meanwhile, that one is taken.
    func join(_ socket: GuestSocket, _ candidate: ChatSession, limit: Int) -> Joining {
        state.withLock { state in
            guard state.isOpen else { return .shut }
            let id = state.idByKey[candidate.key] ?? candidate.id
            var members = state.byID[id] ?? Members(session: candidate)
            guard members.sockets.count < limit else { return .full }
            members.sockets.append(socket)
            state.byID[id] = members
            state.idByKey[candidate.key] = id
            return .joined(members.session)
        }
    }

    /// Forgets a socket, and its session with the last of them, unless the session's rate must be remembered.
    func remove(_ socket: GuestSocket, of session: ChatSession?, now: Duration) {
        state.withLock { state in
            state.all[ObjectIdentifier(socket)] = nil
            Self.sweep(&state, now: now)
            guard let session, var members = state.byID[session.id] else { return }
            members.sockets.removeAll { $0 === socket }
            state.byID[session.id] = members
            guard members.sockets.isEmpty else { return }
            if let until = session.countsUntil, until > now {
                state.lingering.append((until, session.id))
            } else {
                Self.forget(&state, session)
            }
        }
    }

    /// The open sockets of a session.
    func sockets(of id: String) -> [GuestSocket] { state.withLock { $0.byID[id]?.sockets ?? [] } }

    /// How many sockets are open, and how many sessions are remembered: for tests.
    var counts: (sockets: Int, sessions: Int) { state.withLock { ($0.all.count, $0.byID.count) } }

    /// Forgets the lingering sessions whose time is over: at most every few seconds, since it looks at all of them.
    private static func sweep(_ state: inout State, now: Duration) {
        guard now - state.swept >= .seconds(5), !state.lingering.isEmpty else { return }
        state.swept = now
        let over = state.lingering.filter { $0.until <= now }
        state.lingering.removeAll { $0.until <= now }
        for entry in over {
            // It may have come back meanwhile, and even have gone again.
            guard let members = state.byID[entry.id], members.sockets.isEmpty, members.session.countsUntil ?? now <= now else { continue }
            forget(&state, members.session)
        }
    }

    private static func forget(_ state: inout State, _ session: ChatSession) {
        state.byID[session.id] = nil
        state.idByKey[session.key] = nil
    }
}
