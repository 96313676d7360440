import Foundation
import PluginAPI

extension RosterReader {
    mutating func schedule(_ entry: Named<ScheduleSettings>.Entry, _ settings: ScheduleSettings) -> OnCallSchedule {
        let zone = zone(settings.timezone) ?? hotelZone
        let layers = settings.layers.items.enumerated().map { layer($1, $0, zone) }
        var schedule = OnCallSchedule(
            id: entry.name, zone: zone, layers: layers, overrides: [], temporary: [], holidays: [], mark: entry.mark)
        schedule.overrides = overrides(settings.overrides, zone)
        schedule.temporary = temporary(settings.temporary, zone)
        schedule.holidays = holidays(settings.holidays, layers, zone)
        if layers.isEmpty, settings.temporary.items.isEmpty {
            diagnostics.error(.missing, "the schedule “\(entry.name)” has no layer: nobody is ever on call", remedy: "add layers:", at: entry.mark)
        }
        return schedule
    }

    // MARK: Layers

    private mutating func layer(_ item: Marked<LayerSettings>, _ index: Int, _ zone: ZoneClock) -> OnCallSchedule.Layer {
        let settings = item.value, name = "layer \(settings.name ?? "\(index + 1)")"
        let begin = settings.start.map { moment($0, zone, isEnd: false) }, end = settings.until.map { moment($0, zone, isEnd: true) }
        var lifetime = (begin ?? Int.min / 4)..<max(end ?? Int.max / 4, begin ?? Int.min / 4)
        if let until = settings.until, lifetime.isEmpty {
            diagnostics.error(.invalidValue, "the layer ends before it begins", remedy: "write a later day under until:", at: until.mark)
        }
        let restrictions = settings.restrictions.items.flatMap { restriction($0) }
        let source: OnCallSchedule.Layer.Source
        if let ical = settings.ical {
            if !settings.people.items.isEmpty {
                diagnostics.error(
                    .invalidValue, "the layer has people and a calendar: only one of them can say who is on call", remedy: "make two layers of it",
                    at: ical.mark)
            }
            source = .calendar(calendar(ical, zone))
        } else {
            if settings.people.items.isEmpty {
                diagnostics.error(
                    .missing, "the rotation of \(name) has nobody", remedy: "add people: with at least one name, or ical:", at: item.mark)
            }
            let rotation = rotation(settings, zone)
            // A day names the hand-over on it: the first turn begins then, and not at midnight.
            if let start = settings.start?.value, start.isDay, rotation.startsTurn(on: start.wall.day) {
                let first = zone.first(WallTime(start.wall.day, rotation.handover))
                lifetime = first..<max(first, lifetime.upperBound)
            }
            source = .turns(rotation, people: settings.people.items.compactMap { person($0) })
        }
        return OnCallSchedule.Layer(
            name: name, source: source, lifetime: lifetime,
            restrictions: settings.restrictions.items.isEmpty ? nil : WeeklyHours(zone: zone, spans: restrictions),
            holidaysOnly: settings.holidaysOnly,
            mark: item.mark)
    }

    private mutating func rotation(_ settings: LayerSettings, _ zone: ZoneClock) -> Rotation {
        let start = settings.start?.value
        // 2024-01-01 was a Monday.
        var first = start.map { ($0.isUTC ? zone.wall(at: $0.wall.seconds) : $0.wall).day } ?? CivilDay(19723)
        if settings.rotation == .weekly, let weekday = settings.weekday {
            // The first turn is the one under way on the day of the start.
            first = first + -((first.weekday - weekday.value.rawValue).flooredRemainder(7))
        } else if settings.rotation != .weekly, let weekday = settings.weekday {
            diagnostics.warning(
                .invalidValue, "the day of the week means nothing in a rotation that is \(settings.rotation.rawValue)", remedy: "leave it out",
                at: weekday.mark)
        }
        var handover = settings.handover.seconds
        if let start, !start.isDay { handover = (start.isUTC ? zone.wall(at: start.wall.seconds) : start.wall).secondOfDay }
        return Rotation(
            kind: settings.rotation, every: settings.every, zone: zone, firstDay: first, handover: handover, dayOfMonth: settings.day)
    }

    private mutating func restriction(_ item: Marked<RestrictionSettings>) -> [WeeklyHours.Span] {
        let settings = item.value
        switch (settings.from.weekday, settings.to.weekday) {
        case (nil, nil): return WeeklyHours.daily(from: settings.from.time.seconds, to: settings.to.time.seconds, on: settings.weekdays)
        case (let from?, let to?):
            if !settings.weekdays.isEmpty {
                diagnostics.error(
                    .invalidValue, "the restriction names days of the week twice", remedy: "leave weekdays: out, or the days in from: and to:",
                    at: item.mark)
            }
            let start = from.rawValue * 86400 + settings.from.time.seconds, end = to.rawValue * 86400 + settings.to.time.seconds
            return [WeeklyHours.Span(start: start, end: end > start ? end : end + WeeklyHours.week)]
        default:
            diagnostics.error(
                .invalidValue, "the restriction names a day of the week at one end only",
                remedy: "write for example from: friday 17:00, to: monday 09:00",
                at: item.mark)
            return []
        }
    }

    // MARK: Overrides, temporary schedules, holidays

    private mutating func overrides(_ items: Items<OverrideSettings>, _ zone: ZoneClock) -> [OnCallSchedule.Override] {
        var overrides: [OnCallSchedule.Override] = []
        for item in items.items {
            let settings = item.value
            if settings.person == nil, settings.replaces == nil {
                diagnostics.error(.missing, "the override names nobody", remedy: "add person:, or replaces: for who is off", at: item.mark)
            }
            let takes = settings.person.flatMap { person($0) }, replaces = settings.replaces.flatMap { person($0) }
            guard let range = range(settings.from, settings.to, zone) else { continue }
            if let other = overrides.first(where: { other in
                other.range.overlaps(range) && (other.replaces == nil || replaces == nil || other.replaces == replaces)
            }) {
                diagnostics.error(
                    .invalidValue, "this override overlaps the one at \(other.mark)",
                    remedy: "let one end where the other begins, or say whom each replaces:",
                    at: item.mark)
            }
            // One whose person is unknown changes nothing: it must not leave a hole.
            guard settings.person == nil || takes != nil, settings.replaces == nil || replaces != nil else { continue }
            if let takes, let away = people[takes]?.absences.first(where: { $0.range.overlaps(range) }) {
                diagnostics.warning(
                    .invalidValue, "\(takes) takes over in a time of absence, at \(away.mark): the turn stays where it was then",
                    remedy: "name somebody else",
                    at: settings.person?.mark)
            }
            overrides.append(.init(range: range, person: takes, replaces: replaces, mark: item.mark))
        }
        return overrides
    }

    private mutating func temporary(_ items: Items<TemporarySettings>, _ zone: ZoneClock) -> [OnCallSchedule.Temporary] {
        var all: [OnCallSchedule.Temporary] = []
        for item in items.items {
            let settings = item.value
            guard let range = range(settings.from, settings.to, zone) else { continue }
            var shifts: [OnCallSchedule.Temporary.Shift] = []
            for id in settings.people.items {
                if let person = person(id) { shifts.append(.init(range: range, person: person, mark: id.mark)) }
            }
            for shift in settings.shifts.items {
                guard let person = person(shift.value.person), let time = self.range(shift.value.from, shift.value.to, zone) else { continue }
                if time.lowerBound < range.lowerBound || time.upperBound > range.upperBound {
                    diagnostics.warning(
                        .invalidValue, "the shift goes beyond its temporary schedule, which ends it", remedy: "let from: and to: lie within it",
                        at: shift.mark)
                }
                shifts.append(.init(range: time, person: person, mark: shift.mark))
            }
            if settings.shifts.items.isEmpty, settings.people.items.isEmpty {
                diagnostics.error(.missing, "the temporary schedule has nobody", remedy: "add people: or shifts:", at: item.mark)
            }
            if let other = all.first(where: { $0.range.overlaps(range) }) {
                diagnostics.error(
                    .invalidValue, "this temporary schedule overlaps the one at \(other.mark)", remedy: "let one end where the other begins",
                    at: item.mark)
            }
            all.append(.init(name: settings.name ?? "\(all.count + 1)", range: range, shifts: shifts, mark: item.mark))
        }
        return all
    }

    private mutating func holidays(
        _ items: Items<HolidaySettings>, _ layers: [OnCallSchedule.Layer], _ zone: ZoneClock
    ) -> [OnCallSchedule.Holiday] {
        items.items.compactMap { item in
            let settings = item.value
            if (settings.layer == nil) == (settings.person == nil) {
                diagnostics.error(.missing, "a holiday names a layer or a person", remedy: "add layer: or person:, one of them", at: item.mark)
            }
            var index: Int?
            if let layer = settings.layer {
                index = layers.firstIndex { $0.name == "layer \(layer.value)" }
                if index == nil {
                    diagnostics.error(
                        .unknownReference, "there is no layer “\(layer.value.clipped)” in this schedule",
                        remedy: Suggestion.mend(for: layer.value, among: layers.map { String($0.name.dropFirst(6)) }), at: layer.mark)
                }
            }
            let person = settings.person.flatMap { self.person($0) }
            for date in settings.dates.items where !date.value.isDay {
                diagnostics.error(.invalidValue, "a holiday is a whole day", remedy: "write \(date.value.wall.day.text)", at: date.mark)
            }
            if settings.dates.items.isEmpty { diagnostics.error(.missing, "the holiday has no day", remedy: "add dates:", at: item.mark) }
            let days = settings.dates.items.map { date in
                zone.first(WallTime(date.value.wall.day, 0))..<zone.first(WallTime(date.value.wall.day + 1, 0))
            }
            guard index != nil || person != nil else { return nil }
            return .init(name: settings.name ?? "", days: days.merged(), layer: index, person: person, mark: item.mark)
        }
    }

    // MARK: Calendars

    private mutating func calendar(_ source: Marked<String>, _ zone: ZoneClock) -> CalendarShifts {
        guard let bytes = calendars(source.value) else {
            if CalendarCache.isAddress(source.value) {
                // No error: a Jack that runs fetches it, and a plan that cannot be loaded is none that it could fetch for.
                diagnostics.warning(
                    .unreadable, "the calendar “\(CalendarFeeds.shown(source.value))” has never been fetched: nobody is on call by it until it is",
                    remedy: "start Jack, which fetches it, or check the address", at: source.mark)
            } else {
                diagnostics.error(
                    .unreadable, "the calendar “\(source.value)” cannot be read: nobody is on call by it", remedy: "check the path", at: source.mark)
            }
            return CalendarShifts([]) { _ in [] }
        }
        let events = ICalendarReader(zone: zone, file: CalendarFeeds.shown(source.value)).read(bytes, &diagnostics)
        if events.isEmpty {
            diagnostics.warning(
                .missing, "the calendar “\(CalendarFeeds.shown(source.value))” has no events", remedy: "check what it exports", at: source.mark)
        }
        let names = document.people.entries.map { entry in
            CalendarName(
                id: entry.name, names: ([entry.name, entry.value?.name ?? entry.name] + (entry.value?.aliases ?? [])).map { $0.lowercased() },
                addresses: Set((people[entry.name]?.contacts ?? []).flatMap { $0.ways.compactMap(\.recipient) }.map { $0.lowercased() }))
        }
        var unknown: [CalendarEvent] = []
        let shifts = CalendarShifts(events) { event in
            let found = names.filter { $0.isMeant(by: event) }.map(\.id)
            if found.isEmpty { unknown.append(event) }
            return found
        }
        for event in unknown where !event.isCancelled {
            diagnostics.warning(
                .unknownReference, "the event “\(event.summary.prefix(60))” names nobody of this plan: nobody is on call by it",
                remedy: "let its summary or an attendee be a person's name, id, alias or address", at: event.mark)
        }
        used.formUnion(shifts.people)
        return shifts
    }
}

/// How a calendar may name a person.
private struct CalendarName {
    var id: String
    var names: [String]
    var addresses: Set<String>

    func isMeant(by event: CalendarEvent) -> Bool {
        if event.attendees.contains(where: { addresses.contains($0) || names.contains($0) }) { return true }
        let summary = event.summary.lowercased()
        if addresses.contains(where: summary.contains) { return true }
        return names.contains { name in
            // Whole words only: Ana is not meant by "Anabela".
            var from = summary.startIndex
            while !name.isEmpty, let found = summary.range(of: name, range: from..<summary.endIndex) {
                let before = found.lowerBound == summary.startIndex ? nil : summary[summary.index(before: found.lowerBound)]
                let after = found.upperBound == summary.endIndex ? nil : summary[found.upperBound]
                if ![before, after].contains(where: { $0.map { $0.isLetter || $0.isNumber } ?? false }) { return true }
                from = summary.index(after: found.lowerBound)
            }
            return false
        }
    }
}
