import PluginAPI
import Synchronization

extension OnCallService {
    /// Whether the loop goes round: it does at least once a minute, whatever happens. While it hangs nobody is paged, though the process lives and the database answers.
    /// - Parameter limit: how long one round may take, with the minute that it may wait.
    public func isTurning(within limit: Duration = .seconds(150)) -> Bool {
        // Not from the loop's own state: whoever hangs may hold that.
        parts.clock.monotonic - pulse.withLock { $0 } < limit
    }
}
