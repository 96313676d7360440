import Foundation
import Kernel
import PluginAPI

/// All that happened to an alert, to a matter that people were told of, or to a page, in order: what `jack why` tells.
///
/// Most of it is the ledger's; history adds when alerts were raised and over, and the plan of then says by which line they went where.
public struct OnCallStory: Sendable {
    /// More lines than anybody reads.
    private static let limit = 5000

    private let history: OnCallHistory
    private let restore: @Sendable (_ version: String, _ archive: [UInt8]) -> (any OnCallPlanning)?

    /// - Parameter restore: makes a plan of an archive that is kept; nil where it cannot be read any more.
    public init(_ history: OnCallHistory, restore: @escaping @Sendable (_ version: String, _ archive: [UInt8]) -> (any OnCallPlanning)?) {
        self.history = history
        self.restore = restore
    }

    /// What happened.
    /// - Parameter subject: an alert's fingerprint, a page's id, a group key, the name that Jack gave to an alert of its own, or an `alertname`: then it is the
    ///   alert of that name that was raised last.
    /// - Returns: nothing where nothing is known of it.
    public func entries(of subject: String, at now: Date, _ reader: any StorageReader) throws -> [Ledger.Entry] {
        var telling = Telling(history: history, reader: reader, restore: restore, now: now)
        try telling.tell(of: subject)
        return Array(telling.entries.prefix(Self.limit))
    }
}

private struct Telling {
    private struct Key: Hashable {
        var at: Int64
        var step: String
        var outcome: String
        var reason: String
    }

    let history: OnCallHistory
    let reader: any StorageReader
    let restore: @Sendable (_ version: String, _ archive: [UInt8]) -> (any OnCallPlanning)?
    let now: Date
    private var found: [Ledger.Entry] = []
    private var keys: Set<Key> = []
    private var toldMatters: Set<String> = []
    private var plans: [String: (any OnCallPlanning)?] = [:]

    init(
        history: OnCallHistory, reader: any StorageReader,
        restore: @escaping @Sendable (_ version: String, _ archive: [UInt8]) -> (any OnCallPlanning)?,
        now: Date
    ) {
        (self.history, self.reader, self.restore, self.now) = (history, reader, restore, now)
    }

    /// In the order in which it happened; what happened at the same moment, in the order in which it was found.
    var entries: [Ledger.Entry] {
        found.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
    }

    mutating func tell(of subject: String) throws {
        if let page = try history.page(subject, reader) { return try tell(matter: page.matter, alerts: page.alerts) }
        if subject.hasPrefix("page_") || subject.hasPrefix(OnCallCore.ownOrigin) {
            if let (group, openedAt) = OnCallCore.parse(subject), let openedAt {
                try tell(matter: "\(OnCallCore.ownOrigin)\(group.fingerprintText):\(openedAt)", alerts: [])
            } else {
                try tell(matter: subject, alerts: [])
            }
            if !found.isEmpty { return }
        }
        for id in [UInt64(fingerprintText: subject), OnCallCore.id(ofOwn: subject)].compactMap({ $0 }) {
            let occurrences = try history.occurrences(of: id, at: now, reader)
            if !occurrences.isEmpty { return try tell(occurrences) }
        }
        if let latest = try history.alerts(named: subject, at: now, reader).first { return try tell(latest, named: subject) }
        // Told before there was a history.
        try add(lines(of: subject))
    }

    /// The latest alert of a name, and that there are others.
    private mutating func tell(_ latest: PastOccurrence, named name: String) throws {
        let all = try history.alerts(named: name, at: now, reader)
        let others = all.dropFirst().filter { $0.id != latest.id || !$0.goesOn }
        var chain = [latest]
        for earlier in try history.occurrences(of: latest.id, at: now, reader).reversed()
        where earlier.raisedAt < chain[0].raisedAt && earlier.goesOn && earlier.overAt == chain[0].raisedAt { chain.insert(earlier, at: 0) }
        if !others.isEmpty {
            let words = others.prefix(5).map { "\($0.fingerprint) at \($0.raisedAt.iso8601)" }.joined(separator: ", ")
            add([
                Ledger.Entry(
                    step: "alert", outcome: "chosen",
                    reason: "the latest of \(others.count + 1) with the name \(name); others: \(words)\(others.count > 5 ? ", …" : "")",
                    at: chain[0].raisedAt)
            ])
        }
        try tell(chain)
    }

    // MARK: Alerts

    private mutating func tell(_ occurrences: [PastOccurrence]) throws {
        guard let first = occurrences.first, let last = occurrences.last else { return }
        var goesOn = false
        for occurrence in occurrences {
            try tell(occurrence, changed: goesOn)
            goesOn = occurrence.goesOn
        }
        for matter in try matters(of: occurrences) { try tell(matter: matter, alerts: nil) }
        let from = first.raisedAt.addingTimeInterval(-1)
        try add(lines(of: last.isOwn ? last.origin : last.fingerprint).filter { $0.at >= from })
        // What was told together with others is a matter of its own.
        let bundles = found.filter { $0.outcome == "paged" }.compactMap { entry in
            entry.reason.firstMatch(of: /page_bundle_\w+/).map { String($0.output) }
        }
        for bundle in Set(bundles).sorted() {
            if let page = try history.page(bundle, reader) { try tell(matter: page.matter, alerts: nil) }
        }
    }

    private mutating func tell(_ occurrence: PastOccurrence, changed: Bool) throws {
        let summary = occurrence.annotations["summary"].map { ": \($0)" } ?? ""
        let emergency = occurrence.isEmergency ? ", an emergency" : ""
        let since = occurrence.raisedAt.timeIntervalSince(occurrence.startsAt) > 1 ? ", since \(occurrence.startsAt.iso8601)" : ""
        add([
            Ledger.Entry(
                step: "alert", outcome: changed ? "changed" : "raised",
                reason: "\(occurrence.words) (\(occurrence.severity.rawValue)\(emergency)\(since))\(summary)",
                details: ["fingerprint": .string(occurrence.fingerprint)], at: occurrence.raisedAt)
        ])
        if !occurrence.isDrill, let (plan, span) = try plan(at: occurrence.raisedAt) {
            add(
                plan.routes(for: occurrence.labels).map { decision in
                    Ledger.Entry(
                        step: "route", outcome: decision.receiver,
                        reason: "to the receiver \(decision.receiver), by the plan \(span.version.prefix(8)) in force since \(span.since.iso8601)",
                        rule: decision.mark.place, at: occurrence.raisedAt)
                })
        }
        if let over = occurrence.overAt, !occurrence.goesOn {
            add([Ledger.Entry(step: "alert", outcome: "over", reason: "\(occurrence.words) is over", at: over)])
        }
    }

    private mutating func plan(at date: Date) throws -> (plan: any OnCallPlanning, span: OnCallHistory.PlanSpan)? {
        guard let span = try history.plan(at: date, reader) else { return nil }
        if plans[span.version] == nil {
            let archive = try history.archive(of: span.version, reader)
            plans[span.version] = .some(archive.flatMap { restore(span.version, $0) })
        }
        return (plans[span.version] ?? nil).map { ($0, span) }
    }

    // MARK: Matters

    /// The matters of which alerts were a part: those of their groups that were under way at that time.
    private func matters(of occurrences: [PastOccurrence]) throws -> [String] {
        var matters: [String] = []
        for group in Set(occurrences.flatMap(\.groups)).sorted() {
            let prefix = OnCallCore.ownOrigin + group.fingerprintText
            let rows = try reader.rows(
                """
                SELECT subject, MAX(at) AS last FROM ledger WHERE subject >= :from AND subject < :to AND property = :property
                GROUP BY subject ORDER BY subject
                """, ["from": "\(prefix):".sql, "to": "\(prefix);".sql, "property": history.property.sql])
            for row in rows {
                let matter = try row.string("subject"), last = try row.date("last")
                guard let opened = OnCallCore.parse(matter)?.openedAt else { continue }
                let isOf = occurrences.contains { occurrence in
                    occurrence.groups.contains(group) && last.milliseconds >= occurrence.raisedAt.milliseconds
                        && opened <= (occurrence.overAt ?? .distantFuture).milliseconds
                }
                if isOf { matters.append(matter) }
            }
        }
        return matters
    }

    /// - Parameter alerts: those that it is about, of which the story is told too; nil where it is told already.
    private mutating func tell(matter: String, alerts: [UInt64]?) throws {
        guard toldMatters.insert(matter).inserted else { return }
        let pages = try history.pages(of: matter, reader), lines = try lines(of: matter)
        if let alerts {
            let until = (lines.map(\.at) + pages.map(\.at)).max() ?? now
            let from = (lines.map(\.at) + pages.map(\.at)).min() ?? until
            var told: Set<UInt64> = []
            for id in alerts + pages.flatMap(\.alerts) where told.count < 20 && told.insert(id).inserted {
                let occurrences = try history.occurrences(of: id, at: now, reader).filter {
                    $0.raisedAt <= until.addingTimeInterval(1) && ($0.overAt ?? .distantFuture) >= from.addingTimeInterval(-1)
                }
                for occurrence in occurrences { try tell(occurrence, changed: false) }
            }
        }
        var telling = pages[...]
        let named = lines.map { entry -> Ledger.Entry in
            // A line of the ledger and the page that it tells of were written together.
            guard entry.step == "page",
                let page = telling.first(where: { $0.verb == .page && entry.reason == "\($0.contact): \($0.reason)" && $0.at == entry.at })
            else { return entry }
            telling.removeAll { $0.id == page.id }
            var entry = entry
            entry.reason += " (\(page.id) through \(page.instance)\(page.isPastOutbox ? ", past the outbox: it could not be stored" : ""))"
            return entry
        }
        for (before, after) in zip(lines, named) where before != after { keys.insert(Self.key(before)) }
        add(named)
        for page in pages {
            try add(
                self.lines(of: page.id).map { entry in
                    guard entry.step == "delivery" || entry.step == "receipt" else { return entry }
                    var entry = entry
                    entry.reason = "\(page.contact), \(page.id): \(entry.reason)"
                    return entry
                })
        }
    }

    private func lines(of subject: String) throws -> [Ledger.Entry] {
        try Ledger.entries(of: subject, property: history.property, in: reader)
    }

    private static func key(_ entry: Ledger.Entry) -> Key {
        Key(at: entry.at.milliseconds, step: entry.step, outcome: entry.outcome, reason: entry.reason)
    }

    /// The ledger has the same line under each of its subjects.
    private mutating func add(_ entries: [Ledger.Entry]) {
        for entry in entries where keys.insert(Self.key(entry)).inserted { found.append(entry) }
    }
}
