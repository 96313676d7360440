import Foundation

/// What the clock on the wall and the calendar show at a moment in a place.
struct LocalMoment: Hashable, Sendable {
    var year: Int
    var month: Int
    var day: Int
    /// Minutes since midnight as the clock shows them: twice the same in the hour that autumn repeats.
    var minute: Int
    /// 0 is Sunday.
    var weekday: Int

    init(_ date: Date, in zone: TimeZone) {
        let seconds = Int(date.timeIntervalSince1970.rounded(.down)) + zone.secondsFromGMT(for: date)
        let days = seconds >= 0 ? seconds / 86_400 : -((86_399 - seconds) / 86_400)
        self.init(daysSince1970: days, minute: (seconds - days * 86_400) / 60)
    }

    init(daysSince1970 days: Int, minute: Int = 0) {
        // The calendar's 400 years have 146,097 days; years are counted from March, so that the leap day comes last.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        weekday = ((days + 4) % 7 + 7) % 7
        self.minute = minute
    }

    var daysInMonth: Int { Self.days(in: month, of: year) }

    static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970 to the first of January of a year.
    static func daysSince1970(toYear year: Int) -> Int {
        let before = year - 1
        func floored(_ divisor: Int) -> Int { before >= 0 ? before / divisor : -((divisor - 1 - before) / divisor) }
        return before * 365 + floored(4) - floored(100) + floored(400) - 719_162
    }
}
