import Foundation

/// How an event comes again, of RFC 5545's RRULE what calendars of shifts use: daily, weekly, monthly and yearly, with intervals, days of the week (the
/// second Monday, the last Friday), of the month (the last, too), months, a count or an end.
struct RecurrenceRule: Sendable {
    struct Problem: Error {
        var message: String
    }

    enum Frequency: String { case daily = "DAILY", weekly = "WEEKLY", monthly = "MONTHLY", yearly = "YEARLY" }

    struct WeekdayOfMonth: Sendable, Hashable {
        var weekday: Int
        /// Counted from 1, or from -1 at the end; 0 for all.
        var ordinal: Int
    }

    var frequency: Frequency
    var interval = 1
    var count: Int?
    /// The last moment at which an occurrence may begin.
    var until: Int?
    var weekdays: [WeekdayOfMonth] = []
    var monthDays: [Int] = []
    var months: [Int] = []
    /// 0 for Monday.
    var weekStart = 0

    private static let dayNames = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]

    init(_ text: String, zone: ZoneClock) throws(Problem) {
        var parts: [String: String] = [:]
        for part in text.split(separator: ";") {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else { throw Problem(message: "“\(part.prefix(40))” is no part of a recurrence") }
            parts[pair[0].uppercased()] = pair[1].uppercased()
        }
        guard let name = parts["FREQ"], let frequency = Frequency(rawValue: name) else {
            throw Problem(message: "the recurrence “\(parts["FREQ"] ?? "none")” is not one of DAILY, WEEKLY, MONTHLY, YEARLY")
        }
        self.frequency = frequency
        for (key, value) in parts {
            switch key {
            case "FREQ": break
            case "INTERVAL": interval = try Self.number(value, 1...1000, key)
            case "COUNT": count = try Self.number(value, 1...100_000, key)
            case "UNTIL":
                guard let (wall, isDay, isUTC) = ICalendarReader.time(value) else {
                    throw Problem(message: "UNTIL “\(value.prefix(40))” is not a time")
                }
                until = isDay ? zone.first(WallTime(wall.day + 1, 0)) - 1 : isUTC ? wall.seconds : zone.moment(rfc5545: wall)
            case "BYDAY": weekdays = try Self.list(value) { item throws(Problem) in try Self.weekday(item) }
            case "BYMONTHDAY": monthDays = try Self.list(value) { item throws(Problem) in try Self.number(item, -31...31, key) }
            case "BYMONTH": months = try Self.list(value) { item throws(Problem) in try Self.number(item, 1...12, key) }
            case "WKST": weekStart = try Self.weekday(value).weekday
            default: throw Problem(message: "a recurrence with \(key.prefix(40)) is not understood")
            }
        }
    }

    private static func list<Value>(_ text: String, _ read: (String) throws(Problem) -> Value) throws(Problem) -> [Value] {
        var values: [Value] = []
        for item in text.split(separator: ",") { values.append(try read(String(item))) }
        return values
    }

    private static func number(_ text: String, _ range: ClosedRange<Int>, _ key: String) throws(Problem) -> Int {
        guard let number = Int(text), range.contains(number), number != 0 else {
            throw Problem(message: "\(key) “\(text.prefix(20))” is not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func weekday(_ text: String) throws(Problem) -> WeekdayOfMonth {
        guard let weekday = dayNames.firstIndex(of: String(text.suffix(2))), text.count == 2 || Int(text.dropLast(2)) != nil else {
            throw Problem(message: "“\(text.prefix(20))” is no day of the week")
        }
        return WeekdayOfMonth(weekday: weekday, ordinal: Int(text.dropLast(2)) ?? 0)
    }

    /// The days on which it comes, from the day of the first occurrence on, in order, as long as `isWanted` says so of a day.
    func days(from first: CivilDay, while isWanted: (CivilDay) -> Bool) {
        var period = 0, idle = 0
        // A rule that never fits (the 30th of February) must come to an end too.
        while idle < 1500 {
            let days = days(of: period, first).filter { $0 >= first }
            idle = days.isEmpty ? idle + 1 : 0
            for day in days where !isWanted(day) { return }
            period += 1
        }
    }

    /// The days within one period: a day, a week, a month or a year.
    private func days(of period: Int, _ first: CivilDay) -> [CivilDay] {
        switch frequency {
        case .daily:
            let day = first + period * interval
            return fitsMonth(day) && fitsWeekday(day) && fitsMonthDay(day) ? [day] : []
        case .weekly:
            let start = first + -((first.weekday - weekStart).flooredRemainder(7)) + period * interval * 7
            let offsets = weekdays.isEmpty ? [first.weekday] : weekdays.map(\.weekday)
            return Set(offsets).map { start + ($0 - weekStart).flooredRemainder(7) }.filter(fitsMonth).sorted()
        case .monthly: return days(ofMonth: first.month + period * interval, first)
        case .yearly:
            let january = (first.month.flooredQuotient(12) + period * interval) * 12
            let chosen = months.isEmpty ? [first.month.flooredRemainder(12) + 1] : months
            return Set(chosen).sorted().flatMap { days(ofMonth: january + $0 - 1, first) }
        }
    }

    private func days(ofMonth month: Int, _ first: CivilDay) -> [CivilDay] {
        let start = CivilDay.day(1, ofMonth: month), length = (CivilDay.day(31, ofMonth: month).number - start.number) + 1
        let all = (0..<length).map { start + $0 }
        let fitting = all.filter { day in
            if monthDays.isEmpty, weekdays.isEmpty { return day.components.day == first.components.day }
            return fitsMonthDay(day)
                && (weekdays.isEmpty
                    || weekdays.contains { wanted in
                        guard wanted.weekday == day.weekday else { return false }
                        let index = day.number - start.number
                        return wanted.ordinal == 0 || wanted.ordinal == index / 7 + 1 || wanted.ordinal == -((length - 1 - index) / 7 + 1)
                    })
        }
        return fitting.filter(fitsMonth)
    }

    private func fitsMonth(_ day: CivilDay) -> Bool { months.isEmpty || months.contains(day.components.month) }
    private func fitsWeekday(_ day: CivilDay) -> Bool { weekdays.isEmpty || weekdays.contains { $0.weekday == day.weekday } }
    private func fitsMonthDay(_ day: CivilDay) -> Bool {
        guard !monthDays.isEmpty else { return true }
        let (year, month, number) = day.components
        return monthDays.contains { $0 == number || ($0 < 0 && CivilDay.length(year: year, month: month) + $0 + 1 == number) }
    }
}
