import PluginAPI
import Synchronization

/// Gives many pieces of work the same limit, with one timer for all of them.
///
/// ``Deadline`` starts a timer for each, which is too dear for what is called thousands of times a second and nearly always returns at once. Here a piece of
/// work costs its task, which it needs anyhow to run on its executor, and an entry in a table; the timer sleeps until the oldest of them would be late.
final class DeadlineWatch: Sendable {
    /// The limit has passed. The work is cancelled, and left to itself where it does not listen.
    struct Passed: Error {}

    private struct State {
        var due: [Int: (at: Duration, expire: @Sendable () -> Void)] = [:]
        var lastID = 0
        var watcher: Task<Void, Never>?
    }

    let limit: Duration
    private let clock: any TimeSource
    private let executor: any TaskExecutor
    private let state = Mutex(State())

    init(_ limit: Duration, clock: any TimeSource, executor: any TaskExecutor) {
        self.limit = limit
        self.clock = clock
        self.executor = executor
    }

    /// Where the caller is cancelled the work is too, and its end is awaited all the same: what is done one after the other stays so.
    /// - Throws: what `work` throws, or ``Passed``.
    func run<R: Sendable>(_ work: @escaping @Sendable () async throws -> R) async throws -> R {
        let race = Race<R>()
        let runner = Task(executorPreference: executor) {
            do { race.finish(.success(try await work())) } catch { race.finish(.failure(error)) }
        }
        let id = begin { if race.finish(.failure(Passed())) { runner.cancel() } }
        defer { state.withLock { _ = $0.due.removeValue(forKey: id) } }
        return try await withTaskCancellationHandler {
            try await race.value()
        } onCancel: {
            runner.cancel()
        }
    }

    /// Ends the timer where nothing is under way: it would end by itself, but only when its time has come.
    func rest() {
        state.withLock { state in
            guard state.due.isEmpty else { return }
            state.watcher?.cancel()
            state.watcher = nil
        }
    }

    private func begin(_ expire: @escaping @Sendable () -> Void) -> Int {
        let at = clock.monotonic + limit
        return state.withLock { state in
            state.lastID += 1
            state.due[state.lastID] = (at, expire)
            // Detached: it serves all who come, and carries nothing of the one who came first.
            if state.watcher == nil { state.watcher = Task.detached { await self.watch() } }
            return state.lastID
        }
    }

    private func watch() async {
        while let wait = untilNext() {
            // Only a rest cancels it, and then somebody else watches from the next one on.
            do { try await clock.sleep(for: wait) } catch { return }
            for expire in takeLate() { expire() }
        }
    }

    /// How long until the next would be late; nil, and nobody watches any more, where there is none.
    private func untilNext() -> Duration? {
        let now = clock.monotonic
        return state.withLock { state in
            guard let next = state.due.values.map(\.at).min() else {
                state.watcher = nil
                return nil
            }
            return max(.zero, next - now)
        }
    }

    private func takeLate() -> [@Sendable () -> Void] {
        let now = clock.monotonic
        return state.withLock { state in
            let late = state.due.filter { $0.value.at <= now }
            for id in late.keys { state.due[id] = nil }
            return late.values.map(\.expire)
        }
    }
}
