import Foundation
import PluginAPI

extension OnCallCore {
    /// Takes a person's answer. Told twice, it changes nothing and says so.
    public mutating func answer(_ answer: OnCallAnswer, at now: Date) -> AnswerOutcome {
        let outcome = settle(answer, at: now)
        let sender = answer.sender.isEmpty ? "" : " (\(answer.sender))"
        let subject = outcome.matter ?? "answers"
        record(
            [subject], "answer", outcome.status.rawValue,
            "\(answer.action.rawValue) by \(answer.by)\(sender), \(answer.way)\(answer.words): \(outcome.text)",
            details: ["action": .string(answer.action.rawValue), "by": .string(answer.by), "way": .string(answer.way)], at: now)
        effects.tallies[.init(receiver: "", outcome: "answer", reason: outcome.status.rawValue), default: 0] += 1
        raiseWaiting(at: now)
        return outcome
    }

    /// Tells somebody of the plan, who typed an answer, what came of it where no other page says so.
    mutating func reply(_ outcome: AnswerOutcome, to sender: String, through instance: String, at now: Date) {
        guard [.escalated, .already, .over, .unknown, .notTheirs].contains(outcome.status),
            let contact = plan.contactWays.map(\.contact).first(where: {
                $0.instance == instance && $0.recipient.map { Self.areSame(sender, $0) } ?? false
            })
        else { return }
        let page = AlertPage(
            id: "page_reply_\(FNV.hash(sender.utf8).fingerprintText)_\(String(now.milliseconds, radix: 36))", groupKey: "\(Self.ownOrigin)reply",
            alerts: [Self.summary("reply", outcome.text, .info, 0, at: now)], recipient: contact.recipient, reason: outcome.text)
        effects.orders.append(
            .init(instance: instance, order: PageOrder(verb: .update, page: page), contact: contact.label, person: nil, at: now))
    }

    /// Records an answer that was refused before anybody could look what it is about.
    mutating func refuse(_ outcome: AnswerOutcome, way: String, at now: Date) {
        record(["answers"], "answer", outcome.status.rawValue, "by \(way): \(outcome.text)", at: now)
        effects.tallies[.init(receiver: "", outcome: "answer", reason: outcome.status.rawValue), default: 0] += 1
    }

    private mutating func settle(_ answer: OnCallAnswer, at now: Date) -> AnswerOutcome {
        switch answer.subject {
        case .reference(let text): return settle(reference: text, answer, at: now)
        case .code(let text):
            let sender = Self.guesser(answer.sender)
            if guesses.isLocked(sender, at: now) {
                return AnswerOutcome(
                    status: .locked, text: "too many wrong codes came from there; codes count again \(Int(limits.lockTime / 60)) minutes later")
            }
            let digits = text.filter { $0.isASCII && $0.isNumber }
            let code = digits.count <= 18 ? UInt64(digits) : nil
            if let code, let key = bundleCodes[code] {
                guard Self.mayBe(answer.sender, people[key]?.contact.recipient) else {
                    guesses.wrong(sender, limits, at: now)
                    return AnswerOutcome(status: .notTheirs, text: "the code was sent to somebody else", matter: people[key]?.matter)
                }
                return act(onBundle: key, answer, at: now)
            }
            guard let code, let id = codes[code] else {
                guesses.wrong(sender, limits, at: now)
                return AnswerOutcome(status: .unknown, text: "no matter that is open has this code")
            }
            let recipient = groups[id]?.matter?.pages.first { $0.code == digits }?.contact.recipient
            guard Self.mayBe(answer.sender, recipient) else {
                guesses.wrong(sender, limits, at: now)
                return AnswerOutcome(status: .notTheirs, text: "the code was sent to somebody else", matter: groups[id]?.matter?.id)
            }
            return act(id, answer, at: now)
        }
    }

    /// An address that differs from the one to which the code was sent is somebody else's. What is no address, such as a name, tells nothing.
    static func mayBe(_ sender: String, _ recipient: String?) -> Bool {
        guard let recipient, kind(of: recipient) != nil, kind(of: sender) == kind(of: recipient) else { return true }
        return areSame(sender, recipient)
    }

    private enum AddressKind { case mail, phone }

    private static func kind(of text: String) -> AddressKind? { text.contains("@") ? .mail : digits(address(text)) == nil ? nil : .phone }

    static func areSame(_ sender: String, _ recipient: String) -> Bool {
        let one = address(sender), other = recipient.lowercased()
        if other.contains("@") { return bare(one) == bare(other) }
        return digits(other).map { digits(one) == $0 } ?? false
    }

    /// What follows an instance's name: `sms|+351…`.
    private static func address(_ sender: String) -> String { sender.split(separator: "|").last.map { $0.lowercased() } ?? "" }

    /// `+3512345678` of a number as people write it; nil where it is none.
    private static func digits(_ text: String) -> String? {
        let plain = text.filter { !" -().".contains($0) }
        guard plain.hasPrefix("+"), plain.dropFirst().allSatisfy(\.isNumber), plain.count >= 8 else { return nil }
        return plain
    }

    /// `ana@hotel.example` of `Ana <ana@hotel.example>`.
    private static func bare(_ text: String) -> String {
        text.firstIndex(of: "<").map { String(text[text.index(after: $0)...].prefix { $0 != ">" }) } ?? text.trimmingCharacters(in: .whitespaces)
    }

    /// Whose wrong codes are counted together: whatever name goes before an address, it is the same one.
    private static func guesser(_ sender: String) -> String {
        let parts = sender.split(separator: "|", maxSplits: 1)
        guard parts.count == 2 else { return bare(sender.lowercased()) }
        return "\(parts[0])|\(bare(parts[1].lowercased()))"
    }

    private mutating func settle(reference: String, _ answer: OnCallAnswer, at now: Date) -> AnswerOutcome {
        if let key = people.keys.sorted().first(where: { people[$0]?.matter == reference || people[$0]?.pages[reference] != nil }), !reference.isEmpty
        {
            return act(onBundle: key, answer, at: now)
        }
        guard let (id, openedAt) = Self.parse(reference) else {
            return AnswerOutcome(status: .unknown, text: "nothing is known of “\(reference.prefix(80))”")
        }
        // A later matter of the same group is another one.
        guard let matter = groups[id]?.matter, openedAt == nil || openedAt == matter.openedAt.milliseconds else {
            return AnswerOutcome(status: .over, text: "it is over already", matter: reference)
        }
        return act(id, answer, at: now)
    }

    /// The group, and the beginning of its matter, out of a matter's or a page's id, or an alert's fingerprint.
    static func parse(_ reference: String) -> (group: UInt64, openedAt: Int64?)? {
        if reference.hasPrefix("page_") {
            let parts = reference.dropFirst(5).split(separator: "_")
            guard parts.count == 3, let group = UInt64(fingerprintText: parts[0]), let openedAt = Int64(parts[1], radix: 36) else { return nil }
            return (group, openedAt)
        }
        guard reference.hasPrefix(ownOrigin) else { return nil }
        let parts = reference.dropFirst(ownOrigin.count).split(separator: ":")
        guard parts.count == 2, let group = UInt64(fingerprintText: parts[0]), let openedAt = Int64(parts[1]) else { return nil }
        return (group, openedAt)
    }

    private mutating func act(onBundle key: String, _ answer: OnCallAnswer, at now: Date) -> AnswerOutcome {
        guard let person = people[key] else { return AnswerOutcome(status: .over, text: "it is over already") }
        let told = person.told.sorted()
        var last = AnswerOutcome(status: .over, text: "it is over already", matter: person.matter)
        for id in told where groups[id]?.matter != nil {
            let outcome = act(id, answer, at: now)
            if last.status == .over || last.status == .already { last.status = outcome.status }
        }
        if last.status != .over { last.text = "\(last.status.rawValue): \(told.count) matters that were told together" }
        return last
    }

    private mutating func act(_ id: UInt64, _ answer: OnCallAnswer, at now: Date) -> AnswerOutcome {
        var outcome = AnswerOutcome(status: .over, text: "it is over already")
        withGroup(id) { core, group in
            guard let matter = group.matter else { return }
            outcome.matter = matter.id
            guard matter.isOpen else {
                outcome = AnswerOutcome(status: .already, text: "\(matter.closing?.by ?? "somebody") has closed it already", matter: matter.id)
                return
            }
            core.effects.groups.insert(id)
            if let drill = matter.drill, answer.action != .escalate {
                outcome = core.pass(drill, id, &group, matter, answer, at: now)
                return
            }
            switch answer.action {
            case .acknowledge: outcome = core.acknowledge(id, &group, matter, answer, at: now)
            case .resolve: outcome = core.resolve(id, &group, matter, answer, at: now)
            case .escalate: outcome = core.escalate(id, &group, matter, answer, at: now)
            }
        }
        return outcome
    }

    private mutating func acknowledge(_ id: UInt64, _ group: inout GroupRecord, _ matter: Matter, _ answer: OnCallAnswer, at now: Date)
        -> AnswerOutcome
    {
        if let known = matter.acknowledgement {
            return AnswerOutcome(status: .already, text: "\(known.by) has acknowledged it already, at \(known.at.iso8601)", matter: matter.id)
        }
        group.matter?.acknowledgement = .init(by: answer.by, at: now, level: matter.level)
        group.matter?.pending = []
        group.matter?.unheard = nil
        group.matter?.heldUntil = nil
        let lasts = plan(of: group).acknowledgementLasts(for: decision(of: group).receiver)
        group.matter?.nextLevelAt = lasts.map { now.addingTimeInterval($0.seconds) }
        group.matter?.nextLevelWait = lasts?.seconds
        update(id, &group, "acknowledged by \(answer.by)\(answer.words)", sender: answer.sender, at: now)
        let until = group.matter?.nextLevelAt.map { "; it comes back at \($0.iso8601) if it is not over" } ?? ""
        return AnswerOutcome(status: .acknowledged, text: "acknowledged\(until)", matter: matter.id)
    }

    /// Passes a matter on to the level after the one that has it.
    private mutating func escalate(_ id: UInt64, _ group: inout GroupRecord, _ matter: Matter, _ answer: OnCallAnswer, at now: Date)
        -> AnswerOutcome
    {
        if let last = matter.escalated, last.by == answer.by, abs(now.timeIntervalSince(last.at)) < limits.doubledTap {
            return AnswerOutcome(status: .already, text: "you have passed it on already, at \(last.at.iso8601)", matter: matter.id)
        }
        let decision = decision(of: group), level = matter.acknowledgement?.level ?? matter.level
        let hasNext =
            (matter.drill != nil || plan(of: group).escalates(decision.receiver))
            && nextLevelExists(after: level, group, at: now)
        guard hasNext else {
            let next = matter.nextLevelAt.map { "; it is told again at \($0.iso8601) if it lasts" } ?? ""
            return AnswerOutcome(
                status: .already, text: "nobody comes after you in the plan of \(decision.receiver)\(next)", matter: matter.id)
        }
        group.matter?.acknowledgement = nil
        group.matter?.heldUntil = nil
        group.matter?.level = level
        group.matter?.escalated = .init(by: answer.by, at: now)
        nextLevel(id, &group, "escalated by \(answer.by)\(answer.words)", at: now)
        return AnswerOutcome(
            status: .escalated, text: level > 0 ? "passed on to the next level" : "the last level had it already: it begins again at the first",
            matter: matter.id)
    }

    /// Whether a level that comes later pages anybody at this time.
    private func nextLevelExists(after number: Int, _ group: GroupRecord, at now: Date) -> Bool {
        let plan = plan(of: group), paged = pagedMatter(group)
        for next in (number + 1)...(number + 200) {
            guard let level = plan.level(next, for: paged, at: now) else { return false }
            if !level.steps.isEmpty { return true }
        }
        return false
    }

    private mutating func resolve(_ id: UInt64, _ group: inout GroupRecord, _ matter: Matter, _ answer: OnCallAnswer, at now: Date) -> AnswerOutcome {
        // An alert of Jack's own ends by this. One from outside ends when whoever raised it says so; until then nobody is told of it again.
        for member in group.members where alerts[member]?.isOwn == true && alerts[member]?.isOver(at: now) == false {
            alerts[member]?.endsAt = now
            alerts[member]?.updatedAt = now
            effects.alerts.insert(member)
            noteInhibitor(member)
        }
        let members = Array(group.members)
        let isOver = !members.contains { alerts[$0]?.isOver(at: now) == false }
        close(id, &group, about: members, "resolved by \(answer.by)\(answer.words)", sender: answer.sender, at: now)
        guard !isOver else {
            for member in members {
                group.members.remove(member)
                leave(member, id)
            }
            return AnswerOutcome(status: .resolved, text: "resolved", matter: matter.id)
        }
        var closed = matter
        let wait = decision(of: group).repeatInterval.seconds
        closed.acknowledgement = nil
        closed.pending = []
        closed.pages = []
        closed.heldUntil = nil
        closed.told = group.members
        closed.closing = .init(by: answer.by, until: now.addingTimeInterval(wait))
        closed.nextLevelAt = now.addingTimeInterval(wait)
        closed.nextLevelWait = wait
        group.matter = closed
        return AnswerOutcome(
            status: .resolved, text: "closed; its alerts still fire, and are told again at \(now.addingTimeInterval(wait).iso8601) if they last",
            matter: matter.id)
    }
}
