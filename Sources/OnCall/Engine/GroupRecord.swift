import Foundation
import PluginAPI

/// The alerts that one receiver is told of together, and how far the telling is.
struct GroupRecord: Sendable {
    var labels: PackedText
    /// The place in ``OnCallCore/routes``.
    var route: Int
    var members: Set<UInt64> = []
    var hasFlushed = false
    var nextFlush: Date
    /// What was told, and has not ended.
    var matter: Matter?
    /// When the group is looked at next, as the heap has it.
    var timer: Date?
    /// The last reason for which nobody was told, so that the ledger has it once.
    var silentReason = ""

    /// When something is to be done.
    var due: Date { min(nextFlush, matter?.due ?? nextFlush) }
}

/// Something that people were told of, from the first page to the end.
struct Matter: Sendable, Codable, Hashable {
    struct PendingStep: Sendable, Codable, Hashable {
        var at: Date
        var level: Int
        var step: PagingStep
    }

    struct Acknowledgement: Sendable, Codable, Hashable {
        var by: String
        var at: Date
        /// The level that had begun: who passes it on passes it to the one after.
        var level: Int?
    }

    /// Closed by a person while its alerts still fire.
    struct Closing: Sendable, Codable, Hashable {
        var by: String
        var until: Date
    }

    /// ``PluginAPI/AlertPage/groupKey``.
    var id: String
    var plan: String
    var openedAt: Date
    var severity: AlertSeverity
    var isEmergency: Bool
    /// What was told as firing. Kept in a column of its own: it may be large.
    var told: Set<UInt64> = []
    var toldAt: Date
    /// The level that has begun; 0 before the first.
    var level = 0
    var pending: [PendingStep] = []
    /// When the next level begins, or an acknowledgement ends, or it is told again; nil where nothing is to come.
    var nextLevelAt: Date?
    /// How long that was to take, for a clock that went backwards while nobody watched.
    var nextLevelWait: TimeInterval?
    /// While nobody may be told, steps wait for this moment.
    var heldUntil: Date?
    var acknowledgement: Acknowledgement?
    var closing: Closing?
    var pages: [PageRecord] = []
    /// Pages so far: numbers the next one.
    var sent = 0
    /// True where the round has paged somebody.
    var hasReached = false
    /// Numbers the rounds through the levels.
    var round: Int?
    /// Rounds in a row of which no page arrived; nil where the last one did.
    var unheard: Int?
    /// Who passed it on last.
    var escalated: Acknowledgement?
    /// What ordered it, where it is a drill.
    var drill: DrillOrder?

    private enum CodingKeys: String, CodingKey {
        case id, plan, openedAt, severity, isEmergency, toldAt, level, pending, nextLevelAt, nextLevelWait, heldUntil, acknowledgement, closing, pages
        case sent, hasReached, round, unheard, escalated, drill
    }

    var due: Date? {
        // Asked for after every change of a group: it makes no lists.
        var next = nextLevelAt
        for step in pending { next = next.map { min($0, step.at) } ?? step.at }
        return next.map { max($0, heldUntil ?? $0) }
    }

    var isOpen: Bool { closing == nil }
}

/// One page to one contact: the last of its kind within a matter.
struct PageRecord: Sendable, Codable, Hashable {
    var id: String
    var person: String?
    var contact: Contact
    /// What is tried next where it fails.
    var rest: [Contact]
    var code: String
    var level: Int
    var reason: String
    var severity: AlertSeverity
    var hasFailed = false
    /// ``Matter/round``.
    var round: Int?
    /// The person whose pages are told together, where this one never left by itself.
    var bundle: String?
    /// True while it waits to be told together with others.
    var waits = false
    /// True where it was.
    var isTogether = false

    /// Whose pages are counted together: a person, or a contact that is nobody's.
    var key: String { person.map { "person:\($0)" } ?? contact.key }

    func isTo(_ contact: Contact) -> Bool { self.contact.instance == contact.instance && self.contact.recipient == contact.recipient }
}

/// How much a person was told lately, and what waits to be told together.
struct PersonRecord: Sendable, Codable, Hashable {
    /// When pages left, oldest first.
    var sent: [Date] = []
    var contact: Contact
    var rest: [Contact] = []
    /// Groups that wait to be told, in a flood very many: not stored, since the groups' own pages say so.
    var waiting: [UInt64] = []
    var due: Date?
    /// Groups that were told together, and are not over. Not stored either.
    var told: Set<UInt64> = []
    var code = ""
    /// ``PluginAPI/AlertPage/groupKey`` of the bundles since the last end.
    var matter = ""
    var number = 0
    /// Pages under way, by their ids, with the contacts that are left.
    var pages: [String: [Contact]] = [:]

    private enum CodingKeys: String, CodingKey { case sent, contact, rest, due, code, matter, number, pages }
}
