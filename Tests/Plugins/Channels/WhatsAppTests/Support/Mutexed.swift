import Synchronization

/// Values that are handed out one after the other, whoever asks.
final class Mutexed<Value: Sendable>: Sendable {
    private let rest: Mutex<[Value]>

    init(_ values: [Value]) { rest = Mutex(values) }
    func next() -> Value? { rest.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
}
