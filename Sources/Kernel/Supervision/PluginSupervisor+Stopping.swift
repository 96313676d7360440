import Logging
import PluginAPI
import Synchronization

/// How an instance ends.
extension PluginSupervisor {
    /// Lets no more calls in, waits for those under way, and stops the plugin. Safe at any time, and twice: the second waits for the first.
    /// - Parameter drain: how long calls under way may take, and then how long the plugin may.
    public func stop(drain: Duration = .seconds(10)) async {
        let task = inner.withLock { inner in
            if let stopping = inner.stopping { return stopping }
            // A task of its own: a caller that is cancelled must not leave a half-stopped plugin.
            let task = Task { await self.shutDown(drain) }
            inner.stopping = task
            return task
        }
        await task.value
    }

    private func shutDown(_ drain: Duration) async {
        defer { inner.withLock { $0.stopping = nil } }
        let (starter, launching) = inner.withLock { inner in
            defer { (inner.starter, inner.launching) = (nil, nil) }
            return (inner.starter, inner.launching)
        }
        let moved = move(to: .stopping, nil) { $0.generation += 1 }
        starter?.cancel()
        launching?.cancel()
        _ = await launching?.result
        guard moved else { return }
        let deadline = environment.clock.monotonic + drain
        while gate.inFlight > 0, environment.clock.monotonic < deadline { try? await environment.clock.sleep(for: .milliseconds(10)) }
        let (plugin, end) = takePlugin()
        await leave(plugin, end, within: drain)
        routeGate.end()
        move(to: .stopped, nil)
    }

    func takePlugin() -> ((any Plugin)?, (@Sendable () async -> Void)?) {
        inner.withLock { inner in
            defer { (inner.plugin, inner.endContext, inner.routes) = (nil, nil, []) }
            return (inner.plugin, inner.endContext)
        }
    }

    /// Stops a plugin, whatever it does, and ends its context.
    func leave(_ plugin: (any Plugin)?, _ end: (@Sendable () async -> Void)?, within limit: Duration) async {
        guard plugin != nil || end != nil else { return }
        let (name, clock, logger, executor) = (spec.name, environment.clock, environment.logger, executor)
        await Task {
            if let plugin {
                do {
                    try await Deadline.run(
                        limit, clock: clock, on: executor,
                        timeout: { PluginFailure.notReady(.timeout, "\(name) did not stop within \(limit.text) and was left behind") },
                        { await plugin.stop() })
                } catch {
                    logger.warning("instance did not stop cleanly", metadata: ["instance": "\(name)", "error": "\(error)"])
                }
            }
            await end?()
        }.value
    }
}
