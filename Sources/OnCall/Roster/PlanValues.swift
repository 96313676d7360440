import Foundation
import PluginAPI

/// A value, and where it stands.
struct Marked<Value: SettingValue>: SettingValue {
    var value: Value
    var mark: SourceMark

    static var shape: SettingShape { Value.shape }
    static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Marked? {
        Value.decode(node, &diagnostics).map { Marked(value: $0, mark: node.mark) }
    }
    var printed: JSONValue { value.printed }
}

/// A list whose sound elements are kept where others are not: one mistake must not hide the next. A single element needs no brackets.
struct Items<Value: SettingValue>: SettingValue {
    var items: [Marked<Value>] = []

    static var shape: SettingShape { .oneOrMore(Value.shape) }
    static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Items? {
        if node.isNull { return Items() }
        return Items(items: (node.elements ?? [node]).compactMap { Marked<Value>.decode($0, &diagnostics) })
    }
    var printed: JSONValue { .array(items.map(\.printed)) }
}

/// A mapping of names in the order of the file. A name whose value is not sound is kept without it, so that others may still speak of it.
struct Named<Value: SettingValue>: SettingValue {
    struct Entry: Sendable {
        var name: String
        var mark: SourceMark
        var value: Value?
    }

    var entries: [Entry] = []

    static var shape: SettingShape { .map(Value.shape) }
    static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Named? {
        if node.isNull { return Named() }
        guard let entries = node.entries else { return mismatch(node, &diagnostics) }
        return Named(entries: entries.map { Entry(name: $0.key, mark: $0.keyMark, value: Value.decode($0.value, &diagnostics)) })
    }
    var printed: JSONValue {
        .object(Dictionary(entries.map { ($0.name, $0.value?.printed ?? .null) }) { first, _ in first })
    }
}

/// A node as it stands: what it may hold is known only from the alert instances.
struct AnyNode: SettingValue {
    var node: ConfigNode

    static var shape: SettingShape { .any("a name, or a mapping") }
    static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> AnyNode? {
        guard !node.isNull else { return mismatch(node, &diagnostics) }
        return AnyNode(node: node)
    }
    var printed: JSONValue { .string(node.kindDescription) }
}

/// A time of the day: `22:00`; `24:00` is the day's end.
struct TimeOfDay: SettingValue, Hashable {
    var seconds: Int

    static var shape: SettingShape { .string(format: "a time such as 22:00") }

    init(seconds: Int) { self.seconds = seconds }

    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), parts.allSatisfy({ (1...2).contains($0.count) && $0.allSatisfy(\.isASCII) }) else { return nil }
        let numbers = parts.compactMap { Int($0) }
        guard numbers.count == parts.count, numbers.allSatisfy({ $0 >= 0 }), numbers[1] < 60, numbers.count < 3 || numbers[2] < 60 else { return nil }
        seconds = numbers[0] * 3600 + numbers[1] * 60 + (numbers.count == 3 ? numbers[2] : 0)
        guard seconds <= 86400 else { return nil }
    }

    static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> TimeOfDay? {
        guard let text = node.text, !node.isNull else { return mismatch(node, &diagnostics) }
        if let time = TimeOfDay(text) { return time }
        diagnostics.error(
            .invalidValue, "“\(text.clipped)” is not a time of the day", remedy: "write for example \"22:00\", from 00:00 to 24:00", at: node.mark)
        return nil
    }

    var text: String {
        String(format: "%02d:%02d", seconds / 3600, seconds / 60 % 60) + (seconds % 60 == 0 ? "" : String(format: ":%02d", seconds % 60))
    }
    var printed: JSONValue { .string(text) }
}

/// A day of the week, by its English name or the name's first three letters.
enum Weekday: Int, SettingValue, CaseIterable {
    case monday, tuesday, wednesday, thursday, friday, saturday, sunday

    static let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    static var shape: SettingShape { .choice(names) }
    var name: String { Self.names[rawValue] }

    init?(_ text: some StringProtocol) {
        let wanted = text.lowercased()
        guard wanted.count >= 3, let index = Self.names.firstIndex(where: { $0 == wanted || $0.prefix(3) == wanted }) else { return nil }
        self.init(rawValue: index)
    }

    static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Weekday? {
        guard let text = node.text, !node.isNull else { return mismatch(node, &diagnostics) }
        if let day = Weekday(text) { return day }
        diagnostics.error(
            .invalidValue, "“\(text.clipped)” is not a day of the week",
            remedy: (text.utf8.count < 40 ? Suggestion.nearest(to: text, among: names) : nil).map { "did you mean “\($0)”?" }
                ?? "write for example monday", at: node.mark)
        return nil
    }
    var printed: JSONValue { .string(name) }
}

/// A time of the day, or of the week: `09:00`, `friday 17:00`.
struct TimeOfWeek: SettingValue, Hashable {
    var weekday: Weekday?
    var time: TimeOfDay

    static var shape: SettingShape { .string(format: "a time such as 09:00 or friday 17:00") }

    static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> TimeOfWeek? {
        guard let text = node.text, !node.isNull else { return mismatch(node, &diagnostics) }
        let words = text.split(separator: " ")
        if words.count == 2 {
            if let weekday = Weekday(words[0]), let time = TimeOfDay(words[1]) { return TimeOfWeek(weekday: weekday, time: time) }
        } else if words.count == 1, let time = TimeOfDay(words[0]) {
            return TimeOfWeek(weekday: nil, time: time)
        }
        diagnostics.error(
            .invalidValue, "“\(text.clipped)” is not a time of the day or the week", remedy: "write for example \"09:00\" or \"friday 17:00\"",
            at: node.mark)
        return nil
    }
    var text: String { (weekday.map { $0.name + " " } ?? "") + time.text }
    var printed: JSONValue { .string(text) }
}

/// A day, or a time on a day: `2026-12-24`, `2026-12-24 18:00`, `2026-12-24T18:00:00Z`.
struct Stamp: SettingValue, Hashable {
    var wall: WallTime
    /// True where no time of the day is given.
    var isDay: Bool
    /// True where the time is in UTC, and not of the place.
    var isUTC: Bool

    static var shape: SettingShape { .string(format: "a day or a time such as 2026-12-24 or 2026-12-24 18:00") }

    init(wall: WallTime, isDay: Bool, isUTC: Bool = false) {
        self.wall = wall
        self.isDay = isDay
        self.isUTC = isUTC
    }

    init?(_ text: String) {
        let isUTC = text.hasSuffix("Z"), body = isUTC ? text.dropLast() : text[...]
        let parts = body.split(separator: body.contains("T") ? "T" : " ")
        guard (1...2).contains(parts.count), let day = Self.day(parts[0]) else { return nil }
        if parts.count == 1 {
            guard !isUTC else { return nil }
            self.init(wall: WallTime(day, 0), isDay: true)
        } else {
            guard let time = TimeOfDay(parts[1]) else { return nil }
            self.init(wall: WallTime(day, time.seconds), isDay: false, isUTC: isUTC)
        }
    }

    static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> Stamp? {
        guard let text = node.text, !node.isNull else { return mismatch(node, &diagnostics) }
        if let stamp = Stamp(text) { return stamp }
        diagnostics.error(
            .invalidValue, "“\(text.clipped)” is not a day or a time that exists", remedy: "write for example 2026-12-24 or \"2026-12-24 18:00\"",
            at: node.mark)
        return nil
    }

    private static func day(_ text: Substring) -> CivilDay? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 4, parts[1].count == 2, parts[2].count == 2, let year = Int(parts[0]), let month = Int(parts[1]),
            let day = Int(parts[2])
        else { return nil }
        return CivilDay(year: year, month: month, day: day)
    }

    /// When it begins.
    func start(in zone: ZoneClock) -> Int { isUTC ? wall.seconds : zone.first(wall) }

    /// When it ends: a day at its midnight, a time at that time.
    func end(in zone: ZoneClock) -> Int { isDay ? zone.first(WallTime(wall.day + 1, 0)) : start(in: zone) }

    var text: String { isDay ? wall.day.text : wall.text + (isUTC ? " UTC" : "") }
    var printed: JSONValue { .string(text) }
}

/// A promise by severity: `15m`, or `{critical: 15m, error: 1h}`.
struct BySeverity: SettingValue {
    var durations: [AlertSeverity: Duration] = [:]

    static var shape: SettingShape { .any("a duration, or durations by severity") }
    static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> BySeverity? {
        guard let entries = node.entries else {
            return Duration.decode(node, &diagnostics).map { duration in
                BySeverity(durations: Dictionary(uniqueKeysWithValues: AlertSeverity.allCases.map { ($0, duration) }))
            }
        }
        var promise = BySeverity(), sound = true
        for entry in entries {
            let key = ConfigNode(.scalar(entry.key, plain: true), mark: entry.keyMark)
            if let choice = AlertSeverityChoice.decode(key, &diagnostics), let duration = Duration.decode(entry.value, &diagnostics) {
                promise.durations[choice.severity] = duration
            } else {
                sound = false
            }
        }
        return sound ? promise : nil
    }
    var printed: JSONValue { .object(Dictionary(uniqueKeysWithValues: durations.map { ($0.key.rawValue, $0.value.printed) })) }
}

extension String {
    /// The text for a diagnostic: a name may be as long as its file.
    var clipped: String { count > 80 ? String(prefix(80)) + "…" : self }
}

extension Suggestion {
    /// ``remedy(for:among:)`` of a name that somebody may have written: comparing a whole book with other names takes long, and helps nobody.
    static func mend(for name: String, among candidates: [String]) -> String? { name.utf8.count <= 200 ? remedy(for: name, among: candidates) : nil }
}
