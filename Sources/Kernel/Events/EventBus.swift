import Synchronization

/// Something that happened and that others may want to know.
public protocol BusEvent: Sendable {}

/// Carries events from those who know to those who want to.
///
/// Each subscription has a bounded buffer; a publisher waits while a buffer is full, so that a slow subscriber slows the others down rather than losing events.
/// Events are not durable: what must not be lost goes through the inbox, the outbox or a job.
public final class EventBus: Sendable {
    private struct State {
        var subscriptions: [ObjectIdentifier: [any Subscribing]] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())
    private let posted = Mutex<Task<Void, Never>?>(nil)

    public init() {}

    /// Hands an event to every subscription to its type; returns when each has it in its buffer.
    public func publish<E: BusEvent>(_ event: E) async {
        let targets = state.withLock { $0.subscriptions[ObjectIdentifier(E.self)] ?? [] }
        for case let target as EventSubscription<E> in targets { await target.push(event) }
    }

    /// Hands an event over without waiting, for those who cannot: its order among other posted events is kept.
    public func post<E: BusEvent>(_ event: E) {
        posted.withLock { posted in
            let last = posted
            posted = Task {
                await last?.value
                await publish(event)
            }
        }
    }

    /// Events of one type from now on. End it with ``EventSubscription/cancel()``.
    public func subscribe<E: BusEvent>(to type: E.Type, capacity: Int = 256) -> EventSubscription<E> {
        let subscription = EventSubscription<E>(capacity: capacity)
        let isClosed = state.withLock { state in
            if !state.isClosed { state.subscriptions[ObjectIdentifier(type), default: []].append(subscription) }
            state.subscriptions[ObjectIdentifier(type)]?.removeAll(where: \.isClosed)
            return state.isClosed
        }
        // Who comes after the end must not wait for ever.
        if isClosed { subscription.cancel() }
        return subscription
    }

    /// Ends every subscription.
    public func close() {
        let all = state.withLock { state in
            defer { (state.subscriptions, state.isClosed) = ([:], true) }
            return state.subscriptions.values.flatMap { $0 }
        }
        all.forEach { $0.cancel() }
    }
}

private protocol Subscribing: Sendable {
    var isClosed: Bool { get }
    func cancel()
}

/// Events as they come, for one reader.
public final class EventSubscription<E: BusEvent>: AsyncSequence, Subscribing, Sendable {
    private struct State {
        var buffer: [E] = []
        var isClosed = false
        var reader: CheckedContinuation<E?, Never>?
        var writers: [CheckedContinuation<Void, Never>] = []
    }

    private let capacity: Int
    private let state = Mutex(State())

    init(capacity: Int) { self.capacity = Swift.max(1, capacity) }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    func push(_ event: E) async {
        while !offer(event) {
            await withCheckedContinuation { continuation in
                let proceed = state.withLock { state in
                    if state.isClosed || state.buffer.count < capacity { return true }
                    state.writers.append(continuation)
                    return false
                }
                if proceed { continuation.resume() }
            }
        }
    }

    /// True where the event was taken, or nobody wants it any more.
    private func offer(_ event: E) -> Bool {
        var reader: CheckedContinuation<E?, Never>?
        let taken = state.withLock { state in
            if state.isClosed { return true }
            if let waiting = state.reader {
                state.reader = nil
                reader = waiting
                return true
            }
            guard state.buffer.count < capacity else { return false }
            state.buffer.append(event)
            return true
        }
        reader?.resume(returning: event)
        return taken
    }

    /// Ends the subscription; its reader's loop ends.
    public func cancel() {
        let (reader, writers) = state.withLock { state in
            defer {
                state.reader = nil
                state.writers = []
            }
            state.isClosed = true
            return (state.reader, state.writers)
        }
        reader?.resume(returning: nil)
        writers.forEach { $0.resume() }
    }

    fileprivate func next() async -> E? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                var writer: CheckedContinuation<Void, Never>?
                let ready: E?? = state.withLock { state in
                    if !state.buffer.isEmpty {
                        let event = state.buffer.removeFirst()
                        if !state.writers.isEmpty { writer = state.writers.removeFirst() }
                        return .some(event)
                    }
                    if state.isClosed || Task.isCancelled { return .some(nil) }
                    state.reader = continuation
                    return nil
                }
                writer?.resume()
                if let ready { continuation.resume(returning: ready) }
            }
        } onCancel: {
            cancel()
        }
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let subscription: EventSubscription<E>
        public mutating func next() async -> E? { await subscription.next() }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(subscription: self) }
}
