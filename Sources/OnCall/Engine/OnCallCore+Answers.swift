import Foundation
import PluginAPI

/// What a person answers to a page.
public struct OnCallAnswer: Sendable, Hashable {
    /// What the answer is about.
    public enum Subject: Sendable, Hashable {
        /// A code, as it was typed.
        case code(String)
        /// ``PluginAPI/AlertPage/groupKey`` or ``PluginAPI/AlertPage/id``, from somebody who need not prove more: a sink that checked its vendor's
        /// signature, a verified link, the command line.
        case reference(String)
    }

    public var action: PageAcknowledgement.Action
    public var subject: Subject
    /// Who answers.
    public var by: String
    /// By which way: `reply through sms`, `link`, `command line`.
    public var way: String
    /// Whose wrong codes are counted together.
    public var sender: String
    /// What the person has to say, for whoever was paged, and for the ledger.
    public var note: String?

    /// ``way`` of an answer that an operator gives by the command line or the API.
    public static let command = "command"

    public init(_ action: PageAcknowledgement.Action, _ subject: Subject, by: String, way: String, sender: String = "", note: String? = nil) {
        self.action = action
        self.subject = subject
        self.by = by
        self.way = way
        self.sender = sender
        self.note = note.map { String($0.prefix(500)) }
    }

    /// The answer's words after who gave it: `: the pump is off`.
    var words: String { note.map { ": \($0)" } ?? "" }
}

/// What came of an answer.
public struct AnswerOutcome: Sendable, Hashable {
    public enum Status: String, Sendable, Hashable {
        case acknowledged, resolved, escalated
        /// It was so already: nothing changed.
        case already
        /// The matter is over.
        case over
        /// No matter has this code or reference.
        case unknown
        /// The code was sent to somebody else.
        case notTheirs = "not theirs"
        /// Too many wrong codes came from there.
        case locked
        case forged, expired
    }

    public var status: Status
    /// For the person who answered, and for the ledger.
    public var text: String
    /// ``PluginAPI/AlertPage/groupKey``, where the matter is known.
    public var matter: String?

    public var isAccepted: Bool { [.acknowledged, .resolved, .escalated, .already].contains(status) }
}

/// Counts wrong codes by their sender.
struct GuessGuard: Sendable {
    private struct Sender: Sendable {
        var wrong: [Date] = []
        var lockedUntil: Date?
    }

    private static let capacity = 10_000
    private var senders: [String: Sender] = [:]

    func isLocked(_ sender: String, at now: Date) -> Bool { senders[sender]?.lockedUntil.map { $0 > now } ?? false }

    mutating func wrong(_ sender: String, _ limits: OnCallLimits, at now: Date) {
        if senders.count >= Self.capacity {
            senders = senders.filter { ($0.value.lockedUntil ?? .distantPast) > now || ($0.value.wrong.last ?? .distantPast) > now - limits.lockTime }
            // More senders than anybody has staff: whoever is not locked starts anew.
            if senders.count >= Self.capacity { senders = senders.filter { ($0.value.lockedUntil ?? .distantPast) > now } }
        }
        var known = senders[sender] ?? Sender()
        known.wrong = known.wrong.filter { $0 > now - limits.lockTime } + [now]
        if known.wrong.count >= limits.wrongCodes {
            known.lockedUntil = now + limits.lockTime
            known.wrong = []
        }
        senders[sender] = known
    }

    mutating func right(_ sender: String) { senders[sender] = nil }
}

extension OnCallCore {
    /// Takes a person's answer. Told twice, it changes nothing and says so.
    public mutating func answer(_ answer: OnCallAnswer, at now: Date) -> AnswerOutcome {
        let outcome = settle(answer, at: now)
        let sender = answer.sender.isEmpty ? "" : " (\(answer.sender))"
        let subject = outcome.matter ?? "answers"
        record(
            [subject], "answer", outcome.status.rawValue,
            "\(answer.action.rawValue) by \(answer.by)\(sender), \(answer.way)\(answer.words): \(outcome.text)",
            at: now)
        effects.tallies[.init(receiver: "", outcome: "answer", reason: outcome.status.rawValue), default: 0] += 1
        raiseWaiting(at: now)
        return outcome
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
            if guesses.isLocked(answer.sender, at: now) {
                return AnswerOutcome(
                    status: .locked, text: "too many wrong codes came from there; codes count again \(Int(limits.lockTime / 60)) minutes later")
            }
            let digits = text.filter { $0.isASCII && $0.isNumber }
            let code = digits.count <= 18 ? UInt64(digits) : nil
            if let code, let key = bundleCodes[code] {
                guesses.right(answer.sender)
                return act(onBundle: key, answer, at: now)
            }
            guard let code, let id = codes[code] else {
                guesses.wrong(answer.sender, limits, at: now)
                return AnswerOutcome(status: .unknown, text: "no matter that is open has this code")
            }
            let recipient = groups[id]?.matter?.pages.first { $0.code == digits }?.contact.recipient
            guard Self.mayBe(answer.sender, recipient) else {
                guesses.wrong(answer.sender, limits, at: now)
                return AnswerOutcome(status: .notTheirs, text: "the code was sent to somebody else", matter: groups[id]?.matter?.id)
            }
            guesses.right(answer.sender)
            return act(id, answer, at: now)
        }
    }

    /// An address that differs from the one to which the code was sent is somebody else's. What is no address, such as a name, tells nothing.
    static func mayBe(_ sender: String, _ recipient: String?) -> Bool {
        guard let recipient else { return true }
        let known = recipient.lowercased()
        let address = sender.split(separator: "|").last.map { $0.lowercased() } ?? ""
        if known.contains("@"), address.contains("@") {
            // `Ana <ana@hotel.example>`.
            func bare(_ text: String) -> String {
                text.firstIndex(of: "<").map { String(text[text.index(after: $0)...].prefix { $0 != ">" }) }
                    ?? text.trimmingCharacters(in: .whitespaces)
            }
            return bare(address) == bare(known)
        }
        func digits(_ text: String) -> String? {
            let plain = text.filter { !" -().".contains($0) }
            guard plain.hasPrefix("+"), plain.dropFirst().allSatisfy(\.isNumber), plain.count >= 8 else { return nil }
            return plain
        }
        if let one = digits(known), let other = digits(address) { return one == other }
        return true
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
            case .escalate:
                group.matter?.acknowledgement = nil
                group.matter?.heldUntil = nil
                if matter.acknowledgement != nil { group.matter?.level = 0 }
                core.nextLevel(id, &group, "escalated by \(answer.by)\(answer.words)", at: now)
                outcome = AnswerOutcome(status: .escalated, text: "passed on to the next level", matter: matter.id)
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
        group.matter?.acknowledgement = .init(by: answer.by, at: now)
        group.matter?.pending = []
        group.matter?.heldUntil = nil
        let lasts = plan(of: group).acknowledgementLasts(for: decision(of: group).receiver)
        group.matter?.nextLevelAt = lasts.map { now.addingTimeInterval($0.seconds) }
        group.matter?.nextLevelWait = lasts?.seconds
        update(id, &group, "acknowledged by \(answer.by)\(answer.words)", at: now)
        let until = group.matter?.nextLevelAt.map { "; it comes back at \($0.iso8601) if it is not over" } ?? ""
        return AnswerOutcome(status: .acknowledged, text: "acknowledged\(until)", matter: matter.id)
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
        close(id, &group, about: members, "resolved by \(answer.by)\(answer.words)", at: now)
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

    // MARK: What became of pages

    /// Whether a page that waits to leave should still do so: it is looked at again at the moment of sending.
    public func isWanted(_ order: PageOrder) -> String? {
        guard order.verb == .page, let (id, openedAt) = Self.parse(order.page.id) else { return nil }
        guard let matter = groups[id]?.matter, matter.openedAt.milliseconds == openedAt, matter.isOpen else {
            return "it was over before the page left"
        }
        if let known = matter.acknowledgement { return "\(known.by) acknowledged it before the page left" }
        return nil
    }

    /// Whether an alert stands open that an instance did not deliver a page.
    func isInTrouble(_ instance: String, at now: Date) -> Bool {
        alerts[Self.id(ofOwn: Self.ownOrigin + "sink:\(instance)")].map { !$0.isOver(at: now) } ?? false
    }

    /// A sink has taken a page.
    public mutating func delivered(_ page: String, through instance: String, at now: Date) {
        endOwn("sink:\(instance)", at: now)
    }

    /// A sink could not take a page: the person's next contact is tried at once, and that it failed is an alert.
    /// - Returns: true where somebody else has the page now, and this one need not be tried again.
    public mutating func failed(_ order: PageOrder, through instance: String, _ failure: String, at now: Date) -> Bool {
        failed(page: order.page.id, order.verb, through: instance, failure, isSinkTrouble: true, at: now)
    }

    /// A page left, and came to nobody: the call was not answered, the number is not in use. It is the next contact's turn, and no fault of the sink's.
    public mutating func reachedNobody(_ page: String, through instance: String, _ reason: String, at now: Date) {
        guard let (id, _) = Self.parse(page), groups[id]?.matter?.acknowledgement == nil else { return }
        _ = failed(page: page, .page, through: instance, reason, isSinkTrouble: false, at: now)
    }

    private mutating func failed(
        page pageID: String, _ verb: PageOrder.Verb, through instance: String, _ failure: String, isSinkTrouble: Bool, at now: Date
    ) -> Bool {
        defer { raiseWaiting(at: now) }
        let short = String(failure.prefix(300))
        effects.tallies[.init(receiver: "", outcome: "failed", reason: instance), default: 0] += 1
        if pageID.hasPrefix("page_bundle_") {
            if isSinkTrouble { raiseSinkTrouble(instance, short, at: now) }
            return verb == .page && bundleFailed(pageID, short, at: now)
        }
        guard let (id, openedAt) = Self.parse(pageID) else { return false }
        var isTaken = false, isOfOnCall = false
        withGroup(id) { core, group in
            isOfOnCall = group.members.contains { core.alerts[$0]?.isOfOnCall == true }
            guard verb == .page, let matter = group.matter, matter.openedAt.milliseconds == openedAt,
                let index = matter.pages.firstIndex(where: { $0.id == pageID }), !matter.pages[index].hasFailed
            else {
                // Done before, by a process that ended before it could say so.
                isTaken = group.matter?.pages.contains { $0.id != pageID && $0.reason.hasPrefix(Self.after(pageID)) } ?? false
                return
            }
            core.effects.groups.insert(id)
            group.matter?.pages[index].hasFailed = true
            if matter.drill != nil { core.effects.drills.append(.failed(page: pageID, reason: short)) }
            let page = matter.pages[index]
            if let next = page.rest.first {
                var other = page
                other.contact = next
                other.rest = Array(page.rest.dropFirst())
                other.code = ""
                other.reason = "\(Self.after(page.id)) \(page.reason)"
                core.send(other, id, &group, "\(page.contact.label) failed (\(short))", at: now)
                isTaken = true
                return
            }
            core.record(
                [page.id, matter.id], "page", "failed", "\(page.contact.label): \(short); there is no further contact",
                rule: Self.place(in: page.reason), at: now)
            // Nobody of this level can be reached: the next person is not kept waiting.
            let reached = group.matter?.pages.contains { $0.level == matter.level && !$0.hasFailed } ?? false
            guard !reached, matter.pending.isEmpty, matter.acknowledgement == nil, matter.level > 0, page.level == matter.level else { return }
            core.nextLevel(id, &group, "level \(matter.level) could not be reached", at: now)
        }
        if isSinkTrouble, !isOfOnCall { raiseSinkTrouble(instance, short, at: now) }
        return isTaken
    }

    private static func after(_ page: String) -> String { "instead of \(page):" }

    private mutating func raiseSinkTrouble(_ instance: String, _ failure: String, at now: Date) {
        raiseOwn(
            "sink:\(instance)", name: "PageNotDelivered", .error, "\(instance) could not deliver a page: \(failure)", labels: ["instance": instance],
            at: now)
    }
}
