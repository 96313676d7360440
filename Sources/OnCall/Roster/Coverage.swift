import Foundation
import PluginAPI

/// What a plan was proved to do over a time: for each receiver and severity, when nobody would be paged within the promised time.
public struct Coverage: Sendable {
    /// What is missing.
    public enum Kind: String, Sendable, Hashable {
        /// Nobody is ever paged.
        case nobody
        /// Somebody is paged, and later than was promised.
        case late
        /// Somebody is paged when the policy's quiet hours end: meant so by whoever wrote them.
        case quietHours
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
        public var mark: SourceMark

        /// Quiet hours are the plan's own will; everything else is a fault in it.
        public var isFault: Bool { kind != .quietHours }
        /// How long it is so, all times together.
        public var total: Duration { .seconds(times.reduce(0) { $0 + $1.upperBound.timeIntervalSince($1.lowerBound) }) }
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
    /// How many receivers were looked at, each with four severities and as an emergency.
    public var receivers: Int
    /// How many pieces of time were compared.
    public var pieces: Int

    public var isSound: Bool { !gaps.contains(where: \.isFault) }
}

extension Roster {
    /// Proves when nobody would be paged within the promised time, by computing every moment at which anything changes: hand-overs, restrictions, overrides,
    /// absences, quiet hours and daylight saving.
    public func coverage(from: Date, to: Date) -> Coverage {
        let window = from.moment..<max(from.moment, to.moment)
        var prover = CoverageProver(roster: self, window: window)
        var gaps: [Coverage.Gap] = []
        let names = receivers.isEmpty && policies[Self.shortPolicy] != nil ? [Self.shortPolicy] : receiverOrder
        let all = names + (emergency != nil && !names.contains(Self.emergencyReceiver) ? [Self.emergencyReceiver] : [])
        for name in all {
            for severity in name == Self.emergencyReceiver && !names.contains(name) ? [] : AlertSeverity.allCases {
                gaps += prover.gaps(name, severity, isEmergency: false)
            }
            // All receivers do the same with emergencies where these have a policy: it is proved once.
            if emergency != nil, name == Self.emergencyReceiver { gaps += prover.gaps(name, .critical, isEmergency: true) }
        }
        return Coverage(
            from: Date(moment: window.lowerBound), to: Date(moment: window.upperBound), gaps: gaps, clockChanges: clockChanges(in: window),
            receivers: all.count, pieces: prover.pieces)
    }

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
