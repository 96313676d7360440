import Foundation
import PluginAPI

/// What comes after the last level, and when a round did not reach anybody.
extension OnCallCore {
    /// Pages those again whom the round has paged: there is something new and urgent to tell, and the levels go on as they are.
    mutating func pageAgain(_ id: UInt64, _ group: inout GroupRecord, _ why: String, at now: Date) {
        guard let matter = group.matter else { return }
        let known = matter.pages.filter { $0.round == matter.round && !$0.hasFailed }
        // The round waits for its first page, or none of it arrived: now there is more reason to begin.
        guard !known.isEmpty else { return begin(id, &group, why, at: now) }
        // Who is to be told with others anyway is told of this too.
        for page in known where !page.waits {
            let step = PagingStep(person: page.person, contact: page.contact, fallbacks: page.rest, reason: page.reason)
            self.page(id, &group, step, level: page.level, why, isNews: true, at: now)
        }
    }

    /// The last level has begun: what nobody acknowledges comes again after the route's `repeat_interval`.
    mutating func endRound(_ id: UInt64, _ group: inout GroupRecord, _ escalates: Bool, at now: Date) {
        guard let matter = group.matter else { return }
        if let drill = matter.drill { return miss(drill, id, &group, at: now) }
        let decision = decision(of: group)
        group.matter?.level = 0
        if !matter.hasReached, matter.pending.isEmpty {
            record(
                subjects(group, group.members), "page", "nobody", "nobody is told by the receiver \(decision.receiver) at this time",
                rule: decision.receiverMark.place, at: now)
            tally(group, "suppressed", "nobody")
            if !group.members.contains(where: { alerts[$0]?.isOfOnCall == true }) {
                raiseOwn(
                    "nobody:\(decision.receiver)", name: "NobodyReached", .critical,
                    "the receiver \(decision.receiver) reached nobody (\(decision.receiverMark.place))", labels: ["receiver": decision.receiver],
                    at: now)
            }
        }
        guard escalates else { return }
        let last = matter.pending.map(\.at).max().map { $0.timeIntervalSince(now) } ?? 0
        let usual = decision.repeatInterval.seconds, wait = matter.isEmergency ? min(usual, limits.emergencyRepeat) : usual
        setNextLevel(&group, after: max(60, max(wait, last)), at: now)
    }

    /// A page came to nobody, and the person has no further contact. The next level is not kept waiting where nobody of this one can be reached; and where
    /// no page of the whole round arrived, it begins again soon: the line may be back by then.
    /// - Parameter isSinkTrouble: false where it rang, and nobody answered.
    mutating func unreached(_ page: PageRecord, _ id: UInt64, _ group: inout GroupRecord, isSinkTrouble: Bool, at now: Date) {
        guard let matter = group.matter, matter.isOpen, matter.pending.isEmpty, matter.acknowledgement == nil else { return }
        let reached = matter.pages.contains { $0.round == matter.round && $0.level == matter.level && !$0.hasFailed }
        if matter.level > 0, page.level == matter.level, !reached {
            nextLevel(id, &group, "level \(matter.level) could not be reached", at: now)
        }
        guard let after = group.matter, after.drill == nil, after.level == 0, after.pending.isEmpty,
            !after.pages.contains(where: { $0.round == after.round && !$0.hasFailed })
        else { return }
        let number = after.unheard ?? 0, receiver = decision(of: group).receiver
        guard let longest = limits.unheardWaits.last else { return }
        let wait = isSinkTrouble ? limits.unheardWaits.dropFirst(number).first ?? longest : longest
        group.matter?.unheard = number + 1
        setNextLevel(&group, after: wait, at: now)
        record(
            subjects(group, group.members), "page", "nobody", "no page of this round arrived; it begins again in \(Int(wait)) s",
            rule: decision(of: group).receiverMark.place, at: now)
        if !group.members.contains(where: { alerts[$0]?.isOfOnCall == true }) {
            raiseOwn(
                Self.unheardOrigin(receiver), name: "NobodyReached", .critical,
                "no page to the receiver \(receiver) arrives: every contact fails", labels: ["receiver": receiver], at: now)
        }
    }

    static func unheardOrigin(_ receiver: String) -> String { "unheard:\(receiver)" }
}
