import Foundation
import PluginAPI

/// A place of the tree where alerts may end up, and what is sure of those that do: a kind of alert.
struct RouteEnd: Sendable {
    var decision: RouteDecision
    /// What is sure of the labels of alerts of each severity that end up here; a severity that never does is left out.
    var alerts: [AlertSeverity: [SureLabels]]

    /// Whether the alerts of a severity that end up here meet some matchers: true where all do, false where none does, nil where nobody can say.
    func meets(_ matchers: [LabelMatcher], _ severity: AlertSeverity) -> Bool? {
        let answers = Set((alerts[severity] ?? []).map { $0.meets(matchers) })
        return answers.count == 1 ? answers.first ?? nil : nil
    }
}

/// What is sure of the labels of alerts that met some matchers.
struct SureLabels: Sendable {
    private let met: Set<LabelMatcher>
    private var values: [ByteText: String] = [:]

    /// - Parameter severity: the value of that label; nil where nothing is known of it.
    /// - Returns: nil where no labels meet them all.
    init?(_ matchers: [LabelMatcher], severity: String?) {
        met = Set(matchers)
        if let severity { values[ByteText("severity")] = severity }
        for matcher in matchers where matcher.comparison == .equal { values[ByteText(matcher.name)] = matcher.value }
        for matcher in matchers where values[ByteText(matcher.name)].map(matcher.accepts) == false { return nil }
        if let severity, values[ByteText("severity")] != severity { return nil }
    }

    /// True where they are sure to meet it, false where they are sure not to, nil where nobody can say.
    func meets(_ matcher: LabelMatcher) -> Bool? {
        if let value = values[ByteText(matcher.name)] { return matcher.accepts(value) }
        return met.contains(matcher) || (matcher.comparison == .fits && matcher.value == ".*") ? true : nil
    }

    func meets(_ matchers: [LabelMatcher]) -> Bool? {
        var isSure = true
        for matcher in matchers {
            switch meets(matcher) {
            case false: return false
            case nil: isSure = false
            default: break
            }
        }
        return isSure ? true : nil
    }

    /// Whether they are sure to meet all of them.
    func surelyMeet(_ matchers: [LabelMatcher]) -> Bool { matchers.allSatisfy { meets($0) == true } }
}

extension Routing {
    /// The places where alerts may end up, in the tree's order. A place is left out only where it is sure that no alert ends there: one beside it takes
    /// all of them first, those below take all of them, or its matchers contradict each other.
    var ends: [RouteEnd] {
        let values = severityValues
        var ends: [RouteEnd] = []
        func descend(_ index: Int, _ way: [LabelMatcher], _ taken: [[LabelMatcher]]) {
            let node = tree.nodes[index]
            var sure = values.compactMap { value in SureLabels(way, severity: value.label).map { (severity: value.severity, labels: $0) } }
            // No word that is known fits a pattern: such a label means an error.
            if sure.isEmpty, let labels = SureLabels(way, severity: nil) { sure = [(.error, labels)] }
            sure.removeAll { known in taken.contains { known.labels.surelyMeet($0) } }
            guard !sure.isEmpty else { return }
            let children = node.children.map { (index: $0, matchers: tree.nodes[$0].matchers.map(\.matcher)) }
            let here = sure.filter { known in !children.contains { known.labels.surelyMeet($0.matchers) } }
            if !here.isEmpty {
                ends.append(RouteEnd(decision: node.decision, alerts: Dictionary(grouping: here, by: \.severity).mapValues { $0.map(\.labels) }))
            }
            var taken = taken
            for child in children {
                descend(child.index, way + child.matchers, taken)
                if !tree.nodes[child.index].continues { taken.append(child.matchers) }
            }
        }
        descend(0, [], [])
        return ends
    }

    /// Values of the label `severity`: one for each severity and each way in which the tree's matchers take it.
    private var severityValues: [(severity: AlertSeverity, label: String)] {
        let matchers = Set(tree.nodes.flatMap { $0.matchers.map(\.matcher) }.filter { $0.name == "severity" })
        var words = [
            "critical", "page", "emergency", "fatal", "disaster", "p1", "error", "err", "high", "major", "p2", "", "other", "warning", "warn",
            "minor", "medium", "p3", "info", "informational", "information", "none", "low", "debug", "ok", "p4",
        ]
        for matcher in matchers { words += matcher.value.split(separator: "|").map { $0.filter { !"()^$".contains($0) } } + [matcher.value] }
        words += words.map(\.capitalized) + words.map { $0.uppercased() }
        var seen: Set<[String]> = [], values: [(severity: AlertSeverity, label: String)] = []
        let sorted = matchers.sorted { $0.description < $1.description }
        for word in words {
            let severity = AlertSeverity(label: word)
            if seen.insert([severity.rawValue] + sorted.map { "\($0.accepts(word))" }).inserted { values.append((severity, word)) }
        }
        return values
    }
}
