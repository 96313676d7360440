import Foundation
import PluginAPI

extension OnCallCore {
    /// Begins the id of a page that tells of several matters.
    static let bundlePage = "page_bundle_"

    /// Whether a page to a person may leave at once.
    /// - Returns: nil where it may; else why it waits, and it is noted to be told with others.
    mutating func mayLeave(
        _ key: String, _ contact: Contact, _ rest: [Contact], isFirstCritical: Bool, _ isEmergency: Bool, group: UInt64, at now: Date
    ) -> String? {
        // Taken out, so that a long list is not copied when it grows.
        var person = people.removeValue(forKey: key) ?? PersonRecord(contact: contact)
        person.sent.removeAll { $0 <= now.addingTimeInterval(-limits.window) }
        defer {
            people[key] = person
            effects.people.insert(key)
        }
        let limit = isFirstCritical ? limits.floodPages : limits.pagesInWindow
        if isEmergency || (person.sent.count < limit && (person.waiting.isEmpty || isFirstCritical)) {
            person.sent.append(now)
            // Only emergencies can be that many, and no window is counted so far.
            if person.sent.count > 200 { person.sent.removeFirst() }
            return nil
        }
        let free: Date
        if isFirstCritical {
            free = now.addingTimeInterval(limits.floodWait)
        } else {
            let index = max(0, min(person.sent.count - 1, person.sent.count - limit))
            free = person.sent.isEmpty ? now : person.sent[index].addingTimeInterval(limits.window)
        }
        person.due = min(person.due ?? free, free)
        person.contact = contact
        person.rest = rest
        if person.waiting.last != group { person.waiting.append(group) }
        personDue = min(personDue ?? free, free)
        let seconds = Int(limits.window)
        // Seconds, and no time of day: formatting one for each of 100,000 would be most of the work.
        let wait = Int((person.due ?? free).timeIntervalSince(now).rounded(.up))
        return "has had \(person.sent.count) pages in \(seconds) s; told together with others in \(wait) s"
    }

    mutating func setPersonDue() { personDue = (people.values.compactMap(\.due) + news.values.compactMap(\.due)).min() }

    /// Tells people together what could not be told one by one.
    mutating func tellBundles(at now: Date) {
        for key in people.keys.sorted() {
            guard let due = people[key]?.due, due <= now else { continue }
            tellBundle(key, at: now)
        }
        setPersonDue()
    }

    private mutating func tellBundle(_ key: String, at now: Date) {
        guard var person = people.removeValue(forKey: key) else { return }
        person.due = nil
        effects.people.insert(key)
        var seen: Set<UInt64> = []
        let open = person.waiting.compactMap { id -> (id: UInt64, severity: AlertSeverity)? in
            guard seen.insert(id).inserted, let matter = groups[id]?.matter, matter.isOpen, matter.acknowledgement == nil else { return nil }
            return (id, matter.severity)
        }
        person.waiting = []
        guard !open.isEmpty else {
            people[key] = person
            return
        }
        if person.matter.isEmpty {
            person.matter = "\(Self.ownOrigin)bundle:\(FNV.hash(key.utf8).fingerprintText):\(now.milliseconds)"
            let code = unusedCode()
            person.code = String(code)
            bundleCodes[code] = key
        }
        person.told.formUnion(open.map(\.id))
        for matter in open { noteTogether(matter.id, key) }
        person.number += 1
        person.sent.append(now)
        let pageID = "\(Self.bundlePage)\(FNV.hash(key.utf8).fingerprintText)_\(String(now.milliseconds, radix: 36))_\(person.number)"
        person.pages = [pageID: person.rest]
        people[key] = person
        let worst = open.map(\.severity).max() ?? .error
        let text = Self.count(open.map(\.severity), "matters together")
        var alerts = [Self.summary("bundle", text, worst, open.count, at: now)]
        for matter in open.sorted(by: { ($1.severity, $0.id) < ($0.severity, $1.id) }).prefix(limits.alertsInPage - 1) {
            alerts += shown(Array((groups[matter.id]?.matter?.told ?? []).prefix(1)), at: now)
        }
        let reason = "\(text), because \(person.contact.label) has had \(person.sent.count - 1) pages in \(Int(limits.window)) s"
        placeBundle(pageID, person.contact, person, .page, alerts, reason, at: now)
        record([pageID, person.matter], "page", "paged", "\(person.contact.label): \(reason)", at: now)
        for matter in open.prefix(1000) {
            guard let group = groups[matter.id] else { continue }
            record(
                subjects(group, group.members.prefix(1)), "page", "paged", "\(person.contact.label): with others, as \(pageID)",
                rule: decision(of: group).mark.place, at: now)
        }
        effects.tallies[.init(receiver: "bundle", outcome: "paged", reason: "bundle"), default: 0] += 1
    }

    /// Notes with a group's own pages that a person was told of it together with others.
    private mutating func noteTogether(_ id: UInt64, _ key: String) {
        guard let pages = groups[id]?.matter?.pages else { return }
        for index in pages.indices where pages[index].waits && pages[index].key == key {
            groups[id]?.matter?.pages[index].waits = false
            groups[id]?.matter?.pages[index].isTogether = true
        }
        effects.groups.insert(id)
    }

    private mutating func placeBundle(
        _ id: String, _ contact: Contact, _ person: PersonRecord, _ verb: PageOrder.Verb, _ alerts: [Alert], _ reason: String, at now: Date
    ) {
        let page = AlertPage(
            id: id, groupKey: person.matter, alerts: alerts, recipient: contact.recipient, reason: reason, code: verb == .page ? person.code : nil)
        effects.orders.append(
            .init(instance: contact.instance, order: PageOrder(verb: verb, page: page), contact: contact.label, person: nil, at: now))
    }

    /// A matter that was told with others is over; after the last one, so is the bundle.
    mutating func leaveBundle(_ key: String, _ group: UInt64, at now: Date) {
        guard var person = people.removeValue(forKey: key) else { return }
        effects.people.insert(key)
        let wasTold = person.told.remove(group) != nil
        defer { people[key] = person }
        guard wasTold, person.told.isEmpty, !person.waiting.contains(where: { $0 != group && groups[$0]?.matter?.isOpen == true }) else { return }
        let alert = Self.summary("bundle", "all that was told together is over", .info, 0, at: now)
        person.number += 1
        let id = "\(Self.bundlePage)\(FNV.hash(key.utf8).fingerprintText)_\(String(now.milliseconds, radix: 36))_\(person.number)"
        placeBundle(id, person.contact, person, .resolve, [alert], "all that was told together is over", at: now)
        record([id, person.matter], "page", "told of the end", "\(person.contact.label): all that was told together is over", at: now)
        bundleCodes[UInt64(person.code) ?? 0] = nil
        (person.code, person.matter, person.pages) = ("", "", [:])
    }

    /// A bundle did not arrive.
    /// - Returns: true where the next contact has it.
    mutating func bundleFailed(_ page: String, _ failure: String, at now: Date) -> Bool {
        guard let key = people.keys.sorted().first(where: { people[$0]?.pages[page] != nil }), var person = people[key], var rest = person.pages[page]
        else { return false }
        guard !rest.isEmpty else { return false }
        let next = rest.removeFirst()
        person.number += 1
        let id = "\(Self.bundlePage)\(FNV.hash(key.utf8).fingerprintText)_\(String(now.milliseconds, radix: 36))_\(person.number)"
        person.pages = [id: rest]
        person.contact = next
        people[key] = person
        effects.people.insert(key)
        let severities = person.told.compactMap { groups[$0]?.matter?.severity }
        let alert = Self.summary("bundle", Self.count(severities, "matters together"), severities.max() ?? .error, severities.count, at: now)
        placeBundle(id, next, person, .page, [alert], "the contact before failed: \(failure)", at: now)
        record([page, id, person.matter], "page", "fallback", "\(next.label), because the contact before failed: \(failure)", at: now)
        return true
    }
}
