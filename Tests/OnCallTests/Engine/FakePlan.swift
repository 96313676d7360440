import Foundation
import PluginAPI

@testable import OnCall

/// A plan in a few lines, for tests of what goes by plans.
struct FakePlan: OnCallPlanning {
    /// What a receiver does. Of instances, `hook` is a program, and `start` hears no ends. A step is `contact`, `contact@60` for a minute later, or `contact>next` with what is tried where it fails.
    struct Receiver: Sendable {
        var levels: [[String]] = []
        /// Seconds after each level.
        var wait: TimeInterval = 300
        /// Nil for a receiver that is told once.
        var escalates = true
        var acknowledgement: Duration? = .seconds(1800)
    }

    struct Place: Sendable {
        var matchers: [LabelMatcher] = []
        var receiver: String
        var goesOn = false
    }

    var version = "v1"
    var places: [Place] = [Place(receiver: "team")]
    var receivers: [String: Receiver] = ["team": Receiver(levels: [["sms:ana"], ["sms:bob"], ["phone:chief"]])]
    var groupBy: RouteDecision.Grouping = .labels(["alertname"])
    var groupWait = Duration.seconds(30)
    var groupInterval = Duration.seconds(300)
    var repeatInterval = Duration.seconds(14_400)
    var resolveTimeout = Duration.seconds(300)
    /// From and to, while everything is muted.
    var muted: (from: Date, to: Date)?
    var drills: [PlannedDrill] = []
    /// `source` inhibits `target`.
    var inhibit: (source: LabelMatcher, target: LabelMatcher)?

    func routes(for labels: [String: String]) -> [RouteDecision] {
        var found: [RouteDecision] = []
        for (index, place) in places.enumerated() where place.matchers.allSatisfy({ $0.matches(labels) }) {
            found.append(
                RouteDecision(
                    route: "{\(index)}", receiver: place.receiver, grouping: groupBy, groupWait: groupWait, groupInterval: groupInterval,
                    repeatInterval: repeatInterval, mark: SourceMark(file: "oncall.yaml", line: 10 + index, column: 5),
                    receiverMark: SourceMark(file: "oncall.yaml", line: 50 + index, column: 9)))
            if !place.goesOn { break }
        }
        return found
    }

    func verdict(on route: RouteDecision, at date: Date) -> TimeVerdict {
        guard let muted, date >= muted.from, date < muted.to else { return .open }
        return .muted(interval: "night", at: SourceMark(file: "oncall.yaml", line: 33, column: 7))
    }

    func mayInhibit(_ labels: [String: String]) -> Bool { inhibit?.source.matches(labels) ?? false }

    func inhibition(of labels: [String: String], among sources: [[String: String]]) -> SourceMark? {
        guard let inhibit, inhibit.target.matches(labels), sources.contains(where: { inhibit.source.matches($0) }) else { return nil }
        return SourceMark(file: "oncall.yaml", line: 44, column: 5)
    }

    func level(_ number: Int, for matter: PagedMatter, at date: Date) -> EscalationLevel? {
        guard let receiver = receivers[matter.receiver], receiver.levels.indices.contains(number - 1) else { return nil }
        let steps = receiver.levels[number - 1].map { text -> PagingStep in
            let parts = text.split(separator: "@"), ways = parts[0].split(separator: ">").map { contact(String($0)) }
            return PagingStep(
                person: ways[0].recipient, contact: ways[0], fallbacks: Array(ways.dropFirst()), delay: parts.count > 1 ? Double(parts[1]) ?? 0 : 0,
                reason: "on call in \(matter.receiver) (\(version)), oncall.yaml:\(20 + number):7")
        }
        return EscalationLevel(
            number: number, name: "", steps: steps, passedOver: steps.isEmpty ? ["nobody is on call"] : [],
            wait: steps.isEmpty ? 0 : number == receiver.levels.count ? nil : receiver.wait, place: "oncall.yaml:\(20 + number)")
    }

    private func contact(_ text: String) -> Contact {
        let parts = text.split(separator: ":").map(String.init)
        return Contact(
            instance: parts[0], recipient: parts.count > 1 ? parts[1] : nil, label: text, isProgram: parts[0] == "hook",
            bundlesNews: ["sms", "mail"].contains(parts[0]), hearsEnds: parts[0] != "start")
    }

    func names(of kind: DrillSubject.Kind) -> [String] { kind == .receiver ? receivers.keys.sorted() : [] }
    var contactWays: [ContactWay] {
        receivers.values.flatMap(\.levels).joined().map {
            ContactWay(person: "\($0.split(separator: ":").last ?? "")", name: "sms", contact: contact($0))
        }
    }
    func escalates(_ receiver: String) -> Bool { receivers[receiver]?.escalates ?? false }
    func acknowledgementLasts(for receiver: String) -> Duration? { receivers[receiver]?.acknowledgement }
}
