import PluginAPI

/// Ranges that are asked for at moments which mostly go forward.
struct RangeCursor: Sendable {
    /// In order, without overlap.
    let ranges: [Range<Int>]
    private var place = 0

    init(_ ranges: [Range<Int>]) { self.ranges = ranges }

    /// The range that holds a moment, or the one that begins next.
    mutating func range(at time: Int) -> Range<Int>? {
        while place > 0, ranges[place - 1].upperBound > time { place -= 1 }
        while place < ranges.count, ranges[place].upperBound <= time { place += 1 }
        return place < ranges.count ? ranges[place] : nil
    }
}

extension CoverageProver {
    /// Who asks: an alert's severity, or an emergency.
    struct Question: Hashable {
        var severity: AlertSeverity
        var isEmergency: Bool
    }

    /// What a level does for an alert, as far as coverage goes.
    struct State: Sendable, Equatable {
        /// After how many seconds a person is paged; nil for no person.
        var reach: Int?
        var isEmpty = true
        /// The carriers by which people are paged: ``SinkDescription/carrier``.
        var plugins: Set<String> = []

        mutating func add(_ other: State) {
            reach = [reach, other.reach].compactMap { $0 }.min()
            isEmpty = isEmpty && other.isEmpty
            plugins.formUnion(other.plugins)
        }
    }

    /// A level over the whole time.
    struct Level {
        var timeline: Timeline<State>
        /// When the policy holds the severity back.
        var quiet: RangeCursor
        var wait: Int
        var skipsEmpty: Bool
        var isLast: Bool
        /// Where it was looked last: time mostly goes forward.
        private var place = 0

        init(timeline: Timeline<State>, quiet: [Range<Int>], wait: Int, skipsEmpty: Bool, isLast: Bool) {
            self.timeline = timeline
            self.quiet = RangeCursor(quiet)
            self.wait = wait
            self.skipsEmpty = skipsEmpty
            self.isLast = isLast
        }

        mutating func piece(at time: Int) -> Timeline<State>.Piece? {
            guard !timeline.pieces.isEmpty else { return nil }
            while place > 0, timeline.pieces[place].start > time { place -= 1 }
            while place + 1 < timeline.pieces.count, timeline.pieces[place].end <= time { place += 1 }
            return timeline.pieces[place]
        }

        /// When the level comes to somebody for the first time, and may.
        func firstFilled(after time: Int) -> Int? {
            let end = time + Roster.patience
            for piece in timeline.pieces where piece.end > time && piece.start < end && !piece.state.isEmpty {
                var start = max(piece.start, time)
                if let quiet = quiet.ranges.range(at: start) { start = quiet.upperBound }
                if start < piece.end, start < end { return start }
            }
            return nil
        }
    }
}
