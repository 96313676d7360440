import Foundation
import PluginAPI
import Synchronization

/// What a group does next, if nobody answers and nothing new comes.
struct NextTelling: Sendable, Hashable {
    enum Stage: Sendable, Hashable {
        case first, again
        case delayed(level: Int)
        case level(Int)
        case acknowledgementEnds
    }

    struct Step: Sendable, Hashable {
        var contact: Contact
        /// Seconds after the others.
        var delay: TimeInterval
        /// What makes it another one: how its sink writes is the sink's matter.
        var way: [String] { [contact.instance, contact.recipient ?? "", contact.label, "\(delay)"] }
    }

    var receiver: String
    /// Where the route stands.
    var mark: SourceMark
    var stage: Stage
    var at: Date
    var steps: [Step]
    /// Why it tells nobody before ``at``, or at all.
    var held: String?

    /// Whether it comes to the same people, by the same ways, as another.
    func isSame(_ other: NextTelling) -> Bool {
        receiver == other.receiver && held == other.held && steps.map(\.way) == other.steps.map(\.way)
    }

    /// In words: `phone of Ana, after 5m SMS of Ana`.
    var recipients: String {
        if steps.isEmpty { return "nobody" }
        return steps.map { ($0.delay > 0 ? "after \(Duration.seconds($0.delay).text) " : "") + $0.contact.label }.joined(separator: ", ")
    }

    /// In words: `nights pages phone of Ana at 2026-12-24T02:10:00Z`.
    var words: String {
        let what =
            switch stage {
            case .first: ""
            case .again: " again"
            case .delayed(let level): ", as the next step of level \(level)"
            case .level(let level): ", as level \(level)"
            case .acknowledgementEnds: ", when the acknowledgement ends"
            }
        let time = steps.isEmpty ? "" : " at \(at.formatted(.iso8601))"
        return "\(receiver) pages \(recipients)\(what)\(time)\(held.map { " (\($0))" } ?? "")"
    }
}

/// What taking another plan would do to what stands open.
struct PlanPreview {
    /// So many are listed one by one.
    static let shown = 1000

    private var before: OnCallCore
    private var after: OnCallCore
    private let now: Date
    /// By the group, before and after.
    private var told: (before: [UInt64: NextTelling?], after: [UInt64: NextTelling?]) = ([:], [:])

    init(_ core: OnCallCore, taking next: any OnCallPlanning, at now: Date) {
        before = core
        after = core
        self.now = now
        // The same that a reload does, on a copy.
        after.change(to: next, at: now)
    }

    /// A line for each open alert that moves to another receiver or another person, and for each open matter that keeps its plan although the other one
    /// would page somebody else; the worst first.
    mutating func lines() -> [String] {
        var lines = before.groups.keys.sorted().compactMap { keeps($0) }
        var moves: [(severity: AlertSeverity, line: String)] = []
        for id in before.alerts.keys.sorted() {
            if let line = move(of: id) { moves.append((before.alerts[id]?.severity ?? .info, line)) }
        }
        moves.sort { ($1.severity, $0.line) < ($0.severity, $1.line) }
        lines += moves.map(\.line)
        guard lines.count > Self.shown else { return lines }
        return lines.prefix(Self.shown) + ["and \(lines.count - Self.shown) more open alerts and escalations whose next recipient is another"]
    }

    /// An alert that is in no open matter goes where the other plan has it.
    private mutating func move(of id: UInt64) -> String? {
        guard let alert = before.alerts[id], !alert.isOver(at: now), !alert.isDrill else { return nil }
        guard !alert.groups.contains(where: { before.groups[$0]?.matter?.isOpen == true }) else { return nil }
        let old = alert.groups.compactMap { telling($0, &told.before, &before) }
        let new = (after.alerts[id]?.groups ?? []).compactMap { telling($0, &told.after, &after) }
        let isSame = old.count == new.count && zip(old, new).allSatisfy { $0.isSame($1) }
        guard !isSame else { return nil }
        func words(_ tellings: [NextTelling]) -> String {
            tellings.isEmpty ? "nobody is paged" : tellings.map { "\($0.words), \($0.mark)" }.joined(separator: "; ")
        }
        return "alert \(alert.alert(id, at: now).name) (\(id.fingerprintText)): now \(words(old)); by the new plan \(words(new))"
    }

    private func telling(_ id: UInt64, _ known: inout [UInt64: NextTelling?], _ core: inout OnCallCore) -> NextTelling? {
        if let telling = known[id] { return telling }
        let telling = core.groups[id].flatMap { core.nextTelling(of: $0, at: now) }
        known[id] = telling
        return telling
    }

    /// An open matter goes on by the plan with which it began: a line where the other one would do something else next.
    private mutating func keeps(_ id: UInt64) -> String? {
        guard let group = before.groups[id], let matter = group.matter, matter.isOpen, matter.drill == nil else { return nil }
        let next = before.stages(of: matter)
        guard !next.isEmpty else { return nil }
        let plan = before.plan(of: group), paged = before.pagedMatter(group), decision = before.decision(of: group)
        let places = newPlaces(of: group)
        for stage in next {
            let old = before.telling(stage, paged, decision, plan, at: now)
            let others = places.map { place in
                var other = paged, asked = stage
                other.receiver = place.receiver
                asked.steps = nil
                return before.telling(asked, other, place, after.plan, at: now)
            }
            guard others.count != 1 || !others.allSatisfy({ $0.isSame(old) }) else { continue }
            let would = others.map { "\($0.receiver) would page \($0.recipients), \($0.mark)" }.joined(separator: "; ")
            let worst = before.shown(group.members.sorted(), at: now).first?.name ?? ""
            let name = group.members.count > 1 ? "\(worst) and \(group.members.count - 1) more" : worst
            return "open: \(matter.id) (\(name)): \(old.words); it keeps the plan with which it began, though by the new one \(would)"
        }
        return nil
    }

    /// Where the other plan has the alerts of a group that fire.
    private func newPlaces(of group: GroupRecord) -> [RouteDecision] {
        var places: [RouteDecision] = [], seen: Set<String> = []
        for member in group.members.sorted() {
            guard let alert = before.alerts[member], !alert.isOver(at: now) else { continue }
            for place in after.plan.routes(for: alert.labels.texts) where seen.insert(place.receiver).inserted { places.append(place) }
        }
        return places
    }
}

extension OnCallCore {
    /// A step of an open matter that is to come.
    struct ComingStage {
        var stage: NextTelling.Stage
        var at: Date
        /// When the level began that it belongs to; ``at`` for one that has not.
        var begins: Date
        /// What the matter has kept of it, with delays from ``at`` on; nil where the plan is asked.
        var steps: [PagingStep]?
    }

    /// What an open matter does next: the steps of its level that are still to come, and what follows them.
    func stages(of matter: Matter) -> [ComingStage] {
        var stages: [ComingStage] = []
        if matter.acknowledgement == nil, let first = matter.pending.min(by: { $0.at < $1.at }) {
            stages.append(
                ComingStage(
                    stage: .delayed(level: first.level), at: first.at, begins: first.at.addingTimeInterval(-first.step.delay),
                    steps: matter.pending.sorted { $0.at < $1.at }.map { pending in
                        var step = pending.step
                        step.delay = pending.at.timeIntervalSince(first.at)
                        return step
                    }))
        }
        if let at = matter.nextLevelAt {
            let stage: NextTelling.Stage =
                matter.acknowledgement != nil ? .acknowledgementEnds : matter.level == 0 ? .again : .level(matter.level + 1)
            stages.append(ComingStage(stage: stage, at: at, begins: at))
        }
        return stages
    }

    /// Whom a step comes to by a plan.
    func telling(
        _ coming: ComingStage, _ paged: PagedMatter, _ decision: RouteDecision, _ plan: any OnCallPlanning, at now: Date
    ) -> NextTelling {
        var telling = NextTelling(receiver: decision.receiver, mark: decision.mark, stage: coming.stage, at: coming.at, steps: [])
        switch coming.stage {
        case .delayed(let level):
            // Another plan's level would have begun when this one did; what was due before now is no more to come.
            let begun = coming.begins
            let steps =
                coming.steps
                ?? (plan.level(level, for: paged, at: begun)?.steps ?? []).filter { begun + $0.delay > now }.map { step in
                    var step = step
                    step.delay = (begun + step.delay).timeIntervalSince(coming.at)
                    return step
                }
            telling.steps = steps.map { .init(contact: $0.contact, delay: $0.delay) }
        case .level(let number): telling.steps = recipients(plan, paged, from: number, at: coming.at)
        case .first, .again, .acknowledgementEnds: telling.steps = recipients(plan, paged, from: 1, at: coming.at)
        }
        return telling
    }

    /// Whom the first level from a number on comes to that comes to anybody.
    private func recipients(_ plan: any OnCallPlanning, _ paged: PagedMatter, from number: Int, at date: Date) -> [NextTelling.Step] {
        let last = plan.escalates(paged.receiver) ? number + 49 : 1
        guard number <= last else { return [] }
        for number in number...last {
            guard let level = plan.level(number, for: paged, at: date) else { return [] }
            if !level.steps.isEmpty { return level.steps.map { .init(contact: $0.contact, delay: $0.delay) } }
        }
        return []
    }

    /// What a group does next that has no open matter: its first telling, or what follows when somebody has closed it; nil where nothing of it fires.
    mutating func nextTelling(of group: GroupRecord, at now: Date) -> NextTelling? {
        let decision = decision(of: group), plan = plans[routes[group.route].plan] ?? plan
        var paged = pagedMatter(group), isAnyFiring = false
        (paged.severity, paged.isEmergency) = (.info, false)
        for member in group.members {
            guard let alert = alerts[member], !alert.isOver(at: now) else { continue }
            isAnyFiring = true
            paged.severity = max(paged.severity, alert.severity)
            if alert.isEmergency { paged.isEmergency = true }
        }
        guard isAnyFiring else { return nil }
        var at = max(now, group.nextFlush), held: String?
        if let closing = group.matter?.closing {
            at = max(now, closing.until)
            held = "closed by \(closing.by)"
        }
        if !paged.isEmergency, let opening = opening(of: decision, plan, from: at) {
            (at, held) = opening
        }
        var telling = NextTelling(
            receiver: decision.receiver, mark: decision.mark, stage: group.matter == nil ? .first : .again, at: at, steps: [], held: held)
        let hearing = listen(group, at: now)
        if hearing.firing.isEmpty, hearing.silence?.kind == .inhibited {
            telling.held = "inhibited by another alert"
        } else if at < .distantFuture {
            telling.steps = recipients(plan, paged, from: 1, at: at)
        }
        return telling
    }

    /// When a place that tells nobody at a moment tells again, as its groups are looked at, and why not before; nil where it tells.
    private func opening(of decision: RouteDecision, _ plan: any OnCallPlanning, from date: Date) -> (at: Date, why: String)? {
        guard let why = suppression(at: decision, plan.verdict(on: decision, at: date))?.reason else { return nil }
        let interval = max(60, decision.groupInterval.seconds), last = date.addingTimeInterval(8 * 86_400)
        var at = date
        while at < last {
            at += interval
            if case .open = plan.verdict(on: decision, at: at) { return (at, why) }
        }
        return (.distantFuture, why)
    }
}

extension OnCallService {
    /// What would change for what stands open if another plan were taken now, a line for each; nothing is changed.
    public func preview(_ next: any OnCallPlanning) -> [String] {
        var preview = PlanPreview(state.withLock { $0.core }, taking: next, at: parts.clock.now)
        return preview.lines()
    }
}
