import Foundation
import Kernel
import PluginAPI

/// Plays one scenario: the plan, the real engine, no clock, and sinks that only write down; where guests write in it, the house around them.
struct ScenarioRun {
    /// A page that left.
    struct Page {
        var at: Date
        var person: String?
        var contact: String
        var instance: String
        var reason: String
        var mayAnswer: String

        /// What sort of contact it is, which its label begins with: `sms of eva`.
        var kind: Substring { contact.prefix { $0 != " " } }
        /// By which instance, and how, where that does not say the same.
        var way: String { instance == kind ? instance : "\(instance) (\(kind))" }
    }

    private let settings: ScenarioSettings
    private let begin: Date
    private let house: (any ScenarioHouse)?
    private var core: OnCallCore
    private(set) var pages: [Page] = []
    /// What happened, in order and in words.
    private(set) var story: [String] = []
    private var findings: [String] = []
    /// In the order in which they are to leave.
    private var held: [HeldPage] = []

    private enum Event {
        case raise(ScenarioAlert, ends: Bool)
        case write(ScenarioGuest)
        case act(ScenarioStaff)
        case answer(ScenarioAnswer)
    }

    init(_ settings: ScenarioSettings, plan: any OnCallPlanning, begin: Date, house: (any ScenarioHouse)?) {
        self.settings = settings
        self.begin = begin
        self.house = house
        core = OnCallCore(plan: plan)
    }

    /// Plays it.
    /// - Returns: what is not as it should be, a line each.
    mutating func play() async throws -> [String] {
        for (at, event) in events() where at <= settings.until.seconds {
            let now = begin.addingTimeInterval(at)
            try await pass(to: now)
            switch event {
            case .raise(let alert, let ends): core.raise(made(alert, ends: ends, at: now), at: now)
            case .write(let guest): take(try await house?.write(guest), at: now)
            case .act(let staff): take(try await house?.act(staff), at: now)
            case .answer(let answer): take(answer, at: now)
            }
            carryOut(at: now)
        }
        try await pass(to: begin.addingTimeInterval(settings.until.seconds))
        return findings + compare()
    }

    private func events() -> [(at: TimeInterval, event: Event)] {
        var events: [(at: TimeInterval, event: Event)] = []
        for item in settings.alerts.items {
            events.append((item.value.after.seconds, .raise(item.value, ends: false)))
            if let lasts = item.value.lasts { events.append(((item.value.after + lasts).seconds, .raise(item.value, ends: true))) }
        }
        for item in settings.guests.items { events.append((item.value.after.seconds, .write(item.value))) }
        for item in settings.staff.items { events.append((item.value.after.seconds, .act(item.value))) }
        for item in settings.answers.items { events.append((item.value.after.seconds, .answer(item.value))) }
        // What is written first happens first where two are due together.
        return events.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
    }

    // MARK: Time

    private mutating func pass(to moment: Date) async throws {
        while let due = try await nextDue(), due <= moment {
            try await settle(at: max(due, begin))
        }
        take(try await house?.pass(to: moment), at: moment)
        carryOut(at: moment)
    }

    private func nextDue() async throws -> Date? {
        let others = try await house?.nextDue()
        return [core.nextDue, others, held.map(\.until).min()].compactMap { $0 }.min()
    }

    private mutating func settle(at now: Date) async throws {
        take(try await house?.pass(to: now), at: now)
        core.advance(to: now)
        carryOut(at: now)
    }

    private mutating func take(_ news: ScenarioNews?, at now: Date) {
        guard let news else { return }
        story += news.lines.map { "\(words(now)) \($0)" }
        findings += news.findings.map { "\(words(now)): \($0)" }
        for alert in news.alerts {
            let about = alert.endsAt == nil ? "alert \(alert.name) (\(alert.severity.rawValue))" : "over: \(alert.name)"
            story.append("\(words(now)) \(about): \(alert.summary)")
            core.raise(alert, at: now)
        }
    }

    // MARK: Pages

    private mutating func carryOut(at now: Date) {
        let due = held.filter { $0.until <= now }
        held.removeAll { $0.until <= now }
        for page in due where page.isTried { fail(page.placed, "it did not answer", at: now) }
        // It is looked at again at the moment of sending.
        var leaving = due.filter { !$0.isTried && core.withdrawal(of: $0.placed.order, at: now) == nil }.map(\.placed)
        // A sink that fails gives the page back at once, and the next contact has it.
        for _ in 0..<100 {
            leaving += core.drainPages()
            guard !leaving.isEmpty else { break }
            for placed in leaving { send(placed, at: now) }
            leaving = []
        }
    }

    private mutating func send(_ placed: OnCallEffects.Placed, at now: Date) {
        if let ahead = held.last(where: { $0.isAhead(of: placed) }) {
            held.append(HeldPage(placed: placed, until: ahead.until, isTried: false))
            return
        }
        switch sink(placed.instance, at: now) {
        case .takes: arrive(placed, at: now)
        case .fails: fail(placed, "the scenario says that it cannot be reached", at: now)
        case .hangs: held.append(HeldPage(placed: placed, until: now.addingTimeInterval(ScenarioOutage.patience), isTried: true))
        }
    }

    private func sink(_ instance: String, at now: Date) -> ScenarioOutage.Sink {
        let after = now.timeIntervalSince(begin)
        guard let outage = settings.broken.items.first(where: { $0.value.instance == instance && $0.value.holds(at: after) }) else { return .takes }
        return outage.value.hangs ? .hangs : .fails
    }

    private mutating func fail(_ placed: OnCallEffects.Placed, _ why: String, at now: Date) {
        story.append("\(words(now)) no page to \(placed.person ?? placed.contact) through \(placed.instance): \(why)")
        _ = core.failed(placed.order, through: placed.instance, why, at: now)
    }

    private mutating func arrive(_ placed: OnCallEffects.Placed, at now: Date) {
        let page = Page(
            at: now, person: placed.person, contact: placed.contact, instance: placed.instance, reason: placed.order.page.reason,
            mayAnswer: placed.order.page.groupKey)
        pages.append(page)
        story.append("\(words(now)) page to \(page.person ?? page.contact) through \(page.way): \(page.reason)")
        // That an instance is back ends what was raised when it was not.
        if core.mustHear(of: placed.order, through: placed.instance, at: now) { core.delivered(placed.order, through: placed.instance, at: now) }
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
        story.append("\(words(now)) \(answer.by) answers: \(answer.action.rawValue)")
        if !outcome.isAccepted { findings.append("\(answer.by)'s answer at \(words(now)) was not taken: \(outcome.text)") }
    }

    // MARK: What was expected

    /// Each expectation has one page of its own, the first that fits; a page that no expectation has is one too many. Repetitions of what was expected, by
    /// the same way to the same person, belong to it.
    private func compare() -> [String] {
        var lines: [String] = [], met: Set<Int> = [], told: Set<Int> = []
        var expected: [(to: String, through: String?)] = []
        for item in settings.expect.items {
            let want = item.value
            guard let to = want.to else {
                let until = want.by ?? settings.until
                for index in pages.indices where isWithin(pages[index], want.from, until) && told.insert(index).inserted {
                    lines.append("\(item.mark): nobody was to be paged by \(words(begin.addingTimeInterval(until.seconds))): \(words(pages[index]))")
                }
                continue
            }
            let by = want.by ?? settings.until
            expected.append((to, want.through))
            let found = pages.indices.first { index in
                !met.contains(index) && fits(pages[index], to, want.through) && isWithin(pages[index], want.from, by)
            }
            if let found {
                met.insert(found)
                continue
            }
            let others = pages.filter { fits($0, to, nil) }
            let hint =
                others.isEmpty
                ? "never paged"
                : "paged " + others.prefix(5).map { "at \(words($0.at)) through \($0.way)" }.joined(separator: ", ")
            let through = want.through.map { " through \($0)" } ?? ""
            lines.append("\(item.mark): \(to) was to be paged\(through) by \(words(begin.addingTimeInterval(by.seconds))): \(hint)")
        }
        for index in pages.indices where !met.contains(index) && !told.contains(index) {
            let page = pages[index]
            guard !expected.contains(where: { fits(page, $0.to, $0.through) }) else { continue }
            lines.append("\(words(page)), and nobody expected it: \(page.reason)")
        }
        return lines
    }

    private func fits(_ page: Page, _ to: String, _ through: String?) -> Bool {
        (page.person == to || page.contact == to) && (through == nil || through == page.instance || through.map { $0 == page.kind } == true)
    }

    private func isWithin(_ page: Page, _ from: Duration, _ by: Duration) -> Bool {
        let after = page.at.timeIntervalSince(begin)
        return after >= from.seconds && after <= by.seconds
    }

    private func words(_ page: Page) -> String {
        "\(page.person ?? page.contact) was paged at \(words(page.at)) through \(page.way)"
    }

    private func words(_ moment: Date) -> String {
        let seconds = Int(moment.timeIntervalSince(begin).rounded())
        return seconds % 60 == 0 ? "+\(seconds / 60)m" : "+\(seconds / 60)m\(seconds % 60)s"
    }
}
