import Foundation
import PluginAPI

/// What a plan was proved to do over a time: for each kind of alert, by where it ends up in the routing tree, and each severity, when nobody would be
/// paged within the promised time.
public struct Coverage: Sendable {
    /// What is missing.
    public enum Kind: String, Sendable, Hashable {
        /// Nobody is ever paged.
        case nobody
        /// Somebody is paged, and later than was promised.
        case late
        /// Somebody is paged when the policy's quiet hours end: meant so by whoever wrote them.
        case quietHours
        /// Nobody is told in time, for the route's `mute_time_intervals` or outside of its `active_time_intervals`.
        case muted
        /// Nobody is told in time, for a maintenance window that mutes all that the route takes.
        case maintenance
        /// An emergency comes to people by one alert plugin alone.
        case oneSink
    }

    /// One thing that is missing, with all the times at which it is.
    public struct Gap: Sendable, Hashable {
        public var receiver: String
        public var severity: AlertSeverity
        public var isEmergency: Bool
        public var kind: Kind
        /// Alerts that begin in one of these are not answered as promised; in order.
        public var times: [Range<Date>]
        /// What was promised; nil for "at some time".
        public var promise: Duration?
        /// What brings it about, each with its file, line and column.
        public var causes: [String]
        /// Where the receiver stands.
        public var mark: SourceMark
        /// Where in the tree alerts end up that it is about, in the tree's order; none for emergencies, which come from everywhere.
        public var routes: [Route]

        /// Quiet hours are the plan's own will; everything else is a fault in it.
        public var isFault: Bool { kind != .quietHours }
        /// How long it is so, all times together.
        public var total: Duration { .seconds(times.reduce(0) { $0 + $1.upperBound.timeIntervalSince($1.lowerBound) }) }
    }

    /// A place of the routing tree.
    public struct Route: Sendable, Hashable {
        /// The matchers of the way to it, from the root: ``RouteDecision/route``.
        public var name: String
        public var mark: SourceMark
    }

    /// A day on which the clock of one of the plan's zones is put forward or back.
    public struct ClockChange: Sendable, Hashable {
        public var zone: String
        public var at: Date
        /// True where times are left out, false where there are some twice.
        public var isGap: Bool
        /// The times on the wall: `2026-03-29 01:00` to `02:00`.
        public var wall: String
        /// What of the plan falls into them, and what that comes to, each with its place.
        public var affected: [String]
    }

    public var from: Date
    public var to: Date
    public var gaps: [Gap]
    public var clockChanges: [ClockChange]
    /// What was not proved, and why, each with its place.
    public var notes: [String]
    /// How many places of the routing tree alerts may end up at, and how many receivers tell of them; emergencies add one where they have a policy.
    public var routes: Int
    public var receivers: Int
    /// How many pieces of time were compared.
    public var pieces: Int
    /// How many different proofs that took: what is the same for several routes is proved once.
    public var proofs: Int

    public var isSound: Bool { !gaps.contains(where: \.isFault) }
}

extension OnCallPlan {
    /// Proves when nobody would be paged within the promised time, by computing every moment at which anything changes: hand-overs, restrictions,
    /// overrides, absences, quiet hours, times in which routes tell nobody, and daylight saving.
    ///
    /// An alert is taken as the first of a group: it waits for the route's `group_wait` unless it is critical, and where it is muted for up to a
    /// `group_interval` after the end of that. Emergencies pass all of it. Silences and inhibition are no part of a plan's time, and are not counted.
    public func coverage(from: Date, to: Date) -> Coverage {
        let window = from.moment..<max(from.moment, to.moment)
        var prover = CoverageProver(plan: self, window: window)
        let ends = routing.ends
        var (subjects, notes) = subjects(of: ends)
        var receivers = Set(ends.map(\.decision.receiver))
        // All receivers do the same with emergencies where these have a policy: it is proved once.
        if roster.emergency != nil {
            subjects.append(CoverageProver.Subject(receiver: Roster.emergencyReceiver, severity: .critical, isEmergency: true))
            receivers.insert(Roster.emergencyReceiver)
        }
        let gaps = subjects.flatMap { prover.gaps($0) }
        if roster.emergency == nil, !ends.isEmpty { notes.append("emergencies have no policy: they go where the tree sends them, and pass mutes") }
        return Coverage(
            from: Date(moment: window.lowerBound), to: Date(moment: window.upperBound), gaps: gaps, clockChanges: roster.clockChanges(in: window),
            notes: notes, routes: ends.count, receivers: receivers.count, pieces: prover.pieces, proofs: prover.proofs)
    }

    /// What is to be proved, each once, and what is not.
    private func subjects(of ends: [RouteEnd]) -> (subjects: [CoverageProver.Subject], notes: [String]) {
        struct Key: Hashable {
            var receiver: String
            var severity: AlertSeverity
            var gate: CoverageGate.Key
        }
        var subjects: [CoverageProver.Subject] = [], places: [Key: Int] = [:]
        var silent: [String: [RouteDecision]] = [:], unsure: Set<Int> = []
        let deliberate = Set(routing.receivers.filter { isSilent($0) }.map(\.name))
        for end in ends {
            let receiver = end.decision.receiver
            guard !deliberate.contains(receiver) else {
                silent[receiver, default: []].append(end.decision)
                continue
            }
            for severity in AlertSeverity.allCases where end.alerts[severity] != nil {
                var windows: Set<Int> = []
                for (number, window) in maintenance.windows.enumerated() where !window.matchers.isEmpty {
                    switch end.meets(window.matchers, severity) {
                    case true?: windows.insert(number)
                    case false?: break
                    case nil: unsure.insert(number)
                    }
                }
                let key = Key(receiver: receiver, severity: severity, gate: gateKey(end, severity, windows: windows))
                if let place = places[key] {
                    subjects[place].routes.append(end.decision)
                } else {
                    places[key] = subjects.count
                    subjects.append(.init(receiver: receiver, severity: severity, gate: key.gate, routes: [end.decision]))
                }
            }
        }
        var notes = routing.receivers.compactMap { receiver in
            silent[receiver.name].map { routes in
                "\(receiver.mark): \(receiver.name) names nobody and promises nothing: what ends up there pages nobody, by "
                    + Coverage.words(routes.map(\.mark))
            }
        }
        notes += unsure.sorted().map { maintenance.windows[$0] }.map { window in
            "\(window.mark): the maintenance window “\(window.name)” mutes alerts with \(window.matchers.text): "
                + "which of a route's alerts have these labels nobody can say, so it counts as no gap"
        }
        return (subjects, notes)
    }

    /// Whether a receiver has nothing but its name: it is there so that nobody is told.
    private func isSilent(_ receiver: ReceiverDefinition) -> Bool {
        (receiver.node.entries ?? []).allSatisfy { $0.key == "name" } && roster.policy(of: receiver.name) == nil
    }
}

extension Coverage {
    /// Some places: `the routes at oncall.yaml:3:7, oncall.yaml:5:7 and 12 more`.
    static func words(_ marks: [SourceMark]) -> String {
        let shown = marks.prefix(3).map(\.description).joined(separator: ", ")
        return "the route\(marks.count == 1 ? "" : "s") at \(shown)\(marks.count > 3 ? " and \(marks.count - 3) more" : "")"
    }
}

extension Roster {
    /// The times within a window at which nobody is on call by a schedule that something uses, as diagnostics.
    public func scheduleGaps(from: Date, to: Date) -> [Diagnostic] {
        let window = from.moment..<max(from.moment, to.moment)
        return scheduleNames.compactMap { name in
            guard let schedule = schedules[name] else { return nil }
            let gaps = schedule.timeline(window, absences: absences).pieces.filter(\.state.isEmpty)
            guard let first = gaps.first else { return nil }
            let hours = gaps.reduce(0) { $0 + $1.end - $1.start } / 3600
            let wall = { (moment: Int) in schedule.zone.wall(at: moment).text }
            let more = gaps.count > 1 ? ", and \(gaps.count - 1) times more (\(hours) hours)" : ""
            return Diagnostic(
                .warning, .missing, "nobody is on call in “\(name)” from \(wall(first.start)) to \(wall(first.end))\(more)",
                remedy: "add a layer beneath that is always on call, or name a fallback in the policies that use it", at: schedule.mark)
        }
    }
}
