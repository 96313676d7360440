import PluginAPI

/// One place of the routing tree where an alert ended up, with all that the place inherits.
public struct RouteDecision: Sendable, Hashable {
    /// By which labels alerts become one group.
    public enum Grouping: Sendable, Hashable {
        /// Each set of labels is a group of its own (`...`).
        case all
        case labels(Set<String>)
    }

    /// The same for the same place of the same tree: the matchers of the way to it, from the root.
    public var route: String
    /// Who is told: a name under `receivers`.
    public var receiver: String
    public var grouping: Grouping
    /// How long the first telling of a new group waits for more.
    public var groupWait: Duration
    /// How long the next telling of a group that has changed waits at least.
    public var groupInterval: Duration
    /// After how long a group that has not changed is told again.
    public var repeatInterval: Duration
    /// In these times nobody is told.
    public var muteTimeIntervals: [String]
    /// Outside of these times nobody is told; empty for always.
    public var activeTimeIntervals: [String]
    /// Where the place stands, and where the receiver's name.
    public var mark: SourceMark
    public var receiverMark: SourceMark

    public init(
        route: String, receiver: String, grouping: Grouping, groupWait: Duration, groupInterval: Duration, repeatInterval: Duration,
        muteTimeIntervals: [String] = [], activeTimeIntervals: [String] = [], mark: SourceMark, receiverMark: SourceMark
    ) {
        self.route = route
        self.receiver = receiver
        self.grouping = grouping
        self.groupWait = groupWait
        self.groupInterval = groupInterval
        self.repeatInterval = repeatInterval
        self.muteTimeIntervals = muteTimeIntervals
        self.activeTimeIntervals = activeTimeIntervals
        self.mark = mark
        self.receiverMark = receiverMark
    }
}

/// Whether a place of the tree tells anybody at a moment.
public enum TimeVerdict: Sendable, Hashable {
    case open
    /// Within one of its `mute_time_intervals`.
    case muted(interval: String, at: SourceMark)
    /// Outside of all its `active_time_intervals`.
    case inactive(intervals: [String], at: SourceMark)
}
