import PluginAPI

/// Gives many pieces of work the same limit. One that does not return in time is given up; where its caller is cancelled its end is awaited all the same.
final class DeadlineWatch: Sendable {
    /// The limit has passed. The work is cancelled, and left to itself where it does not listen.
    struct Passed: Error {}

    let limit: Duration
    private let alarms: Alarms
    private let executor: any TaskExecutor

    init(_ limit: Duration, clock: any TimeSource, executor: any TaskExecutor) {
        self.limit = limit
        self.executor = executor
        alarms = Alarms(clock, lingers: true)
    }

    /// Where the caller is cancelled the work is too, and its end is awaited all the same: what is done one after the other stays so.
    /// - Throws: what `work` throws, or ``Passed``.
    func run<R: Sendable>(_ work: @escaping @Sendable () async throws -> R) async throws -> R {
        let race = Race<R>()
        let runner = Task(executorPreference: executor) {
            do { race.finish(.success(try await work())) } catch { race.finish(.failure(error)) }
        }
        let alarm = alarms.set(in: limit) { if race.finish(.failure(Passed())) { runner.cancel() } }
        defer { alarms.unset(alarm) }
        return try await withTaskCancellationHandler {
            try await race.value()
        } onCancel: {
            runner.cancel()
        }
    }

    /// Ends the timer where nothing is under way.
    func rest() { alarms.rest() }
}
