import PluginAPI
import Synchronization

/// An ``InboundPort`` that keeps what is handed in, tells repetitions apart as the kernel does, and fails when asked to.
public final class RecordingInboundPort: InboundPort {
    private struct State {
        var events: [InboundEvent] = []
        var ids: [String: String] = [:]
        var duplicates = 0
        var failure: PluginFailure?
        var refuses: @Sendable (InboundEvent) -> PluginFailure? = { _ in nil }
        var givenUp: [(event: InboundEvent, reason: String, attempts: Int)] = []
        var transcript: [TranscriptEntry] = []
    }

    private let state = Mutex(State())

    public init() {}

    /// What was accepted, in order, each event once.
    public var events: [InboundEvent] { state.withLock { $0.events } }

    /// How many repetitions were handed in.
    public var duplicates: Int { state.withLock { $0.duplicates } }

    /// The messages among the events.
    public var messages: [InboundMessage] {
        events.compactMap { if case .message(let message) = $0.content { message } else { nil } }
    }

    /// Every call fails with this until it is nil again; nothing is kept meanwhile.
    public func fail(with failure: PluginFailure?) { state.withLock { $0.failure = failure } }

    /// Events of which this says so are refused, whatever else is taken.
    public func refuse(_ refuses: @escaping @Sendable (InboundEvent) -> PluginFailure?) { state.withLock { $0.refuses = refuses } }

    /// What was given up, in order, each event once.
    public var givenUp: [(event: InboundEvent, reason: String, attempts: Int)] { state.withLock { $0.givenUp } }

    /// What ``transcript(with:limit:)`` answers, whoever the peer.
    public func setTranscript(_ entries: [TranscriptEntry]) { state.withLock { $0.transcript = entries } }

    public func accept(_ events: [InboundEvent]) async throws -> [InboundReceipt] {
        try state.withLock { state throws -> [InboundReceipt] in
            if let failure = state.failure { throw failure }
            for event in events { if let failure = state.refuses(event) { throw failure } }
            return events.map { event in
                if let known = state.ids[event.vendorID] {
                    state.duplicates += 1
                    return InboundReceipt(id: known, isDuplicate: true)
                }
                let id = "in-\(state.events.count + 1)"
                state.ids[event.vendorID] = id
                state.events.append(event)
                return InboundReceipt(id: id, isDuplicate: false)
            }
        }
    }

    public func giveUp(_ event: InboundEvent, reason: String, attempts: Int) async throws {
        try state.withLock { state throws in
            if let failure = state.failure { throw failure }
            guard !state.givenUp.contains(where: { $0.event.vendorID == event.vendorID }) else { return }
            state.givenUp.append((event, reason, attempts))
        }
    }

    public func transcript(with peer: PeerAddress, limit: Int) async throws -> [TranscriptEntry] {
        try state.withLock { state throws -> [TranscriptEntry] in
            if let failure = state.failure { throw failure }
            return Array(state.transcript.suffix(limit))
        }
    }
}
