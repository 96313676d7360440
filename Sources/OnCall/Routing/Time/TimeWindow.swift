import Foundation
import PluginAPI

/// A time as Alertmanager's `time_intervals` describe it: all the parts that are given must fit the wall clock of its place.
///
/// https://prometheus.io/docs/alerting/latest/configuration/#time_interval
public struct TimeWindow: Sendable, Hashable {
    /// Minutes since midnight, the end not included. Nil for the whole day; empty for never, as with every part.
    public var times: [Range<Int>]?
    /// 0 is Sunday.
    public var weekdays: [ClosedRange<Int>]?
    /// From and to, both included; negative ones count from the month's end, where -1 is the last day.
    public var daysOfMonth: [DayRange]?
    public var months: [ClosedRange<Int>]?
    public var years: [ClosedRange<Int>]?
    /// Nil for UTC.
    public var location: TimeZone?
    /// Where it stands.
    public var mark: SourceMark

    /// Days of a month.
    public struct DayRange: Sendable, Hashable {
        public var first: Int
        public var last: Int

        public init(_ first: Int, _ last: Int) {
            self.first = first
            self.last = last
        }

        /// Whether a day of a month with so many days is in it. A range that begins after the month's end is left out; one that ends there is cut.
        func contains(_ day: Int, of days: Int) -> Bool {
            func counted(_ value: Int) -> Int { value < 0 ? days + value + 1 : value }
            guard counted(first) <= days else { return false }
            return day >= counted(first) && day <= min(counted(last), days)
        }
    }

    public init(
        times: [Range<Int>]? = nil, weekdays: [ClosedRange<Int>]? = nil, daysOfMonth: [DayRange]? = nil, months: [ClosedRange<Int>]? = nil,
        years: [ClosedRange<Int>]? = nil, location: TimeZone? = nil, mark: SourceMark
    ) {
        self.times = times
        self.weekdays = weekdays
        self.daysOfMonth = daysOfMonth
        self.months = months
        self.years = years
        self.location = location
        self.mark = mark
    }

    /// Whether a moment is in it. In the hour that autumn repeats both passes are; what spring leaves out never comes.
    public func contains(_ date: Date) -> Bool {
        let moment = LocalMoment(date, in: location ?? .gmt)
        return contains(minute: moment.minute) && contains(day: moment)
    }

    func contains(minute: Int) -> Bool { times?.contains { $0.contains(minute) } ?? true }

    func contains(day moment: LocalMoment) -> Bool {
        guard daysOfMonth?.contains(where: { $0.contains(moment.day, of: moment.daysInMonth) }) ?? true else { return false }
        return (months?.contains { $0.contains(moment.month) } ?? true) && (weekdays?.contains { $0.contains(moment.weekday) } ?? true)
            && (years?.contains { $0.contains(moment.year) } ?? true)
    }

    /// Whether there is any moment in it. A year's calendar is one of fourteen: each that the years allow is looked at once.
    var matchesEver: Bool {
        if times?.isEmpty ?? false { return false }
        var seen: Set<[Int]> = []
        for years in years ?? [2001...2028] where years.overlaps(1...9999) {
            for year in years.clamped(to: 1...9999) {
                guard seen.count < 14 else { return false }
                let first = LocalMoment.daysSince1970(toYear: year)
                guard seen.insert([LocalMoment(daysSince1970: first).weekday, LocalMoment.isLeap(year) ? 1 : 0]).inserted else { continue }
                for day in 0..<(LocalMoment.isLeap(year) ? 366 : 365) where contains(day: LocalMoment(daysSince1970: first + day)) { return true }
            }
        }
        return false
    }

    /// The moments at which it may begin or end, after `start` and up to `end`: between two of them nothing changes. Sorted, and some may be none.
    func changes(after start: Date, through end: Date) -> [Date] {
        let zone = location ?? .gmt
        var minutes: Set<Int> = [0]
        for range in times ?? [] { minutes.formUnion([range.lowerBound, range.upperBound]) }
        let firstDay = Int((start.timeIntervalSince1970 / 86_400).rounded(.down)) - 2, lastDay = Int(end.timeIntervalSince1970 / 86_400) + 2
        var moments: Set<Date> = []
        guard firstDay <= lastDay else { return [] }
        for day in firstDay...lastDay {
            for minute in minutes {
                let wall = Double(day * 86_400 + minute * 60)
                // On both sides of a change of the clock: the hour that comes twice, and the one that never does.
                for offset in Set([-86_400.0, 86_400].map { zone.secondsFromGMT(for: Date(timeIntervalSince1970: wall + $0)) }) {
                    moments.insert(Date(timeIntervalSince1970: wall - Double(offset)))
                }
            }
        }
        var transition = start
        while let next = zone.nextDaylightSavingTimeTransition(after: transition), next <= end, next > transition {
            moments.insert(next)
            transition = next
        }
        return moments.filter { $0 > start && $0 <= end }.sorted()
    }
}
