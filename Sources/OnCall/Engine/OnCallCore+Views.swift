import Foundation
import PluginAPI

/// How much stands open.
public struct OnCallFigures: Sendable, Hashable {
    public var alerts = 0
    public var groups = 0
    /// Matters that people were told of, and are not over.
    public var open = 0
    public var acknowledged = 0
    public var silences = 0
}

extension OnCallCore {
    public var figures: OnCallFigures {
        var figures = OnCallFigures(alerts: alerts.count, groups: groups.count, silences: silences.count)
        for group in groups.values {
            guard let matter = group.matter, matter.isOpen else { continue }
            if matter.drill != nil {
                figures.alerts -= group.members.count
                figures.groups -= 1
                continue
            }
            figures.open += 1
            if matter.acknowledgement != nil { figures.acknowledged += 1 }
        }
        return figures
    }

    /// What is known of alerts that are not over.
    public mutating func alertViews(matching matchers: [LabelMatcher], at now: Date) -> [AlertView] {
        let filter = ActiveSilence(Silence(matchers: matchers, startsAt: now, endsAt: now, createdBy: "", comment: ""))
        let views = alerts.keys.compactMap { id -> (UInt64, AlertRecord, [String: String])? in
            guard let alert = alerts[id], !alert.isOver(at: now), !alert.isDrill else { return nil }
            let labels = alert.labels.texts
            return filter.covers(labels) ? (id, alert, labels) : nil
        }
        return views.map { view($0.0, $0.1, $0.2, at: now) }.sorted { $0.fingerprint < $1.fingerprint }
    }

    /// The same, by receiver and group.
    public mutating func groupViews(matching matchers: [LabelMatcher], at now: Date) -> [AlertGroupView] {
        let views = Dictionary(alertViews(matching: matchers, at: now).map { ($0.fingerprint, $0) }) { $1 }
        let groups = groups.values.compactMap { group -> AlertGroupView? in
            let members = group.members.compactMap { views[$0.fingerprintText] }.sorted { $0.fingerprint < $1.fingerprint }
            guard !members.isEmpty else { return nil }
            return AlertGroupView(labels: group.labels.texts, receiver: decision(of: group).receiver, alerts: members)
        }
        func key(_ group: AlertGroupView) -> String {
            group.labels.sorted { $0.key < $1.key }.map { "\($0.key)\u{1}\($0.value)" }.joined(separator: "\u{2}") + "\u{3}" + group.receiver
        }
        return groups.map { (key($0), $0) }.sorted { $0.0 < $1.0 }.map(\.1)
    }

    private mutating func view(_ id: UInt64, _ alert: AlertRecord, _ labels: [String: String], at now: Date) -> AlertView {
        let groups = alert.groups.compactMap { self.groups[$0] }
        var silencedBy: [String] = [], inhibitedBy: [String] = [], mutedBy: [String] = []
        if !alert.isEmergency {
            let covering = silences(covering: labels, at: now)
            silencedBy = covering.map(\.id)
            let sources = firingInhibitors(at: now)
            if !sources.ids.isEmpty, plan.inhibition(of: labels, among: sources.labels) != nil {
                inhibitedBy = sources.ids.indices.lazy.filter { [plan] in plan.inhibition(of: labels, among: [sources.labels[$0]]) != nil }.prefix(10)
                    .map { sources.ids[$0].fingerprintText }
            }
            let muted = groups.compactMap { suppression(at: decision(of: $0), plan(of: $0).verdict(on: decision(of: $0), at: now)) }
            // Where one of its ways is open, it is heard.
            if muted.count == groups.count { mutedBy = muted.map(\.by) }
            mutedBy += covering.compactMap { $0.maintenanceWindow.map { "maintenance \($0)" } }
        }
        let isSuppressed = !(silencedBy.isEmpty && inhibitedBy.isEmpty && mutedBy.isEmpty)
        let wasLookedAt = groups.contains { $0.hasFlushed }
        var receivers: [String] = []
        for group in groups where !receivers.contains(decision(of: group).receiver) { receivers.append(decision(of: group).receiver) }
        return AlertView(
            fingerprint: id.fingerprintText, labels: labels, annotations: alert.annotations.texts, startsAt: alert.startsAt, endsAt: alert.endsAt,
            updatedAt: alert.updatedAt, generatorURL: alert.generatorURL, receivers: receivers,
            state: isSuppressed ? .suppressed : wasLookedAt ? .active : .unprocessed, silencedBy: silencedBy, inhibitedBy: inhibitedBy,
            mutedBy: mutedBy)
    }

    public func silenceViews(matching matchers: [LabelMatcher], at now: Date) -> [Silence] {
        // Of a silence the matchers are asked for: those with an equals sign are its labels.
        let filter = ActiveSilence(Silence(matchers: matchers, startsAt: now, endsAt: now, createdBy: "", comment: ""))
        return silences.values.map(\.silence).filter { silence in
            filter.covers(Dictionary(silence.matchers.map { ($0.name, $0.value) }) { first, _ in first })
        }.sorted { ($0.endsAt, $0.id) < ($1.endsAt, $1.id) }
    }

    /// Who is being told of what, and what comes next: `jack reload --dry-run` and `jack why` look at it.
    public var openMatters: [OpenMatter] {
        groups.values.compactMap { group -> OpenMatter? in
            guard let matter = group.matter, matter.isOpen else { return nil }
            return openMatter(group, matter)
        }.sorted { ($0.openedAt, $0.id) < ($1.openedAt, $1.id) }
    }

    func openMatter(_ group: GroupRecord, _ matter: Matter) -> OpenMatter {
        OpenMatter(
            id: matter.id, matter: pagedMatter(group), plan: matter.plan, openedAt: matter.openedAt, level: matter.level, nextStepAt: matter.due,
            acknowledgedBy: matter.acknowledgement?.by, paged: matter.pages.filter { !$0.hasFailed }.map { $0.person ?? $0.contact.label },
            alerts: group.members.count)
    }
}

/// A matter that people were told of, and that is not over.
public struct OpenMatter: Sendable, Hashable {
    /// ``PluginAPI/AlertPage/groupKey``.
    public var id: String
    /// What its plan may look at.
    public var matter: PagedMatter
    /// The version of the plan by which it goes.
    public var plan: String
    public var openedAt: Date
    /// The level that has begun; 0 where all levels have, and it begins again at ``nextStepAt``.
    public var level: Int
    public var nextStepAt: Date?
    public var acknowledgedBy: String?
    /// Who was paged: persons, or contacts that are nobody's.
    public var paged: [String]
    public var alerts: Int
}
