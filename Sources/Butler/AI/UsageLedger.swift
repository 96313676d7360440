import Foundation
import Kernel
import Logging
import PluginAPI
import Synchronization

/// The account of AI calls: each one stored with its cost, the day's and the month's sums held against the budget.
///
/// A call is written down right after it, together with others that come at the same time, and the guest's answer does not wait for it.
public final class UsageLedger: AIMeter {
    private enum Period: String, CaseIterable { case daily, monthly }

    private struct Sum {
        var period = ""
        var micros: Int64 = 0
        /// The highest share that was told of.
        var told = 0.0
    }

    private struct State {
        var sums: [Period: Sum] = [:]
        var waiting: [(call: AIDispatch.Call, micros: Int64, at: Date)] = []
        var isWriting = false
        /// How often writing what waits has failed, one time after another.
        var failures = 0
    }

    /// As often as this what cannot be written down is tried, each time with the next call; and no more calls than so many wait for it.
    private static let tries = 20, mostWaiting = 10_000

    private let inForce: Mutex<CostSettings>
    private let engine: any StorageEngine
    private let property: PropertyInfo
    private let alerts: AlertIntake
    private let clock: any TimeSource
    private let logger: Logger
    private let calendar: Calendar
    private let state = Mutex(State())

    public init(
        settings: CostSettings, engine: any StorageEngine, property: PropertyInfo, alerts: AlertIntake, clock: any TimeSource, logger: Logger
    ) {
        inForce = Mutex(settings)
        self.engine = engine
        self.property = property
        self.alerts = alerts
        self.clock = clock
        self.logger = logger
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: property.timeZone) ?? .gmt
        self.calendar = calendar
    }

    /// Reads what was spent before this process began. Until then nothing counts as spent.
    public func load() async throws {
        let now = clock.now, repository = UsageRepository(property: property.id)
        let sums = try await engine.read { [self] reader in
            try Period.allCases.map { ($0, try repository.total(from: beginning(of: $0, at: now), in: reader)) }
        }
        state.withLock { state in
            for (period, micros) in sums {
                var sum = Sum(period: name(of: period, at: now), micros: micros)
                // What was told of before the restart is not told again.
                sum.told = steps.last { $0.share <= share(micros, of: period) }?.share ?? 0
                state.sums[period] = sum
            }
        }
    }

    private var settings: CostSettings { inForce.withLock { $0 } }

    /// Goes by other prices and budgets from now on. What was spent stays spent, and what is on its way is counted.
    public func change(to next: CostSettings) {
        inForce.withLock { $0 = next }
        state.withLock { state in
            for (period, sum) in state.sums {
                // Of a budget that was raised people are told again on the way to it; what they know they know.
                state.sums[period]?.told = min(sum.told, steps.last { $0.share <= share(sum.micros, of: period) }?.share ?? 0)
            }
        }
    }

    // MARK: The meter

    public func refusal(of instance: String, isLocal: Bool) -> PluginFailure? {
        guard !isLocal, limit(of: .daily) != nil || limit(of: .monthly) != nil else { return nil }
        let now = clock.now
        for period in Period.allCases {
            let spent = state.withLock { state in state.sums[period].map { $0.period == name(of: period, at: now) ? $0.micros : 0 } ?? 0 }
            guard share(spent, of: period) >= settings.budget.fallbackToLocal else { continue }
            return .permanent(.overBudget, "the \(period.rawValue) budget for AI is used up: only AI on this machine is asked")
        }
        return nil
    }

    public func record(_ call: AIDispatch.Call) {
        let now = clock.now, micros = rate(of: call.model)?.micros(call.usage) ?? 0
        // What neither costs nor stands in for another has nothing to show.
        guard !call.isLocal || micros > 0 || call.isFallback else { return }
        let begins = state.withLock { state in
            for period in Period.allCases {
                let name = name(of: period, at: now)
                if state.sums[period]?.period != name { state.sums[period] = Sum(period: name) }
                state.sums[period]?.micros += micros
            }
            state.waiting.append((call, micros, now))
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if begins { Task { await write() } }
    }

    /// Returns once everything that was recorded is on disk, or has failed to get there.
    public func flush() async {
        while state.withLock({ $0.isWriting }) { await Task.yield() }
    }

    private func write() async {
        while true {
            let batch = state.withLock { state in
                defer { state.waiting = [] }
                if state.waiting.isEmpty { state.isWriting = false }
                return state.waiting
            }
            guard !batch.isEmpty else { return }
            // What was told of counts only once it is written down.
            let told = state.withLock { $0.sums.mapValues { ($0.period, $0.told) } }
            let due = dueAlerts(), repository = UsageRepository(property: property.id), alerts = alerts
            let limits = CostAlerts(
                settings: settings.alerts, currency: settings.currency, property: property.id,
                standing: StandingAlerts(intake: alerts, property: property.id))
            let now = clock.now, conversations = Set(batch.compactMap(\.call.account.conversation))
            do {
                try await engine.write { [self] transaction in
                    for (call, micros, at) in batch { try repository.add(call, micros: micros, day: day(at), at: at, in: transaction) }
                    for alert in due { try alerts.raise(alert, in: transaction) }
                    try limits.look(day: day(now), conversations: conversations, now: now, in: transaction)
                }
                state.withLock { $0.failures = 0 }
            } catch {
                let lost = keep(batch, told)
                logger.error(
                    "the account of AI calls cannot be written", metadata: ["calls": "\(batch.count)", "lost": "\(lost)", "error": "\(error)"])
                return
            }
        }
    }

    /// Keeps what could not be written for the next call to be written with: a disk that is full for a minute must not make a bill too low, nor hide that a
    /// budget is used up.
    /// - Returns: how many calls are given up.
    private func keep(_ batch: [(call: AIDispatch.Call, micros: Int64, at: Date)], _ told: [Period: (String, Double)]) -> Int {
        state.withLock { state in
            for (period, (name, share)) in told where state.sums[period]?.period == name { state.sums[period]?.told = share }
            state.failures += 1
            state.isWriting = false
            let all = batch + state.waiting
            // What no try writes down is not to stand in the way of all that follows.
            if state.failures < Self.tries {
                state.waiting = all.suffix(Self.mostWaiting)
            } else {
                state.failures = 0
            }
            return all.count - state.waiting.count
        }
    }

    // MARK: The budget

    private var steps: [(share: Double, severity: AlertSeverity)] {
        [(settings.budget.notify, .warning), (settings.budget.notifyUrgent, .critical)].sorted { $0.share < $1.share }
    }

    private func dueAlerts() -> [Alert] {
        let now = clock.now
        return Period.allCases.compactMap { period in
            guard let limit = limit(of: period) else { return nil }
            let found: (Sum, (share: Double, severity: AlertSeverity))? = state.withLock { state in
                guard let sum = state.sums[period], let step = steps.last(where: { $0.share <= share(sum.micros, of: period) }), step.share > sum.told
                else { return nil }
                state.sums[period]?.told = step.share
                return (sum, step)
            }
            guard let (sum, step) = found else { return nil }
            let spent = amount(sum.micros), used = share(sum.micros, of: period)
            // Of a budget of nothing there is no share.
            let part = used.isFinite ? " (\(Int((used * 100).rounded())) %)" : ""
            return Alert(
                fingerprint: "budget:ai:\(period.rawValue):\(sum.period)", name: "AIBudget", severity: step.severity,
                summary: "\(spent) \(settings.currency) of the \(period.rawValue) AI budget of \(limit) are spent\(part)",
                detail: "From \(Int(settings.budget.fallbackToLocal * 100)) % on only AI on this machine is asked.",
                labels: [
                    "alertname": "AIBudget", "type": "ai_budget", "severity": step.severity.rawValue, "property": property.id, "budget": "ai",
                    "period": period.rawValue,
                ], startsAt: now)
        }
    }

    private func limit(of period: Period) -> Double? { period == .daily ? settings.budget.daily : settings.budget.monthly }

    private func share(_ micros: Int64, of period: Period) -> Double {
        guard let limit = limit(of: period) else { return 0 }
        // A budget of nothing is used up from the beginning.
        return limit > 0 ? Double(micros) / 1e6 / limit : .infinity
    }

    private func amount(_ micros: Int64) -> String {
        let cents = (micros + 5_000) / 10_000, rest = cents % 100
        return "\(cents / 100).\(rest < 10 ? "0" : "")\(rest)"
    }

    private func rate(of model: String) -> RateSettings? {
        settings.rates.filter { model.hasPrefix($0.key) }.max { $0.key.count < $1.key.count }?.value
    }

    // MARK: Time, as the hotel counts it

    private func beginning(of period: Period, at date: Date) -> Date {
        calendar.dateInterval(of: period == .daily ? .day : .month, for: date)?.start ?? date
    }

    private func name(of period: Period, at date: Date) -> String {
        let parts = calendar.dateComponents([.year, .month, .day], from: date)
        func two(_ part: Int?) -> String { (part ?? 0) < 10 ? "0\(part ?? 0)" : "\(part ?? 0)" }
        let month = "\(parts.year ?? 0)-\(two(parts.month))"
        return period == .daily ? "\(month)-\(two(parts.day))" : month
    }

    private func day(_ date: Date) -> String { name(of: .daily, at: date) }
}

extension PluginFailure.Reason {
    /// More would be spent than is allowed.
    static let overBudget: PluginFailure.Reason = "over-budget"
}
