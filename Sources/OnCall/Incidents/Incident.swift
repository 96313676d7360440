import Foundation
import PluginAPI

/// Where an incident stands.
public enum IncidentState: String, Sendable, Hashable, Codable, CaseIterable {
    /// Nobody has taken it.
    case open
    case acknowledged
    /// It does no more harm.
    case mitigated
    /// It is said to be over, and is looked at for a while.
    case watching
    case resolved
    /// Resolved, and its post-mortem is filed where one is asked for.
    case closed

    /// True while alerts join it.
    public var isUnderWay: Bool { self != .resolved && self != .closed }
}

/// One step of an incident's playbook, and how far it is.
public struct IncidentStep: Sendable, Hashable, Codable {
    public var name: String
    /// What to do.
    public var actions: [String]
    /// Seconds that it may take; nil for as long as it takes.
    public var within: Double?
    /// Nil while it waits for the step before it.
    public var startedAt: Date?
    public var doneAt: Date?
    public var doneBy: String?
    /// When it was told to be late.
    public var lateAt: Date?
    /// True where the incident was resolved without it.
    public var isLeftOut = false

    public var dueAt: Date? { within.flatMap { within in startedAt?.addingTimeInterval(within) } }
    var isOpen: Bool { doneAt == nil && !isLeftOut }
}

/// Something that is wrong, that people deal with together, from its beginning to its post-mortem.
public struct Incident: Sendable, Hashable, Codable {
    public var id: String
    public var priority: IncidentPriority
    public var title: String
    public var state = IncidentState.open
    /// Who leads.
    public var commander: String?
    /// A person, or the rule that opened it as `file:line:column`.
    public var openedBy: String
    public var openedAt: Date
    public var acknowledgedAt: Date?
    public var mitigatedAt: Date?
    /// When it was said to be over.
    public var resolvedAt: Date?
    public var watchedUntil: Date?
    public var closedAt: Date?
    /// When it was told that nobody had responded in time.
    public var responseLateAt: Date?
    public var postmortemLateAt: Date?
    public var postmortemFiledBy: String?
    /// The last public status note.
    public var publicStatus: String?
    /// What was promised when it was opened.
    public var promise: IncidentPlan.Promise
    public var steps: [IncidentStep]

    /// When somebody must have taken it.
    public var respondBy: Date { openedAt.addingTimeInterval(promise.respondWithin) }
    /// When its post-mortem must be filed; nil while it is not resolved, and where none is asked for.
    public var postmortemDueAt: Date? {
        guard promise.postmortemWithin > 0, let resolvedAt else { return nil }
        return resolvedAt.addingTimeInterval(promise.postmortemWithin)
    }
    /// From the beginning until it was said to be over; nil while it lasts.
    public var duration: TimeInterval? { resolvedAt?.timeIntervalSince(openedAt) }
    /// Whether somebody responded in time; nil while there is time left.
    public func keptResponse(at now: Date) -> Bool? {
        if let acknowledgedAt { return acknowledgedAt <= respondBy }
        return now < respondBy ? nil : false
    }
    /// What is late now, in words.
    public var late: [String] {
        (responseLateAt != nil && acknowledgedAt == nil ? ["respond"] : []) + steps.filter { $0.isOpen && $0.lateAt != nil }.map(\.name)
            + (postmortemLateAt != nil && (state == .resolved || state == .watching) ? ["postmortem"] : [])
    }
}

/// What happened to an incident.
public struct IncidentEvent: Sendable, Hashable {
    /// `opened`, `attached`, `took`, `step`, `late`, `note`, `status`, `reopened`, `resolved`, `closed` and what pages and answers came to.
    public var kind: String
    public var at: Date
    public var by: String
    public var text: String
    /// True for what was written for the public; everything else stays in the house.
    public var isPublic: Bool

    public init(_ kind: String, at: Date, by: String, _ text: String, isPublic: Bool = false) {
        self.kind = kind
        self.at = at
        self.by = by
        self.text = text
        self.isPublic = isPublic
    }
}
