import Foundation
import PluginAPI

/// When work is done, and what becomes of it. Read once, it never changes.
public struct MaintenancePlan: Sendable {
    /// A time that comes again every week.
    public struct Window: Sendable {
        public var name: String
        /// Alerts that meet all of them page nobody; empty for none.
        public var matchers: [LabelMatcher]
        public var refusesRequests: Bool
        public var comment: String
        public var mark: SourceMark
        let hours: WeeklyHours

        /// The time of it that a moment is in.
        public func time(at date: Date) -> Range<Date>? {
            let moment = date.moment
            return hours.ranges(in: moment..<moment + 1).first.map { Date(moment: $0.lowerBound)..<Date(moment: $0.upperBound) }
        }

        /// When it begins next after a moment.
        func next(after date: Date) -> Date? {
            let moment = date.moment
            return hours.ranges(in: moment..<moment + 2 * WeeklyHours.week).first { $0.lowerBound > moment }.map { Date(moment: $0.lowerBound) }
        }

        /// Whether it is open, and alerts with these labels are muted in it.
        func mutes(_ labels: [String: String], at date: Date) -> Bool {
            !matchers.isEmpty && matchers.match(labels) && labels["type"] != "maintenance" && time(at: date) != nil
        }
    }

    /// What is done where not all is well at the end.
    public struct Recovery: Sendable, Hashable {
        public var every = Duration.seconds(30)
        public var rollsBack = false
        /// A program and its arguments; empty for none.
        public var command: [String] = []
        public var timeout = Duration.seconds(300)
    }

    public var windows: [Window]
    public var recovery: Recovery

    /// No windows, and no recovery.
    public static let none = MaintenancePlan(windows: [], recovery: Recovery())

    /// The window that mutes an alert at a moment.
    public func window(muting labels: [String: String], at date: Date) -> Window? { windows.first { $0.mutes(labels, at: date) } }
}

extension MaintenancePlan {
    /// Makes the plan of its section, with every mistake told.
    /// - Parameter zone: the plan's, for windows that name none.
    init(_ settings: MaintenanceSettings, zone: ZoneClock, _ diagnostics: inout Diagnostics) {
        var seen: [String: SourceMark] = [:]
        windows = settings.windows.items.compactMap { item in
            let value = item.value, name = value.name.value
            if !IncidentPlan.isName(name) {
                diagnostics.error(
                    .invalidValue, "“\(name.clipped)” is no name of a window", remedy: "use letters, digits, - and _, at most 40 of them",
                    at: value.name.mark)
            } else if let first = seen[name] {
                diagnostics.error(
                    .duplicateKey, "there is a window “\(name)” already, at \(first)", remedy: "give it another name", at: value.name.mark)
            }
            if seen[name] == nil { seen[name] = value.name.mark }
            if value.from.value == value.to.value {
                diagnostics.error(
                    .invalidValue, "the window lasts the whole day", remedy: "write an end that differs from the begin", at: value.to.mark)
            }
            let matchers = value.matchers.matchers(&diagnostics)
            if !matchers.isEmpty, matchers.match([:]) {
                diagnostics.error(
                    .invalidValue, "these matchers would mute every alert", remedy: "let one of them ask for a label, such as service=\"database\"",
                    at: value.matchers.items.first?.mark ?? item.mark)
            }
            if matchers.isEmpty, value.matchers.items.isEmpty, !value.refuseRequests {
                diagnostics.warning(
                    .missing, "this window mutes nothing and refuses nothing",
                    remedy: "write matchers: of what is worked on, or refuse_requests: true",
                    at: item.mark)
            }
            var own = zone
            if let timezone = value.timezone {
                guard let found = ZoneClock(timezone.value) else {
                    diagnostics.error(
                        .invalidValue, "“\(timezone.value.clipped)” is no time zone that is known",
                        remedy: Suggestion.mend(for: timezone.value, among: TimeZone.knownTimeZoneIdentifiers)
                            ?? "write an IANA name such as Europe/Lisbon",
                        at: timezone.mark)
                    return nil
                }
                own = found
            }
            let hours = WeeklyHours(
                zone: own, spans: WeeklyHours.daily(from: value.from.value.seconds, to: value.to.value.seconds, on: value.weekdays))
            return Window(
                name: name, matchers: matchers, refusesRequests: value.refuseRequests, comment: value.comment ?? "maintenance", mark: item.mark,
                hours: hours)
        }
        let command = settings.recovery.command.items
        if let program = command.first, !program.value.hasPrefix("/") {
            diagnostics.error(
                .invalidValue, "“\(program.value.clipped)” is no absolute path", remedy: "write the whole path: no shell looks for it",
                at: program.mark)
        }
        recovery = Recovery(
            every: settings.recovery.every, rollsBack: settings.recovery.rollback, command: command.map(\.value), timeout: settings.recovery.timeout)
    }
}
