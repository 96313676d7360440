import Butler
import Foundation
import Gateway
import Kernel
import Logging
import OnCall
import PluginAPI
import Synchronization

/// A changed configuration is taken up whole, or not at all.
///
/// Everything that can fail comes first: the files are read and checked, what is new is made and started beside what runs, its routes are looked at, and what the
/// new configuration expects (heartbeats, drills, windows of maintenance) is asked for in one transaction. Up to here a failure leaves everything as it was; what was started is stopped.
/// Then comes one swap that cannot fail, of the instances, the butler, the prices and budgets, what is watched, the routes, and the on-call plan; and only then is the old drained.
/// A process that dies in between finds the new files at its next start, and asks for the same again.
extension JackApplication {
    /// A configuration that was read and found sound, and what it would change.
    private struct Draft {
        var next: Configurator.Loaded
        var plan: OnCallPlanSource
        /// Its files as they were read.
        var copy: ConfigurationCopy
        var changes: [String]
        /// Instances that have failed meanwhile and are not changed: what was renewed at the vendor counts from now on, also where no line of the file has changed.
        var failed: [InstanceStatus]
        var restarts: [String] { failed.map { "restart \($0.kind) \($0.name): it has failed (\($0.reason ?? "no reason given"))" } }
    }

    /// Reads the configuration again and changes what runs into it; everything stays as it is where anything is wrong.
    /// - Parameter dryRun: only says what would change.
    /// - Throws: ``PluginAPI/PluginFailure`` that says what could not be done: nothing was changed.
    func reload(dryRun: Bool) async throws -> (applied: Bool, changes: [String], diagnostics: [String]) {
        if dryRun {
            let (draft, lines) = try await draft(previewing: true)
            return (false, draft.map { $0.changes + $0.restarts } ?? [], lines)
        }
        // Two at once, by signal and by the API, would each stop what the other has just started.
        try begin()
        defer { phase.withLock { if $0 == .reloading { $0 = .settled } } }
        let (draft, lines) = try await draft(previewing: false)
        guard let draft else { return (false, [], lines) }
        if !draft.changes.isEmpty { try await change(to: draft) }
        let stillOff = await restart(draft.failed)
        logger.info("reloaded", metadata: ["changes": "\(draft.changes.count + draft.restarts.count)"])
        return (true, draft.changes + draft.restarts, lines + stillOff)
    }

    private func begin() throws {
        let before = phase.withLock { phase in
            defer { if phase == .settled { phase = .reloading } }
            return phase
        }
        switch before {
        case .settled: return
        case .reloading: throw PluginFailure.notReady("busy", "another reload is under way; try again when it is done")
        case .stopping: throw Self.stopping
        }
    }

    private static let stopping = PluginFailure.notReady("busy", "Jack is stopping")

    // MARK: Reading

    /// - Returns: nil where anything is wrong; the lines say what.
    private func draft(previewing: Bool) async throws -> (Draft?, [String]) {
        await configurator.fetchCalendars()
        let (next, diagnostics) = try configurator.load(makingSecrets: false)
        let lines = diagnostics.sorted.map(\.description)
        guard let next else { return (nil, lines) }
        let loaded = loaded
        var changes = ConfigurationDiff(from: loaded.configuration, to: next.configuration).lines
        if next.catalogs.fingerprint != loaded.catalogs.fingerprint { changes.append("change the butler's catalogs") }
        if next.rules.fingerprint != loaded.rules.fingerprint { changes.append("change the rules by which Jack watches itself") }
        let plan = try next.onCallSource()
        if plan.plan.version != onCall.service.planVersion {
            switch (loaded.plan == nil, next.plan == nil) {
            case (false, false): changes.append("change the on-call plan")
            case (true, false): changes.append("go by the on-call plan from now on")
            case (false, true): changes.append("go by no on-call plan any more: alerts go to whom oncall.notify names")
            // The settings that differ are told already.
            case (true, true): break
            }
            if previewing { changes += onCall.preview(plan.plan) }
        }
        let failed = kernel.instances.failed(among: next.configuration.instances.map(\.spec))
        return (Draft(next: next, plan: plan, copy: ConfigurationCopy(next), changes: changes, failed: failed), lines)
    }

    // MARK: Changing

    /// - Throws: ``PluginAPI/PluginFailure``; everything is as before then.
    private func change(to draft: Draft) async throws {
        let next = draft.next
        // Neither does anything before it is in its place.
        let taking = Self.butler(next, kernel: kernel, engine: engine, http: http, usage: usage), watching = makeWatch(next)
        var replaced: [String] = []
        do {
            try await kernel.instances.reload(next.configuration.instances.map(\.spec)) { instances in
                replaced = instances.filter { kernel.instances.supervisor($0.spec.name) !== $0 }.map(\.spec.name)
                try await ready(draft, instances, watching)
            } swap: {
                await take(draft, taking, watching, replaced)
            }
        } catch {
            watching.stop()
            throw error
        }
    }

    /// The last that can fail.
    private func ready(_ draft: Draft, _ instances: [PluginSupervisor], _ watching: WatchHouse) async throws {
        let known = MountedRoutes.conflicts(among: kernel.instances.all.map { ($0.spec.name, $0.routes) })
        let conflicts = MountedRoutes.conflicts(among: instances.map { ($0.spec.name, $0.routes) }).filter { known[$0.key] == nil }
        if let (name, conflict) = conflicts.min(by: { $0.key < $1.key }) {
            throw PluginFailure.permanent(.configuration, "the routes of \(name) cannot be mounted: \(conflict.message)")
        }
        do {
            try await engine.write { [onCall, operations] transaction in
                try watching.expect(in: transaction)
                try onCall.expect(draft.plan.plan, in: transaction)
                try operations.expect(draft.next, in: transaction)
            }
        } catch {
            let why = (error as? StorageError)?.message ?? "\(error)"
            throw PluginFailure.notReady(.unreachable, "what the configuration expects cannot be stored: \(why)", cause: error)
        }
        // A stop that began meanwhile would not know of what is new.
        if phase.withLock({ $0 == .stopping }) { throw Self.stopping }
    }

    /// The swap. Nothing in it fails.
    private func take(_ draft: Draft, _ taking: Current, _ watching: WatchHouse, _ replaced: [String]) async {
        let next = draft.next
        operations.take(next, draft.copy)
        logOutput.level = next.configuration.settings.log.level.loggerLevel
        usage.change(to: next.costs)
        taking.butler.knowledge.expectFirstLook()
        current.withLock { $0 = taking }
        watch.withLock { watch in
            watch?.stop()
            watch = watching
        }
        watching.start()
        routes.replace(with: kernel.instances.all.map { ($0.spec.name, $0.routes) })
        // Whoever has stopped in this moment, or could not be mounted before either.
        for supervisor in kernel.instances.all { mount(supervisor.status) }
        // A guest's page connects again at once, to what took over.
        for name in replaced { server.closeSockets(of: name) }
        onCall.service.remember(for: next.onCall.history)
        onCall.service.tellNewsTogether(within: next.onCall.newsWindow)
        await onCall.take(draft.plan)
        runKnowledge()
    }

    /// Starts instances once more that have failed.
    /// - Returns: a line for each that does not run afterwards either.
    private func restart(_ failed: [InstanceStatus]) async -> [String] {
        let tried = await kernel.instances.restart(failed.map(\.name))
        for status in tried { mount(status) }
        return tried.filter { !$0.state.isCallable }.map { "\($0.kind) \($0.name) does not run: \($0.reason ?? $0.state.rawValue)" }
    }
}
