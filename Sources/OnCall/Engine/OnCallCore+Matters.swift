import Foundation
import PluginAPI

/// An open matter as people look at it: what it is about, who knows of it, and what comes next.
public struct MatterSummary: Sendable, Hashable {
    /// Somebody who was paged, and by which contact.
    public struct Paged: Sendable, Hashable {
        /// A person's short name; nil where the contact is nobody's.
        public var person: String?
        /// In words: `phone of Ana`.
        public var contact: String
        public var level: Int
        public var hasFailed: Bool
        /// True while it waits to be told together with others.
        public var waits: Bool
    }

    public var open: OpenMatter
    /// What its alerts are called, each name once.
    public var names: [String]
    /// The worst alert's summary.
    public var summary: String
    public var paged: [Paged]
    public var acknowledgedAt: Date?
    /// When it was closed by somebody while its alerts go on; they are told again at ``OpenMatter/nextStepAt``.
    public var closedBy: String?
    /// Whom the next step comes to, in words; empty where there is none.
    public var next: [String]

    public var isDrill: Bool { open.matter.drill != nil }
}

/// What an answer by a name came to.
public enum NamedAnswer: Sendable, Hashable {
    case answered(AnswerOutcome)
    /// Nothing has this name; these are open.
    case unknown(open: [MatterSummary])
    /// Several have it.
    case ambiguous([MatterSummary])
}

extension OnCallCore {
    /// What stands open, and what somebody has closed that goes on, the oldest first.
    public mutating func matterSummaries(at now: Date) -> [MatterSummary] {
        groups.keys.compactMap { summary(of: $0, at: now) }.sorted { ($0.open.openedAt, $0.open.id) < ($1.open.openedAt, $1.open.id) }
    }

    mutating func summary(of id: UInt64, at now: Date) -> MatterSummary? {
        guard let group = groups[id], let matter = group.matter else { return nil }
        let told = shown(Array(matter.told), at: now)
        var names: [String] = []
        for alert in told where !names.contains(alert.name) { names.append(alert.name) }
        let paged = matter.pages.map { page in
            MatterSummary.Paged(
                person: page.person, contact: page.contact.label, level: page.level, hasFailed: page.hasFailed, waits: page.waits)
        }
        return MatterSummary(
            open: openMatter(group, matter), names: names, summary: told.first?.summary ?? "", paged: paged,
            acknowledgedAt: matter.acknowledgement?.at, closedBy: matter.closing?.by, next: next(of: group, matter))
    }

    /// Whom a matter's next step comes to, as the plan says it today for that moment.
    private func next(of group: GroupRecord, _ matter: Matter) -> [String] {
        guard matter.isOpen, let due = matter.due else { return [] }
        if matter.acknowledgement == nil, let first = matter.pending.map(\.at).min(), first <= matter.nextLevelAt ?? .distantFuture {
            return matter.pending.filter { $0.at == first }.map(\.step.contact.label)
        }
        guard matter.nextLevelAt != nil else { return [] }
        let plan = plan(of: group), paged = pagedMatter(group)
        // An acknowledgement that ends, and a round that is over, begin with the first level.
        var number = matter.acknowledgement == nil ? matter.level + 1 : 1
        for _ in 0..<50 {
            guard let level = plan.level(number, for: paged, at: due) else { return [] }
            if !level.steps.isEmpty { return level.steps.map(\.contact.label) }
            number += 1
        }
        return []
    }

    /// The groups whose matter a person may mean by a name: a group key or its middle, a page's id, an alert's fingerprint, a page's code, an alert's name.
    func groups(called name: String) -> [UInt64] {
        let name = name.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !name.isEmpty, name.utf8.count <= 1024 else { return [] }
        if let (id, openedAt) = Self.parse(name) {
            guard let matter = groups[id]?.matter, openedAt == nil || openedAt == matter.openedAt.milliseconds else { return [] }
            return [id]
        }
        if let id = UInt64(fingerprintText: name[...]) {
            if groups[id]?.matter != nil { return [id] }
            if let alert = alerts[id] { return alert.groups.filter { groups[$0]?.matter != nil } }
        }
        let digits = name.filter { $0 != " " && $0 != "#" }
        if let code = UInt64(digits), let id = codes[code], groups[id]?.matter != nil { return [id] }
        // An alert of Jack's own has a name of its own too.
        if let alert = alerts[Self.id(ofOwn: name)], alert.isOwn { return alert.groups.filter { groups[$0]?.matter != nil } }
        return groups.keys.filter { id in
            groups[id]?.matter?.told.contains { member in
                var isMeant = false
                alerts[member]?.labels.forEach { if $0 == "alertname", $1 == name { isMeant = true } }
                return isMeant
            } ?? false
        }.sorted()
    }

    /// Takes the answer of an operator, who calls a matter by any of its names.
    public mutating func answer(
        _ action: PageAcknowledgement.Action, named name: String, by person: String, note: String?, at now: Date
    ) -> NamedAnswer {
        let name = name.trimmingCharacters(in: .whitespacesAndNewlines)
        func answer(_ reference: String) -> OnCallAnswer {
            OnCallAnswer(action, .reference(reference), by: person, way: OnCallAnswer.command, sender: "", note: note)
        }
        // What was told together is answered together.
        let digits = name.filter { $0 != " " && $0 != "#" }
        if let code = UInt64(digits), let key = bundleCodes[code], let matter = people[key]?.matter {
            return .answered(self.answer(answer(matter), at: now))
        }
        if people.values.contains(where: { !$0.matter.isEmpty && ($0.matter == name || $0.pages[name] != nil) }) {
            return .answered(self.answer(answer(name), at: now))
        }
        let found = groups(called: name)
        if found.count > 1 { return .ambiguous(found.compactMap { summary(of: $0, at: now) }) }
        if let id = found.first, let matter = groups[id]?.matter { return .answered(self.answer(answer(matter.id), at: now)) }
        // A key or a page of a matter that was: it is over.
        if Self.parse(name) != nil { return .answered(self.answer(answer(name), at: now)) }
        return .unknown(open: matterSummaries(at: now))
    }
}
