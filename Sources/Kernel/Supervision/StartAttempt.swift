import PluginAPI
import Synchronization

/// One start of a plugin. Whoever waited for it may have given it up when it succeeds; then exactly one of the two stops the plugin.
final class StartAttempt: Sendable {
    private enum State: Sendable {
        case underWay
        case succeeded(any Plugin)
        case givenUp
    }

    private let state = Mutex(State.underWay)

    /// - Returns: false where nobody waits any more: the plugin must be stopped.
    func succeed(_ plugin: any Plugin) -> Bool {
        state.withLock { state in
            guard case .underWay = state else { return false }
            state = .succeeded(plugin)
            return true
        }
    }

    /// - Returns: the plugin, where it had started after all: it must be stopped.
    func giveUp() -> (any Plugin)? {
        state.withLock { state in
            defer { state = .givenUp }
            return if case .succeeded(let plugin) = state { plugin } else { nil }
        }
    }
}
