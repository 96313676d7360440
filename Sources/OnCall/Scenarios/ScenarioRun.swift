import Foundation
import Kernel
import PluginAPI

/// Plays one scenario: the plan, the real engine, no clock, and sinks that only write down.
struct ScenarioRun {
    /// A page that left.
    struct Page {
        var at: Date
        var person: String?
        var contact: String
        var instance: String
        var reason: String
        var mayAnswer: String
    }

    private let settings: ScenarioSettings
    private let begin: Date
    private var core: OnCallCore
    private(set) var pages: [Page] = []
    private var findings: [String] = []

    private enum Event {
        case raise(ScenarioAlert, ends: Bool)
        case answer(ScenarioAnswer)
    }

    init(_ settings: ScenarioSettings, plan: any OnCallPlanning, begin: Date) {
        self.settings = settings
        self.begin = begin
        core = OnCallCore(plan: plan)
    }

    /// Plays it.
    /// - Returns: what is not as it should be, a line each.
    mutating func play() -> [String] {
        var events: [(at: TimeInterval, event: Event)] = []
        for item in settings.alerts.items {
            events.append((item.value.after.seconds, .raise(item.value, ends: false)))
            if let lasts = item.value.lasts { events.append(((item.value.after + lasts).seconds, .raise(item.value, ends: true))) }
        }
        for item in settings.answers.items { events.append((item.value.after.seconds, .answer(item.value))) }
        for (at, event) in events.sorted(by: { $0.at < $1.at }) where at <= settings.until.seconds {
            let now = begin.addingTimeInterval(at)
            pass(to: now)
            switch event {
            case .raise(let alert, let ends): core.raise(made(alert, ends: ends, at: now), at: now)
            case .answer(let answer): take(answer, at: now)
            }
            carryOut(at: now)
        }
        pass(to: begin.addingTimeInterval(settings.until.seconds))
        return findings + compare()
    }

    private mutating func pass(to moment: Date) {
        while let due = core.nextDue, due <= moment {
            core.advance(to: max(due, begin))
            carryOut(at: max(due, begin))
        }
    }

    private mutating func carryOut(at now: Date) {
        for placed in core.drainPages(refusedBy: settings.broken, at: now) {
            pages.append(
                Page(
                    at: now, person: placed.person, contact: placed.contact, instance: placed.instance, reason: placed.order.page.reason,
                    mayAnswer: placed.order.page.groupKey))
        }
    }

    private func made(_ alert: ScenarioAlert, ends: Bool, at now: Date) -> Alert {
        let labels = alert.labels.merging(["alertname": alert.alert]) { $1 }
        let key = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
        return Alert(
            fingerprint: "scenario:\(key)", name: alert.alert, severity: alert.severity.severity, summary: alert.alert, labels: labels,
            startsAt: now, endsAt: ends ? now : nil, isEmergency: alert.emergency)
    }

    /// Whoever answers, answers the latest page that came to them.
    private mutating func take(_ answer: ScenarioAnswer, at now: Date) {
        guard let page = pages.last(where: { $0.person == answer.by || $0.contact == answer.by }) else {
            findings.append("\(answer.by) was to answer at \(words(now)), and had not been paged")
            return
        }
        let action = PageAcknowledgement.Action(rawValue: answer.action.rawValue) ?? .acknowledge
        let outcome = core.answer(OnCallAnswer(action, .reference(page.mayAnswer), by: answer.by, way: "scenario"), at: now)
        if !outcome.isAccepted { findings.append("\(answer.by)'s answer at \(words(now)) was not taken: \(outcome.text)") }
    }

    /// Each expectation has one page of its own, the first that fits; a page that no expectation has is one too many. Repetitions of what was expected, through
    /// the same instance to the same person, belong to it.
    private func compare() -> [String] {
        var lines: [String] = [], met: Set<Int> = []
        var expected: [(to: String, through: String?)] = []
        for item in settings.expect.items {
            let want = item.value
            expected.append((want.to, want.through))
            let found = pages.indices.first { index in
                let page = pages[index], after = page.at.timeIntervalSince(begin)
                return !met.contains(index) && fits(page, want.to, want.through) && after >= want.from.seconds && after <= want.by.seconds
            }
            if let found {
                met.insert(found)
                continue
            }
            let others = pages.filter { fits($0, want.to, nil) }
            let hint =
                others.isEmpty
                ? "never paged" : "paged " + others.prefix(5).map { "at \(words($0.at)) through \($0.instance)" }.joined(separator: ", ")
            let through = want.through.map { " through \($0)" } ?? ""
            lines.append("\(item.mark): \(want.to) was to be paged\(through) by \(words(begin.addingTimeInterval(want.by.seconds))): \(hint)")
        }
        for index in pages.indices where !met.contains(index) {
            let page = pages[index]
            guard !expected.contains(where: { fits(page, $0.to, $0.through) }) else { continue }
            lines.append(
                "\(page.person ?? page.contact) was paged at \(words(page.at)) through \(page.instance), and nobody expected it: \(page.reason)")
        }
        return lines
    }

    private func fits(_ page: Page, _ to: String, _ through: String?) -> Bool {
        (page.person == to || page.contact == to) && (through == nil || through == page.instance)
    }

    private func words(_ moment: Date) -> String {
        let seconds = Int(moment.timeIntervalSince(begin).rounded())
        return seconds % 60 == 0 ? "+\(seconds / 60)m" : "+\(seconds / 60)m\(seconds % 60)s"
    }
}
