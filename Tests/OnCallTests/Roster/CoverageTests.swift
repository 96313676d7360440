import Foundation
import PluginAPI
import Testing

@testable import OnCall

@Suite struct CoverageTests {
    private func coverage(_ yaml: String, _ from: String, _ to: String) throws -> Coverage {
        try PlanFixture.plan(yaml).coverage(from: PlanFixture.date(from), to: PlanFixture.date(to))
    }

    private func times(_ gap: Coverage.Gap?) -> [String] {
        (gap?.times ?? []).map { "\(WallTime($0.lowerBound.moment).text) – \(WallTime($0.upperBound.moment).text)" }
    }

    private static let gappy =
        PlanFixture.people + """
            schedules:
              office: {timezone: Europe/Lisbon, layers: [{people: [ana], restrictions: [{from: "09:00", to: "17:00"}]}]}
              all: {layers: [{rotation: weekly, people: [ana, bruno, carla]}]}
            policies:
              main:
                respond_within: 15m
                levels:
                  - {notify: [office], wait: 10m}
                  - {notify: [{type: log}], wait: 20m}
                  - {notify: [bruno]}
              emergency: {levels: [{notify: [all]}]}
            emergency: {policy: emergency}
            receivers: [{name: house, policy: main}]

            """

    @Test func whatIsPagedTooLateIsFoundToTheSecond() throws {
        let coverage = try coverage(Self.gappy, "2026-03-28", "2026-03-30")
        #expect(coverage.gaps.count == 4 && Set(coverage.gaps.map(\.kind)) == [.late])
        let gap = try #require(coverage.gaps.first { $0.severity == .critical })
        // Out of office hours the log is told at once, and a person after twenty minutes. Summer time begins on the second day.
        #expect(times(gap) == ["2026-03-28 00:00 – 2026-03-28 09:00", "2026-03-28 17:00 – 2026-03-29 08:00", "2026-03-29 16:00 – 2026-03-30 00:00"])
        #expect(gap.causes.contains("nobody is on call in office, oncall.yaml:17:3") && gap.promise == .seconds(900) && !coverage.isSound)
        #expect(gap.causes.contains { $0.contains("waits 20 min, oncall.yaml:24:9") })
        #expect(coverage.clockChanges.map(\.wall) == ["2026-03-29 01:00 to 2026-03-29 02:00"])
        // With a longer promise there is nothing to find.
        #expect(try self.coverage(Self.gappy.replacing("15m", with: "20m"), "2026-01-01", "2027-01-01").gaps == [])
    }

    @Test func whoIsNeverReachedIsFound() throws {
        let plan = Self.gappy.replacing("      - {notify: [bruno]}\n", with: "")
        let gap = try #require(try coverage(plan, "2026-03-28", "2026-03-29").gaps.first { $0.severity == .info })
        #expect(gap.kind == .nobody && times(gap) == ["2026-03-28 00:00 – 2026-03-28 09:00", "2026-03-28 17:00 – 2026-03-29 00:00"])
        #expect(gap.causes.contains { $0.contains("reaches no person, only log") })
    }

    @Test func quietHoursAreToldApart() throws {
        let plan =
            PlanFixture.people + """
                policies:
                  main:
                    respond_within: {warning: 2h, critical: 5m}
                    quiet_hours: {start: "22:00", end: "08:00", timezone: UTC}
                    levels: [{notify: [ana], wait: 5m}]
                emergency: {policy: main}
                receivers: [{name: house, policy: main}]
                """
        let coverage = try coverage(plan, "2026-01-01 12:00", "2026-01-03 12:00")
        // Until six: who raises an alert later is answered within two hours.
        #expect(coverage.gaps.count == 1 && coverage.gaps[0].severity == .warning && coverage.gaps[0].kind == .quietHours && coverage.isSound)
        #expect(times(coverage.gaps[0]) == ["2026-01-01 22:00 – 2026-01-02 06:00", "2026-01-02 22:00 – 2026-01-03 06:00"])
        #expect(coverage.gaps[0].causes.contains { $0.contains("quiet hours 22:00–08:00 of policy main, oncall.yaml:19:18") })
    }

    @Test func anEmergencyWithOneSinkForATimeIsFound() throws {
        // By names alone two plugins are sure; but the one on duty in the second hour is away, and the fallback has one kind.
        let plan =
            PlanFixture.people.replacing(
                "    name: Ana Sousa\n", with: "    name: Ana Sousa\n    absences: [{from: \"2026-01-01 01:00\", to: \"2026-01-01 02:00\"}]\n")
                + """
                policies:
                  main: {levels: [{notify: [ana]}], fallback: [{type: phone, number: "+351910000009"}]}
                emergency: {policy: main}
                receivers: [{name: house, policy: main}]
                """
        let gaps = try coverage(plan, "2026-01-01", "2026-01-02").gaps
        #expect(gaps.count == 1 && gaps[0].kind == .oneSink && gaps[0].isEmergency && gaps[0].receiver == Roster.emergencyReceiver)
        #expect(times(gaps[0]) == ["2026-01-01 01:00 – 2026-01-01 02:00"])
    }

    @Test func foldsAndGapsNameWhatFallsIntoThem() throws {
        let plan =
            PlanFixture.people + """
                schedules:
                  howe: {timezone: Australia/Lord_Howe, layers: [{rotation: daily, handover: "02:15", people: [ana, bruno]}]}
                policies:
                  main: {quiet_hours: {start: "22:00", end: "01:45", timezone: Europe/Lisbon}, levels: [{notify: [howe]}]}
                emergency: {policy: main}
                receivers: [{name: house, policy: main}]
                """
        let changes = try coverage(plan, "2026-01-01", "2027-01-01").clockChanges
        #expect(changes.count == 4)
        let gap = try #require(changes.first { $0.zone == "Australia/Lord_Howe" && $0.isGap })
        #expect(gap.affected == ["schedule howe, layer 1: 2026-10-04 02:15 does not exist, 2026-10-04 02:30 stands in for it, oncall.yaml:17:50"])
        let fold = try #require(changes.first { $0.zone == "Europe/Lisbon" && !$0.isGap })
        #expect(fold.affected == ["quiet hours 22:00–01:45: 2026-10-25 01:45 comes twice, the first counts, oncall.yaml:19:23"])
        #expect(changes.first { $0.zone == "Australia/Lord_Howe" && !$0.isGap }?.affected == [])
    }

    /// What coverage says of a moment is what an escalation that begins then really comes to.
    @Test(arguments: ["Europe/Lisbon", "America/New_York", "Australia/Lord_Howe"])
    func coverageAgreesWithEscalationsThatAreGoneThrough(_ zone: String) throws {
        let yaml =
            """
            timezone: \(zone)
            people:
              ana:
                contacts: [{type: phone, number: "+351910000001"}, {type: email, address: a@example.com}]
                rules: {critical: [{contact: phone}], default: [{contact: email, after: 7m}]}
                quiet_hours: {start: "23:30", end: "02:15", severity_override: error}
              bruno:
                contacts: [{type: phone, number: "+351910000002"}, {type: email, address: b@example.com}]
                absences: [{from: 2026-03-07, to: 2026-03-30}, {from: 2026-10-03, to: "2026-10-25 12:00"}]
            schedules:
              a: {layers: [{rotation: daily, handover: "02:30", people: [ana, bruno]}]}
              b: {layers: [{people: [bruno], restrictions: [{from: "01:45", to: "13:00"}]}, {people: [ana], restrictions: [{from: saturday 22:00, to: sunday 01:30}]}]}
            policies:
              main:
                respond_within: 12m
                repeat: 1
                quiet_hours: {start: "01:30", end: "04:00", weekdays: [sat, sun], severity_override: error}
                levels:
                  - {notify: [b], wait: 6m}
                  - {notify: [{type: log}], wait: 3m, min_severity: warning, skip_empty: false}
                  - {notify: [a], wait: 4m}
              emergency: {levels: [{notify: [ana, bruno]}]}
            emergency: {policy: emergency}
            receivers: [{name: house, policy: main}]

            """
        let plan = try PlanFixture(yaml)
        #expect(plan.errors == [])
        let from = PlanFixture.date("2026-01-01"), to = PlanFixture.date("2027-01-01")
        let coverage = try PlanFixture.plan(yaml).coverage(from: from, to: to)
        let clock = try #require(ZoneClock(zone))
        for severity in AlertSeverity.allCases {
            let gaps = coverage.gaps.filter { $0.severity == severity && !$0.isEmergency && $0.receiver == "house" }.flatMap(\.times)
            var moments = (0..<250).map { _ in Int.random(in: from.moment..<to.moment) }
            for jump in clock.jumps(in: from.moment..<to.moment) { moments += (0..<120).map { _ in jump.at + Int.random(in: -14400...14400) } }
            for gap in gaps.prefix(60) {
                moments += [gap.lowerBound.moment - 1, gap.lowerBound.moment, gap.upperBound.moment - 1, gap.upperBound.moment]
            }
            for moment in moments where moment >= from.moment && moment < to.moment {
                let isGap = gaps.contains { $0.contains(Date(moment: moment)) }
                #expect(isGap == !isAnswered(plan, severity, at: moment, within: 720), "\(zone) \(severity) \(clock.wall(at: moment).text) \(moment)")
            }
        }
    }

    /// Goes through the levels as the engine does.
    private func isAnswered(_ plan: PlanFixture, _ severity: AlertSeverity, at start: Int, within promise: Int) -> Bool {
        var moment = Date(moment: start), number = 1
        let matter = PagedMatter(receiver: "house", severity: severity, isEmergency: false, labels: [:])
        while let level = plan.roster.level(number, for: matter, at: moment), moment <= Date(moment: start + promise) {
            for step in level.steps where step.contact.instance != "log" {
                if moment + step.delay <= Date(moment: start + promise) { return true }
            }
            guard let wait = level.wait else { return false }
            moment += wait
            number += 1
        }
        return false
    }

    @Test func aYearOfFiftyPeopleAndTwoHundredRoutesIsProvedQuickly() throws {
        var yaml = "timezone: Europe/Lisbon\npeople:\n"
        for index in 0..<50 {
            yaml += "  p\(index): {contacts: [{type: phone, number: \"+3519100000\(10 + index)\"}, {type: email, address: p\(index)@example.com}], "
            yaml += "quiet_hours: {start: \"23:00\", end: \"07:00\"}, absences: [{from: 2026-08-0\(1 + index % 9), to: 2026-08-1\(index % 9)}]}\n"
        }
        yaml += "schedules:\n"
        for index in 0..<25 {
            yaml +=
                "  s\(index): {layers: [{rotation: daily, people: [p\(index), p\(index + 25)]}, {rotation: weekly, people: [p\((index + 7) % 50)], "
            yaml += "restrictions: [{from: \"09:00\", to: \"17:00\", weekdays: [mon, tue, wed, thu, fri]}]}]}\n"
        }
        yaml += "policies:\n"
        for index in 0..<200 {
            yaml +=
                "  r\(index): {respond_within: \(10 + index)m, quiet_hours: {start: \"22:00\", end: \"0\(6 + index % 3):00\", severity_override: error}, "
            yaml +=
                "levels: [{notify: [s\(index % 25)]}, {notify: [s\((index + 3) % 25), p\(index % 50)], wait: 10m}, {notify: [p\((index + 9) % 50)]}]}\n"
        }
        yaml += "emergency: {policy: r0}\nreceivers:\n" + (0..<200).map { "  - {name: r\($0), policy: r\($0)}\n" }.joined()
        yaml += "time_intervals: [{name: night, time_intervals: [{times: [{start_time: '00:00', end_time: '04:00'}], location: Europe/Lisbon}]}]\n"
        yaml += "route:\n  receiver: r0\n  routes:\n"
        for index in 0..<200 {
            yaml += "    - {receiver: r\(index), matchers: ['service=\"s\(index)\"']\(index % 2 == 0 ? ", mute_time_intervals: [night]" : "")}\n"
        }
        let plan = try PlanFixture.plan(yaml)
        let start = ContinuousClock.now
        let coverage = plan.coverage(from: PlanFixture.date("2026-01-01"), to: PlanFixture.date("2027-01-01"))
        let took = ContinuousClock.now - start
        print("coverage of a year, 50 people, 200 routes: \(took), \(coverage.pieces) pieces, \(coverage.gaps.count) gaps")
        #expect(coverage.routes == 201 && coverage.receivers == 201 && coverage.pieces > 1000)
        // One for each route and severity, the root's four, and emergencies.
        #expect(coverage.proofs == 201 * 4 + 1)
    }
}
