import Foundation
import PluginAPI
import Synchronization

/// A clock that stands still until a test moves it.
///
/// Sleepers are woken in the order in which they are due, those due together in the order in which they lay down. The wall clock runs along with
/// monotonic time and can be made to jump on its own, as real ones do.
///
/// ```swift
/// let clock = VirtualClock()
/// let work = Task { try await clock.sleep(for: .seconds(30)) }
/// await clock.waitForSleepers(1)
/// await clock.advance(by: .seconds(30))
/// try await work.value
/// ```
public final class VirtualClock: TimeSource {
    private struct Sleeper {
        let id: UInt64
        let due: Duration
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct Watcher {
        let id: UInt64
        let count: Int
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var monotonic: Duration = .zero
        var now: Date
        var sleepers: [Sleeper] = []
        var watchers: [Watcher] = []
        var lastID: UInt64 = 0

        mutating func nextID() -> UInt64 {
            lastID += 1
            return lastID
        }
    }

    private let state: Mutex<State>

    /// A clock whose wall shows `now`; by default a Tuesday noon, 2 September 2025, 12:00:00 UTC.
    public init(now: Date = Date(timeIntervalSince1970: 1_756_814_400)) {
        state = Mutex(State(now: now))
    }

    public var now: Date { state.withLock { $0.now } }
    public var monotonic: Duration { state.withLock { $0.monotonic } }

    /// How many tasks are asleep on this clock.
    public var sleepers: Int { state.withLock { $0.sleepers.count } }

    /// How long until the next sleeper is due; nil where nobody sleeps.
    public var untilNextSleeper: Duration? {
        state.withLock { state in state.sleepers.map(\.due).min().map { $0 - state.monotonic } }
    }

    public func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        let id = state.withLock { $0.nextID() }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                // The cancellation handler takes the same lock: whichever comes second finds what the first one left.
                let (isCancelled, awakened) = state.withLock { state -> (Bool, [Watcher]) in
                    if Task.isCancelled { return (true, []) }
                    state.sleepers.append(Sleeper(id: id, due: state.monotonic + max(.zero, duration), continuation: continuation))
                    let count = state.sleepers.count
                    let awakened = state.watchers.filter { $0.count <= count }
                    state.watchers.removeAll { $0.count <= count }
                    return (false, awakened)
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
                for watcher in awakened { watcher.continuation.resume(returning: true) }
                // A sleep of no length must not wait for the test to move the clock.
                if duration <= .zero { take(id)?.continuation.resume() }
            }
        } onCancel: {
            take(id)?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Moves both clocks on by `duration`, waking on the way whoever is due, and lets the woken tasks run before it goes on: a task that sleeps
    /// again within the time is woken again.
    ///
    /// What runs on an executor is given time to run; what waits for a disk or a socket is not awaited. For that use ``eventually(within:_:)``.
    public func advance(by duration: Duration) async {
        await Self.yield()
        let target = monotonic + duration
        while let sleeper = nextSleeper(until: target) {
            let others = sleepers
            sleeper.continuation.resume()
            await settle(until: others + 1)
        }
        state.withLock { Self.move(&$0, to: target) }
        await settle(until: .max)
    }

    /// Moves the clocks to the next sleeper and wakes it; returns how far they moved, or nil where nobody sleeps.
    @discardableResult
    public func advanceToNextSleeper() async -> Duration? {
        guard let wait = untilNextSleeper else { return nil }
        await advance(by: wait)
        return wait
    }

    /// Moves the wall clock alone, as a correction of the time of day does; backwards where negative. Nobody wakes.
    public func jumpWall(by duration: Duration) { state.withLock { $0.now += duration.seconds } }

    /// Sets the wall clock alone. Nobody wakes.
    public func setWall(to date: Date) { state.withLock { $0.now = date } }

    /// Returns once at least `count` tasks are asleep.
    /// - Parameter realTime: how long to wait, by the machine's clock.
    /// - Returns: false where they did not come in time.
    @discardableResult
    public func waitForSleepers(_ count: Int, within realTime: Duration = .seconds(10)) async -> Bool {
        let id = state.withLock { $0.nextID() }
        let limit = Task {
            try await Task.sleep(for: realTime)
            takeWatcher(id)?.continuation.resume(returning: false)
        }
        defer { limit.cancel() }
        return await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.sleepers.count >= count { return true }
                state.watchers.append(Watcher(id: id, count: count, continuation: continuation))
                return false
            }
            if isThere { continuation.resume(returning: true) }
        }
    }

    private func take(_ id: UInt64) -> Sleeper? {
        state.withLock { state in state.sleepers.firstIndex { $0.id == id }.map { state.sleepers.remove(at: $0) } }
    }

    private func takeWatcher(_ id: UInt64) -> Watcher? {
        state.withLock { state in state.watchers.firstIndex { $0.id == id }.map { state.watchers.remove(at: $0) } }
    }

    /// Takes out the first sleeper that is due by `target`, and sets the clocks to when it is due.
    private func nextSleeper(until target: Duration) -> Sleeper? {
        state.withLock { state in
            let first = state.sleepers.indices.min {
                (state.sleepers[$0].due, state.sleepers[$0].id) < (state.sleepers[$1].due, state.sleepers[$1].id)
            }
            guard let first, state.sleepers[first].due <= target else { return nil }
            let sleeper = state.sleepers.remove(at: first)
            Self.move(&state, to: max(state.monotonic, sleeper.due))
            return sleeper
        }
    }

    private static func move(_ state: inout State, to target: Duration) {
        guard target > state.monotonic else { return }
        state.now += (target - state.monotonic).seconds
        state.monotonic = target
    }

    /// Lets the tasks that are ready run. Nobody can ask an executor whether it is idle; so this waits until as many sleep as before, which is what a
    /// loop does that was woken, or else for a moment of real time in which a task that will not sleep again has its turn also on a busy machine.
    private func settle(until count: Int) async {
        let start = ContinuousClock.now
        repeat { await Self.yield() } while sleepers < count && ContinuousClock.now - start < .milliseconds(5)
    }

    /// Tasks of a lower priority begin after those that are ready; so a few of them, one after the other, give those their turn.
    private static func yield() async {
        for _ in 0..<8 { await Task.detached(priority: .background) { await Task.yield() }.value }
    }
}
