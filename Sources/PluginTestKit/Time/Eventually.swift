import PluginAPI

/// Waits for something that a disk, a socket or another process brings about: asks every few milliseconds, by the machine's clock.
///
/// Not for waiting until time has passed: that is what ``VirtualClock`` is for.
/// - Parameters:
///   - limit: how long to go on asking.
///   - condition: what must become true.
/// - Returns: false where it did not become true in time.
public func eventually(within limit: Duration = .seconds(10), _ condition: @Sendable () async throws -> Bool) async rethrows -> Bool {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    while true {
        if try await condition() { return true }
        if clock.now >= deadline || Task.isCancelled { return false }
        // A cancelled sleep is seen by the line above.
        try? await Task.sleep(for: .milliseconds(2))
    }
}
