import Foundation
import PluginAPI

/// Computes the moments at which anything changes, and compares what happens between them with what was promised.
struct CoverageProver {
    /// What a level does for an alert, as far as coverage goes.
    private struct State: Sendable, Equatable {
        /// After how many seconds a person is paged; nil for no person.
        var reach: Int?
        var isEmpty = true
        /// The carriers by which people are paged: ``SinkDescription/carrier``.
        var plugins: Set<String> = []

        mutating func add(_ other: State) {
            reach = [reach, other.reach].compactMap { $0 }.min()
            isEmpty = isEmpty && other.isEmpty
            plugins.formUnion(other.plugins)
        }
    }

    private struct Level {
        var timeline: Timeline<State>
        /// When the policy holds the severity back.
        var quiet: [Range<Int>]
        var wait: Int
        var skipsEmpty: Bool
        var isLast: Bool
        /// Where it was looked last: time mostly goes forward.
        private var place = 0
        private var quietPlace = 0

        init(timeline: Timeline<State>, quiet: [Range<Int>], wait: Int, skipsEmpty: Bool, isLast: Bool) {
            self.timeline = timeline
            self.quiet = quiet
            self.wait = wait
            self.skipsEmpty = skipsEmpty
            self.isLast = isLast
        }

        mutating func piece(at time: Int) -> Timeline<State>.Piece? {
            guard !timeline.pieces.isEmpty else { return nil }
            while place > 0, timeline.pieces[place].start > time { place -= 1 }
            while place + 1 < timeline.pieces.count, timeline.pieces[place].end <= time { place += 1 }
            return timeline.pieces[place]
        }

        /// The quiet hours that hold a moment, or those that begin next.
        mutating func quietHours(at time: Int) -> Range<Int>? {
            while quietPlace > 0, quiet[quietPlace - 1].upperBound > time { quietPlace -= 1 }
            while quietPlace < quiet.count, quiet[quietPlace].upperBound <= time { quietPlace += 1 }
            return quietPlace < quiet.count ? quiet[quietPlace] : nil
        }
    }

    private struct Finding: Equatable {
        var range: Range<Int>
        var kind: Coverage.Kind
    }

    private struct Question: Hashable {
        var severity: AlertSeverity
        var isEmergency: Bool
    }

    private struct PersonQuestion: Hashable {
        var id: String
        var question: Question
    }

    private struct LevelQuestion: Hashable {
        /// `person:ana`, `schedule:desk`, `contact:` and where it stands.
        var targets: [String]
        var question: Question
    }

    private struct PolicyQuestion: Hashable {
        var policy: String
        var promise: Int?
        var question: Question
    }

    let roster: Roster
    let window: Range<Int>
    private(set) var pieces = 0

    /// Escalations that begin within the window go on after it.
    private let span: Range<Int>
    private let schedules: [String: Timeline<[Duty]>]
    private var people: [PersonQuestion: Timeline<State>] = [:]
    private var turns: [PersonQuestion: Timeline<State>] = [:]
    private var levels: [LevelQuestion: Timeline<State>] = [:]
    private var proved: [PolicyQuestion: [Finding]] = [:]

    init(roster: Roster, window: Range<Int>) {
        self.roster = roster
        self.window = window
        span = window.lowerBound..<window.upperBound + Roster.patience + 14 * 86400
        let span = span
        schedules = roster.schedules.mapValues { $0.timeline(span, absences: roster.absences) }
    }

    // MARK: Gaps

    mutating func gaps(_ name: String, _ severity: AlertSeverity, isEmergency: Bool) -> [Coverage.Gap] {
        let question = Question(severity: severity, isEmergency: isEmergency)
        let receiver = roster.receivers[name]
        let policy = isEmergency ? roster.emergency ?? roster.policy(of: name) : roster.policy(of: name)
        let promise = receiver?.promise[severity] ?? policy.flatMap { roster.policies[$0] }?.promise[severity]
        let direct = receiver?.direct ?? []
        let findings: [Finding]
        if let policy, direct.isEmpty {
            let key = PolicyQuestion(policy: policy, promise: promise, question: question)
            findings = proved[key] ?? prove((roster.slots[policy] ?? []).map { level($0, question) }, promise, question)
            proved[key] = findings
        } else if let policy {
            // What is told directly is told at once, quiet hours or not, and beside the first level.
            let first = Level(timeline: timeline(direct, question), quiet: [], wait: 0, skipsEmpty: true, isLast: false)
            findings = prove([first] + (roster.slots[policy] ?? []).map { level($0, question) }, promise, question)
        } else {
            findings = prove(receiver.map { [level($0.only, question)] } ?? [], promise, question)
        }
        let mark = receiver?.mark ?? policy.flatMap { roster.policies[$0]?.mark } ?? SourceMark(file: "", line: 1, column: 1)
        return Dictionary(grouping: findings, by: \.kind).sorted {
            ($0.value[0].range.lowerBound, $0.key.rawValue) < ($1.value[0].range.lowerBound, $1.key.rawValue)
        }.map {
            kind, findings in
            let matter = PagedMatter(receiver: name, severity: severity, isEmergency: isEmergency, labels: [:])
            return Coverage.Gap(
                receiver: name, severity: severity, isEmergency: isEmergency, kind: kind,
                times: findings.map { Date(moment: $0.range.lowerBound)..<Date(moment: $0.range.upperBound) },
                promise: promise.map { .seconds($0) }, causes: causes(matter, findings, promise), mark: mark)
        }
    }

    /// What the plan itself says of the moments at which some gaps begin.
    private func causes(_ matter: PagedMatter, _ findings: [Finding], _ promise: Int?) -> [String] {
        var causes: [String] = []
        for finding in findings.prefix(2) {
            var moment = Date(moment: finding.range.lowerBound), number = 1
            let end = finding.kind == .oneSink ? Date.distantFuture : moment + Double(promise ?? Roster.patience)
            while moment <= end, number <= 40, let level = roster.level(number, for: matter, at: moment) {
                if number == 1, level.steps.isEmpty, level.passedOver.isEmpty {
                    causes.append("the level \(level.name) pages nobody, \(level.place)")
                }
                causes += level.passedOver
                if finding.kind == .oneSink || finding.kind == .late, !level.steps.isEmpty {
                    let ways = Set(level.steps.map(\.contact.label)).sorted().prefix(4).joined(separator: ", ")
                    causes.append("\(level.name) pages \(ways)\(level.wait.map { " and waits \(Int($0) / 60) min" } ?? ""), \(level.place)")
                } else if finding.kind == .nobody, !level.steps.isEmpty {
                    causes.append(
                        "\(level.name) reaches no person, only \(Set(level.steps.map(\.contact.label)).sorted().joined(separator: ", ")), \(level.place)"
                    )
                }
                guard let wait = level.wait else { break }
                moment += wait
                number += 1
            }
        }
        var seen: Set<String> = []
        return Array(causes.filter { seen.insert($0).inserted }.prefix(12))
    }

    // MARK: The proof

    /// Goes from change to change: between two of them, all alerts fare alike, save that a wait for the end of quiet hours grows shorter.
    private mutating func prove(_ levels: [Level], _ promise: Int?, _ question: Question) -> [Finding] {
        var findings: [Finding] = [], moment = window.lowerBound
        func add(_ range: Range<Int>, _ kind: Coverage.Kind) {
            guard !range.isEmpty else { return }
            if let last = findings.lastIndex(where: { $0.kind == kind }), findings[last].range.upperBound == range.lowerBound {
                findings[last].range = findings[last].range.lowerBound..<range.upperBound
            } else {
                findings.append(Finding(range: range, kind: kind))
            }
        }
        var levels = levels
        while moment < window.upperBound {
            pieces += 1
            let outcome = escalate(&levels, from: moment, promise, question)
            let end = min(window.upperBound, moment + max(1, outcome.horizon))
            if !outcome.isCovered {
                let kind: Coverage.Kind = !outcome.isReached ? .nobody : outcome.isQuiet ? .quietHours : .late
                add(moment..<min(end, max(moment, outcome.coveredFrom ?? end)), kind)
            }
            if question.isEmergency, outcome.plugins.count < 2 { add(moment..<end, .oneSink) }
            moment = end
        }
        return findings
    }

    private struct Outcome {
        /// For how many seconds of beginnings it holds.
        var horizon: Int
        var isCovered = false
        /// Alerts that begin from this moment on are answered in time.
        var coveredFrom: Int?
        var isReached = false
        var isQuiet = false
        var plugins: Set<String> = []
    }

    /// What an alert meets that begins at a moment.
    private func escalate(_ levels: inout [Level], from moment: Int, _ promise: Int?, _ question: Question) -> Outcome {
        var outcome = Outcome(horizon: window.upperBound - moment)
        // When a level begins: that moves with the alert's beginning, until something is waited for that comes at its own time.
        var time = moment, isFixed = false
        func candidate(_ at: Int) {
            outcome.isReached = true
            guard let promise else { return outcome.isCovered = true }
            if isFixed {
                outcome.coveredFrom = min(outcome.coveredFrom ?? .max, at - promise)
            } else if at - moment <= promise {
                outcome.isCovered = true
            }
        }
        for index in levels.indices {
            if outcome.isCovered, !question.isEmergency { break }
            // What comes later than was promised, or than what is known already, changes nothing more.
            if let promise, outcome.isReached, !question.isEmergency {
                if isFixed ? outcome.coveredFrom.map({ time - promise >= $0 }) ?? false : time - moment > promise { break }
            }
            let before = (time, isFixed), quiet = levels[index].quietHours(at: time)
            if let quiet, quiet.lowerBound <= time {
                if !isFixed { outcome.horizon = min(outcome.horizon, quiet.upperBound - time) }
                if !outcome.isReached || promise.map({ time - moment <= $0 }) ?? false { outcome.isQuiet = true }
                // Quiet hours without an end: the level pages nobody.
                guard quiet.upperBound < time + Roster.longestQuiet else { continue }
                isFixed = true
                time = quiet.upperBound
            } else if !isFixed, let quiet {
                outcome.horizon = min(outcome.horizon, quiet.lowerBound - time)
            }
            guard let piece = levels[index].piece(at: time) else { continue }
            if !isFixed { outcome.horizon = min(outcome.horizon, max(1, piece.end - time)) }
            var state = piece.state
            if state.isEmpty, levels[index].isLast, let later = firstFilled(levels[index], after: time) {
                isFixed = true
                time = later
                state = levels[index].timeline.piece(at: later)?.state ?? state
            }
            if question.isEmergency { outcome.plugins.formUnion(state.plugins) }
            if let reach = state.reach { candidate(time + reach) }
            if !state.isEmpty || !levels[index].skipsEmpty { time += levels[index].wait } else { (time, isFixed) = before }
        }
        if let coveredFrom = outcome.coveredFrom, coveredFrom <= moment { outcome.isCovered = true }
        return outcome
    }

    private func firstFilled(_ level: Level, after time: Int) -> Int? {
        let end = time + Roster.patience
        for piece in level.timeline.pieces where piece.end > time && piece.start < end && !piece.state.isEmpty {
            var start = max(piece.start, time)
            if let quiet = level.quiet.range(at: start) { start = quiet.upperBound }
            if start < piece.end, start < end { return start }
        }
        return nil
    }

    // MARK: Levels

    private mutating func level(_ slot: EscalationSlot, _ question: Question) -> Level {
        let applies = question.isEmergency || slot.level.severities.contains(question.severity)
        return Level(
            timeline: applies ? timeline(slot.level.targets, question) : Timeline(span, changingAt: []) { _ in State() },
            quiet: question.isEmergency || !applies ? [] : slot.policy.quietHours.ranges(for: question.severity, in: span), wait: slot.level.wait,
            skipsEmpty: slot.level.skipsEmpty || !applies, isLast: slot.isLast && applies)
    }

    private mutating func timeline(_ targets: [LevelTarget], _ question: Question) -> Timeline<State> {
        let names = targets.map { target in
            switch target.kind {
            case .contact(let contact): "contact:\(contact.mark)"
            case .person(let id): "person:\(id)"
            case .schedule(let id): "schedule:\(id)"
            }
        }
        let key = LevelQuestion(targets: names, question: question)
        if let known = levels[key] { return known }
        var always = State(), timelines: [Timeline<State>] = []
        for target in targets {
            switch target.kind {
            case .contact(let contact): always.add(state(of: contact, after: 0))
            case .person(let id): timelines.append(person(id, question))
            case .schedule(let id): timelines.append(turns(id, question))
            }
        }
        let timeline = Timeline(span, merging: timelines) { states in states.reduce(into: always) { $0.add($1) } }
        levels[key] = timeline
        return timeline
    }

    private func state(of contact: PlannedContact, after: Int) -> State {
        guard !contact.ways.isEmpty else { return State() }
        let sinks = roster.humanSinks(contact)
        return State(reach: sinks.isEmpty ? nil : after, isEmpty: false, plugins: Set(sinks.map(\.carrier)))
    }

    private mutating func turns(_ id: String, _ question: Question) -> Timeline<State> {
        let key = PersonQuestion(id: id, question: question)
        if let known = turns[key] { return known }
        guard let schedule = schedules[id] else { return Timeline(span, changingAt: []) { _ in State() } }
        var states: [String: Timeline<State>] = [:]
        for name in Set(schedule.pieces.flatMap { $0.state.map(\.person) }) { states[name] = person(name, question) }
        let points = schedule.pieces.map(\.start) + states.values.flatMap { $0.pieces.map(\.start) }
        let timeline = Timeline(span, changingAt: points) { moment in
            (schedule.piece(at: moment)?.state ?? []).reduce(into: State()) { state, duty in
                states[duty.person]?.piece(at: moment).map { state.add($0.state) }
            }
        }
        turns[key] = timeline
        return timeline
    }

    private mutating func person(_ id: String, _ question: Question) -> Timeline<State> {
        let key = PersonQuestion(id: id, question: question)
        if let known = people[key] { return known }
        var there = State()
        let person = roster.people[id]
        if let person {
            if question.isEmergency {
                for contact in person.contacts { there.add(state(of: contact, after: 0)) }
            } else {
                for step in person.steps(for: question.severity) {
                    // Whoever is tried where the first way fails is reached too, and no sooner.
                    there.add(state(of: step.contact, after: step.after))
                }
            }
        }
        let quiet = question.isEmergency ? [] : person?.quietHours.ranges(for: question.severity, in: span) ?? []
        let away = roster.absences[id] ?? []
        let timeline = Timeline(span, changingAt: quiet.bounds + away.bounds) { moment in
            quiet.covers(moment) || away.covers(moment) ? State() : there
        }
        people[key] = timeline
        return timeline
    }
}

extension [Range<Int>] {
    /// The range that holds a moment; the ranges are in order and do not overlap.
    func range(at moment: Int) -> Range<Int>? {
        let index = firstIndex(endingAfter: moment)
        return index < count && self[index].lowerBound <= moment ? self[index] : nil
    }

    private func firstIndex(endingAfter moment: Int) -> Int {
        var low = 0, high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].upperBound <= moment { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
