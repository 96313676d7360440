import Foundation
import Kernel
import PluginAPI
import Synchronization
import Testing

@testable import OnCall

/// A night in virtual time: what happens is said, and what was paged to whom at which time is compared. A page that nobody expected fails the test.
///
/// With restarts, the process ends after each thing that happens: all is written to a real database, and read again.
final class Night {
    static let start = Date(timeIntervalSince1970: 1_756_850_400)

    private(set) var core: OnCallCore
    private(set) var now = Night.start
    /// All that left, in order.
    private(set) var orders: [OnCallEffects.Placed] = []
    private(set) var lines: [OnCallEffects.Line] = []
    private(set) var tallies: [OnCallEffects.Tally: Int] = [:]
    private var drillEvents: [DrillEvent] = []
    private var seen = 0
    private let engine: SQLiteEngine?
    private var plans: [String: any OnCallPlanning]
    private let number: Counted

    final class Counted: Sendable {
        private let value = Mutex<UInt64>(0)
        /// 100001, 100002, … as codes.
        func next() -> UInt64 {
            value.withLock { value in
                value += 1
                return value
            }
        }
    }

    private init(_ plan: FakePlan, _ limits: OnCallLimits, _ engine: SQLiteEngine?) {
        let number = Counted()
        self.number = number
        self.engine = engine
        plans = [plan.version: plan]
        core = OnCallCore(plan: plan, limits: limits, random: { number.next() })
    }

    static func begin<T>(
        _ plan: FakePlan = FakePlan(), limits: OnCallLimits = OnCallLimits(), restarts: Bool = false, _ body: (Night) async throws -> T
    ) async throws -> T {
        guard restarts else { return try await body(Night(plan, limits, nil)) }
        let engine = try await SQLiteEngine.open(path: nil)
        try await engine.migrate(KernelSchema.migrations + OnCallSchema.migrations)
        let result = try await body(Night(plan, limits, engine))
        await engine.close()
        return result
    }

    // MARK: What happens

    /// Lets time pass until so many seconds after the beginning.
    func pass(to seconds: TimeInterval) async throws {
        let target = Self.start.addingTimeInterval(seconds)
        while let due = core.nextDue, due <= target {
            now = max(now, due)
            core.advance(to: now)
            try await carryOut()
        }
        now = max(now, target)
        core.advance(to: now)
        try await carryOut()
    }

    func post(
        _ name: String, _ severity: String = "warning", labels: [String: String] = [:], startsAgo: TimeInterval? = nil, ended: Bool = false
    ) async throws {
        let labels = labels.merging(["alertname": name, "severity": severity]) { mine, _ in mine }
        try await post([
            PostedAlert(
                labels: labels, startsAt: startsAgo.map { now.addingTimeInterval(-$0) } ?? (ended ? nil : now),
                endsAt: ended ? now : now.addingTimeInterval(86_400))
        ])
    }

    @discardableResult
    func post(_ alerts: [PostedAlert]) async throws -> [AlertRefusal] {
        let refusals = core.take(alerts, at: now)
        core.advance(to: now)
        try await carryOut()
        return refusals
    }

    func raise(_ alert: Alert) async throws {
        core.raise(alert, at: now)
        core.advance(to: now)
        try await carryOut()
    }

    @discardableResult
    func answer(_ answer: OnCallAnswer) async throws -> AnswerOutcome {
        let outcome = core.answer(answer, at: now)
        core.advance(to: now)
        try await carryOut()
        return outcome
    }

    /// An operator answers by the command line.
    func answer(_ action: PageAcknowledgement.Action, named name: String, by person: String = "Ana", note: String? = nil) async throws -> NamedAnswer
    {
        let answered = core.answer(action, named: name, by: person, note: note, at: now)
        core.advance(to: now)
        try await carryOut()
        return answered
    }

    func drill(_ order: DrillOrder) async throws {
        core.drill(order, at: now)
        core.advance(to: now)
        try await carryOut()
    }

    /// What the database has of drills; of a night without one what happened is written to one.
    func drills() async throws -> [DrillRecord] {
        let engine: SQLiteEngine
        if let mine = self.engine {
            engine = mine
        } else {
            engine = try await SQLiteEngine.open(path: nil)
            try await engine.migrate(KernelSchema.migrations + OnCallSchema.migrations)
            let events = drillEvents
            try await engine.write { try DrillRepository(property: "main").write(events, in: $0) }
        }
        let found = try await engine.read { try DrillRepository(property: "main").drills(from: .distantPast, to: .distantFuture, $0) }
        if self.engine == nil { await engine.close() }
        return found
    }

    func acknowledge(by name: String = "Ana") async throws -> AnswerOutcome {
        let matter = try #require(orders.last { $0.order.verb == .page }).order.page.groupKey
        return try await answer(OnCallAnswer(.acknowledge, .reference(matter), by: name, way: "test"))
    }

    /// The last page failed.
    @discardableResult
    func fail(_ order: OnCallEffects.Placed? = nil) async throws -> Bool {
        let placed = try #require(order ?? orders.last { $0.order.verb == .page })
        let isTaken = core.failed(placed.order, through: placed.instance, "no line", at: now)
        core.advance(to: now)
        try await carryOut()
        return isTaken
    }

    /// A page arrived.
    func deliver(_ placed: OnCallEffects.Placed) async throws {
        core.delivered(placed.order, through: placed.instance, at: now)
        core.advance(to: now)
        try await carryOut()
    }

    /// The clock is put back, and nobody notices: the process was away.
    func putBack(by seconds: TimeInterval) { now -= seconds }

    /// The last page left, and its vendor says later that it came to nobody.
    func reachedNobody() async throws {
        let placed = try #require(orders.last { $0.order.verb == .page })
        core.reachedNobody(placed.order.page.id, through: placed.instance, "no answer", at: now)
        core.advance(to: now)
        try await carryOut()
    }

    func set(_ silence: Silence) async throws -> String {
        let id = try core.set(silence, at: now)
        try await carryOut()
        return id
    }

    func change(to plan: FakePlan) async throws {
        plans[plan.version] = plan
        core.change(to: plan, at: now)
        core.advance(to: now)
        try await carryOut()
    }

    func jump(by seconds: TimeInterval) async throws {
        now += seconds
        core.clockJumped(by: seconds, now: now)
        try await carryOut()
    }

    // MARK: What was paged

    /// All that left since the last time this was asked, as `1:30 page sms:ana`.
    ///
    /// What is due at the same moment may leave in either order.
    func expect(_ expected: [String], _ comment: Comment? = nil, anyOrder: Bool = false, sourceLocation: SourceLocation = #_sourceLocation) {
        let found = orders[seen...].map { placed in
            let seconds = Int(placed.at.timeIntervalSince(Self.start).rounded())
            return "\(seconds / 60):\(seconds % 60 < 10 ? "0" : "")\(seconds % 60) \(placed.order.verb.rawValue) \(placed.contact)"
        }
        seen = orders.count
        let said = Comment(rawValue: "\(found)\(comment.map { ": \($0)" } ?? "")")
        #expect(anyOrder ? found.sorted() == expected.sorted() : found == expected, said, sourceLocation: sourceLocation)
    }

    func views(_ matchers: [LabelMatcher]) -> [AlertView] { core.alertViews(matching: matchers, at: now) }
    func groups(_ matchers: [LabelMatcher]) -> [AlertGroupView] { core.groupViews(matching: matchers, at: now) }

    func reasons(_ outcome: String) -> [String] { lines.filter { $0.entry.outcome == outcome }.map(\.entry.reason) }

    private func carryOut() async throws {
        let effects = core.drain()
        orders += effects.orders
        lines += effects.lines
        drillEvents += effects.drills
        tallies.merge(effects.tallies, uniquingKeysWith: +)
        guard let engine else { return }
        let rows = try OnCallRows(effects, of: core, property: "main")
        try await engine.write { try rows.write(in: $0) }
        let stored = try await engine.read { try OnCallRepository(property: "main").load($0) }
        #expect(stored.unreadable == [])
        let number = number
        core = OnCallCore(
            restoring: stored, plan: core.plan, plans: plans.filter { $0.key != core.plan.version }, limits: core.limits,
            random: { number.next() }, grace: 0, at: now)
        let after = core.drain()
        #expect(after.orders.isEmpty && after.lines.isEmpty)
    }
}

extension NamedAnswer {
    /// What came of the answer, where one matter had the name.
    var outcome: AnswerOutcome? { if case .answered(let outcome) = self { outcome } else { nil } }
}
