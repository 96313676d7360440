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
    }

    private struct Inner {
        var lanes: [String: Lane] = [:]
        var inWindow = 0
        var isStopping = false
        var tasks: [Int: Task<Void, Never>] = [:]
        var nextTask = 0
    }

    private let window: Int
    private let batch: Int
    private let clock: any TimeSource
    private let concurrency: ConcurrencyLimiter
    private let work: Work
    private let wakeUp = AsyncSignal()
    private let inner = Mutex(Inner())

    /// - Parameters:
    ///   - concurrency: lanes worked at the same time.
    ///   - window: rows held in memory.
    init(concurrency: Int, window: Int = 2000, batch: Int = 200, clock: any TimeSource, work: Work) {
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

    /// Works until the task is cancelled; then finishes what is under way, and leaves the rest to the next start.
    func run() async {
        var cursor: Int64 = 0
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
        inner.withLock { $0.isStopping = true }
        for task in inner.withLock({ Array($0.tasks.values) }) {
            task.cancel()
            await task.value
        }
    }

    private func admit(_ row: Row) {
        let lane = work.lane(row)
        inner.withLock { inner in
            inner.inWindow += 1
            inner.lanes[lane, default: Lane()].rows.append(row)
            guard inner.lanes[lane]?.isRunning == false else { return }
            inner.lanes[lane]?.isRunning = true
            let id = inner.nextTask
            inner.nextTask += 1
            inner.tasks[id] = Task {
                await self.drain(lane)
                self.inner.withLock { _ = $0.tasks.removeValue(forKey: id) }
            }
        }
    }

    private func drain(_ lane: String) async {
        while let row = next(in: lane) {
            var isDone = false
            while !isDone, !inner.withLock({ $0.isStopping }) {
                guard (try? await concurrency.acquire()) != nil else { break }
                // In a task of its own: what is under way is finished when the lane is told to stop, and only waiting is cut short.
                let outcome = await Task { [work] in await work.handle(row) }.value
                concurrency.release()
                switch outcome {
                case .done: isDone = true
                case .again(let wait): try? await clock.sleep(for: wait)
                }
            }
            let hasRoomAgain = inner.withLock { inner in
                inner.inWindow -= 1
                return inner.inWindow == window - batch
            }
            if hasRoomAgain { wakeUp.set() }
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
