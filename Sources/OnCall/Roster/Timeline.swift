/// What holds over a window of time, piece by piece: each moment of the window lies in just one piece, and neighbours differ.
struct Timeline<State: Sendable & Equatable>: Sendable {
    struct Piece: Sendable {
        var start: Int
        var end: Int
        var state: State
    }

    private(set) var pieces: [Piece] = []

    /// - Parameters:
    ///   - points: moments at which the state may change; in any order, those outside of the window are left out.
    ///   - state: what holds from a point to the next.
    init(_ window: Range<Int>, changingAt points: [Int], _ state: (Int) -> State) {
        guard !window.isEmpty else { return }
        var starts = points.filter { $0 > window.lowerBound && $0 < window.upperBound }
        starts.sort()
        var last = window.lowerBound
        append(last, state(last))
        for start in starts where start != last {
            append(start, state(start))
            last = start
        }
        pieces[pieces.count - 1].end = window.upperBound
    }

    /// What several timelines of one window come to together.
    init<Other>(_ window: Range<Int>, merging timelines: [Timeline<Other>], _ combine: ([Other]) -> State) {
        var places = [Int](repeating: 0, count: timelines.count)
        self.init(window, changingAt: timelines.flatMap { $0.pieces.map(\.start) }) { moment in
            combine(
                timelines.indices.compactMap { index in
                    let pieces = timelines[index].pieces
                    while places[index] + 1 < pieces.count, pieces[places[index]].end <= moment { places[index] += 1 }
                    return pieces.isEmpty ? nil : pieces[places[index]].state
                })
        }
    }

    private mutating func append(_ start: Int, _ state: State) {
        if let last = pieces.indices.last {
            if pieces[last].state == state { return }
            pieces[last].end = start
        }
        pieces.append(Piece(start: start, end: start, state: state))
    }

    /// The piece that holds at a moment; the nearest one outside of the window.
    func piece(at moment: Int) -> Piece? {
        var low = 0, high = pieces.count
        while low < high {
            let middle = (low + high) / 2
            if pieces[middle].end <= moment { low = middle + 1 } else { high = middle }
        }
        return low < pieces.count ? pieces[low] : pieces.last
    }
}

extension [Range<Int>] {
    /// The same times as ranges that neither overlap nor touch, in order.
    func merged() -> [Range<Int>] {
        filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }.reduce(into: []) { merged, range in
            if let last = merged.last, range.lowerBound <= last.upperBound {
                merged[merged.count - 1] = last.lowerBound..<Swift.max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
    }

    /// Whether one of the ranges holds a moment; they are in order and do not overlap.
    func covers(_ moment: Int) -> Bool { range(at: moment) != nil }

    /// The range that holds a moment; they are in order and do not overlap.
    func range(at moment: Int) -> Range<Int>? {
        var low = 0, high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].upperBound <= moment { low = middle + 1 } else { high = middle }
        }
        return low < count && self[low].lowerBound <= moment ? self[low] : nil
    }

    /// The times of a window that none of them covers; they are in order and do not overlap.
    func rest(of window: Range<Int>) -> [Range<Int>] {
        var rest: [Range<Int>] = [], start = window.lowerBound
        for range in self where range.upperBound > window.lowerBound && range.lowerBound < window.upperBound {
            if range.lowerBound > start { rest.append(start..<range.lowerBound) }
            start = range.upperBound
        }
        if start < window.upperBound { rest.append(start..<window.upperBound) }
        return rest
    }

    /// Where they begin and end.
    var bounds: [Int] { flatMap { [$0.lowerBound, $0.upperBound] } }
}
