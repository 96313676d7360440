import PluginAPI
import Synchronization

/// Rings when its time has come, for as many as ask for it, with one timer for all of them.
///
/// A timer for each is too dear for what is called thousands of times a second and nearly always returns at once; and the memory of a sleep that was
/// cancelled is only given back when its time would have come.
public final class Alarms: Sendable {
    private struct State {
        var due: [Int: (at: Duration, ring: @Sendable () -> Void)] = [:]
        var lastID = 0
        var watcher: Task<Void, Never>?
        /// Until when the watcher sleeps.
        var wakesAt = Duration.zero
    }

    private let clock: any TimeSource
    private let lingers: Bool
    private let state = Mutex(State())

    /// - Parameter lingers: whether the timer goes on when nothing is set, until it has come to its time or is told to ``rest()``: for what is set
    ///   again at once.
    public init(_ clock: any TimeSource, lingers: Bool = false) {
        self.clock = clock
        self.lingers = lingers
    }

    /// Alarms that are set.
    var count: Int { state.withLock { $0.due.count } }

    /// Has `ring` called once `wait` has passed, on no particular thread.
    /// - Returns: by what it is unset.
    public func set(in wait: Duration, _ ring: @escaping @Sendable () -> Void) -> Int {
        let at = clock.monotonic + wait
        return state.withLock { state in
            state.lastID += 1
            state.due[state.lastID] = (at, ring)
            if state.watcher == nil || at < state.wakesAt {
                state.watcher?.cancel()
                state.wakesAt = at
                // Detached: it serves all who come, and carries nothing of the one who came first.
                state.watcher = Task.detached { await self.watch(from: at) }
            }
            return state.lastID
        }
    }

    /// Takes an alarm back; one that has rung is no more.
    public func unset(_ alarm: Int) {
        state.withLock { state in
            state.due[alarm] = nil
            if !lingers { Self.rest(&state) }
        }
    }

    /// Ends the timer where nothing is set.
    public func rest() { state.withLock { Self.rest(&$0) } }

    private static func rest(_ state: inout State) {
        guard state.due.isEmpty else { return }
        state.watcher?.cancel()
        state.watcher = nil
    }

    private func watch(from first: Duration) async {
        var next: Duration? = first
        while let at = next {
            // Only a rest cancels it, or somebody who is due before: then another watches.
            do { try await clock.sleep(for: max(.zero, at - clock.monotonic)) } catch { return }
            let now = clock.monotonic
            let late = state.withLock { state -> [@Sendable () -> Void] in
                guard !Task.isCancelled else {
                    next = nil
                    return []
                }
                let late = state.due.filter { $0.value.at <= now }
                for id in late.keys { state.due[id] = nil }
                next = state.due.values.map(\.at).min()
                if let next { state.wakesAt = next } else { state.watcher = nil }
                return late.values.map(\.ring)
            }
            for ring in late { ring() }
        }
    }
}
