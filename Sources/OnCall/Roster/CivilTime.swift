import Foundation
import PluginAPI

/// A day of the proleptic Gregorian calendar, as a count of days since 1970-01-01.
struct CivilDay: Sendable, Hashable, Comparable {
    var number: Int

    init(_ number: Int) { self.number = number }

    /// Nil where there is no such day.
    init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), day >= 1, day <= Self.length(year: year, month: month) else { return nil }
        // Years are counted from March, so that the day that leap years add is a year's last.
        let shifted = month <= 2 ? year - 1 : year, era = shifted / 400, ofEra = shifted - era * 400
        let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        number = era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }

    var components: (year: Int, month: Int, day: Int) {
        let days = number + 719_468, era = days.flooredQuotient(146_097), ofEra = days - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100), shifted = (5 * ofYear + 2) / 153
        let month = shifted + (shifted < 10 ? 3 : -9)
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * shifted + 2) / 5 + 1)
    }

    /// 0 for Monday.
    var weekday: Int { (number + 3).flooredRemainder(7) }

    /// The Monday of its week.
    var monday: CivilDay { CivilDay(number - weekday) }

    /// Months since the year 0, January counted as 0.
    var month: Int { components.year * 12 + components.month - 1 }

    /// A day of a month that is counted as ``month`` counts it; the month's last where it is shorter.
    static func day(_ day: Int, ofMonth month: Int) -> CivilDay {
        let year = month.flooredQuotient(12), ofYear = month.flooredRemainder(12) + 1
        return CivilDay(year: year, month: ofYear, day: min(day, length(year: year, month: ofYear))) ?? CivilDay(0)
    }

    static func length(year: Int, month: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    static func < (left: CivilDay, right: CivilDay) -> Bool { left.number < right.number }
    static func + (day: CivilDay, days: Int) -> CivilDay { CivilDay(day.number + days) }

    var text: String {
        let (year, month, day) = components
        return String(format: "%04d-%02d-%02d", year, month, day)
    }
}

/// What a clock on the wall shows: seconds since 1970-01-01T00:00:00 of a place's own time.
struct WallTime: Sendable, Hashable, Comparable {
    var seconds: Int

    init(_ seconds: Int) { self.seconds = seconds }
    init(_ day: CivilDay, _ secondOfDay: Int) { seconds = day.number * 86400 + secondOfDay }

    var day: CivilDay { CivilDay(seconds.flooredQuotient(86400)) }
    var secondOfDay: Int { seconds.flooredRemainder(86400) }

    static func < (left: WallTime, right: WallTime) -> Bool { left.seconds < right.seconds }

    /// `2026-03-29 01:30`.
    var text: String {
        let second = secondOfDay
        let tail = second % 60 == 0 ? "" : String(format: ":%02d", second % 60)
        return day.text + String(format: " %02d:%02d", second / 3600, second / 60 % 60) + tail
    }
}

extension Int {
    func flooredQuotient(_ divisor: Int) -> Int { self >= 0 ? self / divisor : -((-self + divisor - 1) / divisor) }
    func flooredRemainder(_ divisor: Int) -> Int { self - flooredQuotient(divisor) * divisor }
}

extension Date {
    /// Whole seconds since 1970: every boundary of a plan falls on one. What lies beyond any plan counts as its end.
    var moment: Int { Int(Swift.min(Swift.max(timeIntervalSince1970.rounded(.down), -1e10), 1e11)) }

    init(moment: Int) { self.init(timeIntervalSince1970: Double(moment)) }
}
