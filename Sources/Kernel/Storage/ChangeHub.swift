import Synchronization

/// Tells listeners which tables committed transactions changed.
final class ChangeHub: Sendable {
    private struct Weak: Sendable { weak var listener: Listener? }
    private struct State {
        var listeners: [Weak] = []
        var isFinished = false
    }

    private let state = Mutex(State())

    /// Listening begins with the call, not with the first `await`.
    func changes(in tables: Set<String>) -> AsyncStream<Set<String>> {
        let listener = Listener(tables: tables)
        let isFinished = state.withLock { state in
            state.listeners.removeAll { $0.listener == nil }
            if !state.isFinished { state.listeners.append(Weak(listener: listener)) }
            return state.isFinished
        }
        if isFinished { listener.finish() }
        // The stream alone keeps the listener: one that is dropped is forgotten.
        return AsyncStream(unfolding: { await listener.next() }, onCancel: { listener.finish() })
    }

    func publish(_ tables: Set<String>) {
        guard !tables.isEmpty else { return }
        for weak in state.withLock({ $0.listeners }) { weak.listener?.add(tables) }
    }

    func finish() {
        let listeners = state.withLock { state in
            state.isFinished = true
            defer { state.listeners = [] }
            return state.listeners
        }
        for weak in listeners { weak.listener?.finish() }
    }

    private final class Listener: Sendable {
        private struct State {
            var pending: Set<String> = []
            var isFinished = false
            var waiting: CheckedContinuation<Set<String>?, Never>?
        }

        private let tables: Set<String>
        private let state = Mutex(State())

        init(tables: Set<String>) { self.tables = tables }

        func add(_ changed: Set<String>) {
            let mine = changed.intersection(tables)
            guard !mine.isEmpty else { return }
            let waiting = state.withLock { state -> CheckedContinuation<Set<String>?, Never>? in
                guard !state.isFinished else { return nil }
                guard let waiting = state.waiting else {
                    state.pending.formUnion(mine)
                    return nil
                }
                state.waiting = nil
                return waiting
            }
            waiting?.resume(returning: mine)
        }

        func finish() {
            let waiting = state.withLock { state in
                state.isFinished = true
                defer { state.waiting = nil }
                return state.waiting
            }
            waiting?.resume(returning: nil)
        }

        func next() async -> Set<String>? {
            await withCheckedContinuation { continuation in
                enum Answer {
                    case now(Set<String>?)
                    case later
                }
                let answer: Answer = state.withLock { state in
                    if !state.pending.isEmpty {
                        defer { state.pending = [] }
                        return .now(state.pending)
                    }
                    if state.isFinished { return .now(nil) }
                    state.waiting = continuation
                    return .later
                }
                if case .now(let tables) = answer { continuation.resume(returning: tables) }
            }
        }
    }
}
