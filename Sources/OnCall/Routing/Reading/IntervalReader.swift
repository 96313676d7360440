import Foundation
import PluginAPI

/// Reads `time_intervals` and `mute_time_intervals`.
struct IntervalReader {
    private(set) var intervals: [NamedInterval] = []

    mutating func read(_ key: String, _ root: Fields, _ diagnostics: inout Diagnostics) {
        for node in root.list(key, &diagnostics) ?? [] {
            guard let fields = Fields(node, "a time interval", known: ["name", "time_intervals"], &diagnostics) else { continue }
            var windows: [TimeWindow] = []
            for element in fields.list("time_intervals", &diagnostics) ?? [] {
                // Everything that is not said fits: nothing at all is any time.
                if element.isNull {
                    windows.append(TimeWindow(mark: element.mark))
                } else if let window = window(element, &diagnostics) {
                    windows.append(window)
                }
            }
            guard let name = fields.text("name", &diagnostics), !name.isEmpty else {
                diagnostics.error(.missing, "a time interval has no name", remedy: "add name:, by which routes call it", at: node.mark)
                continue
            }
            let mark = fields["name"]?.mark ?? node.mark
            if let first = intervals.first(where: { $0.name == name }) {
                diagnostics.error(
                    .duplicateKey, "there is another time interval “\(name)”, at \(first.mark)", remedy: "give one of them another name", at: mark)
                continue
            }
            if windows.isEmpty, fields["time_intervals"] == nil || fields["time_intervals"]?.elements?.isEmpty ?? false {
                diagnostics.warning(
                    .invalidValue, "the time interval “\(name)” has no times: no moment is in it", remedy: "write its times under time_intervals:",
                    at: mark)
            }
            intervals.append(NamedInterval(name: name, windows: windows, mark: mark))
        }
    }

    private func window(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> TimeWindow? {
        let known = ["times", "weekdays", "days_of_month", "months", "years", "location"]
        guard let fields = Fields(node, "a time", known: known, &diagnostics) else { return nil }
        let errors = diagnostics.all.count
        var window = TimeWindow(mark: node.mark)
        window.times = fields.list("times", &diagnostics)?.compactMap { Self.times($0, &diagnostics) }
        window.weekdays = ranges("weekdays", fields, &diagnostics) { Self.weekdays.firstIndex(of: $0) }
        window.months = ranges("months", fields, &diagnostics) { text in Self.months.firstIndex(of: text).map { $0 + 1 } ?? Int(text) }
        window.years = ranges("years", fields, &diagnostics) { Int($0) }
        window.daysOfMonth = fields.texts("days_of_month", &diagnostics)?.compactMap { Self.days($0.text, at: $0.mark, &diagnostics) }
        if let name = fields.text("location", &diagnostics) {
            window.location = Self.zone(name)
            if window.location == nil {
                let near = Suggestion.nearest(to: name, among: TimeZone.knownTimeZoneIdentifiers)
                diagnostics.error(
                    .invalidValue, "there is no time zone “\(name)”",
                    remedy: near.map { "did you mean “\($0)”?" } ?? "write for example Europe/Vienna",
                    at: fields["location"]?.mark)
            }
        }
        guard diagnostics.all.count == errors else { return window }
        if !window.matchesEver {
            diagnostics.warning(
                .invalidValue, "no moment is ever in this time", remedy: "look whether its months, days, weekdays and years can come together",
                at: node.mark)
        }
        return window
    }

    // MARK: Parts

    static let weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
    static let months = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
    ]

    private static func times(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Range<Int>? {
        guard let fields = Fields(node, "a range of times", known: ["start_time", "end_time"], &diagnostics) else { return nil }
        var minutes: [Int] = []
        for key in ["start_time", "end_time"] {
            guard let text = fields.text(key, &diagnostics), !text.isEmpty else {
                diagnostics.error(.missing, "\(key) is missing", remedy: "write \(key): '09:00'", at: node.mark)
                continue
            }
            guard let minute = minute(text) else {
                diagnostics.error(
                    .invalidValue, "“\(text)” is not a time of day", remedy: "write hours and minutes, from '00:00' to '24:00'", at: fields[key]?.mark
                )
                continue
            }
            minutes.append(minute)
        }
        guard minutes.count == 2 else { return nil }
        guard minutes[0] < minutes[1] else {
            diagnostics.error(
                .invalidValue, "the time ends before it begins",
                remedy: "over midnight write two ranges: one up to '24:00', and one from '00:00'", at: fields["end_time"]?.mark)
            return nil
        }
        return minutes[0]..<minutes[1]
    }

    private static func minute(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 5, bytes[2] == 0x3A, [0, 1, 3, 4].allSatisfy({ (0x30...0x39).contains(bytes[$0]) }) else { return nil }
        let digits = bytes.map { Int($0) - 0x30 }
        let hour = digits[0] * 10 + digits[1], minute = digits[3] * 10 + digits[4]
        return hour < 24 && minute < 60 || hour == 24 && minute == 0 ? hour * 60 + minute : nil
    }

    private func ranges(
        _ key: String, _ fields: Fields, _ diagnostics: inout Diagnostics, member: (String) -> Int?
    ) -> [ClosedRange<Int>]? {
        fields.texts(key, &diagnostics)?.compactMap { text, mark in
            guard let (first, last) = Self.bounds(text, member) else {
                let example = ["weekdays": "monday:friday", "months": "june:august", "years": "2026:2028"][key] ?? ""
                diagnostics.error(.invalidValue, "“\(text)” is none of \(key)", remedy: "write for example ['\(example)']", at: mark)
                return nil
            }
            guard first <= last else {
                diagnostics.error(
                    .invalidValue, "“\(text)” ends before it begins", remedy: "write two ranges, one up to the end and one from the beginning",
                    at: mark)
                return nil
            }
            return first...last
        }
    }

    private static func days(_ text: String, at mark: SourceMark, _ diagnostics: inout Diagnostics) -> TimeWindow.DayRange? {
        guard let (first, last) = bounds(text, { Int($0) }), [first, last].allSatisfy({ $0 != 0 && (-31...31).contains($0) }) else {
            diagnostics.error(
                .invalidValue, "“\(text)” is no day of a month", remedy: "write 1 to 31, or -1 to -31 counted from the end; a range as '1:7'",
                at: mark)
            return nil
        }
        // Where months differ in length, the shortest decides.
        func counted(_ day: Int) -> Int { day < 0 ? 28 + day : day }
        guard !(first < 0 && last > 0), counted(first) <= counted(last) else {
            diagnostics.error(.invalidValue, "“\(text)” ends before it begins", remedy: "write the earlier day first, or two ranges", at: mark)
            return nil
        }
        return TimeWindow.DayRange(first, last)
    }

    private static func bounds(_ text: String, _ member: (String) -> Int?) -> (Int, Int)? {
        let parts = text.lowercased().split(separator: ":", omittingEmptySubsequences: false).map { member(String($0)) }
        guard parts.count <= 2, let first = parts.first ?? nil, let last = parts.last ?? nil else { return nil }
        return (first, last)
    }

    /// A zone of the time-zone database. Foundation's offsets and short names of zones (`GMT+2`, `PST`) are none.
    private static func zone(_ name: String) -> TimeZone? {
        if name.isEmpty || name == "UTC" { return .gmt }
        if name == "Local" { return .current }
        let short = ["GMT", "EST", "MST", "HST", "EET", "CET", "MET", "WET", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT"]
        guard name.contains("/") || short.contains(name) || TimeZone.knownTimeZoneIdentifiers.contains(name) else { return nil }
        return TimeZone(identifier: name)
    }
}
