import Foundation

extension TimeWindow {
    /// The times within a window that are in it, in order, in seconds since 1970.
    func ranges(in window: Range<Int>) -> [Range<Int>] {
        guard !window.isEmpty else { return [] }
        let clock = location.map(ZoneClock.of) ?? .utc
        let edges = [window.lowerBound] + clock.jumps(in: window).map(\.at).filter { $0 > window.lowerBound } + [window.upperBound]
        var ranges: [Range<Int>] = []
        // Between two jumps of the clock a time on the wall is a moment.
        for (start, end) in zip(edges, edges.dropFirst()) {
            let offset = clock.offset(at: start)
            for day in (start + offset).flooredQuotient(86400)...(end - 1 + offset).flooredQuotient(86400)
            where contains(day: LocalMoment(daysSince1970: day)) {
                let midnight = day * 86400 - offset
                for time in times ?? [0..<1440] {
                    let from = max(start, midnight + time.lowerBound * 60), to = min(end, midnight + time.upperBound * 60)
                    if from < to { ranges.append(from..<to) }
                }
            }
        }
        return ranges.merged()
    }
}

extension NamedInterval {
    /// The times within a window that are in it, in order.
    func ranges(in window: Range<Int>) -> [Range<Int>] { windows.flatMap { $0.ranges(in: window) }.merged() }
}
