extension AIStreamEvent {
    /// A stream whose events come from `work`, which runs in a task of its own and is cancelled as soon as nobody reads any more.
    /// - Parameter work: gets what to call with each event but the last, and returns the whole answer.
    public static func stream(
        _ work: @escaping @Sendable (_ yield: @escaping @Sendable (AIStreamEvent) -> Void) async throws -> AIResponse
    ) -> AsyncThrowingStream<AIStreamEvent, any Error> {
        AsyncThrowingStream { continuation in
            let task = Task {
                do {
                    let response = try await work { continuation.yield($0) }
                    continuation.yield(.finished(response))
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
}

extension AIUsage {
    /// A count of tokens as a vendor names it: 0 where it is missing or no count, and never so large that sums of them overflow.
    public static func count(_ value: JSONValue?) -> Int { min(max(value?.intValue ?? 0, 0), 1 << 40) }
}
