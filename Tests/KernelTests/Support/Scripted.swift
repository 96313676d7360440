import Foundation
import PluginAPI
import PluginTestKit
import Synchronization

@testable import Kernel

/// What a plugin of a test does, and what was done with it.
final class Script: Sendable {
    typealias Act = @Sendable (PluginContext) async throws -> Void

    private struct State {
        var journal: [String] = []
        var start: Act = { _ in }
        var stop: Act = { _ in }
        var make: @Sendable (PluginContext) throws -> Void = { _ in }
        var routes: [PluginRoute] = []
    }

    private let state = Mutex(State())

    init(start: @escaping Act = { _ in }, stop: @escaping Act = { _ in }) {
        state.withLock { ($0.start, $0.stop) = (start, stop) }
    }

    func note(_ line: String) { state.withLock { $0.journal.append(line) } }
    var journal: [String] { state.withLock { $0.journal } }
    func count(_ line: String) -> Int { journal.count { $0 == line } }
    func onStart(_ act: @escaping Act) { state.withLock { $0.start = act } }
    func onStop(_ act: @escaping Act) { state.withLock { $0.stop = act } }
    func onMake(_ act: @escaping @Sendable (PluginContext) throws -> Void) { state.withLock { $0.make = act } }

    fileprivate func make(_ context: PluginContext) throws { try state.withLock { $0.make }(context) }
    fileprivate func start(_ context: PluginContext) async throws {
        note("start \(context.instance)")
        try await state.withLock { $0.start }(context)
    }
    fileprivate func stop(_ context: PluginContext) async {
        note("stop \(context.instance)")
        // What a script throws at its stop says only that it was cancelled.
        try? await state.withLock { $0.stop }(context)
    }
}

struct ScriptSettings: PluginSettings {
    let script: Script
    init() { script = Script() }
    init(_ script: Script) { self.script = script }
    init(from decoder: any Decoder) throws { self.init() }
}

/// A plugin that does what its script says.
protocol Scripted: Plugin where Settings == ScriptSettings {
    var script: Script { get }
    var context: PluginContext { get }
}

extension Scripted {
    static var manifest: PluginManifest { PluginManifest(id: "scripted-\(kind)", summary: "Does what a test says.", stability: .stable) }
    func start() async throws { try await script.start(context) }
    func stop() async { await script.stop(context) }
}

struct ScriptedChannel: Scripted {
    static var kind: PluginKind { .channel }
    let script: Script
    let context: PluginContext
    init(settings: ScriptSettings, context: PluginContext) throws {
        (script, self.context) = (settings.script, context)
        try script.make(context)
    }
}

struct ScriptedAI: Scripted {
    static var kind: PluginKind { .ai }
    let script: Script
    let context: PluginContext
    init(settings: ScriptSettings, context: PluginContext) throws { (script, self.context) = (settings.script, context) }
}

struct ScriptedPMS: Scripted {
    static var kind: PluginKind { .pms }
    let script: Script
    let context: PluginContext
    init(settings: ScriptSettings, context: PluginContext) throws { (script, self.context) = (settings.script, context) }
}

struct ScriptedSink: Scripted {
    static var kind: PluginKind { .alert }
    let script: Script
    let context: PluginContext
    init(settings: ScriptSettings, context: PluginContext) throws { (script, self.context) = (settings.script, context) }
}

/// All that supervisors need, in a test's hands.
struct Bench: Sendable {
    let clock = VirtualClock()
    let logs = LogRecorder()
    let metrics = MemoryMetrics()
    let bus = EventBus()
    let ended = Mutexed<[String]>([])
    let registry: InstanceRegistry
    let environment: SupervisionEnvironment

    init(random: @escaping @Sendable () -> Double = { 1 }) {
        let (clock, ended) = (clock, ended)
        environment = SupervisionEnvironment(
            clock: clock, logger: logs.logger(), metrics: metrics, bus: bus,
            context: { spec, health in
                let given = TestContext(instance: spec.name, clock: clock).context
                let context = PluginContext(
                    instance: given.instance, property: given.property, logger: given.logger, metrics: given.metrics, clock: clock, http: given.http,
                    storage: given.storage, secrets: given.secrets, scheduler: given.scheduler, inbound: given.inbound, health: health)
                return (context, { ended.update { $0.append(spec.name) } })
            }, random: random)
        registry = InstanceRegistry(environment)
    }

    func spec<P: Scripted>(
        _ name: String, _ script: Script = Script(), _ type: P.Type = ScriptedChannel.self, _ policy: StartFailurePolicy = .retry,
        fingerprint: String = "1",
        limits: CallLimits = CallLimits()
    ) -> InstanceSpec {
        InstanceSpec(
            name: name, registration: PluginRegistration(type), settings: ScriptSettings(script), onStartFailure: policy, limits: limits,
            fingerprint: fingerprint)
    }

    func supervisor<P: Scripted>(
        _ name: String = "one", _ script: Script = Script(), _ type: P.Type = ScriptedChannel.self, _ policy: StartFailurePolicy = .retry,
        limits: CallLimits = CallLimits()
    ) -> PluginSupervisor {
        PluginSupervisor(spec(name, script, type, policy, limits: limits), environment)
    }

    /// Waits until somebody sleeps for just this long, and moves time on by it: exact also on a busy machine.
    func sleepOut(_ waits: Duration...) async -> Bool {
        for wait in waits {
            guard await eventually({ clock.untilNextSleeper == wait }) else { return false }
            await clock.advance(by: wait)
        }
        return true
    }

    /// Moves time on, a step at a time, until `condition` holds.
    func pass(_ step: Duration = .seconds(1), steps: Int = 200, until condition: @Sendable () async -> Bool) async -> Bool {
        for _ in 0..<steps {
            if await condition() { return true }
            await clock.advance(by: step)
        }
        return await condition()
    }
}

/// A value that several tasks change.
final class Mutexed<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>
    init(_ value: Value) { mutex = Mutex(value) }
    var value: Value { mutex.withLock { $0 } }
    @discardableResult
    func update<R: Sendable>(_ change: @Sendable (inout Value) -> R) -> R { mutex.withLock { change(&$0) } }
}

/// A door that opens once.
final class Door: Sendable {
    private let state = Mutex((isOpen: false, waiting: [CheckedContinuation<Void, Never>]()))

    func open() {
        let waiting = state.withLock { state in
            defer { state = (true, []) }
            return state.waiting
        }
        waiting.forEach { $0.resume() }
    }

    /// Waits, deaf to cancellation, as hung code does.
    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}

extension CallLimits {
    static func with(_ change: (inout CallLimits) -> Void) -> CallLimits {
        var limits = CallLimits()
        change(&limits)
        return limits
    }
}

/// What a body threw, as a plugin's failure.
func failure(_ body: () async throws -> some Sendable) async -> PluginFailure? {
    do {
        _ = try await body()
        return nil
    } catch { return error as? PluginFailure }
}
