import Foundation
import Kernel
import Logging
import PluginAPI
import Synchronization

/// Windows of maintenance, from their begin to the look at the end. What is under way is stored, and goes on after a restart.
public final class MaintenanceDesk: Sendable {
    /// The kinds of jobs by which windows begin and end.
    static let beginKind = "maintenance-begin"
    static let endKind = "maintenance-end"
    /// The longest window by hand.
    public static let longest = Duration.seconds(7 * 86_400)
    /// The name of what began by hand.
    public static let byHand = "by-hand"

    /// What the desk is made of.
    public struct Parts: Sendable {
        public var engine: any StorageEngine
        public var jobs: JobQueue
        public var alerts: AlertIntake
        public var property: String
        public var clock: any TimeSource
        public var logger: Logger
        /// Who mutes alerts.
        public var board: any AlertBoard
        /// What is not well now, by name; empty where all is.
        public var health: @Sendable () async -> [String]
        /// Keeps a copy of the configuration that is in force, under a window's id.
        public var keep: @Sendable (_ id: String) async throws -> Void
        /// Takes the kept configuration back; returns what came of it, in words.
        public var takeBack: @Sendable (_ id: String) async throws -> String
        /// Forgets the kept configuration.
        public var forget: @Sendable (_ id: String) async throws -> Void
        /// Runs a program without a shell; returns what came of it, in words.
        public var run: @Sendable (_ command: [String], _ timeout: Duration) async -> String

        public init(
            engine: any StorageEngine, jobs: JobQueue, alerts: AlertIntake, property: String, clock: any TimeSource, logger: Logger,
            board: any AlertBoard, health: @escaping @Sendable () async -> [String],
            keep: @escaping @Sendable (_ id: String) async throws -> Void = { _ in },
            takeBack: @escaping @Sendable (_ id: String) async throws -> String = { _ in "nothing is kept" },
            forget: @escaping @Sendable (_ id: String) async throws -> Void = { _ in },
            run: @escaping @Sendable (_ command: [String], _ timeout: Duration) async -> String = { _, _ in "nothing is run" }
        ) {
            self.engine = engine
            self.jobs = jobs
            self.alerts = alerts
            self.property = property
            self.clock = clock
            self.logger = logger
            self.board = board
            self.health = health
            self.keep = keep
            self.takeBack = takeBack
            self.forget = forget
            self.run = run
        }
    }

    let parts: Parts
    let repository: MaintenanceRepository
    let standing: StandingAlerts
    private let state: Mutex<(plan: MaintenancePlan, open: [String: MaintenanceRecord])>
    private let last = Mutex<Task<Void, Never>?>(nil)

    public init(_ parts: Parts, plan: MaintenancePlan = .none) {
        self.parts = parts
        repository = MaintenanceRepository(property: parts.property)
        standing = StandingAlerts(intake: parts.alerts, property: parts.property)
        state = Mutex((plan, [:]))
    }

    /// Reads what an earlier process left: from now on ``refusal`` is right. Before anybody listens.
    public func load() async throws {
        let open = try await parts.engine.read { [repository] in try repository.open(in: $0) }
        state.withLock { $0.open = Dictionary(open.map { ($0.id, $0) }) { $1 } }
    }

    /// Begins and ends windows from now on. Before the jobs run.
    public func start() async throws {
        parts.jobs.register(Self.beginKind) { [weak self] in try await self?.begin(window: String(decoding: $0, as: UTF8.self)) }
        parts.jobs.register(Self.endKind) { [weak self] in try await self?.look(String(decoding: $0, as: UTF8.self)) }
        let open = open
        try await parts.engine.write { [self] transaction in
            // A job that was given up must not keep a window open for ever.
            for record in open { try arm(record, in: transaction) }
            try expect(plan.windows, openAt: parts.clock.now, in: transaction)
        }
        // A process that died between the begin and the silence left it without.
        for record in open where record.silence == nil && !record.matchers.isEmpty {
            do { _ = try await inTurn { [self] in try await mute(record, until: record.endsAt) } } catch {
                parts.logger.error("what is worked on could not be muted", metadata: ["window": "\(record.name)", "error": "\(error)"])
            }
        }
    }

    /// Asks for the windows of a plan that is about to be in force: ``take(_:)``. Of one that never comes to be, no window begins.
    /// - Throws: ``Kernel/StorageError``.
    public func expect(_ plan: MaintenancePlan, in transaction: any StorageTransaction) throws {
        // A window that is open already begins once the plan is in force, which is within that second.
        try expect(plan.windows, openAt: parts.clock.now.addingTimeInterval(1), in: transaction)
    }

    /// Goes by another plan from now on. What is under way goes on to its end.
    public func take(_ plan: MaintenancePlan) { state.withLock { $0.plan = plan } }

    // MARK: What is

    /// What is under way, the oldest first.
    public var open: [MaintenanceRecord] { state.withLock { $0.open }.values.sorted { ($0.beganAt, $0.id) < ($1.beganAt, $1.id) } }

    /// What begins next, by the plan.
    public var next: (name: String, at: Date)? {
        let now = parts.clock.now
        return plan.windows.compactMap { window in window.next(after: now).map { (window.name, $0) } }.min { $0.1 < $1.1 }
    }

    /// What guests' new requests are told; nil where they are taken.
    public var refusal: MaintenanceRefusal? {
        let (plan, open) = state.withLock { ($0.plan, $0.open) }
        let now = parts.clock.now, soon = now.addingTimeInterval(plan.recovery.every.seconds)
        return open.values.filter(\.refusesRequests).map { $0.endsAt > now ? $0.endsAt : soon }.max().map(MaintenanceRefusal.init)
    }

    var plan: MaintenancePlan { state.withLock { $0.plan } }

    // MARK: Beginning

    /// Begins a window by hand.
    /// - Throws: ``OperationsError``.
    public func begin(
        for length: Duration, matchers: [LabelMatcher] = [], comment: String = "", refusesRequests: Bool = false, by person: String
    ) async throws -> MaintenanceRecord {
        guard length >= .seconds(1), length <= Self.longest else {
            throw OperationsError(.invalid, "a window lasts between 1s and \(Self.longest.text)")
        }
        guard comment.count <= 500 else { throw OperationsError(.invalid, "the comment is longer than 500 characters") }
        if !matchers.isEmpty, matchers.match([:]) { throw OperationsError(.invalid, "these matchers would mute every alert") }
        let now = parts.clock.now
        return try await begin(
            MaintenanceRecord(
                id: Identifier.make("mnt", at: now), name: Self.byHand, comment: comment.isEmpty ? "maintenance" : comment, by: person, beganAt: now,
                endsAt: now.addingTimeInterval(length.seconds), matchers: matchers, refusesRequests: refusesRequests))
    }

    /// A window of the plan may have begun.
    private func begin(window name: String) async throws {
        guard let window = plan.windows.first(where: { $0.name == name }) else { return }
        let now = parts.clock.now
        if let time = window.time(at: now) {
            let id = "mnt_\(name)_\(time.lowerBound.milliseconds)"
            // It began before, and may be over: somebody may have ended it by hand.
            if try await parts.engine.read({ [repository] in try repository.get(id, in: $0) }) == nil {
                _ = try await begin(
                    MaintenanceRecord(
                        id: id, name: name, comment: window.comment, by: "the window at \(window.mark)", beganAt: now, endsAt: time.upperBound,
                        matchers: window.matchers, refusesRequests: window.refusesRequests))
            }
        }
        try await parts.engine.write { [self] in try expect(window, in: $0) }
    }

    private func begin(_ new: MaintenanceRecord) async throws -> MaintenanceRecord {
        try await inTurn { [self] in
            var record = new
            record.unwellBefore = await parts.health()
            do {
                try await parts.keep(record.id)
                record.keepsConfiguration = true
            } catch { parts.logger.warning("the configuration could not be kept", metadata: ["window": "\(record.name)", "error": "\(error)"]) }
            let begun = record
            try await parts.engine.write { [self] transaction in
                try repository.save(begun, in: transaction)
                try arm(begun, in: transaction)
                try tell(begun, "began", "\(begun.by): \(begun.comment), until \(begun.endsAt.iso8601)", in: transaction)
            }
            state.withLock { $0.open[begun.id] = begun }
            parts.logger.notice("maintenance has begun", metadata: ["window": "\(begun.name)", "until": "\(begun.endsAt.iso8601)"])
            return try await mute(begun, until: begun.endsAt)
        }
    }

    /// When windows of the plan begin next; one that is open now begins at once, unless it did.
    private func expect(_ windows: [MaintenancePlan.Window], openAt: Date, in transaction: any StorageTransaction) throws {
        let now = parts.clock.now
        for window in windows {
            if window.time(at: now) != nil {
                try parts.jobs.enqueue(
                    Self.beginKind, payload: Array(window.name.utf8), at: openAt, key: "\(Self.beginKind):\(window.name)", in: transaction)
            } else {
                try expect(window, in: transaction)
            }
        }
    }

    private func expect(_ window: MaintenancePlan.Window, in transaction: any StorageTransaction) throws {
        guard let next = window.next(after: parts.clock.now) else { return }
        try parts.jobs.enqueue(Self.beginKind, payload: Array(window.name.utf8), at: next, key: "\(Self.beginKind):\(window.name)", in: transaction)
    }

    func arm(_ record: MaintenanceRecord, in transaction: any StorageTransaction) throws {
        try parts.jobs.enqueue(
            Self.endKind, payload: Array(record.id.utf8), at: record.endsAt, key: "\(Self.endKind):\(record.id)", in: transaction)
    }

    // MARK: Keeping

    /// Stores a window as it is now.
    func keep(_ record: MaintenanceRecord) async throws {
        try await parts.engine.write { [repository] in try repository.save(record, in: $0) }
        state.withLock { $0.open[record.id] = record.state == .over ? nil : record }
    }

    /// One change at a time, in the order in which they are asked for: a window must not begin twice, nor end while it is looked at.
    func inTurn<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) async throws -> T {
        let task = last.withLock { last in
            let before = last
            let task = Task {
                await before?.value
                return try await body()
            }
            last = Task { _ = await task.result }
            return task
        }
        return try await task.value
    }

    func tell(_ record: MaintenanceRecord, _ outcome: String, _ reason: String, in transaction: any StorageTransaction) throws {
        try Ledger.record(
            Ledger.Entry(step: "maintenance", outcome: outcome, reason: reason, at: parts.clock.now), of: record.id, property: parts.property,
            in: transaction)
    }
}
