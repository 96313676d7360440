import PluginAPI
import Synchronization

/// Wakes one waiting task; a signal that nobody waits for is kept until somebody does. Signals merge.
final class AsyncSignal: Sendable {
    private struct State {
        var isSet = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func set() {
        let waiter = state.withLock { state in
            guard let waiter = state.waiter else {
                state.isSet = true
                return nil as CheckedContinuation<Void, Never>?
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume()
    }

    /// Waits for a signal, or for the task's cancellation.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ready = state.withLock { state in
                    if state.isSet || Task.isCancelled {
                        state.isSet = false
                        return true
                    }
                    state.waiter = continuation
                    return false
                }
                if ready { continuation.resume() }
            }
        } onCancel: {
            set()
        }
    }

    /// Waits for a signal, or until `limit` has passed.
    func wait(atMost limit: Duration, _ alarms: Alarms) async {
        let alarm = alarms.set(in: limit) { self.set() }
        await wait()
        alarms.unset(alarm)
    }
}
