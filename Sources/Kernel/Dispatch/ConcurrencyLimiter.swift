import Synchronization

/// Lets a number of callers in at a time; the others wait in the order they came.
final class ConcurrencyLimiter: Sendable {
    private struct State {
        var capacity: Int
        var inUse = 0
        var waiting: [(id: Int, continuation: CheckedContinuation<Void, any Error>)] = []
        var nextID = 0
        var cancelled: Set<Int> = []

        mutating func enter() -> Bool {
            guard inUse < capacity else { return false }
            inUse += 1
            return true
        }
    }

    private let state: Mutex<State>

    init(_ capacity: Int) { state = Mutex(State(capacity: capacity)) }

    /// Callers that are in.
    var inUse: Int { state.withLock { $0.inUse } }

    /// Callers that wait.
    var waiting: Int { state.withLock { $0.waiting.count } }

    /// Changes how many may be in. Where that is more, those who wait come in; where it is fewer, those who are in stay, and nobody comes until enough have left.
    func resize(to capacity: Int) {
        let admitted: [CheckedContinuation<Void, any Error>] = state.withLock { state in
            guard state.capacity != capacity else { return [] }
            state.capacity = capacity
            var admitted: [CheckedContinuation<Void, any Error>] = []
            while !state.waiting.isEmpty, state.enter() { admitted.append(state.waiting.removeFirst().continuation) }
            return admitted
        }
        for continuation in admitted { continuation.resume() }
    }

    /// Comes in where there is a place, and does not wait.
    func acquireAtOnce() -> Bool { state.withLock { $0.enter() } }

    /// - Throws: `CancellationError` where the task is cancelled while it waits.
    func acquire() async throws {
        let id: Int? = state.withLock { state in
            if state.enter() { return nil }
            state.nextID += 1
            return state.nextID
        }
        guard let id else { return }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
                    if state.enter() { return .success(()) }
                    state.waiting.append((id, continuation))
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let waiter: CheckedContinuation<Void, any Error>? = state.withLock { state in
                guard let index = state.waiting.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.waiting.remove(at: index).continuation
            }
            waiter?.resume(throwing: CancellationError())
        }
        state.withLock { _ = $0.cancelled.remove(id) }
    }

    func release() {
        let next: CheckedContinuation<Void, any Error>? = state.withLock { state in
            state.inUse -= 1
            guard !state.waiting.isEmpty, state.enter() else { return nil }
            return state.waiting.removeFirst().continuation
        }
        next?.resume()
    }
}
