import Foundation
import PluginAPI

/// What a plan decides for an alert at a moment, step by step, each with the line that decides it. Nothing is sent: it is computed, for any moment.
public struct RouteExplanation: Sendable {
    /// What is asked about.
    public struct Question: Sendable {
        public var labels: [String: String]
        public var at: Date
        public var isEmergency: Bool
        /// The labels of other alerts that fire, for inhibition.
        public var firing: [[String: String]]
        public var silences: [Silence]

        public init(labels: [String: String], at: Date, isEmergency: Bool = false, firing: [[String: String]] = [], silences: [Silence] = []) {
            self.labels = labels
            self.at = at
            self.isEmergency = isEmergency
            self.firing = firing
            self.silences = silences
        }
    }

    /// One step of the decision: what was looked at, and what came of it.
    public struct Step: Sendable, Hashable {
        public var stage: String
        public var text: String

        public init(stage: String, text: String) {
            self.stage = stage
            self.text = text
        }
    }

    public let steps: [Step]
    /// True where somebody is paged.
    public let pagesSomebody: Bool

    /// - Parameter zone: in which moments are written.
    public init(_ question: Question, by plan: OnCallPlan, zone: TimeZone) {
        var explainer = Explainer(plan: plan, question: question, zone: zone)
        steps = explainer.explain()
        pagesSomebody = explainer.pagesSomebody
    }

    public var lines: [String] { Self.lines(of: steps) }

    /// Steps in columns.
    public static func lines(of steps: [Step]) -> [String] {
        let width = steps.map(\.stage.count).max() ?? 0
        return steps.map { $0.stage.padding(toLength: width, withPad: " ", startingAt: 0) + "  " + $0.text }
    }

}

private struct Explainer {
    /// The most levels that are shown; a policy that begins again and again has no end.
    private static let shownLevels = 50
    /// How far it is looked for the end of a silence, in seconds and in looks.
    private static let longestLook = 31.0 * 86_400
    private static let mostLooks = 50_000

    let plan: OnCallPlan
    let question: RouteExplanation.Question
    let zone: TimeZone
    private(set) var pagesSomebody = false

    init(plan: OnCallPlan, question: RouteExplanation.Question, zone: TimeZone) {
        self.plan = plan
        self.question = question
        self.zone = zone
    }

    typealias Step = RouteExplanation.Step

    private var severity: AlertSeverity { AlertSeverity(label: question.labels["severity"]) }

    mutating func explain() -> [Step] {
        var steps: [Step] = []
        let labels = question.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        steps.append(
            Step(
                stage: "alert",
                text: "\(labels) (\(severity.rawValue)\(question.isEmergency ? ", an emergency" : "")) at \(time(question.at)) \(zone.identifier)"))
        for step in plan.routing.trace(question.labels) { steps.append(Step(stage: "route", text: step.text)) }
        for decision in plan.routes(for: question.labels) { steps += explain(decision) }
        return steps
    }

    private mutating func explain(_ decision: RouteDecision) -> [Step] {
        var steps = [Step(stage: "receiver", text: "\(decision.receiver), \(decision.receiverMark)")]
        let isUrgent = severity == .critical || question.isEmergency, wait = isUrgent ? 0 : decision.groupWait.seconds
        // Whether anybody may be told is asked when the group has waited, and not when the alert comes.
        let told = question.at.addingTimeInterval(wait)
        if question.isEmergency {
            steps.append(Step(stage: "emergency", text: "passes silences, inhibition, time intervals and quiet hours"))
        } else if let held = heldBack(decision, at: told) {
            return steps + [held] + later(decision, after: told)
        }
        let group = decision.groupLabels(of: question.labels).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        steps.append(
            Step(
                stage: "group",
                text: (group.isEmpty ? "all alerts of this route are one group" : group)
                    + (isUrgent ? ": told at once, as every new critical one" : ": told after \(words(wait)), with what else has come by then")))
        return steps + levels(decision, from: told)
    }

    /// The first reason for which nobody is told at a moment, in the order in which the engine asks.
    private func heldBack(_ decision: RouteDecision, at date: Date) -> Step? {
        if let rule = plan.inhibition(of: question.labels, among: question.firing) {
            return Step(stage: "inhibited", text: "nobody is told while another alert fires, by the rule at \(rule)")
        }
        if let window = plan.maintenance.window(muting: question.labels, at: date) {
            let end = window.time(at: date).map { " until \(time($0.upperBound))" } ?? ""
            return Step(stage: "muted", text: "nobody is told\(end): maintenance “\(window.name)”, \(window.mark)")
        }
        let silence = question.silences.first { silence in
            silence.state(at: date) == .active && silence.matchers.allSatisfy { $0.matches(question.labels) }
        }
        if let silence {
            return Step(
                stage: "silenced",
                text: "nobody is told until \(time(silence.endsAt)): silence \(silence.id) by \(silence.createdBy), “\(silence.comment)”"
            )
        }
        switch plan.verdict(on: decision, at: date) {
        case .open: return nil
        case .muted(let interval, let mark): return Step(stage: "muted", text: "nobody is told within “\(interval)”, \(mark)")
        case .inactive(let intervals, let mark):
            return Step(stage: "inactive", text: "nobody is told outside of \(intervals.map { "“\($0)”" }.joined(separator: ", ")), \(mark)")
        }
    }

    /// When a group of which nobody is told now is told, where its alert lasts: it is looked at again and again. What another alert holds back ends with that one.
    private func later(_ decision: RouteDecision, after told: Date) -> [Step] {
        guard plan.inhibition(of: question.labels, among: question.firing) == nil else { return [] }
        let interval = max(1, decision.groupInterval.seconds), looks = "looked at again every \(words(interval)), \(decision.mark)"
        var at = told
        for _ in 0..<min(Self.mostLooks, Int(Self.longestLook / interval)) {
            at += interval
            if heldBack(decision, at: at) == nil { return [Step(stage: "later", text: "told at \(time(at)) where it lasts: \(looks)")] }
        }
        return [Step(stage: "later", text: "told by \(time(at)) neither: \(looks)")]
    }

    private mutating func levels(_ decision: RouteDecision, from start: Date) -> [Step] {
        let matter = PagedMatter(receiver: decision.receiver, severity: severity, isEmergency: question.isEmergency, labels: question.labels)
        var steps: [Step] = [], at = start, number = 1
        let escalates = plan.escalates(decision.receiver) || question.isEmergency
        while number <= Self.shownLevels, let level = plan.level(number, for: matter, at: at) {
            let name = level.name.isEmpty || level.name == "\(number)" ? "level \(number)" : "level \(number) \(level.name)"
            for passed in level.passedOver { steps.append(Step(stage: name, text: "passed over: \(passed)")) }
            if !level.steps.isEmpty { pagesSomebody = true }
            for step in level.steps.sorted(by: { $0.delay < $1.delay }) {
                let others = step.fallbacks.isEmpty ? "" : "; where that fails, at once \(step.fallbacks.map(\.label).joined(separator: ", then "))"
                steps.append(Step(stage: name, text: "\(time(at.addingTimeInterval(step.delay))): \(step.contact.label): \(step.reason)\(others)"))
            }
            guard escalates else { break }
            guard let wait = level.wait else {
                let again = at.addingTimeInterval(max(60, wait(decision)))
                steps.append(
                    Step(stage: name, text: "the last level, \(level.place); where nobody acknowledges, it begins again at \(time(again))"))
                return steps
            }
            if wait > 0 {
                at = at.addingTimeInterval(wait)
                steps.append(Step(stage: name, text: "the next level follows at \(time(at)) where nobody acknowledges, \(level.place)"))
            }
            number += 1
        }
        if !escalates {
            steps.append(Step(stage: "repeat", text: "told again after \(words(decision.repeatInterval.seconds)) while it lasts, \(decision.mark)"))
        }
        return steps
    }

    private func wait(_ decision: RouteDecision) -> TimeInterval {
        let usual = decision.repeatInterval.seconds
        return question.isEmergency ? min(usual, OnCallLimits().emergencyRepeat) : usual
    }

    private func time(_ date: Date) -> String {
        date.formatted(
            Date.ISO8601FormatStyle(dateTimeSeparator: .space, timeZone: zone).year().month().day().time(includingFractionalSeconds: false))
    }

    private func words(_ seconds: TimeInterval) -> String {
        Duration.seconds(seconds).formatted(.units(allowed: [.hours, .minutes, .seconds], width: .narrow))
    }
}
