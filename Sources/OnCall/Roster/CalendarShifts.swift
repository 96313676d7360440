import PluginAPI

/// The shifts that a calendar names, computed for any window of time.
struct CalendarShifts: Sendable {
    struct Shift: Sendable {
        var range: Range<Int>
        /// Ids of people.
        var people: [String]
        var mark: SourceMark
    }

    private struct Source: Sendable {
        var event: CalendarEvent
        var people: [String]
        /// Occurrences of it that other events stand for, or that are off.
        var replaced: Set<WallTime>
    }

    private let sources: [Source]

    /// - Parameter people: who is meant by an event; none where nobody is.
    init(_ events: [CalendarEvent], people: (CalendarEvent) -> [String]) {
        let moved = Dictionary(grouping: events.filter { $0.replaces != nil }, by: \.uid)
        sources = events.filter { !$0.isCancelled }.map { event in
            let replaced =
                event.replaces == nil
                ? (moved[event.uid] ?? []).compactMap { other in other.replaces.map { shifted($0, other.zone, event.zone) } } : []
            return Source(event: event, people: people(event), replaced: event.exceptions.union(replaced))
        }
        func shifted(_ wall: WallTime, _ from: ZoneClock, _ to: ZoneClock) -> WallTime {
            from == to ? wall : to.wall(at: from.moment(rfc5545: wall))
        }
    }

    /// Everybody who has a shift.
    var people: Set<String> { Set(sources.flatMap(\.people)) }

    /// The shifts that touch a window.
    func shifts(in window: Range<Int>) -> [Shift] {
        sources.flatMap { source -> [Shift] in
            guard !source.people.isEmpty else { return [] }
            return ranges(of: source, in: window).map { Shift(range: $0, people: source.people, mark: source.event.mark) }
        }
    }

    private func ranges(of source: Source, in window: Range<Int>) -> [Range<Int>] {
        let event = source.event
        var ranges: [Range<Int>] = []
        func add(_ start: WallTime) -> Int {
            let begin = event.zone.moment(rfc5545: start)
            let length = event.end.seconds - event.start.seconds
            // Whole days last from midnight to midnight, however many hours that is.
            let end = event.duration.map { begin + $0 } ?? event.zone.moment(rfc5545: WallTime(start.seconds + length))
            if begin < end, begin < window.upperBound, end > window.lowerBound, !source.replaced.contains(start) { ranges.append(begin..<end) }
            return begin
        }
        guard let rule = event.rule else {
            for start in [event.start] + event.additions { _ = add(start) }
            return ranges
        }
        for start in event.additions { _ = add(start) }
        var number = 0
        let second = event.start.secondOfDay
        // The first occurrence counts, whether or not the rule fits it.
        if let until = rule.until, event.zone.moment(rfc5545: event.start) > until { return ranges }
        _ = add(event.start)
        number += 1
        rule.days(from: event.start.day) { day in
            if day == event.start.day { return true }
            if let count = rule.count, number >= count { return false }
            let start = WallTime(day, second), begin = event.zone.moment(rfc5545: start)
            if let until = rule.until, begin > until { return false }
            guard begin < window.upperBound else { return false }
            number += 1
            _ = add(start)
            return true
        }
        return ranges
    }
}
