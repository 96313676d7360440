import Foundation
import Kernel
import PluginAPI

/// What on call remembers: alerts, pages, answers, silences and plans, past ones and those of now. Reads what a running Jack writes, and what one left.
public struct OnCallHistory: Sendable {
    /// A time in which a plan was in force.
    public struct PlanSpan: Sendable, Hashable {
        /// ``OnCallPlanning/version``.
        public var version: String
        public var since: Date
        /// When the next one came into force; nil for the last one that is known.
        public var until: Date?
    }

    /// An answer to a page that was taken.
    public struct Answer: Sendable, Hashable {
        /// ``PluginAPI/AlertPage/groupKey``.
        public var matter: String
        public var action: PageAcknowledgement.Action
        public var by: String
        public var way: String
        public var at: Date
    }

    /// Something that was told to somebody.
    public struct Page: Sendable, Hashable {
        public var id: String
        public var matter: String
        public var verb: PageOrder.Verb
        public var receiver: String
        public var level: Int
        public var person: String?
        /// ``Contact/label``.
        public var contact: String
        public var instance: String
        public var reason: String
        public var at: Date
        /// True where it left although it could not be stored: the disk was full.
        public var isPastOutbox: Bool
        /// What the outbox, or the ledger, has of it: `sent`, `delivered`, `withdrawn`; nil where nothing is known yet.
        public var outcome: String?
        var alerts: [UInt64]
    }

    let property: String

    public init(property: String) { self.property = property }

    private var mine: [String: SQLValue] { ["property": property.sql] }

    // MARK: Alerts

    /// Occurrences that were open at some moment of a time, in the order in which they were raised.
    public func occurrences(from: Date, to: Date, _ reader: any StorageReader) throws -> [PastOccurrence] {
        let arguments = mine.merging(["from": from.sql, "to": to.sql]) { $1 }
        let past = try reader.rows(
            "\(Self.past) WHERE property = :property AND over_at >= :from AND raised_at <= :to ORDER BY raised_at, id", arguments
        ).map { try PastOccurrence(past: $0) }
        return try (past + open("raised_at <= :to", ["to": to.sql], at: to, reader)).sorted { ($0.raisedAt, $0.id) < ($1.raisedAt, $1.id) }
    }

    /// The latest occurrences of one alert, in their order.
    func occurrences(of id: UInt64, limit: Int = 20, at now: Date, _ reader: any StorageReader) throws -> [PastOccurrence] {
        let arguments = mine.merging(["id": id.stored.sql, "limit": limit.sql]) { $1 }
        let past = try reader.rows(
            "\(Self.past) WHERE property = :property AND id = :id ORDER BY raised_at DESC LIMIT :limit", arguments
        ).map { try PastOccurrence(past: $0) }
        return past.reversed() + (try open("id = :id", ["id": id.stored.sql], at: now, reader))
    }

    /// The alerts of a name, those that were raised last first.
    func alerts(named name: String, limit: Int = 50, at now: Date, _ reader: any StorageReader) throws -> [PastOccurrence] {
        let arguments = mine.merging(["name": name.sql, "limit": limit.sql]) { $1 }
        let past = try reader.rows(
            "\(Self.past) WHERE property = :property AND name = :name ORDER BY raised_at DESC LIMIT :limit", arguments
        ).map { try PastOccurrence(past: $0) }
        let open = try open("1 = 1", [:], at: now, reader).filter { $0.name == name }
        return (past + open).sorted { ($0.raisedAt, $0.id) > ($1.raisedAt, $1.id) }
    }

    private static let past = """
        SELECT id, raised_at, over_at, starts_at, labels, annotations, severity, flags, origin, groups, goes_on FROM oncall_past_alert
        """

    private func open(_ condition: String, _ arguments: [String: SQLValue], at now: Date, _ reader: any StorageReader) throws -> [PastOccurrence] {
        try reader.rows(
            """
            SELECT id, raised_at, starts_at, ends_at, updated_at, labels, annotations, severity, flags, origin, groups FROM oncall_alert
            WHERE property = :property AND \(condition)
            """, mine.merging(arguments) { $1 }
        ).map { try PastOccurrence(open: $0, at: now) }
    }

    // MARK: Pages and answers

    /// What was told of a matter, in order.
    public func pages(of matter: String, _ reader: any StorageReader) throws -> [Page] {
        try reader.rows("\(Self.page) WHERE property = :property AND matter = :matter ORDER BY at, id", mine.merging(["matter": matter.sql]) { $1 })
            .map { try page($0, reader) }
    }

    /// A page by its id.
    public func page(_ id: String, _ reader: any StorageReader) throws -> Page? {
        try reader.row("\(Self.page) WHERE property = :property AND id = :id", mine.merging(["id": id.sql]) { $1 }).map { try page($0, reader) }
    }

    private static let page = """
        SELECT id, matter, verb, receiver, level, person, contact, instance, reason, at, past_outbox, alerts FROM oncall_page
        """

    private func page(_ row: SQLRow, _ reader: any StorageReader) throws -> Page {
        let id = try row.string("id")
        // The outbox forgets in time what the ledger keeps.
        let told = try reader.row(
            """
            SELECT outcome FROM ledger WHERE subject = :id AND property = :property AND step IN ('delivery', 'receipt')
            ORDER BY seq DESC LIMIT 1
            """, mine.merging(["id": id.sql]) { $1 })
        return Page(
            id: id, matter: try row.string("matter"), verb: PageOrder.Verb(rawValue: try row.string("verb")) ?? .page,
            receiver: try row.string("receiver"), level: try row.int("level"), person: row.stringIfPresent("person"),
            contact: try row.string("contact"), instance: try row.string("instance"), reason: try row.string("reason"), at: try row.date("at"),
            isPastOutbox: try row.bool("past_outbox"), outcome: told?.stringIfPresent("outcome"), alerts: [UInt64](packed: try row.blob("alerts")))
    }

    /// The answers that were taken since a moment, in order.
    public func answers(since: Date, _ reader: any StorageReader) throws -> [Answer] {
        // Nobody answers what was not told for longer than links are good.
        let from = since.addingTimeInterval(-8 * 86_400)
        let matters = try reader.rows(
            "SELECT DISTINCT matter FROM oncall_page WHERE property = :property AND at >= :from", mine.merging(["from": from.sql]) { $1 }
        ).map { try $0.string("matter") }
        return try matters.flatMap { matter in
            try Ledger.entries(of: matter, property: property, in: reader).compactMap { entry -> Answer? in
                guard entry.step == "answer", entry.at >= since,
                    entry.outcome == "acknowledged" || entry.outcome == "resolved" || entry.outcome == "escalated",
                    let action = entry.details?["action"]?.stringValue.flatMap(PageAcknowledgement.Action.init)
                else { return nil }
                return Answer(
                    matter: matter, action: action, by: entry.details?["by"]?.stringValue ?? "somebody",
                    way: entry.details?["way"]?.stringValue ?? "", at: entry.at)
            }
        }.sorted { ($0.at, $0.matter) < ($1.at, $1.matter) }
    }

    /// The silences that were in effect at some moment since then, as far as they are remembered.
    public func silences(since: Date, _ reader: any StorageReader) throws -> [Silence] {
        try reader.rows(
            """
            SELECT silence FROM oncall_silence WHERE property = :property
            UNION ALL SELECT silence FROM oncall_past_silence WHERE property = :property AND ends_at >= :since
            """, mine.merging(["since": since.sql]) { $1 }
        ).map { try $0.json("silence", as: Silence.self) }.filter { $0.endsAt > since }
    }

    // MARK: Plans

    /// The times in which each plan was in force, in order.
    public func plans(_ reader: any StorageReader) throws -> [PlanSpan] {
        var spans: [PlanSpan] = []
        for row in try reader.rows("SELECT version, since FROM oncall_plan_in_force WHERE property = :property ORDER BY seq", mine) {
            let since = try row.date("since")
            if !spans.isEmpty { spans[spans.count - 1].until = since }
            spans.append(PlanSpan(version: try row.string("version"), since: since))
        }
        return spans
    }

    /// The plan that was in force at a moment; nil where that is not known.
    public func plan(at date: Date, _ reader: any StorageReader) throws -> PlanSpan? { try plans(reader).last { $0.since <= date } }

    /// What ``OnCallPlanSource/archive`` of a version was; nil where it is not kept.
    public func archive(of version: String, _ reader: any StorageReader) throws -> [UInt8]? {
        try reader.row(
            "SELECT archive FROM oncall_plan WHERE property = :property AND version = :version", mine.merging(["version": version.sql]) { $1 }
        )?.blob("archive")
    }
}
