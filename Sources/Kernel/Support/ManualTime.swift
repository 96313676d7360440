import Foundation
import PluginAPI
import Synchronization

/// A clock that stands still until somebody moves it: for playing a night in a moment. Whoever sleeps wakes when the clock is moved past the end of the sleep.
///
/// Tests have a clock that also waits for the tasks that it wakes (`VirtualClock`); this one is for programs that do what is due themselves.
public final class ManualTime: TimeSource {
    private struct State {
        var now: Date
        var monotonic: Duration = .zero
        var lastID = 0
        var sleepers: [Int: (due: Duration, continuation: CheckedContinuation<Void, any Error>)] = [:]
    }

    private let state: Mutex<State>

    public init(now: Date) { state = Mutex(State(now: now)) }

    public var now: Date { state.withLock { $0.now } }
    public var monotonic: Duration { state.withLock { $0.monotonic } }

    /// Moves both clocks on, and wakes whoever is due. A moment that has passed already changes nothing.
    public func move(to moment: Date) {
        let due = state.withLock { state in
            let step = moment.timeIntervalSince(state.now)
            guard step > 0 else { return [CheckedContinuation<Void, any Error>]() }
            state.now = moment
            state.monotonic += .seconds(step)
            let ids = state.sleepers.filter { $0.value.due <= state.monotonic }.sorted { ($0.value.due, $0.key) < ($1.value.due, $1.key) }.map(\.key)
            return ids.compactMap { state.sleepers.removeValue(forKey: $0)?.continuation }
        }
        due.forEach { $0.resume() }
    }

    public func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                enum Outcome { case sleeps, wakes, cancelled }
                // The cancellation handler takes the same lock: whichever comes second finds what the first one left.
                let outcome = state.withLock { state -> Outcome in
                    if Task.isCancelled { return .cancelled }
                    guard duration > .zero else { return .wakes }
                    state.sleepers[id] = (state.monotonic + duration, continuation)
                    return .sleeps
                }
                switch outcome {
                case .sleeps: break
                case .wakes: continuation.resume()
                case .cancelled: continuation.resume(throwing: CancellationError())
                }
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(throwing: CancellationError())
        }
    }
}
