import Foundation
import PluginAPI

/// What is told to whom, and in which words.
extension OnCallCore {
    /// Pages one person, unless that one has had so many pages that this one must be told together with others.
    /// - Parameter isNews: true where it tells of something new that is critical, whatever the person was told of the matter before.
    mutating func page(
        _ id: UInt64, _ group: inout GroupRecord, _ step: PagingStep, level: Int, _ why: String, isNews: Bool = false, at now: Date
    ) {
        guard let matter = group.matter else { return }
        let troubled = troubledInstances(group)
        let ways = ([step.contact] + step.fallbacks).filter { !troubled.contains($0.instance) }
        guard let contact = ways.first else {
            record(
                subjects(group, group.members), "page", "not told",
                "\(step.contact.label) is reached by \(step.contact.instance) alone, which is in trouble itself", rule: step.place, at: now)
            return tally(group, "suppressed", "own trouble")
        }
        let before = matter.pages.first { $0.isTo(contact) }
        let known = before?.hasFailed == true ? nil : before
        let isFirst = isNews || known == nil || (known?.severity ?? .info) < .critical
        var page = PageRecord(
            id: "", person: step.person, contact: contact, rest: Array(ways.dropFirst()), code: before?.code ?? "", level: level,
            reason: step.reason, severity: matter.severity, round: matter.round)
        let key = page.key
        // A drill neither waits for other pages nor counts among them; a program reads as many as there are.
        let leave =
            matter.drill == nil && !contact.isProgram
            ? mayLeave(key, contact, page.rest, isFirstCritical: isFirst && matter.severity == .critical, matter.isEmergency, group: id, at: now)
            : nil
        if !matter.hasReached { endOwn("nobody:\(decision(of: group).receiver)", at: now) }
        group.matter?.hasReached = true
        if let wait = leave {
            if let index = group.matter?.pages.firstIndex(where: { $0.isTo(contact) && !$0.hasFailed }) {
                group.matter?.pages[index].waits = true
                group.matter?.pages[index].severity = matter.severity
            } else {
                page.bundle = key
                page.waits = true
                group.matter?.pages.removeAll { $0.isTo(contact) }
                group.matter?.pages.append(page)
            }
            record(subjects(group, group.members), "page", "bundled", "\(step.person ?? contact.label): \(wait)", rule: step.place, at: now)
            return tally(group, "bundled", "throttled")
        }
        send(page, id, &group, why, at: now)
    }

    mutating func send(_ page: PageRecord, _ id: UInt64, _ group: inout GroupRecord, _ why: String, at now: Date) {
        order(.page, to: page, id, &group, about: group.matter.map { Array($0.told) } ?? [], why, at: now)
    }

    /// Leaves an order for a sink.
    mutating func order(
        _ verb: PageOrder.Verb, to page: PageRecord, _ id: UInt64, _ group: inout GroupRecord, about ids: [UInt64], _ why: String,
        note: String? = nil,
        at now: Date
    ) {
        guard var matter = group.matter else { return }
        forgetNews(of: matter.id, for: page.contact)
        matter.sent += 1
        let pageID = "page_\(id.fingerprintText)_\(String(matter.openedAt.milliseconds, radix: 36))_\(matter.sent)"
        var code = page.code
        if verb == .page {
            var page = page
            page.id = pageID
            page.round = matter.round
            page.hasFailed = false
            page.bundle = nil
            (page.waits, page.isTogether) = (false, false)
            let before = matter.pages.first { $0.isTo(page.contact) }
            if let before, before.isTogether { leaveBundle(before.key, id, at: now) }
            if page.code.isEmpty { page.code = before?.code ?? "" }
            if page.code.isEmpty { page.code = drawCode(for: id) }
            code = page.code
            matter.pages.removeAll { $0.isTo(page.contact) }
            matter.pages.append(page)
        }
        group.matter = matter
        let mark = matter.drill == nil ? "" : "DRILL: ", reason = mark + (verb == .page ? "\(why): \(page.reason)" : why)
        if verb == .page, let drill = matter.drill {
            effects.drills.append(.paged(drill: drill.id, page: pageID, person: page.person, contact: page.contact, level: page.level, at: now))
        }
        let told = AlertPage(
            id: pageID, groupKey: matter.id, alerts: shown(ids, at: now), recipient: page.contact.recipient, level: max(1, page.level),
            reason: reason,
            code: verb == .resolve || code.isEmpty ? nil : code, note: note, receiver: decision(of: group).receiver, groupLabels: group.labels.texts)
        effects.orders.append(
            .init(
                instance: page.contact.instance, order: PageOrder(verb: verb, page: told), contact: page.contact.label, person: page.person, at: now))
        let rule = Self.place(in: page.reason) ?? decision(of: group).mark.place
        var subjects = [pageID]
        if verb == .page { subjects += self.subjects(group, ids) }
        record(subjects, "page", verb.outcome, "\(page.contact.label): \(reason)", rule: rule, at: now)
        tally(group, verb.outcome, verb == .page ? (why.split(separator: ";").first.map(String.init) ?? why).tallied : verb.rawValue)
    }

    /// Tells all who were paged what has happened to a matter.
    /// - Parameter sender: who answered; empty for nobody.
    /// - Parameter isEnd: true where nothing is told but that some of it is over.
    mutating func update(_ id: UInt64, _ group: inout GroupRecord, _ note: String, isEnd: Bool = false, sender: String = "", at now: Date) {
        guard let matter = group.matter else { return }
        for page in matter.pages where !page.hasFailed && page.bundle == nil && (page.contact.hearsEnds || !isEnd) {
            tell(.update, to: page, id, &group, about: Array(matter.told), note, note: note, sender: sender, at: now)
        }
    }

    /// The alerts that a page shows, the worst first. Of more than fit it tells how many they are.
    func shown(_ ids: [UInt64], at now: Date) -> [Alert] {
        let known = ids.compactMap { id in alerts[id].map { (id: id, severity: $0.severity, startsAt: $0.startsAt) } }
        let sorted = known.sorted { left, right in
            left.severity != right.severity
                ? left.severity > right.severity : left.startsAt != right.startsAt ? left.startsAt < right.startsAt : left.id < right.id
        }
        var shown = sorted.prefix(limits.alertsInPage).compactMap { alerts[$0.id]?.alert($0.id, at: now) }
        if sorted.count > shown.count, let worst = sorted.first {
            let rest = sorted.dropFirst(shown.count)
            shown.append(Self.summary("more", Self.count(rest.map(\.severity), "more alerts"), worst.severity, rest.count, at: now))
        }
        return shown
    }

    /// An alert that stands for many.
    static func summary(_ id: String, _ text: String, _ severity: AlertSeverity, _ count: Int, at now: Date) -> Alert {
        Alert(
            fingerprint: ownOrigin + id, name: "MoreAlerts", severity: severity, summary: text, labels: ["alertname": "MoreAlerts"],
            annotations: ["count": "\(count)"], startsAt: now)
    }

    /// `120 more alerts: 100 critical, 20 warning`.
    static func count(_ severities: [AlertSeverity], _ noun: String) -> String {
        let counts = AlertSeverity.allCases.reversed().compactMap { severity in
            let count = severities.count { $0 == severity }
            return count > 0 ? "\(count) \(severity)" : nil
        }
        return "\(severities.count) \(noun): \(counts.joined(separator: ", "))"
    }

    /// Instances that a matter of Jack's own is about: nobody is told of them through them.
    private func troubledInstances(_ group: GroupRecord) -> Set<String> {
        var names: Set<String> = []
        for member in group.members.prefix(50) {
            // What a label from outside says of an instance switches nothing off.
            guard let alert = alerts[member], alert.isOwn, ["instance:", "\(Self.ownOrigin)sink:"].contains(where: alert.origin.hasPrefix) else {
                continue
            }
            alert.labels.forEach { if $0 == "instance" { names.insert($1) } }
        }
        return names
    }

    /// A code that no other matter has. The more are open, the longer it is: a guess must not hit one.
    mutating func drawCode(for group: UInt64) -> String {
        let code = unusedCode()
        codes[code] = group
        return String(code)
    }

    func unusedCode() -> UInt64 {
        let open = codes.count + bundleCodes.count
        let least: UInt64 = open < 500 ? 100_000 : open < 50_000 ? 10_000_000 : 1_000_000_000
        while true {
            let code = least + random() % (least * 9)
            if codes[code] == nil, bundleCodes[code] == nil { return code }
        }
    }

    /// `file:line` out of a step's reason, which ends with it, or with `file:line:column`.
    static func place(in reason: String) -> String? {
        // Over bytes: every page that leaves asks for it.
        let last = reason.utf8.suffix(while: { $0 != UInt8(ascii: " ") })
        guard let colon = last.firstIndex(of: UInt8(ascii: ":")), colon > last.startIndex else { return nil }
        let line = last[last.index(after: colon)...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return line.isEmpty ? nil : String(reason[last.startIndex..<line.endIndex])
    }
}

extension BidirectionalCollection {
    /// The longest end all of whose elements are so.
    fileprivate func suffix(while isSo: (Element) -> Bool) -> SubSequence {
        var start = endIndex
        while start > startIndex, isSo(self[index(before: start)]) { start = index(before: start) }
        return self[start...]
    }
}

extension PagingStep {
    var place: String? { OnCallCore.place(in: reason) }
}

extension Contact {
    var key: String { "\(instance)|\(recipient ?? "")" }
}

extension PageOrder.Verb {
    /// As the ledger and the metrics name it.
    var outcome: String {
        switch self {
        case .page: "paged"
        case .update: "updated"
        case .resolve: "told of the end"
        }
    }
}

extension String {
    /// A reason without what differs from page to page: metrics must not have a series for each.
    fileprivate var tallied: String {
        if hasPrefix("first") { return "first" }
        if hasPrefix("told again") { return "repeat" }
        if hasPrefix("severity") || hasPrefix("an emergency") { return "severity" }
        if hasPrefix("nobody") { return "escalation" }
        if hasPrefix("acknowledged") { return "acknowledgement ended" }
        if hasPrefix("the next step") { return "step" }
        if contains("failed") { return "fallback" }
        return contains("new alert") ? "new alerts" : "other"
    }
}
