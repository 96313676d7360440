import Foundation
import Kernel
import PluginAPI

/// Alerts of the past, played through one plan, or through one after the other as they came into force.
struct BacktestRun {
    /// A page that left.
    struct Page {
        var at: Date
        var person: String?
        var contact: String
        var instance: String
        var reason: String
        /// What it is about, by number in ``Backtest/Past/alerts``.
        var alerts: Set<Int>
        /// Where the rule stands that decided it, and the version of its plan.
        var place: String?
        var plan: String

        var who: String { person ?? contact }
    }

    private enum Event {
        case plan(any OnCallPlanning)
        case over(Int)
        case raise(Int)
        case answer(OnCallHistory.Answer)

        /// Of what happens at the same moment.
        var rank: Int {
            switch self {
            case .plan: 0
            case .over: 1
            case .raise: 2
            case .answer: 3
            }
        }
    }

    private let past: Backtest.Past
    private let changes: [(since: Date, plan: any OnCallPlanning)]
    private let end: Date
    private var core: OnCallCore
    /// The occurrence that is under way, by the alert.
    private var current: [UInt64: Int] = [:]
    /// The occurrences of each group of then.
    private var byGroup: [UInt64: [Int]] = [:]
    private(set) var pages: [Page] = []
    /// Occurrences of which nobody was told because of a silence, an interval or another alert.
    private(set) var held: Set<Int> = []
    /// Answers of then that found nothing to answer.
    private(set) var idleAnswers = 0

    init(_ past: Backtest.Past, plan: any OnCallPlanning, changes: [(since: Date, plan: any OnCallPlanning)], to end: Date) {
        self.past = past
        self.changes = changes
        self.end = end
        core = OnCallCore(plan: plan)
        for silence in past.silences { core.silences[silence.id] = ActiveSilence(silence) }
        for (number, alert) in past.alerts.enumerated() {
            for group in alert.groups { byGroup[group, default: []].append(number) }
        }
    }

    mutating func play() {
        var events = changes.map { (at: $0.since, event: Event.plan($0.plan)) } + past.answers.map { ($0.at, .answer($0)) }
        for (number, alert) in past.alerts.enumerated() where !Self.isOfEngine(alert) {
            events.append((alert.raisedAt, .raise(number)))
            // The end of one from outside is known when it is raised; one of Jack's own lasts until it is said to be over.
            if let over = alert.overAt, alert.isOwn, !alert.goesOn { events.append((over, .over(number))) }
        }
        let sorted = events.enumerated().sorted { left, right in
            (left.element.at, left.element.event.rank, left.offset) < (right.element.at, right.element.event.rank, right.offset)
        }
        for (_, (at, event)) in sorted where at <= end {
            pass(to: at)
            switch event {
            case .plan(let plan): core.change(to: plan, at: at)
            case .raise(let number): raise(number, at: at)
            case .over(let number): core.raise(made(past.alerts[number], ended: at), at: at)
            case .answer(let answer): take(answer, at: at)
            }
            core.advance(to: at)
            carryOut(at: at)
        }
        pass(to: end)
    }

    /// What the engine raises by itself it raises here too; and a drill tries the plan of then.
    static func isOfEngine(_ alert: PastOccurrence) -> Bool {
        alert.isDrill || ["nobody:", "flood"].contains { alert.origin.hasPrefix(OnCallCore.ownOrigin + $0) }
    }

    private mutating func pass(to moment: Date) {
        while let due = core.nextDue, due <= moment {
            core.advance(to: due)
            carryOut(at: due)
        }
    }

    private mutating func raise(_ number: Int, at now: Date) {
        let alert = past.alerts[number]
        if let over = alert.overAt, over <= now { return }
        current[alert.id] = number
        guard !alert.isOwn else { return core.raise(made(alert, ended: nil), at: now) }
        core.limits.trustsEmergencyLabel = alert.isEmergency
        let end = alert.overAt ?? .distantFuture
        // It was taken then; a limit that has become narrower since does not undo that.
        core.take([PostedAlert(labels: alert.labels, annotations: alert.annotations, startsAt: min(alert.startsAt, end), endsAt: end)], at: now)
    }

    private func made(_ alert: PastOccurrence, ended: Date?) -> Alert {
        Alert(
            fingerprint: alert.origin, name: alert.name, severity: alert.severity, summary: alert.annotations["summary"] ?? alert.words,
            detail: alert.annotations["description"], labels: alert.labels, annotations: alert.annotations, startsAt: alert.startsAt, endsAt: ended,
            isEmergency: alert.isEmergency)
    }

    private mutating func carryOut(at now: Date) {
        let lines = core.effects.lines
        for line in lines where Suppression.Kind(rawValue: line.entry.outcome) != nil {
            let id = UInt64(fingerprintText: line.subject) ?? OnCallCore.id(ofOwn: line.subject)
            if let number = current[id] { held.insert(number) }
        }
        for placed in core.drainPages() {
            let page = placed.order.page, plan = OnCallCore.parse(page.groupKey).flatMap { core.groups[$0.group]?.matter?.plan } ?? core.plan.version
            pages.append(
                Page(
                    at: now, person: placed.person ?? person(of: page), contact: placed.contact, instance: placed.instance, reason: page.reason,
                    alerts: Set(core.alerts(of: placed).compactMap { current[$0] }), place: OnCallCore.place(in: page.reason), plan: plan))
        }
    }

    /// Whom a bundle is for.
    private func person(of page: AlertPage) -> String? {
        guard let key = core.people.first(where: { $0.value.matter == page.groupKey })?.key, key.hasPrefix("person:") else { return nil }
        return String(key.dropFirst("person:".count))
    }

    /// An answer of then is one to whatever has come of the same alerts here.
    private mutating func take(_ answer: OnCallHistory.Answer, at now: Date) {
        var matters: Set<String> = []
        if let (group, _) = OnCallCore.parse(answer.matter) {
            if let matter = core.groups[group]?.matter {
                matters = [matter.id]
            } else {
                let alerts = (byGroup[group] ?? []).filter { number in
                    past.alerts[number].raisedAt <= now && (past.alerts[number].overAt ?? .distantFuture) > now
                }
                let groups = alerts.flatMap { core.alerts[past.alerts[$0].id]?.groups ?? [] }
                matters = Set(groups.compactMap { core.groups[$0]?.matter }.filter(\.isOpen).map(\.id))
            }
        } else if let key = core.people.keys.first(where: { answer.matter.contains(":bundle:\(FNV.hash($0.utf8).fingerprintText):") }),
            let bundle = core.people[key]?.matter, !bundle.isEmpty
        {
            matters = [bundle]
        }
        if matters.isEmpty { idleAnswers += 1 }
        for matter in matters.sorted() {
            _ = core.answer(OnCallAnswer(answer.action, .reference(matter), by: answer.by, way: answer.way), at: now)
        }
    }
}
