import PluginAPI
import Synchronization

/// One request to a provider, from when it goes out until its end is heard. Who gives it up cannot take it back: the vendor has it, and bills it.
final class AIAttempt: Sendable {
    private enum End: Sendable {
        /// Nobody has heard it yet.
        case open
        case answered
        case failed(mayBeBilled: Bool)
    }

    private struct State: Sendable {
        var end = End.open
        var heardBytes = 0
    }

    /// The model that was asked for; nil where only the answer tells.
    let model: String?
    let isLocal: Bool
    let begun: Duration
    private let state = Mutex(State())

    init(model: String?, isLocal: Bool, begun: Duration) {
        (self.model, self.isLocal, self.begun) = (model, isLocal, begun)
    }

    /// A piece of the answer has come.
    func heard(_ event: AIStreamEvent) {
        let bytes: Int
        switch event {
        case .text(let text): bytes = text.utf8.count
        case .toolCall(let call): bytes = call.name.utf8.count + TokenEstimate.bytes(of: call.arguments)
        // It repeats what came before it.
        case .finished: return
        }
        state.withLock { $0.heardBytes += bytes }
    }

    func answered() { state.withLock { $0.end = .answered } }

    func failed(_ error: any Error) {
        // A vendor that says why there is no answer (it is busy, it does not take the request, there is no credit) has done no work for it. Where nothing is said, it may have.
        let mayBeBilled = (error as? PluginFailure).map { [.timeout, .malformedReply, .cancelled].contains($0.reason) } ?? true
        state.withLock { $0.end = .failed(mayBeBilled: mayBeBilled) }
    }

    /// Whether the vendor's bill may have it although nobody has its answer.
    var isCut: Bool {
        state.withLock { state in
            switch state.end {
            // An answer that came when nobody waited for it any more is an answer to the vendor.
            case .open, .answered: true
            case .failed(let mayBeBilled): mayBeBilled || state.heardBytes > 0
            }
        }
    }

    /// As much as was heard of the answer, reckoned.
    var outputTokens: Int { TokenEstimate.tokens(inBytes: state.withLock { $0.heardBytes }) }
}

/// The attempts of one call: an instance may be asked more than once.
final class AIAttempts: Sendable {
    private let all = Mutex<[AIAttempt]>([])

    func begin(model: String?, isLocal: Bool, at begun: Duration) -> AIAttempt {
        let attempt = AIAttempt(model: model, isLocal: isLocal, begun: begun)
        all.withLock { $0.append(attempt) }
        return attempt
    }

    /// Those that were cut.
    /// - Parameter heard: the one whose answer was heard.
    func cut(but heard: AIAttempt? = nil) -> [AIAttempt] { all.withLock { $0 }.filter { $0 !== heard && $0.isCut } }
}
