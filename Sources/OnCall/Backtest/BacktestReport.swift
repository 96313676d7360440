import Foundation
import PluginAPI

/// What a changed plan would have made different.
public struct BacktestReport: Sendable, Hashable {
    /// A page of either plan.
    public struct Page: Sendable, Hashable {
        public var at: Date
        /// The worst of the alerts that it is about, in words; and how many there are.
        public var alert: String
        public var fingerprint: String
        public var alerts: Int
        public var severity: AlertSeverity
        public var isEmergency: Bool
        public var person: String?
        public var contact: String
        public var instance: String
        public var reason: String
        /// Where the rule stands that decides it: `file:line` in the plan of ``plan``.
        public var place: String?
        public var plan: String
        public var isAtNight: Bool
    }

    /// A page that leaves by both plans, by day before and at night after.
    public struct Move: Sendable, Hashable {
        public var before: Page
        public var after: Page
    }

    /// What it comes to for one person, or for a contact that is nobody's.
    public struct Load: Sendable, Hashable {
        public var who: String
        public var before = 0
        public var after = 0
        public var nightsBefore = 0
        public var nightsAfter = 0
    }

    /// A critical alert, or an emergency, of which fewer people would hear, or nobody.
    public struct Loss: Sendable, Hashable {
        public var at: Date
        public var alert: String
        public var fingerprint: String
        public var severity: AlertSeverity
        public var isEmergency: Bool
        public var before: [String]
        public var after: [String]
    }

    public var from: Date
    public var to: Date
    /// How many occurrences of alerts were played.
    public var alerts: Int
    public var added: [Page] = []
    public var removed: [Page] = []
    public var movedIntoNight: [Move] = []
    /// Pages that leave by both plans, at another time, but not from day to night.
    public var moved = 0
    /// Pages that leave by both at the same time.
    public var same = 0
    /// The most first.
    public var loads: [Load] = []
    public var losses: [Loss] = []
    /// Answers of then for which nothing stands open by the new plan at their time.
    public var idleAnswers = 0

    /// True where every critical alert and every emergency reaches as many people as before.
    public var isSound: Bool { losses.isEmpty }

    init(from: Date, to: Date, alerts: Int) { (self.from, self.to, self.alerts) = (from, to, alerts) }

    init(_ past: Backtest.Past, _ before: BacktestRun, _ after: BacktestRun, nights: Nights, from: Date, to: Date) {
        let counted = past.alerts.indices.filter {
            !BacktestRun.isOfEngine(past.alerts[$0]) && (past.alerts[$0].overAt ?? .distantFuture) >= from && past.alerts[$0].raisedAt <= to
        }
        self.init(from: from, to: to, alerts: counted.count)
        let old = before.pages.filter { $0.at >= from }, new = after.pages.filter { $0.at >= from }
        func shown(_ page: BacktestRun.Page) -> Page { Page(page, past, nights) }
        let pairs = Self.pairs(old, new)
        for (index, page) in new.enumerated() {
            guard let partner = pairs[index] else {
                added.append(shown(page))
                continue
            }
            let move = Move(before: shown(old[partner]), after: shown(page))
            if move.after.isAtNight, !move.before.isAtNight {
                movedIntoNight.append(move)
            } else if move.before.at == move.after.at {
                same += 1
            } else {
                moved += 1
            }
        }
        let kept = Set(pairs.values)
        removed = old.indices.filter { !kept.contains($0) }.map { shown(old[$0]) }
        loads = Self.loads(old, new, nights)
        idleAnswers = max(0, after.idleAnswers - before.idleAnswers)
        // Also of before `from`: who was told then was told.
        let reachedBefore = Self.reached(before.pages), reachedAfter = Self.reached(after.pages)
        losses = counted.compactMap { number in
            let alert = past.alerts[number]
            guard alert.severity == .critical || alert.isEmergency else { return nil }
            let then = reachedBefore[number] ?? [], now = reachedAfter[number] ?? []
            let isLoss = now.count < then.count || (now.isEmpty && (alert.isEmergency || !after.held.contains(number)))
            // Over before anybody could hear of it.
            guard isLoss, alert.overAt.map({ $0 > alert.raisedAt }) ?? true else { return nil }
            return Loss(
                at: alert.raisedAt, alert: alert.words, fingerprint: alert.fingerprint, severity: alert.severity, isEmergency: alert.isEmergency,
                before: then.sorted(), after: now.sorted())
        }
    }

    /// The old page that each new one is, by its number: to the same person by the same contact, about the same alerts, the nearest in time.
    private static func pairs(_ old: [BacktestRun.Page], _ new: [BacktestRun.Page]) -> [Int: Int] {
        struct Key: Hashable {
            var who: String
            var contact: String
            var alert: Int
        }
        func keys(_ page: BacktestRun.Page) -> [Key] { page.alerts.map { Key(who: page.who, contact: page.contact, alert: $0) } }
        var candidates: [Key: [Int]] = [:]
        for (index, page) in old.enumerated() { for key in keys(page) { candidates[key, default: []].append(index) } }
        var pairs: [Int: Int] = [:], taken: Set<Int> = []
        // First those that did not move: a later one must not be taken for an earlier one that stayed.
        for isExact in [true, false] {
            for (index, page) in new.enumerated() where pairs[index] == nil {
                var best: Int?
                for key in keys(page) {
                    for candidate in candidates[key] ?? [] where !taken.contains(candidate) {
                        let distance = abs(old[candidate].at.timeIntervalSince(page.at))
                        if isExact, distance > 1 { continue }
                        if let known = best, abs(old[known].at.timeIntervalSince(page.at)) <= distance { continue }
                        best = candidate
                    }
                }
                guard let best else { continue }
                pairs[index] = best
                taken.insert(best)
            }
        }
        return pairs
    }

    private static func loads(_ old: [BacktestRun.Page], _ new: [BacktestRun.Page], _ nights: Nights) -> [Load] {
        var loads: [String: Load] = [:]
        for page in old {
            loads[page.who, default: Load(who: page.who)].before += 1
            if nights.covers(page.at, of: page.person) { loads[page.who]?.nightsBefore += 1 }
        }
        for page in new {
            loads[page.who, default: Load(who: page.who)].after += 1
            if nights.covers(page.at, of: page.person) { loads[page.who]?.nightsAfter += 1 }
        }
        return loads.values.sorted { ($1.after, $0.who) < ($0.after, $1.who) }
    }

    /// Who heard of each alert: people, and contacts that are nobody's only where there are no people.
    private static func reached(_ pages: [BacktestRun.Page]) -> [Int: Set<String>] {
        var people: [Int: Set<String>] = [:], contacts: [Int: Set<String>] = [:]
        for page in pages {
            for alert in page.alerts {
                if let person = page.person { people[alert, default: []].insert(person) } else { contacts[alert, default: []].insert(page.contact) }
            }
        }
        return people.merging(contacts) { people, _ in people }
    }
}

extension BacktestReport.Page {
    init(_ page: BacktestRun.Page, _ past: Backtest.Past, _ nights: Nights) {
        let alerts = page.alerts.sorted().map { past.alerts[$0] }
        let worst = alerts.max { ($0.isEmergency ? 1 : 0, $0.severity) < ($1.isEmergency ? 1 : 0, $1.severity) }
        self.init(
            at: page.at, alert: worst?.words ?? "an alert about on call itself", fingerprint: worst?.fingerprint ?? "", alerts: alerts.count,
            severity: worst?.severity ?? .critical, isEmergency: worst?.isEmergency ?? false, person: page.person, contact: page.contact,
            instance: page.instance, reason: page.reason, place: page.place, plan: page.plan, isAtNight: nights.covers(page.at, of: page.person))
    }
}
