import PluginAPI
import Synchronization

/// Works through a durable table: rows of one lane in their order, one at a time; lanes beside each other.
///
/// Rows are read in batches by a cursor that only grows, as far as a window allows, so that a backlog of any size costs the same memory. A lane holds a few rows of the window at most; what it has beyond
/// them is read again when those are done, so that one lane with thousands keeps no other from being seen. A lane whose row must wait holds up only itself, but keeps its place in the window: give what can
/// stall for long a scheduler of its own.
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
        /// Rows of one lane between two cursors, the latter included, in their order, at most so many; none only where there are none.
        var fetchLane: @Sendable (_ lane: String, _ after: Int64, _ through: Int64, _ limit: Int) async throws -> [Row]
        var cursor: @Sendable (Row) -> Int64
        var lane: @Sendable (Row) -> String
        /// Deals with a row. Must not throw: what went wrong is an outcome.
        var handle: @Sendable (Row) async -> Outcome
        /// Says that rows could not be read; they are read again after a while.
        var fetchFailed: @Sendable (any Error) -> Void
    }

    private struct Lane {
        var rows: [Row] = []
        /// The cursor of the last row that was held.
        var last: Int64 = 0
        /// The cursor of the last row that was seen and is not held; nil where all are.
        var passedOver: Int64?
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

    private enum Next {
        case row(Row)
        /// None is held, and there are others to be read.
        case refill(after: Int64, through: Int64)
        case end
    }

    private let window: Int
    private let laneWindow: Int
    private let batch: Int
    private let clock: any TimeSource
    private let concurrency: @Sendable () -> Int
    private let places: ConcurrencyLimiter
    private let work: Work
    private let grace: Duration
    private let wakeUp = AsyncSignal()
    private let inner = Mutex(Inner())

    /// - Parameters:
    ///   - concurrency: lanes worked at the same time; asked for each row, so that a reload's number holds at once.
    ///   - window: rows held in memory.
    ///   - laneWindow: rows of one lane held in memory.
    ///   - grace: how long rows that are being dealt with may take when the work is to end; then they are cancelled.
    init(
        concurrency: @escaping @Sendable () -> Int, window: Int = 2000, laneWindow: Int = 20, batch: Int = 200, clock: any TimeSource,
        grace: Duration = .seconds(10), work: Work
    ) {
        self.grace = grace
        self.laneWindow = laneWindow
        self.window = window
        self.batch = batch
        self.clock = clock
        self.concurrency = concurrency
        places = ConcurrencyLimiter(concurrency())
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
        let lane = work.lane(row), cursor = work.cursor(row)
        inner.withLock { inner in
            var held = inner.lanes[lane] ?? Lane()
            // Behind one that was passed over every other must be too: they are worked in their order.
            if held.passedOver != nil || held.rows.count >= laneWindow {
                held.passedOver = cursor
            } else {
                held.rows.append(row)
                held.last = cursor
                inner.inWindow += 1
            }
            inner.lanes[lane] = held
            guard inner.lanes[lane]?.isRunning == false else { return }
            inner.lanes[lane]?.isRunning = true
            inner.lanes[lane]?.task = Task { await self.drain(lane) }
        }
    }

    private func drain(_ lane: String) async {
        while true {
            let row: Row
            switch next(in: lane) {
            case .row(let next): row = next
            case .refill(let after, let through):
                await refill(lane, after, through)
                continue
            case .end: return
            }
            var isDone = false
            while !isDone, await enter() {
                guard beginHandling(lane) else {
                    places.release()
                    break
                }
                let outcome = await work.handle(row)
                places.release()
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

    /// - Returns: false where the lane's task was cancelled meanwhile.
    private func enter() async -> Bool {
        places.resize(to: concurrency())
        return (try? await places.acquire()) != nil
    }

    private func beginHandling(_ lane: String) -> Bool {
        inner.withLock { inner in
            guard !inner.isStopping else { return false }
            inner.lanes[lane]?.isHandling = true
            return true
        }
    }

    private func next(in lane: String) -> Next {
        inner.withLock { inner in
            guard !inner.isStopping, var held = inner.lanes[lane] else {
                inner.lanes[lane] = nil
                return .end
            }
            if !held.rows.isEmpty {
                let row = held.rows.removeFirst()
                inner.lanes[lane] = held
                return .row(row)
            }
            if let through = held.passedOver { return .refill(after: held.last, through: through) }
            inner.lanes[lane] = nil
            return .end
        }
    }

    /// Reads what was passed over. A lane is done with it only where nothing is left: rows that cannot be read may be missing from what comes.
    private func refill(_ lane: String, _ after: Int64, _ through: Int64) async {
        do {
            let rows = try await work.fetchLane(lane, after, through, laneWindow)
            inner.withLock { inner in
                guard var held = inner.lanes[lane] else { return }
                if let last = rows.last {
                    held.rows = rows
                    held.last = work.cursor(last)
                    inner.inWindow += rows.count
                } else {
                    held.last = through
                    // Others may have been passed over meanwhile.
                    if held.passedOver == through { held.passedOver = nil }
                }
                inner.lanes[lane] = held
            }
        } catch is CancellationError {
            return
        } catch {
            work.fetchFailed(error)
            try? await clock.sleep(for: .seconds(1))
        }
    }
}
