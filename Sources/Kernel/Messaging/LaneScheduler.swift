import PluginAPI
import Synchronization

/// Works through a durable table: rows of one lane in their order, one at a time; lanes beside each other.
///
/// Rows are read in batches by a cursor that only grows, as far as a window allows, so that a backlog of any size costs the same memory. A lane whose row must wait holds up only itself, but keeps its
/// place in the window: give what can stall for long a scheduler of its own.
final class LaneScheduler<Row: Sendable>: Sendable {
    /// What became of a row.
    enum Outcome: Sendable {
        /// It needs no more work.
        case done
        /// Again after a while; the lane waits.
        case again(after: Duration)
    }

    struct Work: Sendable {
        /// Rows after a cursor in their order, at most so many.
        var fetch: @Sendable (_ after: Int64, _ limit: Int) async throws -> [Row]
        var cursor: @Sendable (Row) -> Int64
        var lane: @Sendable (Row) -> String
        /// Deals with a row. Must not throw: what went wrong is an outcome.
        var handle: @Sendable (Row) async -> Outcome
        /// Says that rows could not be read; they are read again after a while.
        var fetchFailed: @Sendable (any Error) -> Void
    }

    private struct Lane {
        var rows: [Row] = []
        var isRunning = false
        var task: Task<Void, Never>?
        /// True while its row is being dealt with, false while it waits.
        var isHandling = false
    }

    private struct Inner {
        var lanes: [String: Lane] = [:]
        var inWindow = 0
        var isStopping = false
    }

    private let window: Int
    private let batch: Int
    private let clock: any TimeSource
    private let concurrency: ConcurrencyLimiter
    private let work: Work
    private let grace: Duration
    private let wakeUp = AsyncSignal()
    private let inner = Mutex(Inner())

    /// - Parameters:
    ///   - concurrency: lanes worked at the same time.
    ///   - window: rows held in memory.
    ///   - grace: how long rows that are being dealt with may take when the work is to end; then they are cancelled.
    init(concurrency: Int, window: Int = 2000, batch: Int = 200, clock: any TimeSource, grace: Duration = .seconds(10), work: Work) {
        self.grace = grace
        self.window = window
        self.batch = batch
        self.clock = clock
        self.concurrency = ConcurrencyLimiter(concurrency)
        self.work = work
    }

    /// Says that there may be new rows.
    func wake() { wakeUp.set() }

    /// Rows that are held in memory, waiting or being worked on.
    var depth: Int { inner.withLock { $0.inWindow } }

    /// Works until the task is cancelled; then finishes what is under way, so that what a vendor has taken is also written down.
    func run() async {
        var cursor: Int64 = 0
        inner.withLock { $0 = Inner() }
        while !Task.isCancelled {
            let room = window - depth
            guard room >= batch else {
                await wakeUp.wait()
                continue
            }
            do {
                let rows = try await work.fetch(cursor, batch)
                for row in rows { admit(row) }
                if let last = rows.last { cursor = work.cursor(last) }
                if rows.isEmpty { await wakeUp.wait() }
            } catch is CancellationError {
                break
            } catch {
                work.fetchFailed(error)
                try? await clock.sleep(for: .seconds(1))
            }
        }
        await finish()
    }

    private func finish() async {
        let (tasks, waiting) = inner.withLock { inner in
            inner.isStopping = true
            return (inner.lanes.values.compactMap(\.task), inner.lanes.values.filter { !$0.isHandling }.compactMap(\.task))
        }
        waiting.forEach { $0.cancel() }
        let (clock, grace) = (clock, grace)
        let limit = Task {
            try await clock.sleep(for: grace)
            tasks.forEach { $0.cancel() }
        }
        for task in tasks { await task.value }
        limit.cancel()
    }

    private func admit(_ row: Row) {
        let lane = work.lane(row)
        inner.withLock { inner in
            inner.inWindow += 1
            inner.lanes[lane, default: Lane()].rows.append(row)
            guard inner.lanes[lane]?.isRunning == false else { return }
            inner.lanes[lane]?.isRunning = true
            inner.lanes[lane]?.task = Task { await self.drain(lane) }
        }
    }

    private func drain(_ lane: String) async {
        while let row = next(in: lane) {
            var isDone = false
            while !isDone, (try? await concurrency.acquire()) != nil {
                guard beginHandling(lane) else {
                    concurrency.release()
                    break
                }
                let outcome = await work.handle(row)
                concurrency.release()
                let goesOn = inner.withLock { inner in
                    inner.lanes[lane]?.isHandling = false
                    return !inner.isStopping
                }
                switch outcome {
                case .done: isDone = true
                case .again(let wait) where goesOn: try? await clock.sleep(for: wait)
                case .again: break
                }
                if !goesOn { break }
            }
            let hasRoomAgain = inner.withLock { inner in
                inner.inWindow -= 1
                return inner.inWindow == window - batch
            }
            if hasRoomAgain { wakeUp.set() }
        }
    }

    private func beginHandling(_ lane: String) -> Bool {
        inner.withLock { inner in
            guard !inner.isStopping else { return false }
            inner.lanes[lane]?.isHandling = true
            return true
        }
    }

    private func next(in lane: String) -> Row? {
        inner.withLock { inner in
            guard !inner.isStopping, let rows = inner.lanes[lane]?.rows, !rows.isEmpty else {
                inner.lanes[lane] = nil
                return nil
            }
            return inner.lanes[lane]?.rows.removeFirst()
        }
    }
}
