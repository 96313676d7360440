import Foundation
import PluginAPI

/// How a matter goes from level to level.
extension OnCallCore {
    /// Begins a matter's levels from the first.
    mutating func begin(_ id: UInt64, _ group: inout GroupRecord, _ why: String, at now: Date) {
        group.matter?.level = 0
        group.matter?.pending = []
        group.matter?.heldUntil = nil
        group.matter?.nextLevelAt = nil
        group.matter?.hasReached = false
        let round = group.matter?.round ?? 0
        group.matter?.round = round + 1
        nextLevel(id, &group, why, at: now)
    }

    /// A step of a matter is due: a page of its level, the next level, or the end of an acknowledgement.
    mutating func step(_ id: UInt64, _ group: inout GroupRecord, at now: Date) {
        guard let matter = group.matter else { return }
        effects.groups.insert(id)
        if !matter.isOpen { return flush(id, &group, at: now) }
        let hearing = listen(group, at: now)
        // What is over is told as over, and nobody is paged for it.
        guard hearing.isAnyFiring else { return flush(id, &group, at: now) }
        guard !hearing.firing.isEmpty else {
            if let why = hearing.silence, group.silentReason != why.reason {
                group.silentReason = why.reason
                record(
                    subjects(group, group.members), "page", why.kind.rawValue, "the next step waits: \(why.reason)",
                    rule: why.rule ?? decision(of: group).mark.place, at: now)
            }
            group.matter?.heldUntil = group.nextFlush
            return
        }
        group.matter?.heldUntil = nil
        if let answer = matter.acknowledgement {
            group.matter?.acknowledgement = nil
            return begin(id, &group, "acknowledged by \(answer.by) at \(answer.at.iso8601), and not over", at: now)
        }
        let due = matter.pending.filter { $0.at <= now }
        group.matter?.pending.removeAll { $0.at <= now }
        for pending in due { page(id, &group, pending.step, level: pending.level, "the next step of level \(pending.level)", at: now) }
        guard let next = group.matter?.nextLevelAt, next <= now else { return }
        if let drill = matter.drill { noteMissed(drill, matter, at: now) }
        if matter.level == 0 {
            begin(id, &group, matter.unheard == nil ? "nobody has acknowledged it" : "no page of it has arrived so far", at: now)
        } else {
            nextLevel(id, &group, "nobody acknowledged level \(matter.level)", at: now)
        }
    }

    /// Begins the next level that pages anybody.
    mutating func nextLevel(_ id: UInt64, _ group: inout GroupRecord, _ why: String, at now: Date) {
        guard group.matter != nil else { return }
        effects.groups.insert(id)
        let decision = decision(of: group), plan = plan(of: group)
        let paged = pagedMatter(group)
        let drill = group.matter?.drill, escalates = drill != nil || plan.escalates(decision.receiver)
        // A plan that passes over level after level must not hold everybody up.
        for _ in 0..<200 {
            let number = (group.matter?.level ?? 0) + 1
            guard escalates || number == 1, let level = plan.level(number, for: paged, at: now) else {
                return endRound(id, &group, escalates, at: now)
            }
            group.matter?.level = number
            for passed in level.passedOver { record(subjects(group, group.members), "page", "passed over", passed, rule: level.place, at: now) }
            guard !level.steps.isEmpty else { continue }
            let name = level.name.isEmpty ? "level \(number)" : "level \(number) (\(level.name))"
            for step in level.steps where step.delay > 0 {
                group.matter?.pending.append(.init(at: now.addingTimeInterval(step.delay), level: number, step: step))
            }
            for step in level.steps where step.delay <= 0 { page(id, &group, step, level: number, "\(why); \(name)", at: now) }
            guard escalates else {
                group.matter?.nextLevelAt = nil
                return
            }
            guard let wait = level.wait ?? drill.map({ TimeInterval($0.within) }) else { return endRound(id, &group, escalates, at: now) }
            guard wait > 0 else { continue }
            setNextLevel(&group, after: wait, at: now)
            return
        }
        endRound(id, &group, escalates, at: now)
    }

    func setNextLevel(_ group: inout GroupRecord, after wait: TimeInterval, at now: Date) {
        group.matter?.nextLevelAt = now.addingTimeInterval(wait)
        group.matter?.nextLevelWait = wait
    }

    /// What the plan may look at.
    func pagedMatter(_ group: GroupRecord) -> PagedMatter {
        let matter = group.matter
        var common: [String: String]?
        let fewest = group.labels.texts.count
        for member in group.members {
            guard let labels = alerts[member]?.labels.texts else { continue }
            common = common.map { known in known.filter { labels[$0.key] == $0.value } } ?? labels
            if let count = common?.count, count <= fewest { break }
        }
        return PagedMatter(
            receiver: decision(of: group).receiver, severity: matter?.severity ?? .error, isEmergency: matter?.isEmergency ?? false,
            labels: common ?? [:], drill: matter?.drill)
    }
}
