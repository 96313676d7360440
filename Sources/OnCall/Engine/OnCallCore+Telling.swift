import Foundation
import PluginAPI

/// What of a group may be heard at a moment.
struct Hearing {
    /// Alerts that fire, and of which somebody may be told.
    var firing: [UInt64] = []
    /// Members that are over, told of or not.
    var over: [UInt64] = []
    var isAnyFiring = false
    var worst = AlertSeverity.info
    var isEmergency = false
    /// Why nobody may be told of some, or of all.
    var silence: Suppression?
    /// The first of those.
    var silent: [UInt64] = []
}

/// Why nobody is told of an alert.
struct Suppression: Hashable {
    enum Kind: String { case silenced, inhibited, muted, inactive }
    var kind: Kind
    /// The silence, or the interval.
    var by: String
    var reason: String
    var rule: String?
}

extension OnCallCore {
    /// Does what a group's time has come for.
    mutating func tick(_ id: UInt64, _ group: inout GroupRecord, at now: Date) {
        if group.nextFlush <= now { flush(id, &group, at: now) }
        if let due = group.matter?.due, due <= now { step(id, &group, at: now) }
    }

    // MARK: Who may be heard

    mutating func listen(_ group: GroupRecord, at now: Date) -> Hearing {
        var hearing = Hearing()
        let place = suppression(at: decision(of: group), plan(of: group).verdict(on: decision(of: group), at: now))
        let plan = plan(of: group)
        let sources = firingInhibitors(at: now)
        let active = silences.values.filter { $0.silence.state(at: now) == .active }
        let mustRead = !active.isEmpty || !sources.ids.isEmpty
        for member in group.members {
            guard let alert = alerts[member] else { continue }
            if alert.isOver(at: now) {
                hearing.over.append(member)
                continue
            }
            hearing.isAnyFiring = true
            if !alert.isEmergency, !alert.isDrill {
                if let why = (mustRead ? suppression(of: alert, plan, sources.labels, active) : nil) ?? place {
                    hearing.silence = hearing.silence ?? why
                    if hearing.silent.count < limits.alertsInPage { hearing.silent.append(member) }
                    continue
                }
            }
            hearing.firing.append(member)
            hearing.worst = max(hearing.worst, alert.severity)
            if alert.isEmergency { hearing.isEmergency = true }
        }
        return hearing
    }

    func suppression(at decision: RouteDecision, _ verdict: TimeVerdict) -> Suppression? {
        switch verdict {
        case .open: nil
        case .muted(let interval, let mark):
            Suppression(
                kind: .muted, by: interval, reason: "muted by “\(interval)” on the route to \(decision.receiver)", rule: mark.place)
        case .inactive(let intervals, let mark):
            Suppression(
                kind: .inactive, by: intervals.joined(separator: ", "),
                reason: "outside of the active times \(intervals.map { "“\($0)”" }.joined(separator: ", ")) of the route to \(decision.receiver)",
                rule: mark.place)
        }
    }

    private func suppression(
        of alert: AlertRecord, _ plan: any OnCallPlanning, _ sources: [[String: String]], _ active: [ActiveSilence]
    ) -> Suppression? {
        let labels = alert.labels.texts
        if !sources.isEmpty, let mark = plan.inhibition(of: labels, among: sources) {
            return Suppression(kind: .inhibited, by: "", reason: "inhibited by another alert that fires", rule: mark.place)
        }
        guard let silence = active.filter({ $0.covers(labels) }).min(by: { $0.silence.id < $1.silence.id })?.silence else { return nil }
        return Suppression(
            kind: .silenced, by: silence.id,
            reason: "silenced by \(silence.id) of \(silence.createdBy) until \(silence.endsAt.iso8601): \(silence.comment.prefix(200))", rule: nil)
    }

    // MARK: Telling

    /// Looks at all of a group's alerts, and tells what is new, as Alertmanager's dispatcher and its notification log do.
    mutating func flush(_ id: UInt64, _ group: inout GroupRecord, at now: Date) {
        group.hasFlushed = true
        group.nextFlush = now.addingTimeInterval(max(1, decision(of: group).groupInterval.seconds))
        effects.groups.insert(id)
        let hearing = listen(group, at: now)
        if hearing.silence == nil { group.silentReason = "" } else { noteSilence(&group, hearing, at: now) }
        if let matter = group.matter, matter.isOpen {
            flushOpen(id, &group, matter, hearing, at: now)
        } else if let matter = group.matter {
            flushClosed(id, &group, matter, hearing, at: now)
        } else if !hearing.firing.isEmpty {
            open(id, &group, hearing, "first telling", at: now)
        } else if !hearing.isAnyFiring {
            record(subjects(group, hearing.over), "page", "not told", "over before anybody was to be told", at: now)
            tally(group, "suppressed", "over")
        }
        for member in hearing.over {
            group.members.remove(member)
            leave(member, id)
        }
    }

    private mutating func flushOpen(_ id: UInt64, _ group: inout GroupRecord, _ matter: Matter, _ hearing: Hearing, at now: Date) {
        guard hearing.isAnyFiring else {
            return close(id, &group, about: hearing.over.isEmpty ? Array(matter.told) : hearing.over, "all alerts are resolved", at: now)
        }
        guard !hearing.firing.isEmpty else { return }
        let added = hearing.firing.filter { !matter.told.contains($0) }
        let ended = matter.told.contains { !group.members.contains($0) || alerts[$0]?.isOver(at: now) != false }
        let escalates = plan(of: group).escalates(decision(of: group).receiver)
        if hearing.worst > matter.severity || (hearing.isEmergency && !matter.isEmergency) {
            let why = hearing.isEmergency && !matter.isEmergency ? "an emergency now" : "severity rose from \(matter.severity) to \(hearing.worst)"
            remember(&group, hearing, at: now)
            group.matter?.acknowledgement = nil
            begin(id, &group, why, at: now)
        } else if !added.isEmpty {
            remember(&group, hearing, at: now)
            let why = added.count == 1 ? "a new alert in the group" : "\(added.count) new alerts in the group"
            let isUrgent = added.contains { alerts[$0].map { $0.severity == .critical || $0.isEmergency } ?? false }
            if isUrgent, matter.acknowledgement != nil {
                // That somebody cares for the one tells nothing of the other.
                group.matter?.acknowledgement = nil
                begin(id, &group, why, at: now)
            } else if isUrgent, escalates {
                pageAgain(id, &group, why, at: now)
            } else if escalates || matter.acknowledgement != nil {
                update(id, &group, why, at: now)
            } else {
                begin(id, &group, why, at: now)
            }
        } else if ended {
            remember(&group, hearing, at: now)
            update(id, &group, "some alerts of the group are resolved", isEnd: true, at: now)
        } else if !escalates, matter.acknowledgement == nil,
            matter.toldAt < now.addingTimeInterval(-decision(of: group).repeatInterval.seconds)
        {
            remember(&group, hearing, at: now)
            begin(id, &group, "told again: repeat_interval has passed", at: now)
        }
    }

    /// A person has closed it, and it still fires: it is told again when something new comes, or after the route's `repeat_interval`.
    private mutating func flushClosed(_ id: UInt64, _ group: inout GroupRecord, _ matter: Matter, _ hearing: Hearing, at now: Date) {
        guard hearing.isAnyFiring else {
            group.matter = nil
            return
        }
        let isNew = hearing.firing.contains { !matter.told.contains($0) } || hearing.worst > matter.severity
        guard let closing = matter.closing, !hearing.firing.isEmpty, isNew || closing.until <= now else {
            // Its time is over while nobody may be told: it is looked at again with the group.
            group.matter?.heldUntil = group.nextFlush
            return
        }
        group.matter = nil
        open(id, &group, hearing, isNew ? "new alerts after \(closing.by) closed it" : "still firing after \(closing.by) closed it", at: now)
    }

    private mutating func noteSilence(_ group: inout GroupRecord, _ hearing: Hearing, at now: Date) {
        guard let why = hearing.silence else { return }
        guard group.silentReason != why.reason else { return }
        group.silentReason = why.reason
        tally(group, "suppressed", why.kind.rawValue)
        record(subjects(group, hearing.silent), "page", why.kind.rawValue, why.reason, rule: why.rule ?? decision(of: group).mark.place, at: now)
    }

    /// Notes what is told now.
    private mutating func remember(_ group: inout GroupRecord, _ hearing: Hearing, at now: Date) {
        group.matter?.told = Set(hearing.firing)
        group.matter?.toldAt = now
        group.matter?.severity = hearing.worst
        group.matter?.isEmergency = hearing.isEmergency
    }

    private mutating func open(_ id: UInt64, _ group: inout GroupRecord, _ hearing: Hearing, _ why: String, at now: Date) {
        group.matter = Matter(
            id: "\(Self.ownOrigin)\(id.fingerprintText):\(now.milliseconds)", plan: routes[group.route].plan, openedAt: now, severity: hearing.worst,
            isEmergency: hearing.isEmergency, toldAt: now)
        remember(&group, hearing, at: now)
        begin(id, &group, why, at: now)
    }

    /// Ends a matter: whoever was paged is told, and nobody is paged any more.
    /// - Parameter sender: who answered; empty for nobody.
    mutating func close(
        _ id: UInt64, _ group: inout GroupRecord, about alerts: [UInt64], _ why: String, sender: String = "", at now: Date
    ) {
        guard let matter = group.matter else { return }
        record(subjects(group, alerts), "page", "resolved", why, rule: decision(of: group).mark.place, at: now)
        for page in matter.pages {
            codes[UInt64(page.code) ?? 0] = nil
            if page.isTogether { leaveBundle(page.key, id, at: now) }
            guard !page.hasFailed, page.bundle == nil, page.contact.hearsEnds else { continue }
            tell(.resolve, to: page, id, &group, about: alerts, why, sender: sender, at: now)
        }
        tally(group, "closed", "resolved")
        group.matter = nil
    }
}
