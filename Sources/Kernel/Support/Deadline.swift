import PluginAPI

/// Runs work that may not listen to its cancellation, and gives up on it when its time is over.
///
/// A task group would wait for the work to end; a hung plugin never does. So the work runs in a task of its own, which is cancelled and left to itself.
enum Deadline {
    /// - Parameter alarms: whose timer is used.
    /// - Throws: what `work` throws, `timeout()` when `limit` has passed, or `CancellationError`.
    static func run<R: Sendable>(
        _ limit: Duration, alarms: Alarms, on executor: (any TaskExecutor)? = nil, timeout: @escaping @Sendable () -> any Error,
        _ work: @escaping @Sendable () async throws -> R
    ) async throws -> R {
        let race = Race<R>()
        let runner = Task(executorPreference: executor) {
            do { race.finish(.success(try await work())) } catch { race.finish(.failure(error)) }
        }
        let alarm = alarms.set(in: limit) {
            race.finish(.failure(timeout()))
            runner.cancel()
        }
        defer { alarms.unset(alarm) }
        return try await withTaskCancellationHandler {
            try await race.value()
        } onCancel: {
            race.finish(.failure(CancellationError()))
            runner.cancel()
        }
    }

    /// The same, with a timer of its own: for what is seldom done.
    static func run<R: Sendable>(
        _ limit: Duration, clock: any TimeSource, on executor: (any TaskExecutor)? = nil, timeout: @escaping @Sendable () -> any Error,
        _ work: @escaping @Sendable () async throws -> R
    ) async throws -> R {
        try await run(limit, alarms: Alarms(clock), on: executor, timeout: timeout, work)
    }
}
