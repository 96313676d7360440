import Foundation
import PluginAPI

/// News of what people were paged for: forty alerts that end within a minute must not be forty texts to somebody asleep.
extension OnCallCore {
    /// Begins the id of a message with news that had waited.
    static let newsPage = "page_news_"
    /// The same where some of it is about on call itself: that it fails raises nothing further.
    static let ownNewsPage = newsPage + "own_"

    /// Tells a contact of something that it was paged for: at once where it heard nothing of the kind lately, else together with what follows.
    ///
    /// Emergencies and drills wait for nothing, nor does whoever has just typed an answer and looks for what came of it. Whatever keeps a message or an
    /// incident for each matter, as a program does, is told of each by itself.
    /// - Parameter sender: who answered, as ``OnCallAnswer/sender`` has it; empty for nobody.
    mutating func tell(
        _ verb: PageOrder.Verb, to page: PageRecord, _ id: UInt64, _ group: inout GroupRecord, about ids: [UInt64], _ why: String,
        note: String? = nil, sender: String = "", at now: Date
    ) {
        guard let matter = group.matter else { return }
        let contact = page.contact, isAwaited = !sender.isEmpty && (contact.recipient.map { Self.areSame(sender, $0) } ?? false)
        guard contact.bundlesNews, limits.newsWindow > 0, !matter.isEmergency, matter.drill == nil, !isAwaited else {
            return order(verb, to: page, id, &group, about: ids, why, note: note, at: now)
        }
        let key = contact.key
        effects.news.insert(key)
        var known = news[key] ?? NewsRecord(contact: contact, sent: .distantPast)
        let free = known.sent.addingTimeInterval(limits.newsWindow)
        guard free > now || !known.waiting.isEmpty else {
            (known.contact, known.person, known.sent) = (contact, page.person, now)
            news[key] = known
            return order(verb, to: page, id, &group, about: ids, why, note: note, at: now)
        }
        (known.contact, known.person) = (contact, page.person)
        known.waiting.removeAll { $0.matter == matter.id }
        known.waiting.append(item(verb, page, group, matter, about: ids, why, note, at: now))
        // A message that is full leaves: what is told must not become a list that nobody reads.
        let due = known.waiting.count >= limits.newsInMessage ? now : known.due ?? free
        known.due = due
        personDue = min(personDue ?? due, due)
        news[key] = known
        let wait = max(0, Int(due.timeIntervalSince(now).rounded(.up)))
        record(
            [matter.id], "page", "held", "\(contact.label): \(why); told together with other news in \(wait) s",
            rule: Self.place(in: page.reason) ?? decision(of: group).mark.place, at: now)
        tally(group, "bundled", "news")
    }

    /// What leaves now says more than what waits to be told of the same matter.
    mutating func forgetNews(of matter: String, for contact: Contact) {
        guard !news.isEmpty else { return }
        let key = contact.key
        guard news[key]?.waiting.contains(where: { $0.matter == matter }) == true else { return }
        news[key]?.waiting.removeAll { $0.matter == matter }
        if news[key]?.waiting.isEmpty == true { news[key]?.due = nil }
        effects.news.insert(key)
    }

    /// Tells what has waited long enough.
    mutating func tellNews(at now: Date) {
        for key in news.keys.sorted() {
            guard var known = news[key], let due = known.due, due <= now else { continue }
            // The worst first; of two that are equally bad the one that is not over.
            let items = known.waiting.enumerated().sorted { left, right in
                let (one, other) = (left.element, right.element)
                if one.alert.severity != other.alert.severity { return one.alert.severity > other.alert.severity }
                if (one.verb == .resolve) != (other.verb == .resolve) { return other.verb == .resolve }
                return left.offset < right.offset
            }.map(\.element)
            (known.waiting, known.due, known.sent) = ([], nil, now)
            for start in stride(from: 0, to: items.count, by: max(1, limits.newsInMessage)) {
                known.number += 1
                place(Array(items[start..<min(items.count, start + max(1, limits.newsInMessage))]), key, known, at: now)
            }
            news[key] = known
            effects.news.insert(key)
        }
    }

    // MARK: Parts

    private func item(
        _ verb: PageOrder.Verb, _ page: PageRecord, _ group: GroupRecord, _ matter: Matter, about ids: [UInt64], _ why: String, _ note: String?,
        at now: Date
    ) -> NewsRecord.Item {
        let shown = shown(ids, at: now)
        var alert = shown.first ?? Self.summary("news", why, matter.severity, 0, at: now)
        (alert.detail, alert.labels, alert.annotations, alert.generatorURL) = (nil, [:], [:], nil)
        alert.summary = String(alert.summary.prefix(300))
        return NewsRecord.Item(
            matter: matter.id, verb: verb, text: String(why.prefix(120)), note: note, code: page.code, level: max(1, page.level),
            receiver: decision(of: group).receiver, alert: alert, more: max(0, ids.count - 1))
    }

    private mutating func place(_ items: [NewsRecord.Item], _ key: String, _ known: NewsRecord, at now: Date) {
        guard let first = items.first else { return }
        let isOwn = items.contains { $0.alert.fingerprint.hasPrefix(Self.ownOrigin) }
        let hash = FNV.hash(key.utf8).fingerprintText
        let id = "\(isOwn ? Self.ownNewsPage : Self.newsPage)\(hash)_\(String(now.milliseconds, radix: 36))_\(known.number)"
        let verb: PageOrder.Verb = items.allSatisfy { $0.verb == .resolve } ? .resolve : .update
        var page: AlertPage
        if items.count == 1 {
            // What waited alone is told as it would have been.
            let more = first.more > 0 ? [Self.summary("more", "\(first.more) more alerts", first.alert.severity, first.more, at: now)] : []
            page = AlertPage(
                id: id, groupKey: first.matter, alerts: [first.alert] + more, recipient: known.contact.recipient, level: first.level,
                reason: first.text, code: verb == .resolve || first.code.isEmpty ? nil : first.code, note: first.note, receiver: first.receiver)
        } else {
            let text = Self.news(items)
            page = AlertPage(
                id: id, groupKey: "\(Self.ownOrigin)news:\(hash)",
                alerts: [Self.summary("news", "\(text); the most important: \(first.alert.summary)", first.alert.severity, items.count, at: now)],
                recipient: known.contact.recipient,
                reason: "\(text), because \(known.contact.label) had other news within \(Int(limits.newsWindow)) s")
            page.note = Self.list(items)
        }
        effects.orders.append(
            .init(
                instance: known.contact.instance, order: PageOrder(verb: verb, page: page), contact: known.contact.label, person: known.person,
                at: now))
        record([id], "page", verb.outcome, "\(known.contact.label): \(page.reason)", at: now)
        for item in items {
            let others = items.count > 1 ? ", with \(items.count - 1) others" : ""
            record([item.matter], "page", item.verb.outcome, "\(known.contact.label): \(item.text)\(others), as \(id)", at: now)
        }
        effects.tallies[.init(receiver: "bundle", outcome: verb.outcome, reason: "news"), default: 0] += 1
    }

    /// `39 matters: 38 resolved, 1 acknowledged`.
    private static func news(_ items: [NewsRecord.Item]) -> String {
        let over = items.count { $0.verb == .resolve }, taken = items.count(where: \.isAcknowledgement), changed = items.count - over - taken
        let parts = [(over, "resolved"), (taken, "acknowledged"), (changed, "changed")].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        return "\(items.count) matters: \(parts.joined(separator: ", "))"
    }

    /// Every matter by its name, under what happened to it: nobody has to guess which of them are over.
    private static func list(_ items: [NewsRecord.Item]) -> String {
        var order: [String] = [], names: [String: [String]] = [:]
        for item in items {
            if names[item.text] == nil { order.append(item.text) }
            names[item.text, default: []].append(item.name)
        }
        return order.map { "\($0): \((names[$0] ?? []).joined(separator: ", "))" }.joined(separator: "; ")
    }
}
