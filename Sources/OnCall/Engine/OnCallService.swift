import CoreMetrics
import Foundation
import Kernel
import Logging
import PluginAPI
import Synchronization

/// A plan, and what is shown and kept of it.
public struct OnCallPlanSource: Sendable {
    public var plan: any OnCallPlanning
    /// ``AlertBoard/receivers``.
    public var receivers: [String]
    /// ``AlertBoard/configurationText``.
    public var text: String
    /// From which the plan can be read again after a restart: its texts, sealed or not. Stored as it is.
    public var archive: [UInt8]

    public init(plan: any OnCallPlanning, receivers: [String], text: String, archive: [UInt8]) {
        self.plan = plan
        self.receivers = receivers
        self.text = text
        self.archive = archive
    }
}

/// On call, alive: takes what happens, lets ``OnCallCore`` say what follows, and stores that, in one transaction with the outbox and the ledger, before
/// anybody is told that it was taken. What queues meanwhile is stored together.
///
/// Where the disk refuses, pages leave all the same, past the outbox, and what could not be stored is tried again each second.
public final class OnCallService: AlertBoard, PageWatch {
    /// What the service is made of.
    public struct Parts: Sendable {
        public var engine: any StorageEngine
        public var property: String
        public var clock: any TimeSource
        public var logger: Logger
        public var metrics: any MetricsFactory
        public var outbox: @Sendable () -> Outbox
        public var limits: OnCallLimits
        /// Delivers an order at once, past the outbox: ``PageDelivery/send(_:through:)``.
        public var direct: @Sendable (_ order: PageOrder, _ instance: String) async throws -> Void
        /// Makes the links by which people answer; nil for none.
        public var links: AnswerLinks?
        /// Where a link's token is answered: `https://…/oncall/answer/<token>`; nil where Jack is not reached from outside.
        public var url: (@Sendable (_ token: String) -> String)?
        public var random: @Sendable () -> UInt64
        /// How long history remembers: ``OnCallService/remember(for:)``.
        public var remembers = OnCallSettings().history
        /// Hears who is paged; nil for nobody.
        public var incidents: IncidentTrigger?

        public init(
            engine: any StorageEngine, property: String, clock: any TimeSource, logger: Logger, metrics: any MetricsFactory,
            outbox: @escaping @Sendable () -> Outbox, limits: OnCallLimits = OnCallLimits(),
            direct: @escaping @Sendable (_ order: PageOrder, _ instance: String) async throws -> Void, links: AnswerLinks? = nil,
            url: (@Sendable (_ token: String) -> String)? = nil, random: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }
        ) {
            self.engine = engine
            self.property = property
            self.clock = clock
            self.logger = logger
            self.metrics = metrics
            self.outbox = outbox
            self.limits = limits
            self.direct = direct
            self.links = links
            self.url = url
            self.random = random
        }
    }

    /// Something that is to happen, and who waits for it.
    struct Request: Sendable {
        var work: @Sendable (inout OnCallCore, Date) -> Void
        var done: @Sendable ((any Error)?) -> Void
    }

    struct State: Sendable {
        var core: OnCallCore
        var source: OnCallPlanSource
        var startedAt: Date
        var queue: [Request] = []
        /// What is not stored yet.
        var carried = OnCallEffects()
        var archives: [String: [UInt8]] = [:]
        /// Pages that this process has put into the outbox, and that have not left.
        var fresh: Set<String> = []
        var lastWall: Date
        var lastMonotonic: Duration
        var isFailing = false
        var hasEnded = false
        var measuredAt: Duration?
    }

    let parts: Parts
    let repository: OnCallRepository
    let state: Mutex<State>
    let remembers: Mutex<Duration>
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation
    let meter: OnCallMeter
    /// When the loop last went round: ``isTurning(within:)``.
    let pulse: Mutex<Duration>

    /// Reads what an earlier process left, and goes on from there once ``run()`` is called.
    /// - Parameters:
    ///   - grace: how long alerts last, whose end was only reckoned, after a start: whoever refreshes them must have had time for it.
    ///   - restore: makes a plan of an archive that an earlier process stored.
    /// - Throws: ``StorageError``.
    public init(
        _ parts: Parts, plan source: OnCallPlanSource, grace: TimeInterval = 300,
        restore: @Sendable (_ version: String, _ archive: [UInt8]) throws -> any OnCallPlanning
    ) async throws {
        self.parts = parts
        let repository = OnCallRepository(property: parts.property)
        self.repository = repository
        remembers = Mutex(parts.remembers)
        pulse = Mutex(parts.clock.monotonic)
        meter = OnCallMeter(factory: parts.metrics)
        (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        let stored = try await parts.engine.read { try repository.load($0) }
        for line in stored.unreadable { parts.logger.error("a row of on call cannot be read", metadata: ["row": "\(line)"]) }
        let used = Set(stored.groups.compactMap { $0.record.matter?.plan })
        var older: [String: any OnCallPlanning] = [:]
        for (version, archive) in stored.plans where version != source.plan.version && used.contains(version) {
            do { older[version] = try restore(version, archive) } catch {
                parts.logger.error(
                    "a plan that something still goes by cannot be read; the current one takes over",
                    metadata: ["plan": "\(version)", "error": "\(error)"])
            }
        }
        let now = parts.clock.now
        let core = OnCallCore(
            restoring: stored, plan: source.plan, plans: older, limits: parts.limits, random: parts.random, grace: grace, at: now)
        state = Mutex(
            State(
                core: core, source: source, startedAt: now, archives: [source.plan.version: source.archive], lastWall: now,
                lastMonotonic: parts.clock.monotonic))
        let inUse = core.plansInUse, history = OnCallHistory(property: parts.property)
        try await parts.engine.write { transaction in
            try repository.store(plan: source.plan.version, source.archive, at: now, in: transaction)
            try history.begin(plan: source.plan.version, at: now, in: transaction)
            try repository.forgetPlans(but: inUse, in: transaction)
        }
        state.withLock { $0.archives = [:] }
    }

    // MARK: The loop

    /// Works until the task is cancelled.
    public func run() async {
        var wakes = wakes.makeAsyncIterator()
        // One timer for all turns: in a storm of alerts there are a thousand a second.
        let alarms = Alarms(parts.clock, lingers: true)
        while !Task.isCancelled {
            let wait = await turn()
            guard wait > .zero else { continue }
            let alarm = alarms.set(in: wait) { [wake] in wake.yield() }
            _ = await wakes.next()
            alarms.unset(alarm)
        }
        alarms.rest()
        // Whoever still waits learns that nothing was taken.
        let left = state.withLock { state in
            state.hasEnded = true
            defer { state.queue = [] }
            return state.queue
        }
        left.forEach { $0.done(CancellationError()) }
    }

    /// Does what is asked for and what is due, and stores it.
    /// - Returns: how long there is nothing to do.
    private func turn() async -> Duration {
        let now = parts.clock.now, monotonic = parts.clock.monotonic
        let batch = state.withLock { state in
            notice(&state, now, monotonic)
            let batch = Array(state.queue.prefix(1024))
            state.queue.removeFirst(batch.count)
            for request in batch { request.work(&state.core, now) }
            state.core.advance(to: now)
            state.carried.add(state.core.drain())
            return batch
        }
        let failure = await store(at: now)
        batch.forEach { $0.done(failure) }
        measure(at: now, monotonic)
        pulse.withLock { [clock = parts.clock] in $0 = clock.monotonic }
        return state.withLock { state in
            if failure != nil { return .seconds(1) }
            guard state.queue.isEmpty else { return .zero }
            guard let due = state.core.nextDue else { return .seconds(60) }
            return .milliseconds(Int64(min(60_000, max(0, due.timeIntervalSince(parts.clock.now) * 1000)).rounded(.up)))
        }
    }

    /// Finds out whether the clock was set.
    private func notice(_ state: inout State, _ now: Date, _ monotonic: Duration) {
        let jump = now.timeIntervalSince(state.lastWall) - (monotonic - state.lastMonotonic).seconds
        (state.lastWall, state.lastMonotonic) = (now, monotonic)
        guard abs(jump) > 2 else { return }
        parts.logger.warning("the clock was set", metadata: ["seconds": "\(Int(jump))"])
        state.core.clockJumped(by: jump, now: now)
    }

    private func measure(at now: Date, _ monotonic: Duration) {
        let figures: (OnCallFigures, TimeInterval)? = state.withLock { state in
            if let last = state.measuredAt, monotonic - last < .seconds(5) { return nil }
            state.measuredAt = monotonic
            return (state.core.figures, max(0, state.core.nextDue.map { now.timeIntervalSince($0) } ?? 0))
        }
        if let figures { meter.show(figures.0, behind: figures.1) }
    }

    // MARK: Asking the loop

    /// Lets something happen, and returns when it is stored.
    func perform<T: Sendable>(_ body: @escaping @Sendable (inout OnCallCore, Date) throws -> T) async throws -> T {
        let (value, failure) = await attempt(body)
        if let failure { throw failure }
        return try value.get()
    }

    /// The same, also where it could not be stored: in memory it has happened.
    func attempt<T: Sendable>(
        _ body: @escaping @Sendable (inout OnCallCore, Date) throws -> T
    ) async -> (value: Result<T, any Error>, failure: (any Error)?) {
        let box = Mutex<Result<T, any Error>>(.failure(CancellationError()))
        let failure = await withCheckedContinuation { (continuation: CheckedContinuation<(any Error)?, Never>) in
            let request = Request(
                work: { core, now in
                    let result = Result { try body(&core, now) }
                    box.withLock { $0 = result }
                }, done: { continuation.resume(returning: $0) })
            let hasEnded = state.withLock { state in
                if !state.hasEnded { state.queue.append(request) }
                return state.hasEnded
            }
            // Nobody would ever come to it.
            if hasEnded { request.done(CancellationError()) }
            wake.yield()
        }
        return (box.withLock { $0 }, failure)
    }
}
