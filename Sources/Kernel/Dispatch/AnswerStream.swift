import PluginAPI
import Synchronization

/// Reads a provider's stream to its end, and gives up where it falls silent: that shows a dead line long before the call's own time is over.
struct AnswerStream: Sendable {
    /// When something was heard last.
    private final class Heard: Sendable {
        private let at: Mutex<Duration>
        init(_ now: Duration) { at = Mutex(now) }
        var last: Duration { at.withLock { $0 } }
        func now(_ now: Duration) { at.withLock { $0 = now } }
    }

    private let events: AsyncThrowingStream<AIStreamEvent, any Error>
    private let silence: Duration
    private let clock: any TimeSource

    init(_ events: AsyncThrowingStream<AIStreamEvent, any Error>, silence: Duration, clock: any TimeSource) {
        self.events = events
        self.silence = silence
        self.clock = clock
    }

    /// The whole answer.
    /// - Parameter hear: is told of each piece.
    /// - Throws: ``PluginAPI/PluginFailure`` not ready where the stream falls silent or ends before the answer does.
    func whole(_ hear: @escaping @Sendable (AIStreamEvent) -> Void = { _ in }) async throws -> AIResponse {
        let heard = Heard(clock.monotonic)
        return try await withThrowingTaskGroup(of: AIResponse?.self) { tasks in
            tasks.addTask { [events, clock] in
                var answer: AIResponse?
                for try await event in events {
                    heard.now(clock.monotonic)
                    hear(event)
                    if case .finished(let response) = event { answer = response }
                }
                guard let answer else { throw PluginFailure.notReady(.malformedReply, "the answer's stream ended before the answer") }
                return answer
            }
            tasks.addTask { [silence, clock] in
                while true {
                    let rest = heard.last + silence - clock.monotonic
                    guard rest > .zero else { throw PluginFailure.notReady(.timeout, "the answer's stream has been silent for \(silence.text)") }
                    try await clock.sleep(for: rest)
                }
            }
            defer { tasks.cancelAll() }
            while let result = try await tasks.next() { if let result { return result } }
            throw CancellationError()
        }
    }
}
