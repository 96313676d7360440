import Foundation
import PluginAPI

/// Where alerts go: the routing tree, the times in which it is silent, and the rules by which one alert silences another. With the meaning that Alertmanager
/// gives to the same words; `amtool config routes test` decides the same for every tree and every label.
///
/// It never changes, and asks no clock.
public struct Routing: Sendable {
    /// The entries of `receivers`, in order, for whoever knows what they do.
    public let receivers: [ReceiverDefinition]
    /// The entries of `time_intervals` and of `mute_time_intervals`, in order.
    public let intervals: [NamedInterval]
    /// The entries of `inhibit_rules`, in order.
    public let inhibitRules: [InhibitRule]
    /// After how long an alert without an end, and without news, counts as over.
    public let resolveTimeout: Duration
    /// The whole of `global`, whose addresses and keys receivers fall back on.
    public let global: ConfigNode?
    /// The files that `templates` names; Jack writes its own texts and reads none of them.
    public let templates: [String]

    let tree: RouteTree
    let table: ConditionTable
    let compiledRules: [CompiledRule]
    private let intervalNumbers: [String: Int]

    /// Alertmanager's `resolve_timeout` where none is written.
    public static let defaultResolveTimeout = Duration.seconds(300)

    init(
        receivers: [ReceiverDefinition], intervals: [NamedInterval], inhibitRules: [InhibitRule], resolveTimeout: Duration = defaultResolveTimeout,
        global: ConfigNode? = nil, templates: [String] = [], tree: RouteTree, table: ConditionTable
    ) {
        var table = table
        self.receivers = receivers
        self.intervals = intervals
        self.inhibitRules = inhibitRules
        self.resolveTimeout = resolveTimeout
        self.global = global
        self.templates = templates
        self.tree = tree
        compiledRules = inhibitRules.map { rule in
            CompiledRule(rule: rule, source: rule.source.map { table.add($0.matcher) }, target: rule.target.map { table.add($0.matcher) })
        }
        self.table = table
        intervalNumbers = Dictionary(intervals.enumerated().map { ($0.element.name, $0.offset) }) { first, _ in first }
    }

    /// A tree of one place, which sends every alert to one receiver: what a plan without `route` comes to.
    public static func single(receiver: String, mark: SourceMark) -> Routing {
        var tree = RouteTree()
        tree.append(
            RouteNode(decision: RouteDefaults.root(receiver, mark), matchers: [], conditions: [], continues: false, depth: 0, activeMark: mark),
            below: nil)
        return Routing(receivers: [], intervals: [], inhibitRules: [], tree: tree, table: ConditionTable())
    }

    // MARK: Decisions

    /// The places of the tree where these labels end up, in the tree's order; never empty.
    public func routes(for labels: [String: String]) -> [RouteDecision] {
        var labels = table.labels(labels)
        return tree.decide(&labels)
    }

    /// Every place of the tree that is looked at for these labels, in that order, and what came of it.
    public func trace(_ labels: [String: String]) -> [RouteStep] { tree.trace(labels) }

    /// All places of the tree: depth first, the root first.
    public var places: [RouteDecision] { tree.nodes.map(\.decision) }

    /// Whether a place tells anybody at a moment. As in Alertmanager the active times are asked first, and a name that the plan does not know mutes nothing.
    public func verdict(on route: RouteDecision, at date: Date) -> TimeVerdict {
        let active = route.activeTimeIntervals.compactMap(interval)
        if !active.isEmpty, active.count == route.activeTimeIntervals.count, !active.contains(where: { $0.window(at: date) != nil }) {
            return .inactive(intervals: route.activeTimeIntervals, at: tree.places[route.route].map { tree.nodes[$0].activeMark } ?? route.mark)
        }
        for name in route.muteTimeIntervals {
            if let window = interval(name)?.window(at: date) { return .muted(interval: name, at: window.mark) }
        }
        return .open
    }

    /// The time interval of a name.
    public func interval(_ name: String) -> NamedInterval? { intervalNumbers[name].map { intervals[$0] } }

    /// The moments after `start` and up to `end` at which the verdict on a place may change; between two of them it does not.
    public func changes(of route: RouteDecision, after start: Date, through end: Date) -> [Date] {
        let windows = (route.muteTimeIntervals + route.activeTimeIntervals).compactMap(interval).flatMap(\.windows)
        return Set(windows.flatMap { $0.changes(after: start, through: end) }).sorted()
    }

    /// Where the rule stands by which an alert with these labels is silent while others fire; nil where none does. For many alerts see ``InhibitIndex``.
    public func inhibition(of labels: [String: String], among sources: [[String: String]]) -> SourceMark? {
        inhibitRules.first { rule in
            rule.target.map(\.matcher).match(labels) && sources.contains { rule.inhibits(labels, by: $0) }
        }?.mark
    }

    // MARK: Pictures

    /// The tree, as `amtool config routes show` draws it.
    public var drawing: String { RouteDrawing.whole(tree) }

    /// The places that labels come by, as `amtool config routes test --tree` draws them.
    public func drawing(for labels: [String: String]) -> String { RouteDrawing.matching(tree, labels) }
}

/// What Alertmanager takes where nothing is written.
enum RouteDefaults {
    static let groupWait = Duration.seconds(30)
    static let groupInterval = Duration.seconds(300)
    static let repeatInterval = Duration.seconds(4 * 3600)

    static func root(_ receiver: String, _ mark: SourceMark) -> RouteDecision {
        RouteDecision(
            route: "{}", receiver: receiver, grouping: .labels([]), groupWait: groupWait, groupInterval: groupInterval,
            repeatInterval: repeatInterval,
            mark: mark, receiverMark: mark)
    }
}
