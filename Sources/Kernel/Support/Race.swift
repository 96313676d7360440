import Synchronization

/// Takes the first of several results.
final class Race<R: Sendable>: Sendable {
    private enum State {
        case open
        case waiting(CheckedContinuation<R, any Error>)
        case finished(Result<R, any Error>)
    }

    private let state = Mutex(State.open)

    /// - Returns: false where another result was quicker.
    @discardableResult
    func finish(_ result: Result<R, any Error>) -> Bool {
        let (isFirst, waiting) = state.withLock { state -> (Bool, CheckedContinuation<R, any Error>?) in
            switch state {
            case .open:
                state = .finished(result)
                return (true, nil)
            case .waiting(let continuation):
                state = .finished(result)
                return (true, continuation)
            case .finished: return (false, nil)
            }
        }
        waiting?.resume(with: result)
        return isFirst
    }

    func value() async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            let ready: Result<R, any Error>? = state.withLock { state in
                if case .finished(let result) = state { return result }
                state = .waiting(continuation)
                return nil
            }
            if let ready { continuation.resume(with: ready) }
        }
    }
}
