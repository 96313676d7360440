import Foundation
import PluginAPI

extension OnCallCore {
    /// Goes on where an earlier process ended. What became due meanwhile is due at once.
    /// - Parameters:
    ///   - plans: those by which something goes that is stored, by version, as far as they can still be read.
    ///   - grace: seconds that alerts get whose end was only reckoned: nobody could refresh them while the process was away.
    init(
        restoring stored: StoredOnCall, plan: any OnCallPlanning, plans older: [String: any OnCallPlanning], limits: OnCallLimits,
        random: @escaping @Sendable () -> UInt64, grace: TimeInterval, at now: Date
    ) {
        self.init(plan: plan, limits: limits, random: random)
        plans.merge(older) { mine, _ in mine }
        routes = stored.routes
        for (number, route) in routes.enumerated() {
            routeNumbers[RouteKey(plan: route.plan, route: route.decision.route, receiver: route.decision.receiver)] = number
        }
        for (id, record, key) in stored.groups {
            guard let number = routeNumbers[key] else { continue }
            var group = record
            group.route = number
            let decision = routes[number].decision
            // A clock that went back while nobody watched must not make anybody wait longer than the plan says.
            let most = group.hasFlushed ? max(1, decision.groupInterval.seconds) : decision.groupWait.seconds
            group.nextFlush = min(group.nextFlush, now.addingTimeInterval(most))
            if let next = group.matter?.nextLevelAt, let wait = group.matter?.nextLevelWait {
                group.matter?.nextLevelAt = min(next, now.addingTimeInterval(wait))
            }
            if let held = group.matter?.heldUntil { group.matter?.heldUntil = min(held, group.nextFlush) }
            for index in (group.matter?.pending ?? []).indices {
                guard let pending = group.matter?.pending[index] else { continue }
                group.matter?.pending[index].at = min(pending.at, now.addingTimeInterval(pending.step.delay))
            }
            if let closing = group.matter?.closing {
                group.matter?.closing?.until = min(closing.until, now.addingTimeInterval(decision.repeatInterval.seconds))
            }
            groups[id] = group
            for page in group.matter?.pages ?? [] {
                if let code = UInt64(page.code) { codes[code] = id }
            }
        }
        for (id, record) in stored.alerts {
            var alert = record
            alert.groups.removeAll { groups[$0] == nil }
            // Its end was told, whatever the clock says now.
            if alert.endsAt > now, alert.endsAt <= alert.updatedAt { alert.endsAt = now }
            if alert.mayLapse, grace > 0 { alert.endsAt = max(alert.endsAt, now.addingTimeInterval(grace)) }
            alerts[id] = alert
            for group in alert.groups { groups[group]?.members.insert(id) }
        }
        for silence in stored.silences { silences[silence.id] = ActiveSilence(silence) }
        for (key, record) in stored.people {
            var person = record
            person.sent = person.sent.map { min($0, now) }
            person.due = person.due.map { min($0, now.addingTimeInterval(limits.window)) }
            people[key] = person
            if let code = UInt64(record.code) { bundleCodes[code] = key }
        }
        for (key, record) in stored.news {
            var known = record
            known.sent = min(known.sent, now)
            known.due = known.due.map { min($0, now.addingTimeInterval(limits.newsWindow)) }
            news[key] = known
        }
        for (id, _, _) in stored.groups {
            for page in groups[id]?.matter?.pages ?? [] {
                if page.waits { people[page.key]?.waiting.append(id) }
                if page.isTogether { people[page.key]?.told.insert(id) }
            }
        }
        for id in alerts.keys { noteInhibitor(id) }
        // Alerts that lost their groups, and those that a plan of before had placed.
        for id in alerts.keys.sorted() {
            guard let alert = alerts[id] else { continue }
            let isUnderWay = alert.groups.contains { groups[$0]?.matter?.isOpen == true }
            let isPlaced = !alert.groups.isEmpty && alert.groups.allSatisfy { groups[$0].map { routes[$0.route].plan == plan.version } ?? false }
            if !isUnderWay, !isPlaced { assign(id, labels: alert.labels.texts, at: now) }
        }
        for id in Array(groups.keys) { withGroup(id) { _, _ in } }
        setPersonDue()
        forgetPlans()
    }
}
