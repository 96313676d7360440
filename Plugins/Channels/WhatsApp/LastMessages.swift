import PluginAPI
import Synchronization

/// The last message of each guest who wrote lately: what a typing indicator must name. In memory: it matters for the minute after a message.
final class LastMessages: Sendable {
    static let capacity = 2048

    private struct State {
        /// Two halves that take turns, so that the oldest can go without an order being kept.
        var recent: [PeerAddress: String] = [:]
        var older: [PeerAddress: String] = [:]
    }

    private let state = Mutex(State())

    func note(_ events: [InboundEvent]) {
        state.withLock { state in
            for event in events {
                guard case .message = event.content, let peer = event.peer else { continue }
                state.recent[peer] = event.vendorID
                if state.recent.count >= Self.capacity { (state.older, state.recent) = (state.recent, [:]) }
            }
        }
    }

    func id(of peer: PeerAddress) -> String? { state.withLock { $0.recent[peer] ?? $0.older[peer] } }
}
