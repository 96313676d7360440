import PluginAPI

/// The routing tree, compiled: depth first, from the first to the last; the first place that matches ends the search among its neighbours unless it says
/// `continue`; a place none of whose children match is itself the match.
struct RouteTree: Sendable {
    /// The root is the first.
    private(set) var nodes: [RouteNode] = []
    private(set) var places: [String: Int] = [:]

    @discardableResult mutating func append(_ node: RouteNode, below parent: Int?) -> Int {
        nodes.append(node)
        if let parent { nodes[parent].children.append(nodes.count - 1) }
        places[node.decision.route] = nodes.count - 1
        return nodes.count - 1
    }

    func decide(_ labels: inout ConditionTable.Labels) -> [RouteDecision] {
        var chosen: [RouteDecision] = []
        // The root takes every alert: what it would ask for was refused when the plan was read.
        descend(0, &labels, &chosen)
        return chosen
    }

    private func descend(_ index: Int, _ labels: inout ConditionTable.Labels, _ chosen: inout [RouteDecision]) {
        var isTaken = false
        for child in nodes[index].children where labels.meet(nodes[child].conditions) {
            descend(child, &labels, &chosen)
            isTaken = true
            if !nodes[child].continues { break }
        }
        if !isTaken { chosen.append(nodes[index].decision) }
    }

    func trace(_ labels: [String: String]) -> [RouteStep] {
        var steps: [RouteStep] = []
        follow(0, labels, &steps)
        return steps
    }

    private func follow(_ index: Int, _ labels: [String: String], _ steps: inout [RouteStep]) {
        let node = nodes[index], own = steps.count
        steps.append(step(node, .entered))
        var isTaken = false
        for child in node.children {
            let next = nodes[child]
            if let refusal = next.matchers.first(where: { !$0.matcher.matches(labels) }) {
                steps.append(step(next, .refused(refusal, value: labels[refusal.matcher.name] ?? "")))
                continue
            }
            follow(child, labels, &steps)
            isTaken = true
            if !next.continues { break }
        }
        if !isTaken { steps[own].outcome = .chosen }
    }

    private func step(_ node: RouteNode, _ outcome: RouteStep.Outcome) -> RouteStep {
        RouteStep(depth: node.depth, outcome: outcome, matchers: node.matchers.map(\.matcher), continues: node.continues, decision: node.decision)
    }
}
