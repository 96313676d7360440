import Foundation
import PluginAPI
import Testing

@testable import OnCall

/// Coverage of what the routing tree does with time: waits for more, mutes, active times, maintenance.
@Suite struct RouteCoverageTests {
    private static let house =
        PlanFixture.people + """
            policies:
              main: {respond_within: 15m, levels: [{notify: [ana], wait: 5m}]}
              emergency: {levels: [{notify: [ana, bruno]}]}
            emergency: {policy: emergency}

            """

    private func coverage(_ yaml: String, _ from: String = "2026-03-28", _ to: String = "2026-03-30") throws -> Coverage {
        try PlanFixture.plan(Self.house + yaml).coverage(from: PlanFixture.date(from), to: PlanFixture.date(to))
    }

    private func times(_ gap: Coverage.Gap) -> [String] {
        gap.times.map { "\(WallTime($0.lowerBound.moment).text) – \(WallTime($0.upperBound.moment).text)" }
    }

    private func line(_ yaml: String, _ text: String) throws -> Int {
        let lines = (Self.house + yaml).split(separator: "\n", omittingEmptySubsequences: false)
        return try #require(lines.firstIndex { $0.contains(text) }) + 1
    }

    @Test func aRouteThatIsMutedAllDayIsNotCovered() throws {
        let yaml = """
            receivers: [{name: house, policy: main}]
            time_intervals:
              - name: always
                time_intervals: [{times: [{start_time: "00:00", end_time: "23:59"}]}]
            route:
              receiver: house
              routes:
                - {matchers: ['type="security"'], receiver: house, mute_time_intervals: [always]}

            """
        let coverage = try coverage(yaml)
        #expect(coverage.routes == 2 && !coverage.isSound)
        #expect(coverage.gaps.count == 4 && coverage.gaps.allSatisfy { $0.kind == .muted && !$0.isEmergency })
        #expect(Set(coverage.gaps.map(\.severity)) == Set(AlertSeverity.allCases))
        let gap = coverage.gaps[0], window = try line(yaml, "start_time"), route = try line(yaml, "type=\"security\"")
        #expect(gap.routes.map(\.mark.line) == [route] && gap.routes[0].name == "{}/{type=\"security\"}")
        #expect(
            gap.causes.contains { $0.hasPrefix("muted by “always”, oncall.yaml:\(window):") && $0.contains("the route at oncall.yaml:\(route):") },
            "\(gap.causes)")
        // Emergencies pass it.
        #expect(!coverage.gaps.contains { $0.isEmergency })
    }

    @Test func aNightIsMutedToTheSecondAndTheClockIsHeeded() throws {
        let yaml = """
            receivers: [{name: house, policy: main}]
            time_intervals:
              - name: night
                time_intervals: [{times: [{start_time: "00:00", end_time: "06:00"}], location: Europe/Lisbon}]
            route:
              receiver: house
              routes:
                - {matchers: ['severity="critical"'], receiver: house, mute_time_intervals: [night], group_interval: 5m}

            """
        let gaps = try coverage(yaml).gaps
        // Only criticals come there. Told by 06:05 at the latest: one from 05:50 on is answered in time. Summer time begins on the second night.
        #expect(gaps.map(\.severity) == [.critical])
        #expect(
            times(gaps[0]) == [
                "2026-03-28 00:00 – 2026-03-28 05:50", "2026-03-29 00:00 – 2026-03-29 04:50", "2026-03-29 23:00 – 2026-03-30 00:00",
            ])
    }

    @Test func activeTimesAreTheOtherWayRound() throws {
        let yaml = """
            receivers: [{name: house, policy: main}]
            time_intervals:
              - name: office
                time_intervals: [{times: [{start_time: "09:00", end_time: "17:00"}]}]
            route:
              receiver: house
              routes:
                - {matchers: ['severity="critical"'], receiver: house, active_time_intervals: [office], group_interval: 5m}

            """
        let gaps = try coverage(yaml).gaps, line = try line(yaml, "active_time")
        #expect(gaps.count == 1 && gaps[0].kind == .muted)
        #expect(
            times(gaps[0]) == [
                "2026-03-28 00:00 – 2026-03-28 08:50", "2026-03-28 17:00 – 2026-03-29 08:50", "2026-03-29 17:00 – 2026-03-30 00:00",
            ])
        #expect(
            gaps[0].causes.contains { $0.contains("outside of the active times “office”") && $0.contains("oncall.yaml:\(line):") },
            "\(gaps[0].causes)")
    }

    @Test func groupWaitCountsForWhatIsNotCritical() throws {
        let yaml = """
            receivers: [{name: house, policy: main}]
            route: {receiver: house, group_wait: 16m}

            """
        let gaps = try coverage(yaml).gaps
        #expect(Set(gaps.map(\.severity)) == [.info, .warning, .error] && gaps.allSatisfy { $0.kind == .late })
        #expect(times(gaps[0]) == ["2026-03-28 00:00 – 2026-03-30 00:00"])
        #expect(gaps[0].causes.contains { $0.hasPrefix("group_wait is 16m here, oncall.yaml:") })
        #expect(try coverage(yaml.replacing("16m", with: "15m")).isSound)
    }

    @Test func aMaintenanceWindowCountsWhereItCoversAll() throws {
        let yaml = """
            receivers: [{name: house, policy: main}]
            route:
              receiver: house
              routes:
                - {matchers: ['service="backup"'], receiver: house, group_wait: 0s, group_interval: 5m}
                - {matchers: ['service="web"'], receiver: house}
            maintenance:
              windows: [{name: weekly, weekdays: [sunday], from: "02:00", to: "04:00", timezone: UTC, matchers: ['service=~"updates|backup"']}]

            """
        let coverage = try coverage(yaml), window = try line(yaml, "name: weekly"), backup = try line(yaml, "service=\"backup\"")
        #expect(coverage.gaps.count == 4 && coverage.gaps.allSatisfy { $0.kind == .maintenance && $0.isFault })
        #expect(times(coverage.gaps[0]) == ["2026-03-29 02:00 – 2026-03-29 03:50"])
        #expect(coverage.gaps[0].routes.map(\.mark.line) == [backup])
        #expect(coverage.gaps[0].causes.contains { $0.contains("the maintenance window “weekly”, oncall.yaml:\(window):") })
        // The root's alerts may have the label, or not.
        #expect(coverage.notes.count == 1 && coverage.notes[0].contains("“weekly”"))
    }

    @Test func whatIsEqualIsProvedOnceAndWhatNobodyComesToNotAtAll() throws {
        let yaml = """
            receivers: [{name: house, policy: main}, {name: quiet}, {name: other, policy: main}, {name: ghost, notify: [{type: log}]}]
            time_intervals: [{name: night, time_intervals: [{times: [{start_time: "00:00", end_time: "06:00"}]}]}]
            route:
              receiver: house
              routes:
                - {matchers: ['a="1"', 'severity="critical"'], receiver: house, mute_time_intervals: [night]}
                - {matchers: ['a="2"', 'severity="critical"'], receiver: house, mute_time_intervals: [night]}
                - {matchers: ['a="3"', 'severity="critical"'], receiver: other, mute_time_intervals: [night]}
                - {matchers: ['a="1"', 'severity="critical"', 'b="1"'], receiver: ghost}
                - {matchers: ['a="4"'], receiver: quiet}
                - matchers: ['severity="info"']
                  receiver: house
                  routes: [{matchers: ['severity="critical"'], receiver: ghost}]

            """
        let coverage = try coverage(yaml)
        // The root, the routes by a, and that of what is informational; nobody comes to the ghost.
        #expect(coverage.routes == 6 && coverage.receivers == 4)
        // Critical muted, and the four severities that are not; and emergencies.
        #expect(coverage.proofs == 6)
        #expect(coverage.gaps.map(\.receiver) == ["house", "other"] && coverage.gaps.allSatisfy { $0.kind == .muted })
        #expect(coverage.gaps[0].routes.count == 2)
        // A receiver that has nothing but its name is meant to tell nobody.
        #expect(coverage.notes.count == 1 && coverage.notes[0].contains("quiet names nobody") && !coverage.isSound)
    }

    @Test func whoseContactsReachNobodyIsAGapAsBefore() throws {
        let gaps = try coverage("receivers: [{name: house, notify: [{type: log}]}]\nroute: {receiver: house}\n").gaps
        #expect(gaps.count == 4 && gaps.allSatisfy { $0.kind == .nobody && $0.isFault })
    }

    @Test(arguments: ["Europe/Lisbon", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
    func theTimesOfAnIntervalAreThoseInWhichItHolds(_ zone: String) throws {
        let mark = SourceMark(file: "f", line: 1, column: 1), location = try #require(TimeZone(identifier: zone))
        let from = PlanFixture.date("2026-01-01").moment, to = PlanFixture.date("2027-01-01").moment
        let clock = try #require(ZoneClock(zone))
        for window in [
            TimeWindow(times: [90..<150, 1380..<1440], location: location, mark: mark),
            TimeWindow(times: [0..<61], weekdays: [0...0, 6...6], location: location, mark: mark),
            TimeWindow(daysOfMonth: [.init(-3, -1)], months: [3...4, 10...10], location: location, mark: mark),
        ] {
            let ranges = window.ranges(in: from..<to)
            var moments =
                (0..<2000).map { _ in Int.random(in: from..<to) }
                + ranges.prefix(200).flatMap { [$0.lowerBound - 1, $0.lowerBound, $0.upperBound - 1, $0.upperBound] }
            for jump in clock.jumps(in: from..<to) { moments += (-200..<200).map { jump.at + $0 * 61 } }
            for moment in moments where moment >= from && moment < to {
                #expect(ranges.covers(moment) == window.contains(Date(moment: moment)), "\(zone) \(clock.wall(at: moment).text)")
            }
        }
    }

    /// What coverage says of a moment is what the engine does with an alert that begins then.
    @Test(arguments: [AlertSeverity.warning, .critical]) func coverageAgreesWithTheEngine(_ severity: AlertSeverity) throws {
        let plan = try PlanFixture.plan(
            PlanFixture.people + """
                schedules:
                  desk: {timezone: Europe/Lisbon, layers: [{people: [ana], restrictions: [{from: "07:00", to: "20:30"}]}]}
                policies:
                  main:
                    respond_within: {warning: 14m, critical: 9m}
                    quiet_hours: {start: "21:00", end: "05:00", timezone: UTC, severity_override: error}
                    levels: [{notify: [desk], wait: 6m}, {notify: [{type: log}], wait: 2m}, {notify: [bruno], wait: 4m}]
                  emergency: {levels: [{notify: [ana, bruno]}]}
                emergency: {policy: emergency}
                receivers: [{name: house, policy: main}]
                time_intervals:
                  - name: lunch
                    time_intervals: [{times: [{start_time: "12:00", end_time: "13:30"}, {start_time: "20:25", end_time: "20:40"}], location: Europe/Lisbon}]
                  - name: open
                    time_intervals: [{times: [{start_time: "04:00", end_time: "23:00"}], location: America/New_York}, {weekdays: [saturday]}]
                route:
                  receiver: house
                  routes:
                    - {matchers: ['a="1"'], receiver: house, group_wait: 2m, group_interval: 3m, mute_time_intervals: [lunch], active_time_intervals: [open]}

                """)
        let from = PlanFixture.date("2026-03-26"), to = PlanFixture.date("2026-03-31")
        let gaps = plan.coverage(from: from, to: to).gaps.filter {
            $0.severity == severity && !$0.isEmergency && $0.routes.contains { $0.name.contains("a=") }
        }
        let times = gaps.flatMap(\.times), promise: TimeInterval = severity == .critical ? 540 : 840, interval: TimeInterval = 180
        #expect(gaps.contains { $0.kind == .muted } && !times.isEmpty)
        var covered = 0, missing = 0
        for moment in stride(from: from.moment, to: to.moment, by: 97) {
            let date = Date(moment: moment), isGap = times.contains { $0.contains(date) }
            let isAnswered = try answers(plan, severity, at: date, within: promise)
            // Never better than the engine does; worse only where it hangs on when the group is looked at again, which an alert before may have decided.
            if !isGap {
                #expect(isAnswered, "\(severity) \(WallTime(moment).text) is not answered")
            } else if isAnswered {
                #expect(times.contains { $0.contains(date) && $0.upperBound <= date + interval }, "\(severity) \(WallTime(moment).text) is answered")
            }
            if isGap { missing += 1 } else { covered += 1 }
        }
        #expect(covered > 1000 && missing > 500)
    }

    private func answers(_ plan: OnCallPlan, _ severity: AlertSeverity, at start: Date, within promise: TimeInterval) throws -> Bool {
        let codes = Night.Counted()
        var core = OnCallCore(plan: plan, random: { codes.next() })
        core.take(
            [PostedAlert(labels: ["alertname": "X", "a": "1", "severity": severity.rawValue], startsAt: start, endsAt: start + 86400 * 7)], at: start)
        core.advance(to: start)
        while true {
            if core.drain().orders.contains(where: { $0.order.verb == .page && $0.instance != "log" }) { return true }
            guard let due = core.nextDue, due <= start + promise else { return false }
            core.advance(to: due)
        }
    }
}
