import Foundation
import PluginAPI

/// Computes the moments at which anything changes, and compares what happens between them with what was promised.
struct CoverageProver {
    /// Alerts that fare alike: of one severity, told by one receiver, through the same gate.
    struct Subject {
        var receiver: String
        var severity: AlertSeverity
        var isEmergency = false
        var gate = CoverageGate.Key.none
        /// Where they end up in the tree, in its order; none for emergencies, which come from everywhere.
        var routes: [RouteDecision] = []

        var question: Question { Question(severity: severity, isEmergency: isEmergency) }
    }

    struct Finding: Equatable {
        var range: Range<Int>
        var kind: Coverage.Kind
    }

    private struct ProofKey: Hashable {
        /// A policy, or what one receiver tells beside it.
        var policy: String?
        var receiver: String?
        var promise: Int?
        var question: Question
        var gate: CoverageGate.Key
    }

    let plan: OnCallPlan
    let window: Range<Int>
    private(set) var pieces = 0
    /// Proofs that were made; what is the same is proved once.
    private(set) var proofs = 0

    /// Escalations that begin within the window go on after it.
    let span: Range<Int>
    let schedules: [String: Timeline<[Duty]>]
    var people: [PersonQuestion: Timeline<State>] = [:]
    var turns: [PersonQuestion: Timeline<State>] = [:]
    var levels: [LevelQuestion: Timeline<State>] = [:]
    var gates: OnCallPlan.CoverageGates
    private var proved: [ProofKey: [Finding]] = [:]

    var roster: Roster { plan.roster }

    init(plan: OnCallPlan, window: Range<Int>) {
        self.plan = plan
        self.window = window
        let span = window.lowerBound..<window.upperBound + Roster.patience + 14 * 86400
        self.span = span
        schedules = plan.roster.schedules.mapValues { $0.timeline(span, absences: plan.roster.absences) }
        gates = OnCallPlan.CoverageGates(plan: plan, span: span)
    }

    // MARK: Gaps

    mutating func gaps(_ subject: Subject) -> [Coverage.Gap] {
        let name = subject.receiver, question = subject.question
        let receiver = roster.receivers[name]
        let policy = subject.isEmergency ? roster.emergency ?? roster.policy(of: name) : roster.policy(of: name)
        let promise = receiver?.promise[subject.severity] ?? policy.flatMap { roster.policies[$0] }?.promise[subject.severity]
        let direct = receiver?.direct ?? [], isShared = policy != nil && direct.isEmpty
        let key = ProofKey(policy: policy, receiver: isShared ? nil : name, promise: promise, question: question, gate: subject.gate)
        let findings: [Finding]
        if let known = proved[key] {
            findings = known
        } else {
            var levels: [Level] = []
            // What is told directly is told at once, quiet hours or not, and beside the first level.
            if policy != nil, !direct.isEmpty {
                levels = [Level(timeline: timeline(direct, question), quiet: [], wait: 0, skipsEmpty: true, isLast: false)]
            }
            for slot in policy.map({ roster.slots[$0] ?? [] }) ?? receiver.map({ [$0.only] }) ?? [] { levels.append(level(slot, question)) }
            findings = prove(levels, gates.gate(subject.gate), promise, question)
            proved[key] = findings
        }
        let mark = receiver?.mark ?? policy.flatMap { roster.policies[$0]?.mark } ?? SourceMark(file: "", line: 1, column: 1)
        return Dictionary(grouping: findings, by: \.kind).sorted {
            ($0.value[0].range.lowerBound, $0.key.rawValue) < ($1.value[0].range.lowerBound, $1.key.rawValue)
        }.map { kind, findings in
            Coverage.Gap(
                receiver: name, severity: subject.severity, isEmergency: subject.isEmergency, kind: kind,
                times: findings.map { Date(moment: $0.range.lowerBound)..<Date(moment: $0.range.upperBound) },
                promise: promise.map { .seconds($0) }, causes: causes(subject, findings, promise), mark: mark,
                routes: subject.routes.map { Coverage.Route(name: $0.route, mark: $0.mark) })
        }
    }

    // MARK: The proof

    /// Goes from change to change: between two of them, all alerts fare alike, save that a wait for the end of quiet hours grows shorter.
    private mutating func prove(_ levels: [Level], _ gate: CoverageGate, _ promise: Int?, _ question: Question) -> [Finding] {
        var findings: [Finding] = [], moment = window.lowerBound
        func add(_ range: Range<Int>, _ kind: Coverage.Kind) {
            guard !range.isEmpty else { return }
            if let last = findings.lastIndex(where: { $0.kind == kind }), findings[last].range.upperBound == range.lowerBound {
                findings[last].range = findings[last].range.lowerBound..<range.upperBound
            } else {
                findings.append(Finding(range: range, kind: kind))
            }
        }
        proofs += 1
        var levels = levels, gate = gate
        while moment < window.upperBound {
            pieces += 1
            var outcome = escalate(&levels, &gate, from: moment, lateness: gate.lateness, promise, question)
            // Just when a group is looked at again after it was muted hangs on alerts that came before: at once, or an interval later.
            if outcome.wasClosed, gate.lateness > 0 {
                outcome = outcome.worse(escalate(&levels, &gate, from: moment, lateness: 0, promise, question))
            }
            let end = min(window.upperBound, moment + max(1, outcome.horizon))
            if !outcome.isCovered {
                let kind: Coverage.Kind
                if let closed = outcome.closedAt, outcome.isReached || outcome.staysClosed {
                    kind = gate.muted.covers(closed) ? .muted : .maintenance
                } else {
                    kind = !outcome.isReached ? .nobody : outcome.isQuiet ? .quietHours : .late
                }
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
        /// Whether a step came to a time in which its place tells nobody.
        var wasClosed = false
        /// Where that stood in the way of the promise.
        var closedAt: Int?
        /// It is never told, for its place never opens again.
        var staysClosed = false
        var plugins: Set<String> = []

        /// What holds where either may be.
        func worse(_ other: Outcome) -> Outcome {
            var worse = isCovered ? other : self
            worse.horizon = min(horizon, other.horizon)
            guard !isCovered, !other.isCovered else { return worse }
            worse.isReached = isReached && other.isReached
            worse.staysClosed = staysClosed || other.staysClosed
            worse.coveredFrom = coveredFrom.flatMap { mine in other.coveredFrom.map { max(mine, $0) } }
            return worse
        }
    }

    /// What an alert meets that begins at a moment.
    /// - Parameter lateness: how long after the end of a time in which nobody is told the group is looked at again.
    private func escalate(
        _ levels: inout [Level], _ gate: inout CoverageGate, from moment: Int, lateness: Int, _ promise: Int?, _ question: Question
    ) -> Outcome {
        var outcome = Outcome(horizon: window.upperBound - moment)
        // When a level begins: that moves with the alert's beginning, until something is waited for that comes at its own time.
        var time = moment + gate.wait, isFixed = false
        func candidate(_ at: Int, _ isFixed: Bool) {
            outcome.isReached = true
            guard let promise else { return outcome.isCovered = true }
            if isFixed {
                outcome.coveredFrom = min(outcome.coveredFrom ?? .max, at - promise)
            } else if at - moment <= promise {
                outcome.isCovered = true
            }
        }
        /// Puts off what is due while its place tells nobody; nil where that never ends.
        func open(_ due: Int, _ isFixed: Bool, isQuiet: Bool) -> (time: Int, isFixed: Bool)? {
            guard let closed = gate.closing(at: due) else { return (due, isFixed) }
            let isClosed = closed.lowerBound <= due
            if !isFixed { outcome.horizon = min(outcome.horizon, (isClosed ? closed.upperBound : closed.lowerBound) - due) }
            guard isClosed else { return (due, isFixed) }
            outcome.wasClosed = true
            if !isQuiet, outcome.closedAt == nil, promise.map({ due - moment <= $0 }) ?? true { outcome.closedAt = due }
            return gate.opening(after: closed, lateness: lateness).map { ($0, true) }
        }
        for index in levels.indices {
            if outcome.isCovered, !question.isEmergency { break }
            // What comes later than was promised, or than what is known already, changes nothing more.
            if let promise, outcome.isReached, !question.isEmergency {
                if isFixed ? outcome.coveredFrom.map({ time - promise >= $0 }) ?? false : time - moment > promise { break }
            }
            let isQuiet = levels[index].quiet.range(at: time).map { $0.lowerBound <= time } ?? false
            guard let opened = open(time, isFixed, isQuiet: isQuiet) else {
                outcome.staysClosed = true
                break
            }
            (time, isFixed) = opened
            let quiet = levels[index].quiet.range(at: time)
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
            if state.isEmpty, levels[index].isLast, let later = levels[index].firstFilled(after: time) {
                isFixed = true
                time = later
                state = levels[index].timeline.piece(at: later)?.state ?? state
            }
            if question.isEmergency { outcome.plugins.formUnion(state.plugins) }
            if let reach = state.reach {
                if let page = open(time + reach, isFixed, isQuiet: false) {
                    candidate(page.time, page.isFixed)
                } else {
                    outcome.staysClosed = true
                }
            }
            if !state.isEmpty || !levels[index].skipsEmpty { time += levels[index].wait } else { (time, isFixed) = opened }
        }
        if let coveredFrom = outcome.coveredFrom, coveredFrom <= moment { outcome.isCovered = true }
        return outcome
    }
}
