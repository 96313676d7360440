import Foundation
import PluginAPI

/// A hotel's plan, whole: where alerts go (``Routing``) and who is called for them (``Roster``).
public struct OnCallPlan: OnCallPlanning {
    public let version: String
    public let routing: Routing
    public let roster: Roster
    public let incidents: IncidentPlan
    public let maintenance: MaintenancePlan

    public init(version: String, routing: Routing, roster: Roster, incidents: IncidentPlan = .standard, maintenance: MaintenancePlan = .none) {
        self.version = version
        self.routing = routing
        self.roster = roster
        self.incidents = incidents
        self.maintenance = maintenance
    }

    public var resolveTimeout: Duration { routing.resolveTimeout }

    public func routes(for labels: [String: String]) -> [RouteDecision] { routing.routes(for: labels) }

    public func verdict(on route: RouteDecision, at date: Date) -> TimeVerdict { routing.verdict(on: route, at: date) }

    public func inhibition(of labels: [String: String], among sources: [[String: String]]) -> SourceMark? {
        routing.inhibition(of: labels, among: sources)
    }

    public func mayInhibit(_ labels: [String: String]) -> Bool { routing.inhibitRules.contains { rule in rule.source.map(\.matcher).match(labels) } }

    public func level(_ number: Int, for matter: PagedMatter, at date: Date) -> EscalationLevel? { roster.level(number, for: matter, at: date) }

    public func escalates(_ receiver: String) -> Bool { roster.escalates(receiver) }

    public func acknowledgementLasts(for receiver: String) -> Duration? { roster.acknowledgementLasts(for: receiver) }

    public var drills: [PlannedDrill] { roster.drills }

    public var contactWays: [ContactWay] { roster.contactWays }

    public var emergencyContacts: [[Contact]] { roster.emergencyContacts }

    public func names(of kind: DrillSubject.Kind) -> [String] {
        switch kind {
        case .person: roster.personNames
        case .schedule: roster.scheduleNames
        case .receiver:
            routing.receivers.isEmpty ? routing.places.prefix(1).map(\.receiver) : routing.receivers.map(\.name)
        }
    }
}
