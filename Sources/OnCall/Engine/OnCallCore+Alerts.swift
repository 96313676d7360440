import Foundation
import PluginAPI

extension OnCallCore {
    /// Takes alerts from outside: new ones, news of known ones, and the end of some.
    /// - Returns: those that are not well formed, or for which there is no room, and why. The others are taken.
    @discardableResult
    public mutating func take(_ posted: [PostedAlert], at now: Date) -> [AlertRefusal] {
        let (fitted, unfit) = limits.fit(posted)
        var refusals = unfit
        for (place, alert) in fitted {
            let packed = PackedText(alert.labels), id = packed.fingerprint
            guard alerts[id] != nil || alerts.count < limits.activeAlerts else {
                refusals.append(
                    AlertRefusal(place: place, error: OnCallError(.tooMany, "\(limits.activeAlerts) alerts stand open, and no more are taken")))
                continue
            }
            var record = AlertRecord(
                labels: packed, annotations: PackedText(alert.annotations), startsAt: alert.startsAt ?? alert.endsAt ?? now,
                endsAt: alert.endsAt ?? now.addingTimeInterval(plan.resolveTimeout.seconds), updatedAt: now,
                severity: AlertSeverity(label: alert.labels["severity"]), generatorURL: alert.generatorURL ?? "")
            record.isTimeout = alert.endsAt == nil
            record.isEmergency = limits.trustsEmergencyLabel && alert.labels["emergency"] == "true"
            put(id, record, labels: alert.labels, at: now)
        }
        let flooded = refusals.count - unfit.count
        guard flooded > 0 else { return refusals }
        raiseOwn(
            "flood", name: "AlertFlood", .critical, "\(limits.activeAlerts) alerts stand open, and no more are taken; \(flooded) were refused",
            labels: [:], at: now)
        raiseWaiting(at: now)
        return refusals.sorted { $0.place < $1.place }
    }

    /// Takes an alert of Jack's own: it lasts until its end is told, and it alone may be an emergency.
    public mutating func raise(_ alert: Alert, at now: Date) {
        var labels = alert.labels.filter { !$0.key.isEmpty && !$0.value.isEmpty }
        if labels["alertname"] == nil { labels["alertname"] = alert.name }
        labels["severity"] = alert.severity.rawValue
        labels["emergency"] = alert.isEmergency ? "true" : nil
        for (name, value) in labels where value.utf8.count > limits.labelValue { labels[name] = String(value.prefix(limits.labelValue / 4)) }
        var annotations = alert.annotations
        annotations["summary"] = alert.summary
        if let detail = alert.detail { annotations["description"] = detail }
        for (name, value) in annotations where value.utf8.count > limits.annotationValue {
            annotations[name] = String(value.prefix(limits.annotationValue / 4)) + "…"
        }
        let id = Self.id(ofOwn: alert.fingerprint)
        if alert.endsAt != nil, alerts[id] == nil { return }
        var record = AlertRecord(
            labels: PackedText(labels), annotations: PackedText(annotations), startsAt: alert.startsAt, endsAt: alert.endsAt ?? .distantFuture,
            updatedAt: now, severity: alert.severity, generatorURL: alert.generatorURL ?? "")
        // An end that is yet to come has been told all the same: whoever raised it says no more.
        if alert.endsAt != nil { record.endsAt = min(record.endsAt, now) }
        record.isEmergency = alert.isEmergency
        record.isOwn = true
        record.origin = alert.fingerprint
        put(id, record, labels: labels, at: now)
    }

    /// Raises an alert about on call itself, once ``raiseWaiting(at:)`` is called.
    mutating func raiseOwn(
        _ fingerprint: String, name: String, _ severity: AlertSeverity, _ summary: String, labels: [String: String], at now: Date
    ) {
        let origin = Self.ownOrigin + fingerprint
        guard alerts[Self.id(ofOwn: origin)]?.isOver(at: now) != false, !ownWaiting.contains(where: { $0.fingerprint == origin }) else { return }
        ownWaiting.append(
            Alert(
                fingerprint: origin, name: name, severity: severity, summary: summary, labels: labels.merging(["alertname": name]) { $1 },
                startsAt: now))
    }

    /// Takes the alerts about on call itself, now that no group is being worked on.
    mutating func raiseWaiting(at now: Date) {
        while !ownWaiting.isEmpty { raise(ownWaiting.removeFirst(), at: now) }
    }

    mutating func endOwn(_ fingerprint: String, at now: Date) {
        let id = Self.id(ofOwn: Self.ownOrigin + fingerprint)
        guard let alert = alerts[id], !alert.isOver(at: now) else { return }
        alerts[id]?.endsAt = now
        alerts[id]?.updatedAt = now
        effects.alerts.insert(id)
        noteInhibitor(id)
    }

    /// An own alert is known by the name that its raiser gave it: its labels may change.
    static func id(ofOwn fingerprint: String) -> UInt64 { FNV.hash(fingerprint.utf8, from: FNV.hash([PackedText.separator])) }

    private mutating func put(_ id: UInt64, _ new: AlertRecord, labels: [String: String], at now: Date) {
        let old = alerts[id]
        // What is over before anybody heard of it is nobody's business.
        if old == nil, new.isOver(at: now) { return }
        var record = old.map { $0.merged(into: new, at: now) } ?? new
        record.groups = old?.groups ?? []
        succeed(id, old, by: &record, at: now)
        let isFiring = !record.isOver(at: now)
        let isNews = isFiring && (old.map { $0.isOver(at: now) || $0.severity < record.severity || (record.isEmergency && !$0.isEmergency) } ?? true)
        alerts[id] = record
        effects.alerts.insert(id)
        if old == nil || isNews || !isFiring || old?.labels != record.labels {
            noteInhibitor(id, labels: labels)
        } else if inhibitors[id] != nil {
            inhibitorList = nil
        }
        if old == nil || old?.labels != record.labels {
            assign(id, labels: labels, at: now)
        }
        // Also where its labels have changed, and it stays in its group: what has grown worse does not wait.
        guard isNews, let old else { return }
        for group in old.groups where alerts[id]?.groups.contains(group) == true {
            withGroup(group) { core, record in core.joined(&record, id, at: now) }
        }
    }

    /// Puts an alert where the current plan has it. One that people are being told of stays where it is: an escalation keeps its plan.
    mutating func assign(_ id: UInt64, labels: [String: String], at now: Date) {
        guard let record = alerts[id] else { return }
        var next: [UInt64] = []
        for decision in plan.routes(for: labels) {
            let (group, shared) = Self.group(of: labels, at: decision)
            guard !next.contains(group) else { continue }
            next.append(group)
            let route = number(of: decision, plan: plan.version)
            if groups[group] == nil {
                groups[group] = GroupRecord(labels: shared, route: route, nextFlush: now.addingTimeInterval(decision.groupWait.seconds))
                effects.groups.insert(group)
            }
            withGroup(group) { core, record in
                if record.matter == nil, record.route != route {
                    record.route = route
                    core.effects.groups.insert(group)
                }
                guard record.members.insert(id).inserted else { return }
                core.joined(&record, id, at: now)
            }
        }
        for group in record.groups where !next.contains(group) {
            withGroup(group) { core, record in
                record.members.remove(id)
                core.alerts[id]?.left.append(group)
                // Those who were told of it are told that it is gone from here.
                if record.matter != nil { record.nextFlush = min(record.nextFlush, now) }
                core.effects.groups.insert(group)
            }
        }
        if alerts[id]?.groups != next {
            alerts[id]?.groups = next
            effects.alerts.insert(id)
        }
    }

    /// An alert is new in a group, fires again, or has grown worse.
    mutating func joined(_ group: inout GroupRecord, _ id: UInt64, at now: Date) {
        guard let alert = alerts[id], !alert.isOver(at: now) else { return }
        let isUrgent = alert.severity == .critical || alert.isEmergency
        if let matter = group.matter, matter.isOpen {
            if alert.severity > matter.severity || (alert.isEmergency && !matter.isEmergency) {
                group.nextFlush = now
            } else if isUrgent, !matter.told.contains(id) {
                // Whatever people know of already, the page of a new critical does not wait for the group. Many are one page: a flood would else have all
                // members looked at for each of its alerts.
                let pause = group.members.count > 1000 ? limits.floodWait : 1
                group.nextFlush = min(group.nextFlush, max(now, matter.toldAt.addingTimeInterval(pause)))
            }
        } else if isUrgent {
            group.nextFlush = now
        } else if !group.hasFlushed, alert.startsAt.addingTimeInterval(decision(of: group).groupWait.seconds) < now {
            group.nextFlush = now
        }
    }

    /// Takes a new plan. What people are being told of goes on by the plan with which it began.
    public mutating func change(to next: any OnCallPlanning, at now: Date) {
        guard next.version != plan.version else {
            plan = next
            plans[next.version] = next
            return
        }
        plan = next
        plans[next.version] = next
        assignAll(at: now)
        inhibitors = [:]
        for id in alerts.keys { noteInhibitor(id) }
        forgetPlans()
    }

    mutating func assignAll(at now: Date) {
        for id in alerts.keys.sorted() {
            guard let alert = alerts[id], !alert.groups.contains(where: { groups[$0]?.matter?.isOpen == true }) else { continue }
            assign(id, labels: alert.labels.texts, at: now)
        }
    }

    /// The versions that something under way still goes by.
    public var plansInUse: Set<String> {
        groups.values.reduce(into: [plan.version]) { versions, group in
            versions.insert(routes[group.route].plan)
            if let matter = group.matter { versions.insert(matter.plan) }
        }
    }

    mutating func forgetPlans() {
        let used = plansInUse
        plans = plans.filter { used.contains($0.key) }
    }

    /// Takes an alert that nobody tells of any more out of memory.
    mutating func leave(_ id: UInt64, _ group: UInt64) {
        alerts[id]?.groups.removeAll { $0 == group }
        alerts[id]?.left.append(group)
        effects.alerts.insert(id)
        guard alerts[id]?.groups.isEmpty == true else { return }
        if let record = alerts[id] { keep(id, record, over: record.endsAt) }
        alerts[id] = nil
        if inhibitors.removeValue(forKey: id) != nil { inhibitorList = nil }
    }
}
