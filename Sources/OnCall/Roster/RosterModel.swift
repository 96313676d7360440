import Foundation
import PluginAPI

/// Somebody who may be paged.
struct RosterPerson: Sendable {
    struct Rule: Sendable {
        var contact: PlannedContact
        /// Seconds.
        var after: Int
        var mark: SourceMark
    }

    var id: String
    var name: String
    var locale: String?
    var zone: ZoneClock
    /// Those that an alert instance carries.
    var contacts: [PlannedContact]
    /// From the least severity on, the worst first.
    var rules: [(from: AlertSeverity, steps: [Rule])]
    var quietHours: [QuietHours]
    /// In order.
    var absences: [(range: Range<Int>, reason: String, mark: SourceMark)]
    var mark: SourceMark

    /// What is done for a severity: by the rule of the worst severity that is not worse than it, or else the first contact at once.
    func steps(for severity: AlertSeverity) -> [Rule] {
        let usable = rules.first { $0.from <= severity }?.steps.filter { !$0.contact.ways.isEmpty } ?? []
        if !usable.isEmpty { return usable }
        return contacts.prefix(1).map { Rule(contact: $0, after: 0, mark: $0.mark) }
    }
}

/// Whom a level means.
struct LevelTarget: Sendable {
    enum Kind: Sendable {
        case person(String)
        case schedule(String)
        case contact(PlannedContact)
    }

    var kind: Kind
    /// The teams by whose names it came in.
    var teams: [String]
    var mark: SourceMark

    var isDirect: Bool { if case .contact = kind { true } else { false } }
}

/// One step of a policy.
struct PolicyLevel: Sendable {
    var name: String
    var targets: [LevelTarget]
    /// Seconds.
    var wait: Int
    var severities: ClosedRange<AlertSeverity>
    var skipsEmpty: Bool
    var mark: SourceMark
}

/// Who is paged, level after level.
struct RosterPolicy: Sendable {
    var id: String
    var levels: [PolicyLevel]
    /// How often the levels are gone through.
    var rounds: Int
    var fallback: PolicyLevel?
    var then: String?
    var promise: [AlertSeverity: Int]
    var acknowledgementLasts: Duration?
    var quietHours: [QuietHours]
    var mark: SourceMark
}

/// What a name under `receivers` does.
struct RosterReceiver: Sendable {
    var name: String
    var policy: String?
    /// Whom it tells at once, beside its policy or without one.
    var direct: [LevelTarget]
    var promise: [AlertSeverity: Int]
    var mark: SourceMark
}

extension RosterReceiver {
    /// What it does where it has no policy, as the one level of a policy.
    var only: EscalationSlot {
        EscalationSlot(
            policy: RosterPolicy(
                id: name, levels: [], rounds: 1, fallback: nil, then: nil, promise: promise, acknowledgementLasts: nil, quietHours: [], mark: mark),
            level: PolicyLevel(
                name: "receiver \(name)", targets: direct, wait: 0, severities: .info ... .critical, skipsEmpty: true, mark: mark), isLast: true)
    }
}

/// A level in the order in which an escalation comes to it.
struct EscalationSlot: Sendable {
    var policy: RosterPolicy
    var level: PolicyLevel
    var isLast: Bool
}
