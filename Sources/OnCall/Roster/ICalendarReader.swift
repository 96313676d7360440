import Foundation
import PluginAPI

/// One event of a calendar, or one occurrence that was moved.
struct CalendarEvent: Sendable {
    var uid: String
    var summary: String
    /// E-mail addresses and names of attendees, in lower case.
    var attendees: [String]
    var zone: ZoneClock
    var start: WallTime
    /// What the clock shows at its end, where the event says an end or whole days; the length by any clock where it says a duration.
    var end: WallTime
    var duration: Int?
    var isAllDay: Bool
    var rule: RecurrenceRule?
    var exceptions: Set<WallTime>
    var additions: [WallTime]
    /// Which occurrence of the event with this uid it stands in place of.
    var replaces: WallTime?
    var isCancelled: Bool
    var mark: SourceMark
}

/// Reads what on-call calendars hold of RFC 5545: events with their times, zones, recurrences and exceptions. Everything else is passed over.
struct ICalendarReader {
    static let maximumBytes = 4 << 20
    static let maximumEvents = 20_000

    private struct Property {
        var name: String
        var parameters: [String: String]
        var value: String
        var mark: SourceMark
    }

    /// The zone of times that name none.
    var zone: ZoneClock
    var file: String

    /// The events; for what cannot be read there is a diagnostic, and the rest is read all the same.
    func read(_ bytes: [UInt8], _ diagnostics: inout Diagnostics) -> [CalendarEvent] {
        let start = SourceMark(file: file, line: 1, column: 1)
        guard bytes.count <= Self.maximumBytes else {
            diagnostics.error(.limit, "the calendar has more than \(Self.maximumBytes >> 20) MB", remedy: "export a shorter span of time", at: start)
            return []
        }
        let properties = properties(String(decoding: bytes, as: UTF8.self))
        guard properties.first.map({ $0.name == "BEGIN" && $0.value.uppercased() == "VCALENDAR" }) == true else {
            diagnostics.error(
                .syntax, "this is no calendar: it does not begin with BEGIN:VCALENDAR", remedy: "name an iCalendar (.ics) file", at: start)
            return []
        }
        let zones = zones(properties)
        var events: [CalendarEvent] = [], open: [Property]?, nested = 0
        for property in properties {
            let component = property.value.uppercased()
            if property.name == "BEGIN" {
                if open != nil { nested += 1 } else if component == "VEVENT" { open = [property] }
            } else if property.name == "END", let lines = open {
                // An alarm within an event has properties of its own.
                if nested > 0 { nested -= 1; continue }
                open = nil
                guard events.count < Self.maximumEvents else {
                    diagnostics.error(.limit, "the calendar has more than \(Self.maximumEvents) events", at: property.mark)
                    return events
                }
                if let event = event(lines, zones, &diagnostics) { events.append(event) }
            } else if nested == 0 {
                open?.append(property)
            }
        }
        if open != nil { diagnostics.error(.syntax, "the calendar ends within an event", remedy: "fetch the whole file", at: properties.last?.mark) }
        return events
    }

    // MARK: Lines

    /// The logical lines: one that begins with a space or a tab goes on with the one before it.
    private func properties(_ text: String) -> [Property] {
        var lines: [(text: String, line: Int)] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() where !line.isEmpty {
            if let first = line.first, first == " " || first == "\t", !lines.isEmpty {
                lines[lines.count - 1].text += line.dropFirst()
            } else {
                lines.append((String(line), index + 1))
            }
        }
        return lines.compactMap { text, line in
            var parts: [Substring] = [], quoted = false, from = text.startIndex, value: Substring?
            for index in text.indices {
                switch text[index] {
                case "\"": quoted.toggle()
                case ";" where !quoted:
                    parts.append(text[from..<index])
                    from = text.index(after: index)
                case ":" where !quoted:
                    parts.append(text[from..<index])
                    value = text[text.index(after: index)...]
                default: continue
                }
                if value != nil { break }
            }
            guard let value, let name = parts.first else { return nil }
            let parameters = parts.dropFirst().map { part in
                let pair = part.split(separator: "=", maxSplits: 1)
                return (pair.first?.uppercased() ?? "", pair.count == 2 ? pair[1].filter { $0 != "\"" } : "")
            }
            return Property(
                name: name.uppercased(), parameters: Dictionary(parameters) { first, _ in first }, value: String(value),
                mark: SourceMark(file: file, line: line, column: 1))
        }
    }

    /// Zones that the calendar describes under a name of its own, by that name, where it says which zone of the IANA's is meant.
    private func zones(_ properties: [Property]) -> [String: ZoneClock] {
        var zones: [String: ZoneClock] = [:], id: String?, location: String?, inside = false
        for property in properties {
            switch (property.name, property.value.uppercased()) {
            case ("BEGIN", "VTIMEZONE"): (inside, id, location) = (true, nil, nil)
            case ("END", "VTIMEZONE"):
                inside = false
                if let id, let location, let zone = ZoneClock(location) { zones[id] = zone }
            case ("TZID", _) where inside: id = property.value
            case ("X-LIC-LOCATION", _) where inside: location = property.value
            case ("X-WR-TIMEZONE", _): if let zone = ZoneClock(property.value) { zones[""] = zone }
            default: break
            }
        }
        return zones
    }

    // MARK: Events

    private func event(_ properties: [Property], _ zones: [String: ZoneClock], _ diagnostics: inout Diagnostics) -> CalendarEvent? {
        func first(_ name: String) -> Property? { properties.first { $0.name == name } }
        let place = properties.first?.mark
        let uid = first("UID")?.value ?? "line \(place?.line ?? 0)"
        guard let begin = first("DTSTART") else {
            diagnostics.error(.missing, "the event has no DTSTART", remedy: "mend it in the calendar", at: place)
            return nil
        }
        guard let (start, zone, isAllDay) = time(begin.value, begin, zones, &diagnostics) else { return nil }
        var end = isAllDay ? WallTime(start.seconds + 86400) : start, duration: Int?
        if let property = first("DTEND") {
            guard let (time, endZone, _) = time(property.value, property, zones, &diagnostics) else { return nil }
            // Two zones in one event: a length by any clock is the same in both.
            if endZone == zone || isAllDay { end = time } else { duration = endZone.moment(rfc5545: time) - zone.moment(rfc5545: start) }
        } else if let property = first("DURATION") {
            guard let length = Self.duration(property.value) else {
                diagnostics.error(.invalidValue, "“\(property.value.prefix(40))” is not a duration", at: property.mark)
                return nil
            }
            if isAllDay { end = WallTime(start.seconds + max(86400, length)) } else { duration = length }
        }
        var rule: RecurrenceRule?
        if let property = first("RRULE") {
            do {
                rule = try RecurrenceRule(property.value, zone: zone)
            } catch {
                diagnostics.error(.invalidValue, error.message, remedy: "write the shifts as single events", at: property.mark)
                return nil
            }
        }
        func times(_ name: String, _ diagnostics: inout Diagnostics) -> [WallTime] {
            properties.filter { $0.name == name }.flatMap { property in
                property.value.split(separator: ",").compactMap { text in
                    time(String(text.split(separator: "/").first ?? text), property, zones, &diagnostics).map {
                        $0.zone == zone || isAllDay ? $0.wall : zone.wall(at: $0.zone.moment(rfc5545: $0.wall))
                    }
                }
            }
        }
        let attendees = properties.filter { $0.name == "ATTENDEE" && $0.parameters["PARTSTAT"]?.uppercased() != "DECLINED" }.flatMap { property in
            let address = property.value.lowercased()
            return [address.hasPrefix("mailto:") ? String(address.dropFirst(7)) : address]
                + (property.parameters["CN"].map { [$0.lowercased()] } ?? [])
        }
        return CalendarEvent(
            uid: uid, summary: Self.text(first("SUMMARY")?.value ?? ""), attendees: attendees, zone: zone, start: start, end: end, duration: duration,
            isAllDay: isAllDay, rule: rule, exceptions: Set(times("EXDATE", &diagnostics)), additions: times("RDATE", &diagnostics),
            replaces: times("RECURRENCE-ID", &diagnostics).first, isCancelled: first("STATUS")?.value.uppercased() == "CANCELLED",
            mark: first("SUMMARY")?.mark ?? begin.mark)
    }

    private func time(
        _ text: String, _ property: Property, _ zones: [String: ZoneClock], _ diagnostics: inout Diagnostics
    ) -> (wall: WallTime, zone: ZoneClock, isDay: Bool)? {
        guard let (wall, isDay, isUTC) = Self.time(text) else {
            diagnostics.error(.invalidValue, "“\(text.prefix(40))” is not a time", remedy: "mend it in the calendar", at: property.mark)
            return nil
        }
        if isUTC { return (wall, .utc, false) }
        guard !isDay, let id = property.parameters["TZID"] else { return (wall, zones[""] ?? zone, isDay) }
        if let zone = zones[id] ?? ZoneClock(id) { return (wall, zone, false) }
        // Some programs write /vendor/zone/Europe/Lisbon.
        let tail = id.split(separator: "/").suffix(2).joined(separator: "/")
        if let zone = ZoneClock(tail) { return (wall, zone, false) }
        diagnostics.error(
            .invalidValue, "“\(id.prefix(60))” is no time zone that is known", remedy: "let the calendar use IANA names such as Europe/Lisbon",
            at: property.mark)
        return nil
    }

    /// `20261224`, `20261224T180000`, `20261224T180000Z`.
    static func time(_ text: some StringProtocol) -> (wall: WallTime, isDay: Bool, isUTC: Bool)? {
        let isUTC = text.hasSuffix("Z"),
            parts = (isUTC ? String(text.dropLast()) : String(text)).split(separator: "T", omittingEmptySubsequences: false)
        func numbers(_ text: Substring, _ lengths: [Int]) -> [Int]? {
            guard text.count == lengths.reduce(0, +), text.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
            var rest = text
            return lengths.compactMap { length in
                defer { rest = rest.dropFirst(length) }
                return Int(rest.prefix(length))
            }
        }
        guard (1...2).contains(parts.count), let date = numbers(parts[0], [4, 2, 2]), let day = CivilDay(year: date[0], month: date[1], day: date[2])
        else { return nil }
        guard parts.count == 2 else { return isUTC ? nil : (WallTime(day, 0), true, false) }
        guard let time = numbers(parts[1], [2, 2, 2]), time[0] < 24, time[1] < 60, time[2] <= 60 else { return nil }
        return (WallTime(day, time[0] * 3600 + time[1] * 60 + min(59, time[2])), false, isUTC)
    }

    /// `P1D`, `PT8H30M`, `P1W`, in seconds; nil for what is none, or negative.
    static func duration(_ text: String) -> Int? {
        var rest = Substring(text.hasPrefix("+") ? String(text.dropFirst()) : text)
        guard rest.first == "P" else { return nil }
        rest = rest.dropFirst()
        var total = 0, found = false
        let units: [Character: Int] = ["W": 604_800, "D": 86400, "H": 3600, "M": 60, "S": 1]
        while !rest.isEmpty {
            if rest.first == "T" { rest = rest.dropFirst(); continue }
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            guard digits.count <= 6, let count = Int(digits), let unit = rest.first, let factor = units[unit] else { return nil }
            total += count * factor
            found = true
            rest = rest.dropFirst()
        }
        return found ? total : nil
    }

    /// A text without its escapes.
    private static func text(_ text: String) -> String {
        var result = "", escaped = false
        for character in text {
            if escaped {
                result.append(character == "n" || character == "N" ? " " : character)
                escaped = false
            } else if character == "\\" {
                escaped = true
            } else {
                result.append(character)
            }
        }
        return result
    }
}
