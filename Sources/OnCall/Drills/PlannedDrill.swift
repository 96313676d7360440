import Foundation
import PluginAPI

/// A drill that the plan orders again and again.
public struct PlannedDrill: Sendable {
    public let subject: DrillSubject
    /// Tells it from every other of the plan, and stays the same as long as what it says does.
    public let key: String
    let every: DrillCadence
    let weekday: Weekday?
    let day: Int
    let time: TimeOfDay
    let zone: ZoneClock
    let within: Int
    let atNight: Bool
    let mark: SourceMark

    init(
        subject: DrillSubject, every: DrillCadence, weekday: Weekday?, day: Int, time: TimeOfDay, zone: ZoneClock, within: Int, atNight: Bool,
        mark: SourceMark
    ) {
        self.subject = subject
        self.every = every
        self.weekday = weekday
        self.day = day
        self.time = time
        self.zone = zone
        self.within = within
        self.atNight = atNight
        self.mark = mark
        let on = weekday.map(\.name) ?? (every == .monthly ? "\(day)" : "")
        key = "\(subject.words) \(every.rawValue) \(on) \(time.text) \(zone.name)"
    }

    /// When it comes next after a moment: monthly on the month's first such weekday, or on its day.
    public func next(after date: Date) -> Date {
        let moment = date.moment, today = zone.wall(at: moment).day
        var days: [CivilDay] = []
        switch every {
        case .daily: days = (0...2).map { today + $0 }
        case .weekly: days = (0...14).map { today + $0 }.filter { $0.weekday == (weekday ?? .monday).rawValue }
        case .monthly:
            days = (0...2).map { months in
                guard let weekday else { return CivilDay.day(day, ofMonth: today.month + months) }
                let first = CivilDay.day(1, ofMonth: today.month + months)
                return first + (weekday.rawValue - first.weekday).flooredRemainder(7)
            }
        }
        let moments = days.map { zone.first(WallTime($0, time.seconds)) }
        // There is always one: the days reach beyond the next time.
        return Date(moment: moments.first { $0 > moment } ?? moment + 86_400)
    }

    /// The order for one of its times. The same time is the same drill.
    public func order(due: Date) -> DrillOrder {
        DrillOrder(
            id: "drill_\(FNV.hash(key.utf8).fingerprintText)_\(String(due.milliseconds, radix: 36))", subject: subject, within: within,
            atNight: atNight, by: mark.place, isPlanned: true)
    }
}

/// How often a drill of the plan comes.
enum DrillCadence: String, SettingChoice {
    case daily, weekly, monthly
}

/// One entry of `drills:`.
struct DrillSettings: PluginSettings {
    @Setting(help: "The schedule whose person on call is drilled.") var schedule: Marked<String>?
    @Setting(help: "The person who is drilled.") var person: Marked<String>?
    @Setting(help: "The receiver whose first level is drilled.") var receiver: Marked<String>?
    @Setting(help: "How often.") var every: DrillCadence = .monthly
    @Setting(help: "The day of the week; of a monthly drill the month's first such day.") var weekday: Marked<Weekday>?
    @Setting(help: "The day of the month of a monthly drill without a weekday; the last one in shorter months.", .ifSet(.range(1...31))) var day: Int?
    @Setting(help: "When, in the schedule's time zone.") var at: TimeOfDay
    @Setting(help: "How soon it must be acknowledged.", .range(.seconds(60) ... .seconds(3600))) var within: Duration = .seconds(600)
    @Setting(help: "Whether it also wakes people in their quiet hours.") var atNight: Bool = false
    @Setting(help: "The time zone, in place of the schedule's.") var timezone: Marked<String>?
    init() {}
}

extension RosterReader {
    /// The drills that a plan orders.
    /// - Parameter receivers: the names that it may drill, beside people and schedules.
    mutating func drills(receivers: [String]) -> [PlannedDrill] {
        var drills: [PlannedDrill] = []
        for item in document.drills.items {
            let settings = item.value
            let named = [
                (DrillSubject.Kind.schedule, settings.schedule), (.person, settings.person), (.receiver, settings.receiver),
            ].compactMap { kind, name in name.map { (kind: kind, name: $0) } }
            guard named.count == 1, let (kind, name) = named.first else {
                diagnostics.error(
                    named.isEmpty ? .missing : .invalidValue,
                    named.isEmpty ? "the drill names nobody" : "the drill names \(named.map { $0.kind.rawValue }.joined(separator: " and "))",
                    remedy: "write one of schedule:, person: and receiver:", at: item.mark)
                continue
            }
            if settings.every == .daily, let weekday = settings.weekday {
                diagnostics.error(
                    .invalidValue, "a daily drill has no day of the week", remedy: "write every: weekly, or leave weekday: out", at: weekday.mark)
            }
            if let day = settings.day, settings.every != .monthly || settings.weekday != nil {
                diagnostics.error(
                    .invalidValue, "day: \(day) is for a monthly drill without a weekday", remedy: "leave day: or weekday: out", at: item.mark)
            }
            let known =
                switch kind {
                case .schedule: document.schedules.entries.map(\.name)
                case .person: document.people.entries.map(\.name)
                case .receiver: receivers
                }
            guard known.contains(name.value) else {
                diagnostics.error(
                    .unknownReference, "there is no \(kind.rawValue) “\(name.value.clipped)”", remedy: Suggestion.mend(for: name.value, among: known),
                    at: name.mark)
                continue
            }
            let zone = self.zone(settings.timezone) ?? (kind == .schedule ? schedules[name.value]?.zone : nil) ?? hotelZone
            let drill = PlannedDrill(
                subject: DrillSubject(kind, name.value), every: settings.every, weekday: settings.weekday?.value, day: settings.day ?? 1,
                time: settings.at, zone: zone, within: Int(settings.within.seconds), atNight: settings.atNight, mark: item.mark)
            if let twin = drills.first(where: { $0.key == drill.key }) {
                diagnostics.warning(.duplicateKey, "this drill stands already at \(twin.mark)", remedy: "leave one of them out", at: item.mark)
                continue
            }
            drills.append(drill)
        }
        return drills
    }
}
