import PluginAPI

/// When a place of the routing tree tells of alerts, and how long it waits before it does.
struct CoverageGate: Sendable {
    /// What tells gates apart: places with the same one are proved once.
    struct Key: Sendable, Hashable {
        /// Seconds that a new group waits for more.
        var wait = 0
        /// Seconds after which a group is looked at again; 0 where nothing is ever muted here.
        var interval = 0
        var muteTimes: Set<String> = []
        var activeTimes: Set<String> = []
        /// Maintenance windows that mute all alerts of the place, by their numbers.
        var windows: Set<Int> = []

        /// Always open, at once.
        static let none = Key()
    }

    let wait: Int
    /// A group that was muted is told this much after the end of that at the latest: when it is looked at again.
    let lateness: Int
    /// Within mute intervals, and outside of active ones.
    let muted: [Range<Int>]
    private var closed: RangeCursor

    init(_ key: Key = .none, muted: [Range<Int>] = [], maintenance: [Range<Int>] = []) {
        wait = key.wait
        lateness = key.interval
        self.muted = muted
        closed = RangeCursor((muted + maintenance).merged())
    }

    /// The time that holds a moment and in which nobody is told, or the one that begins next.
    mutating func closing(at time: Int) -> Range<Int>? { closed.range(at: time) }

    /// When it is told again after such a time; nil where that does not come about for a month.
    /// - Parameter lateness: how long after its end it is looked at again.
    func opening(after first: Range<Int>, lateness: Int) -> Int? {
        var time = first.upperBound + lateness
        while let next = closed.ranges.range(at: time) {
            guard next.upperBound < first.upperBound + Roster.patience else { return nil }
            time = next.upperBound + lateness
        }
        return time
    }
}

extension OnCallPlan {
    /// The gates of the places of the tree, each computed once.
    struct CoverageGates {
        let plan: OnCallPlan
        let span: Range<Int>
        private var known: [CoverageGate.Key: CoverageGate] = [:]
        private var intervals: [String: [Range<Int>]] = [:]

        init(plan: OnCallPlan, span: Range<Int>) {
            self.plan = plan
            self.span = span
        }

        mutating func gate(_ key: CoverageGate.Key) -> CoverageGate {
            if let gate = known[key] { return gate }
            var muted = key.muteTimes.flatMap { times($0) }
            if !key.activeTimes.isEmpty { muted += key.activeTimes.flatMap { times($0) }.merged().rest(of: span) }
            let maintenance = key.windows.flatMap { plan.maintenance.windows[$0].hours.ranges(in: span) }
            let gate = CoverageGate(key, muted: muted.merged(), maintenance: maintenance)
            known[key] = gate
            return gate
        }

        private mutating func times(_ name: String) -> [Range<Int>] {
            if let times = intervals[name] { return times }
            let times = plan.routing.interval(name)?.ranges(in: span) ?? []
            intervals[name] = times
            return times
        }
    }

    /// The gate by which alerts of a severity come to people at a place.
    func gateKey(_ end: RouteEnd, _ severity: AlertSeverity, windows: Set<Int>) -> CoverageGate.Key {
        let decision = end.decision, active = decision.activeTimeIntervals
        var key = CoverageGate.Key()
        // A new critical alert waits for no others.
        key.wait = severity == .critical ? 0 : Int(decision.groupWait.seconds.rounded(.up))
        key.muteTimes = Set(decision.muteTimeIntervals.filter { routing.interval($0) != nil })
        // A name that the plan does not know closes nothing.
        if active.allSatisfy({ routing.interval($0) != nil }) { key.activeTimes = Set(active) }
        key.windows = windows
        if !key.muteTimes.isEmpty || !key.activeTimes.isEmpty || !windows.isEmpty {
            key.interval = max(1, Int(decision.groupInterval.seconds.rounded(.up)))
        }
        return key
    }
}
