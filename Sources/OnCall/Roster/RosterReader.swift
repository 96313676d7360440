import Foundation
import PluginAPI

/// Makes a roster from its document: names are resolved, times checked, and each mistake is told with its place and its mend.
struct RosterReader {
    var book: ContactBook
    /// The hotel's zone, for what names none.
    var hotelZone: ZoneClock
    /// The bytes of a calendar, by what `ical` says; nil where it cannot be read.
    var calendars: (String) -> [UInt8]?
    var diagnostics = Diagnostics()

    var people: [String: RosterPerson] = [:]
    var schedules: [String: OnCallSchedule] = [:]
    var policies: [String: RosterPolicy] = [:]
    var document = RosterDocument()
    /// What is being resolved now: a team that leads back to one of these goes in a circle.
    private var openTeams: [String] = []
    /// The names that something uses.
    var used: Set<String> = []

    init(book: ContactBook, hotelZone: ZoneClock, calendars: @escaping (String) -> [UInt8]?) {
        self.book = book
        self.hotelZone = hotelZone
        self.calendars = calendars
    }

    mutating func read(_ document: RosterDocument) {
        self.document = document
        hotelZone = zone(document.timezone) ?? hotelZone
        names()
        for entry in document.people.entries { if let value = entry.value { people[entry.name] = person(entry, value) } }
        for entry in document.schedules.entries { if let value = entry.value { schedules[entry.name] = schedule(entry, value) } }
        for entry in document.teams.entries {
            // Also what nobody uses is checked.
            openTeams = [entry.name]
            _ = targets(entry.value ?? Items())
        }
        openTeams = []
        for entry in document.policies.entries { if let value = entry.value { policies[entry.name] = policy(entry, value) } }
    }

    /// One name means one thing.
    private mutating func names() {
        var kinds: [String: (kind: String, mark: SourceMark)] = [:]
        let all =
            document.people.entries.map { ($0.name, "person", $0.mark) } + document.teams.entries.map { ($0.name, "team", $0.mark) }
            + document.schedules.entries.map { ($0.name, "schedule", $0.mark) }
        for (name, kind, mark) in all {
            if let other = kinds[name], other.kind != kind {
                diagnostics.error(
                    .invalidValue, "“\(name.clipped)” is a \(other.kind) already, at \(other.mark), and now a \(kind)",
                    remedy: "give one of them another name",
                    at: mark)
            }
            kinds[name] = (kind, mark)
        }
    }

    // MARK: Zones and times

    mutating func zone(_ name: Marked<String>?) -> ZoneClock? {
        guard let name else { return nil }
        if let zone = ZoneClock(name.value) { return zone }
        let known = name.value.count <= 64 ? TimeZone.knownTimeZoneIdentifiers : []
        let near =
            Suggestion.nearest(to: name.value, among: known) ?? known.first { $0.split(separator: "/").last?.lowercased() == name.value.lowercased() }
        diagnostics.error(
            .invalidValue, "“\(name.value.prefix(64))” is no time zone that is known",
            remedy: near.map { "did you mean “\($0)”?" } ?? "write an IANA name such as Europe/Lisbon", at: name.mark)
        return nil
    }

    /// A moment that a plan names once; one that the clock leaves out on that day, or shows twice, is told.
    mutating func moment(_ stamp: Marked<Stamp>, _ zone: ZoneClock, isEnd: Bool) -> Int {
        if !stamp.value.isDay, !stamp.value.isUTC, let jump = zone.jump(around: stamp.value.wall) {
            if jump.isGap {
                diagnostics.error(
                    .invalidValue,
                    "\(stamp.value.text) does not exist in \(zone.name): the clock goes from \(WallTime(jump.wall.lowerBound).text) to "
                        + WallTime(jump.wall.upperBound).text,
                    remedy: "write \(WallTime(jump.wall.upperBound).text)", at: stamp.mark)
            } else {
                diagnostics.warning(
                    .invalidValue, "\(stamp.value.text) comes twice in \(zone.name): the first is meant",
                    remedy: "write it in UTC to be sure: \(WallTime(zone.first(stamp.value.wall)).text.replacing(" ", with: "T"))Z", at: stamp.mark)
            }
        }
        return isEnd ? stamp.value.end(in: zone) : stamp.value.start(in: zone)
    }

    /// The time from one moment to another; nil where it ends before it begins.
    mutating func range(_ from: Marked<Stamp>, _ to: Marked<Stamp>, _ zone: ZoneClock) -> Range<Int>? {
        let start = moment(from, zone, isEnd: false), end = moment(to, zone, isEnd: true)
        if start < end { return start..<end }
        diagnostics.error(
            .invalidValue, "it ends (\(to.value.text)) before it begins (\(from.value.text))", remedy: "write a later time under to:", at: to.mark)
        return nil
    }

    mutating func quietHours(_ items: Items<QuietHoursSettings>, _ zone: ZoneClock) -> [QuietHours] {
        items.items.map { item in
            let settings = item.value
            if settings.start == settings.end {
                diagnostics.warning(
                    .invalidValue, "these quiet hours last the whole day", remedy: "write a start and an end that differ", at: item.mark)
            }
            return QuietHours(
                hours: WeeklyHours(
                    zone: self.zone(settings.timezone) ?? zone,
                    spans: WeeklyHours.daily(from: settings.start.seconds, to: settings.end.seconds, on: settings.weekdays)),
                override: settings.severityOverride.severity, words: "\(settings.start.text)–\(settings.end.text)", mark: item.mark)
        }
    }

    // MARK: People

    private mutating func person(_ entry: Named<PersonSettings>.Entry, _ settings: PersonSettings) -> RosterPerson {
        let name = settings.name ?? entry.name, zone = zone(settings.timezone) ?? hotelZone
        if let locale = settings.locale, !Self.isLocale(locale) {
            diagnostics.error(.invalidValue, "“\(locale.clipped)” is no language", remedy: "write for example pt or en-GB", at: entry.mark)
        }
        var contacts: [PlannedContact] = [], written = 0
        for item in settings.contacts.items {
            written += 1
            guard let contact = book.contact(item.value.node, of: name, &diagnostics) else { continue }
            if contacts.contains(where: { $0.key == contact.key }) {
                diagnostics.warning(
                    .duplicateKey, "\(name) has two contacts called “\(contact.key)”: rules mean the first", remedy: "give one of them a name:",
                    at: item.mark)
            }
            contacts.append(contact)
        }
        if written == 0 {
            diagnostics.error(
                .missing, "\(entry.name) has no contact: nobody is reached",
                remedy: "add contacts:, such as {type: phone, number: \"+351210000000\"}",
                at: entry.mark)
        }
        var rules: [(from: AlertSeverity, steps: [RosterPerson.Rule])] = []
        for rule in settings.rules.entries {
            guard let from = rule.name == "default" ? AlertSeverity.info : AlertSeverity(rawValue: rule.name) else {
                let known = AlertSeverity.allCases.map(\.rawValue) + ["default"]
                diagnostics.error(
                    .unknownKey, "“\(rule.name.clipped)” is no severity", remedy: Suggestion.mend(for: rule.name, among: known), at: rule.mark)
                continue
            }
            guard let steps = rule.value?.items else { continue }
            if steps.isEmpty { diagnostics.error(.missing, "the rule does nothing", remedy: "name a contact, or leave the rule out", at: rule.mark) }
            var planned: [RosterPerson.Rule] = []
            for step in steps {
                guard let contact = contacts.first(where: { $0.key == step.value.contact.value }) else {
                    diagnostics.error(
                        .unknownReference, "\(name) has no contact “\(step.value.contact.value.clipped)”",
                        remedy: Suggestion.mend(for: step.value.contact.value, among: contacts.map(\.key)), at: step.value.contact.mark)
                    continue
                }
                planned.append(.init(contact: contact, after: Int(step.value.after.seconds), mark: step.mark))
            }
            rules.append((from, planned))
        }
        let absences = settings.absences.items.compactMap { item -> (range: Range<Int>, reason: String, mark: SourceMark)? in
            range(item.value.from, item.value.to, zone).map { ($0, item.value.reason, item.mark) }
        }
        return RosterPerson(
            id: entry.name, name: name, locale: settings.locale, zone: zone, contacts: contacts.filter { !$0.ways.isEmpty },
            rules: rules.sorted { $0.from > $1.from }, quietHours: quietHours(settings.quietHours, zone),
            absences: absences.sorted { $0.range.lowerBound < $1.range.lowerBound }, mark: entry.mark)
    }

    private static func isLocale(_ text: String) -> Bool {
        let parts = text.split(whereSeparator: { $0 == "-" || $0 == "_" })
        return (2...3).contains(parts.first?.count ?? 0) && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
    }

    /// A person's id, or nil and what is wrong.
    mutating func person(_ id: Marked<String>) -> String? {
        used.insert(id.value)
        let ids = document.people.entries.map(\.name)
        if ids.contains(id.value) { return id.value }
        diagnostics.error(
            .unknownReference, "there is no person “\(id.value.clipped)”",
            remedy: Suggestion.mend(for: id.value, among: ids) ?? "add them under people:",
            at: id.mark)
        return nil
    }

    // MARK: Whom a level means

    mutating func targets(_ items: Items<AnyNode>) -> [LevelTarget] { items.items.flatMap { targets($0.value.node) } }

    private mutating func targets(_ node: ConfigNode) -> [LevelTarget] {
        if node["type"] != nil { return contact(node) }
        if let entries = node.entries {
            guard entries.count == 1, let entry = entries.first, let name = entry.value.text, ["person", "schedule", "team"].contains(entry.key)
            else {
                diagnostics.error(
                    .wrongType, "this says neither a name nor a contact", remedy: "write a name, {person: …}, {schedule: …}, {team: …} or {type: …}",
                    at: node.mark)
                return []
            }
            return targets(name, entry.key, entry.value.mark)
        }
        guard let name = node.text else {
            diagnostics.error(
                .wrongType, "expected a name or a contact, found \(node.kindDescription)", remedy: "write a person, a schedule or a team",
                at: node.mark)
            return []
        }
        return targets(name, nil, node.mark)
    }

    private mutating func contact(_ node: ConfigNode) -> [LevelTarget] {
        guard let contact = book.contact(node, of: nil, &diagnostics) else { return [] }
        return [LevelTarget(kind: .contact(contact), teams: [], mark: node.mark)]
    }

    /// - Parameter kind: what the name must be; nil for whatever bears it.
    private mutating func targets(_ name: String, _ kind: String?, _ mark: SourceMark) -> [LevelTarget] {
        used.insert(name)
        let people = document.people.entries.map(\.name), schedules = document.schedules.entries.map(\.name)
        if kind ?? "person" == "person", people.contains(name) { return [LevelTarget(kind: .person(name), teams: openTeams, mark: mark)] }
        if kind ?? "schedule" == "schedule", schedules.contains(name) { return [LevelTarget(kind: .schedule(name), teams: openTeams, mark: mark)] }
        if kind ?? "team" == "team", let team = document.teams.entries.first(where: { $0.name == name }) {
            guard !openTeams.contains(name) else {
                diagnostics.error(
                    .invalidValue, "the team “\(name.clipped)” comes back to itself: \((openTeams + [name]).joined(separator: " → "))",
                    remedy: "name people or schedules here", at: mark)
                return []
            }
            openTeams.append(name)
            defer { openTeams.removeLast() }
            return targets(team.value ?? Items()).map { target in
                var target = target
                if target.teams.isEmpty { target.teams = openTeams }
                return target
            }
        }
        let candidates: [String]
        switch kind {
        case "person"?: candidates = people
        case "schedule"?: candidates = schedules
        case "team"?: candidates = document.teams.entries.map(\.name)
        default: candidates = people + schedules + document.teams.entries.map(\.name)
        }
        diagnostics.error(
            .unknownReference, "there is no \(kind ?? "person, schedule or team") “\(name.clipped)”",
            remedy: Suggestion.mend(for: name, among: candidates),
            at: mark)
        return []
    }
}
