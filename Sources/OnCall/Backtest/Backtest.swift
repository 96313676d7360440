import Foundation
import PluginAPI

/// Plays alerts of the past through a plan of then and through a changed one, and says what would be different: `jack oncall backtest`.
///
/// The real engine decides, in virtual time. Sinks take everything: what failed then does not fail here.
public struct Backtest: Sendable {
    /// What happened.
    public struct Past: Sendable {
        /// In the order in which they were raised.
        public var alerts: [PastOccurrence]
        public var answers: [OnCallHistory.Answer]
        public var silences: [Silence]

        public init(alerts: [PastOccurrence], answers: [OnCallHistory.Answer] = [], silences: [Silence] = []) {
            self.alerts = alerts
            self.answers = answers
            self.silences = silences
        }
    }

    let past: Past
    /// The plans of then, each with the moment at which it came into force.
    let old: [(since: Date, plan: any OnCallPlanning)]
    let new: OnCallPlan
    let from: Date
    let to: Date
    let zone: String

    /// - Parameters:
    ///   - old: the plans of then in their order, each with the moment at which it came into force; at least one.
    ///   - from: pages before it are left out, alerts that were open then are not.
    ///   - zone: the hotel's, for contacts that are nobody's.
    public init(_ past: Past, old: [(since: Date, plan: any OnCallPlanning)], new: OnCallPlan, from: Date, to: Date, zone: String) {
        self.past = past
        self.old = old
        self.new = new
        self.from = from
        self.to = to
        self.zone = zone
    }

    /// Plays both, and compares.
    public func run() -> BacktestReport {
        guard let first = old.first else { return BacktestReport(from: from, to: to, alerts: 0) }
        var before = BacktestRun(past, plan: first.plan, changes: Array(old.dropFirst()), to: to)
        before.play()
        var after = BacktestRun(past, plan: new, changes: [], to: to)
        after.play()
        let nights = Nights(rosters: old.compactMap { ($0.plan as? OnCallPlan)?.roster } + [new.roster], zone: ZoneClock(zone) ?? .utc)
        return BacktestReport(past, before, after, nights: nights, from: from, to: to)
    }
}

/// When somebody is not to be woken: their quiet hours by any of the plans that are compared, else from 22:00 to 07:00 on their clock.
struct Nights {
    let rosters: [Roster]
    let zone: ZoneClock

    func covers(_ date: Date, of person: String?) -> Bool {
        let known = person.map { id in rosters.compactMap { $0.people[id] } } ?? []
        let quiet = known.flatMap(\.quietHours)
        guard quiet.isEmpty else { return quiet.contains { $0.hours.contains(date.moment) } }
        let wall = (known.last?.zone ?? zone).wall(at: date.moment)
        let hour = (wall.seconds % 86_400 + 86_400) % 86_400 / 3600
        return hour >= 22 || hour < 7
    }
}
