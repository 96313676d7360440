import Logging
import PluginAPI
import Synchronization

/// How an instance comes to run.
extension PluginSupervisor {
    /// Starts by the policy. Returns when the instance runs, or when the policy says to go on without it; with `retry` the tries go on in the background.
    /// Does nothing where it runs already; returns where a stop came between.
    /// - Throws: ``PluginAPI/PluginFailure`` where the policy is `fail`.
    public func start() async throws {
        guard let generation = begin() else { return }
        do {
            try await launch(generation)
        } catch let failure as PluginFailure {
            switch spec.onStartFailure {
            case .fail: throw failure
            case .disable: move(to: .stopped, "did not start and is left off: \(failure.message)", of: generation)
            case .retry where failure.disposition == .notReady: retryInBackground(after: failure, generation)
            case .retry: break
            }
        }
    }

    /// Starts, and tries no second time, whatever the policy says.
    /// - Throws: ``PluginAPI/PluginFailure`` where the instance does not run afterwards.
    func startOnce() async throws {
        if let generation = begin() { try await launch(generation) }
        let status = status
        // It may have said of itself that it cannot work, or have been stopped.
        guard !status.state.isCallable else { return }
        let why = status.reason ?? "it is \(status.state.rawValue)"
        throw status.needsCredentials ? PluginFailure.credentialsRejected(why) : .notReady(.unreachable, why)
    }

    /// Moves into `starting`; returns what this start is known by, or nil where it may not be.
    private func begin(after earlier: Int? = nil) -> Int? {
        var generation = 0
        let moved = move(to: .starting, nil, of: earlier) { inner in
            inner.generation += 1
            (inner.earlyDegraded, inner.earlyRejected) = (nil, nil)
            generation = inner.generation
        }
        return moved ? generation : nil
    }

    /// - Throws: ``PluginAPI/PluginFailure`` where the plugin does not start; nothing where a stop came between.
    private func launch(_ generation: Int) async throws {
        // A task of its own: a caller that is cancelled must not leave a half-started plugin.
        let task = Task { try await self.tryToStart(generation) }
        let isCurrent = inner.withLock { inner in
            guard inner.generation == generation else { return false }
            inner.launching = task
            return true
        }
        if !isCurrent { task.cancel() }
        defer { inner.withLock { if $0.generation == generation { $0.launching = nil } } }
        try await task.value
    }

    private func tryToStart(_ generation: Int) async throws {
        let (old, endOld) = takePlugin()
        await leave(old, endOld, within: .seconds(10))
        let (context, end) = environment.context(spec, SupervisorHealth(supervisor: self, generation: generation))
        let attempt = StartAttempt()
        do {
            let (limit, spec) = (spec.startTimeout, spec)
            let (plugin, routes, features) = try await Deadline.run(
                limit, clock: environment.clock, on: executor,
                timeout: { PluginFailure.notReady(.timeout, "\(spec.name) did not start within \(limit.text)") },
                { try await Self.begin(spec, context, attempt) })
            try refuseRejected(generation)
            let runs = move(to: .running, nil, of: generation) { inner in
                (inner.plugin, inner.routes, inner.endContext) = (plugin, routes, end)
                inner.channelFeatures = features
                inner.failedStarts = 0
                inner.needsCredentials = false
            }
            guard runs else {
                await leave(attempt.giveUp(), end, within: .seconds(10))
                return
            }
            gate.begin()
            routeGate.begin()
            sayEarly(generation)
        } catch {
            await leave(attempt.giveUp(), end, within: .seconds(10))
            let failure = CallGate.classify(error, instance: spec.name)
            let isMine = move(to: .failed, failure.message, of: generation) { inner in
                inner.failedStarts += 1
                inner.needsCredentials = failure.disposition == .credentialsRejected
            }
            if isMine { throw failure }
        }
    }

    /// The plugin's own code, from its construction on. It runs to its end whether somebody still waits or not.
    private static func begin(_ spec: InstanceSpec, _ context: PluginContext, _ attempt: StartAttempt) async throws
        -> (any Plugin, [PluginRoute], ChannelFeatures?)
    {
        let plugin = try spec.make(context)
        let routes = plugin.routes, features = (plugin as? any ChannelPlugin)?.features
        do {
            try await plugin.start()
        } catch {
            // What a start began before it failed must not go on.
            await plugin.stop()
            throw error
        }
        if !attempt.succeed(plugin) { await plugin.stop() }
        return (plugin, routes, features)
    }

    private func refuseRejected(_ generation: Int) throws {
        let rejected = inner.withLock { $0.generation == generation ? $0.earlyRejected : nil }
        if let rejected { throw PluginFailure.credentialsRejected(rejected) }
    }

    private func sayEarly(_ generation: Int) {
        let (degraded, rejected) = inner.withLock { inner in
            defer { (inner.earlyDegraded, inner.earlyRejected) = (nil, nil) }
            return (inner.earlyDegraded, inner.earlyRejected)
        }
        if let degraded { self.degraded(degraded, generation) }
        if let rejected { credentialsRejected(rejected, generation) }
    }

    private func retryInBackground(after failure: PluginFailure, _ failed: Int) {
        let backoff = Backoff(base: .seconds(1), maximum: .seconds(120), random: environment.random)
        let wait: @Sendable (PluginFailure, Int) -> Duration = { failure, failures in
            backoff.delay(afterFailures: failures, atLeast: max(failure.retryAfter ?? .zero, .milliseconds(200)))
        }
        inner.withLock { inner in
            guard inner.generation == failed else { return }
            inner.starter = Task {
                var (failure, last) = (failure, failed)
                while failure.disposition == .notReady {
                    try await environment.clock.sleep(for: wait(failure, status.failedStarts))
                    guard let generation = begin(after: last) else { return }
                    last = generation
                    do { return try await launch(generation) } catch let next as PluginFailure { failure = next }
                }
            }
        }
    }

    /// Says why the instance is kept off.
    func hold(_ reason: String) {
        inner.withLock { inner in
            let before = inner.state
            inner.reason = reason
            inner.since = environment.clock.now
            environment.bus.post(InstanceChanged(before: before, status: status(inner)))
        }
        environment.logger.error("instance held back", metadata: ["instance": "\(spec.name)", "reason": "\(reason)"])
    }
}
