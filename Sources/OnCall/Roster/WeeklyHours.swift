import PluginAPI

/// Times that come again every week on a clock of a zone: restrictions and quiet hours.
///
/// Each is one stretch of time, from the first moment at which the clock shows its begin or later, to the first at which it shows its end: so two that
/// meet on the clock meet in time, with neither a hole nor an overlap between them, also when the clock is put forward or back.
struct WeeklyHours: Sendable {
    struct Span: Sendable, Hashable {
        /// Seconds since Monday's midnight.
        var start: Int
        /// Later than the start, and by a week at most.
        var end: Int
    }

    static let week = 7 * 86400

    var zone: ZoneClock
    var spans: [Span]

    /// From a time of the day to the next time of the other, on some days or on all.
    static func daily(from start: Int, to end: Int, on weekdays: [Weekday]) -> [Span] {
        (weekdays.isEmpty ? Array(Weekday.allCases) : weekdays).map { day in
            let first = day.rawValue * 86400 + start
            return Span(start: first, end: first + (end > start ? end - start : end - start + 86400))
        }
    }

    /// The times that touch a window, in order, those that meet as one; the ends may lie outside of the window.
    func ranges(in window: Range<Int>) -> [Range<Int>] {
        guard !window.isEmpty, !spans.isEmpty else { return [] }
        var ranges: [Range<Int>] = []
        // What lies a day or more outside of the window on the clock lies outside of it in time: that spares most of the conversions.
        let low = zone.wall(at: window.lowerBound).seconds - 86400, high = zone.wall(at: window.upperBound).seconds + 86400
        // One that began in the week before may still last, and may have lasted a week by then.
        var monday = zone.wall(at: window.lowerBound).day.monday + -14
        while true {
            let start = monday.number * 86400
            guard start < high else { break }
            for span in spans where start + span.start < high && start + span.end > low {
                let from = zone.first(WallTime(start + span.start)), to = zone.first(WallTime(start + span.end))
                if from < window.upperBound, to > window.lowerBound, from < to { ranges.append(from..<to) }
            }
            monday = monday + 7
        }
        return ranges.merged()
    }

    func contains(_ moment: Int) -> Bool { !ranges(in: moment..<moment + 1).isEmpty }
}

/// When somebody is not paged, and from which severity on all the same.
struct QuietHours: Sendable {
    var hours: WeeklyHours
    var override: AlertSeverity
    /// `22:00–08:00`.
    var words: String
    var mark: SourceMark

    func holds(_ severity: AlertSeverity) -> Bool { severity < override }
}

extension [QuietHours] {
    /// When a severity is held back, in order.
    func ranges(for severity: AlertSeverity, in window: Range<Int>) -> [Range<Int>] {
        flatMap { $0.holds(severity) ? $0.hours.ranges(in: window) : [] }.merged()
    }

    /// The ones that hold a severity back at a moment.
    func holding(_ severity: AlertSeverity, at moment: Int) -> QuietHours? { first { $0.holds(severity) && $0.hours.contains(moment) } }
}
