import Foundation
import PluginAPI

extension OnCallCore {
    /// Begins a drill. The same order given again, as after a crash, changes nothing.
    public mutating func drill(_ order: DrillOrder, at now: Date) {
        let id = Self.id(ofOwn: order.id)
        guard alerts[id] == nil else { return }
        let labels = ["alertname": "OnCallDrill", "severity": "critical", "drill": order.id, order.subject.kind.rawValue: order.subject.name]
        var alert = AlertRecord(
            labels: PackedText(labels),
            annotations: PackedText(["summary": order.summary, "description": "A drill, ordered by \(order.by). Nothing is wrong."]), startsAt: now,
            endsAt: .distantFuture, updatedAt: now, severity: .critical)
        (alert.isOwn, alert.isDrill, alert.origin) = (true, true, order.id)
        let receiver = order.subject.kind == .receiver ? order.subject.name : order.subject.words
        let mark = SourceMark(file: "drill", line: 1, column: 1)
        // No place of the tree: a drill goes where it is sent. Each is a group of its own, since its labels hold its id.
        let decision = RouteDecision(
            route: "drill", receiver: receiver, grouping: .all, groupWait: .zero, groupInterval: .seconds(300), repeatInterval: .seconds(3600),
            mark: mark,
            receiverMark: mark)
        let (group, shared) = Self.group(of: labels, at: decision), route = number(of: decision, plan: plan.version)
        alert.groups = [group]
        alerts[id] = alert
        effects.alerts.insert(id)
        groups[group] = GroupRecord(labels: shared, route: route, members: [id], hasFlushed: true, nextFlush: now.addingTimeInterval(300))
        effects.drills.append(.began(order, at: now))
        withGroup(group) { core, record in
            var matter = Matter(
                id: "\(Self.ownOrigin)\(group.fingerprintText):\(now.milliseconds)", plan: core.plan.version, openedAt: now, severity: .critical,
                isEmergency: false, toldAt: now)
            matter.told = [id]
            matter.drill = order
            record.matter = matter
            core.record([matter.id, order.id], "drill", "began", "\(order.subject.words), ordered by \(order.by)", at: now)
            core.begin(group, &record, "a drill", at: now)
        }
        raiseWaiting(at: now)
    }

    /// Somebody has acknowledged a drill: that is its end.
    mutating func pass(_ drill: DrillOrder, _ id: UInt64, _ group: inout GroupRecord, _ matter: Matter, _ answer: OnCallAnswer, at now: Date)
        -> AnswerOutcome
    {
        let pages = Self.pages(of: matter, provenBy: answer).map(\.id)
        effects.drills.append(.acknowledged(drill: drill.id, by: answer.by, way: answer.way, pages: pages, at: now))
        end(drill, id, &group, "drill acknowledged by \(answer.by)", at: now)
        return AnswerOutcome(
            status: .acknowledged,
            text: "the drill is over: acknowledged \(Duration.seconds(Int(now.timeIntervalSince(matter.openedAt))).text) after it began",
            matter: matter.id)
    }

    /// Nobody has acknowledged a drill, and there is nobody further to page.
    mutating func miss(_ drill: DrillOrder, _ id: UInt64, _ group: inout GroupRecord, at now: Date) {
        let reached = group.matter?.hasReached ?? false
        effects.drills.append(.ended(drill: drill.id, reached: reached, at: now))
        end(drill, id, &group, reached ? "drill missed: nobody acknowledged it" : "drill missed: nobody could be paged", at: now)
    }

    /// Whoever was paged by a drill's level has not acknowledged in time.
    mutating func noteMissed(_ drill: DrillOrder, _ matter: Matter, at now: Date) {
        effects.drills.append(.missed(drill: drill.id, level: matter.level, at: now))
        let who = matter.pages.filter { $0.level == matter.level && !$0.hasFailed }.map { $0.person ?? $0.contact.label }
        record(
            [matter.id, drill.id], "drill", "missed", "level \(matter.level) (\(who.joined(separator: ", "))) has not acknowledged in time", at: now)
    }

    private mutating func end(_ drill: DrillOrder, _ id: UInt64, _ group: inout GroupRecord, _ why: String, at now: Date) {
        let members = Array(group.members)
        for member in members {
            alerts[member]?.endsAt = now
            alerts[member]?.updatedAt = now
            effects.alerts.insert(member)
        }
        record([drill.id], "drill", "over", why, at: now)
        close(id, &group, about: members, why, at: now)
        for member in members {
            group.members.remove(member)
            leave(member, id)
        }
    }

    /// The pages that an answer shows to have reached somebody: the one whose code or id it names; by a link the person's only page. From the command line none.
    private static func pages(of matter: Matter, provenBy answer: OnCallAnswer) -> [PageRecord] {
        let pages = matter.pages.filter { !$0.hasFailed }
        switch answer.subject {
        case .code(let text):
            let digits = text.filter(\.isNumber)
            return pages.filter { $0.code == digits }
        case .reference(let text):
            if answer.way == OnCallAnswer.command { return [] }
            if text.hasPrefix("page_") { return pages.filter { $0.id == text } }
            let instance = answer.sender.split(separator: "|").first.map(String.init)
            let theirs = pages.filter { $0.person == answer.by || $0.contact.label == answer.by || $0.contact.instance == instance }
            return theirs.count == 1 ? theirs : []
        }
    }
}
