import Foundation
import PluginAPI

/// A plan as it was read once, and never changes: where alerts go, and who is called. All of it is pure, for any moment, past or to come.
public protocol OnCallPlanning: Sendable {
    /// Tells this plan from every other: a digest of its texts.
    var version: String { get }

    /// The places of the tree where these labels end up, in the tree's order; never empty.
    func routes(for labels: [String: String]) -> [RouteDecision]

    /// Whether a place tells anybody at a moment.
    func verdict(on route: RouteDecision, at date: Date) -> TimeVerdict

    /// Where the rule stands by which an alert with these labels is silent while `isFiring` finds others that inhibit it; nil where none does.
    /// - Parameter sources: the alerts that fire.
    func inhibition(of labels: [String: String], among sources: [[String: String]]) -> SourceMark?

    /// Whether an alert with these labels could inhibit any other: what cannot is not among the sources that ``inhibition(of:among:)`` is given.
    func mayInhibit(_ labels: [String: String]) -> Bool

    /// What a receiver does at a level, for whoever is on call then; nil after the last one.
    /// - Parameter number: the level, counted from 1.
    func level(_ number: Int, for matter: PagedMatter, at date: Date) -> EscalationLevel?

    /// True where a receiver is told by levels until somebody acknowledges; false where it is told once, and again after `repeat_interval`.
    func escalates(_ receiver: String) -> Bool

    /// After how long an acknowledged matter that is not over comes back; nil for never.
    func acknowledgementLasts(for receiver: String) -> Duration?

    /// After how long an alert without an end, and without news, counts as over (`resolve_timeout`).
    var resolveTimeout: Duration { get }

    /// The drills that the plan orders.
    var drills: [PlannedDrill] { get }

    /// Every way by which a person of the plan may be reached.
    var contactWays: [ContactWay] { get }

    /// Everybody whom an emergency may come to, whoever is on call: the ways of each contact that reaches people, the first of which is used.
    var emergencyContacts: [[Contact]] { get }

    /// The names that a drill may be for.
    func names(of kind: DrillSubject.Kind) -> [String]
}

extension OnCallPlanning {
    public func mayInhibit(_ labels: [String: String]) -> Bool { true }
    public var drills: [PlannedDrill] { [] }
    public var contactWays: [ContactWay] { [] }
    public var emergencyContacts: [[Contact]] { [] }
    public func names(of kind: DrillSubject.Kind) -> [String] { [] }
}
