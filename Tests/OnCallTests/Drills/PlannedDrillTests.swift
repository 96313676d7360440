import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel
@testable import OnCall

@Suite struct PlannedDrillTests {
    private static let plan =
        PlanFixture.people + """
            schedules:
              engineer:
                timezone: Europe/Lisbon
                layers: [{name: week, start: 2026-01-05, people: [ana, bruno]}]
            policies:
              engineering:
                quiet_hours: {start: "22:00", end: "08:00"}
                levels:
                  - {name: engineer, notify: [engineer], wait: 10m}
                  - {name: manager, notify: [carla], wait: 15m}
                repeat: 2
            emergency: {policy: engineering}
            receivers: [{name: engineering, policy: engineering}]

            """

    private func level(_ number: Int, _ kind: DrillSubject.Kind, _ name: String, at time: String, atNight: Bool = false) throws -> EscalationLevel? {
        let fixture = try PlanFixture(Self.plan)
        try #require(fixture.errors == [])
        let order = DrillOrder(id: "drill_1", subject: DrillSubject(kind, name), within: 300, atNight: atNight, by: "Rosa")
        let matter = PagedMatter(receiver: "x", severity: .critical, isEmergency: false, labels: [:], drill: order)
        return fixture.roster.level(number, for: matter, at: PlanFixture.date(time))
    }

    @Test func aScheduleIsDrilledAndThenItsPolicyGoesOn() throws {
        let first = try #require(try level(1, .schedule, "engineer", at: "2026-11-24 12:00"))
        #expect(first.told == ["phone:+351910000001"] && first.wait == 300 && first.steps.first?.person == "ana")
        let second = try #require(try level(2, .schedule, "engineer", at: "2026-11-24 12:05"))
        #expect(second.told == ["phone:+351910000003"] && second.wait == 900 && second.name == "manager")
        #expect(try level(3, .schedule, "engineer", at: "2026-11-24 12:20") == nil, "each level once, whatever the policy repeats")
    }

    @Test func aPersonAndAReceiverToo() throws {
        #expect(try level(1, .person, "bruno", at: "2026-11-24 12:00")?.told == ["phone:+351910000002"], "on call or not")
        #expect(try level(2, .person, "ana", at: "2026-11-24 12:05")?.told == ["phone:+351910000003"])
        #expect(try level(1, .person, "carla", at: "2026-11-24 12:00")?.told == ["phone:+351910000003"])
        #expect(try level(2, .person, "carla", at: "2026-11-24 12:00") == nil, "nobody comes after the last level")
        #expect(try level(1, .receiver, "engineering", at: "2026-11-24 12:00")?.told == ["phone:+351910000001"])
        #expect(try level(1, .schedule, "nobody", at: "2026-11-24 12:00") == nil)
    }

    @Test func quietHoursHoldItBackUnlessItIsToComeAtNight() throws {
        let quiet = try #require(try level(1, .schedule, "engineer", at: "2026-11-24 23:00"))
        #expect(quiet.told == ["phone:+351910000001+540"] && quiet.wait == 540 * 60 + 300)
        #expect(quiet.passedOver.first?.contains("quiet hours 22:00–08:00") == true)
        #expect(try level(1, .schedule, "engineer", at: "2026-11-24 23:00", atNight: true)?.told == ["phone:+351910000001"])
    }

    private func planned(_ yaml: String) throws -> (drills: [PlannedDrill], errors: [String], lines: [String]) {
        let fixture = try PlanFixture(Self.plan + "drills:\n" + yaml)
        return (fixture.roster.drills, fixture.errors, fixture.lines)
    }

    @Test func whenTheyCome() throws {
        func times(_ yaml: String, _ after: String, _ count: Int = 3) throws -> [String] {
            let (drills, errors, _) = try planned("  - \(yaml)\n")
            try #require(errors == [])
            let drill = try #require(drills.first)
            var moment = PlanFixture.date(after)
            return (0..<count).map { _ in
                moment = drill.next(after: moment)
                return moment.formatted(.iso8601)
            }
        }
        // The first Wednesday of a month, by the schedule's clock: an hour earlier in UTC while it is summer.
        #expect(
            try times(#"{schedule: engineer, every: monthly, weekday: wednesday, at: "11:00", within: 10m}"#, "2026-09-02 10:00")
                == ["2026-10-07T10:00:00Z", "2026-11-04T11:00:00Z", "2026-12-02T11:00:00Z"])
        #expect(
            try times(#"{schedule: engineer, every: weekly, weekday: mon, at: "11:00"}"#, "2026-11-02 11:00")
                == ["2026-11-09T11:00:00Z", "2026-11-16T11:00:00Z", "2026-11-23T11:00:00Z"])
        #expect(
            try times(#"{schedule: engineer, day: 31, at: "09:30"}"#, "2027-01-31 09:30")
                == ["2027-02-28T09:30:00Z", "2027-03-31T08:30:00Z", "2027-04-30T08:30:00Z"])
        // In the night in which 01:30 is left out it comes when the clock jumps.
        #expect(
            try times(#"{person: ana, every: daily, at: "01:30", timezone: Europe/Lisbon}"#, "2026-03-28 12:00", 2)
                == ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"])
    }

    @Test(
        arguments: [
            (#"{at: "11:00"}"#, "the drill names nobody"), (#"{schedule: engineer, person: ana, at: "11:00"}"#, "names schedule and person"),
            (#"{schedule: enginer, at: "11:00"}"#, "did you mean “engineer”?"),
            (#"{receiver: nobody, at: "11:00"}"#, "there is no receiver “nobody”"),
            (#"{schedule: engineer, every: daily, weekday: monday, at: "11:00"}"#, "a daily drill has no day of the week"),
            (#"{schedule: engineer, every: weekly, day: 3, at: "11:00"}"#, "is for a monthly drill"),
            (#"{schedule: engineer, day: 32, at: "11:00"}"#, "32 is out of range"), (#"{schedule: engineer, at: "25:00"}"#, "not a time of the day"),
            (#"{schedule: engineer, at: "11:00", within: 2h}"#, "2h is out of range"),
            (#"{schedule: engineer, at: "11:00", evry: daily}"#, "did you mean “every”?"),
            (#"{schedule: engineer}"#, "at"), (#"{schedule: engineer, at: "11:00", timezone: Lisbon}"#, "Europe/Lisbon"),
        ]) func whatIsWrongIsToldWithItsLine(_ yaml: String, _ words: String) throws
    {
        let (_, errors, _) = try planned("  - \(yaml)\n")
        let line = Self.plan.split(separator: "\n", omittingEmptySubsequences: false).count + 1
        #expect(errors.contains { $0.hasPrefix("oncall.yaml:\(line):") && $0.contains(words) }, "\(errors)")
    }

    @Test func oneTwiceIsToldAndCountsOnce() throws {
        let (drills, errors, lines) = try planned("  - {person: ana, at: \"11:00\"}\n  - {person: ana, at: \"11:00\"}\n")
        #expect(drills.count == 1 && errors.isEmpty && lines.contains { $0.contains("this drill stands already") })
    }

    // MARK: Jobs

    private func daily() -> PlannedDrill {
        PlannedDrill(
            subject: DrillSubject(.receiver, "team"), every: .daily, weekday: nil, day: 1, time: TimeOfDay(seconds: 12 * 3600), zone: .utc,
            within: 300,
            atNight: false, mark: SourceMark(file: "oncall.yaml", line: 9, column: 5))
    }

    private func jobs(_ desk: Desk) -> DrillJobs {
        DrillJobs(service: desk.service, jobs: desk.kernel.jobs, engine: desk.disk, clock: desk.clock, logger: LogRecorder().logger())
    }

    private func records(_ disk: FullDisk) async throws -> [DrillRecord] {
        try await disk.read { try DrillRepository(property: PropertyInfo.sample.id).drills(from: .distantPast, to: .distantFuture, $0) }
    }

    @Test func aRestartForgetsNoneAndRepeatsNone() async throws {
        var plan = FakePlan()
        plan.drills = [daily()]
        let disk = try await Desk.empty(), clock = VirtualClock(now: Night.start), sms = SinkScript()
        let due = daily().next(after: Night.start)
        // The first process asks for it, and dies before it is due.
        try await Desk.open(plan, on: disk, clock: clock, sms: sms) { desk async throws in
            let drills = jobs(desk)
            drills.attach()
            try await drills.arm()
            try await drills.arm()
        }
        await clock.advance(by: .milliseconds(Int64(due.timeIntervalSince(clock.now) * 1000) + 600_000))
        try await Desk.open(plan, on: disk, clock: clock, sms: sms) { desk async throws in
            let drills = jobs(desk)
            try await drills.arm()
            drills.attach()
            #expect(await desk.pass(100) { sms.pages.count == 1 })
            #expect(sms.pages.first?.alerts.first?.summary.hasPrefix("DRILL") == true)
            #expect(
                try await desk.pass(100) {
                    try await desk.disk.read { try $0.rows("SELECT run_at FROM job WHERE kind = 'oncall-drill'").map { try $0.date("run_at") } }
                        == [daily().next(after: clock.now)]
                })
        }
        let records = try await records(disk)
        #expect(records.count == 1 && records.first?.order.isPlanned == true && records.first?.order.by == "oncall.yaml:9")
        // Done again after a crash it is the same drill, and so it is with another process in between.
        try await Desk.open(plan, on: disk, clock: clock, sms: sms) { desk async throws in
            _ = try await desk.service.drill(daily().order(due: due))
            #expect(desk.service.matters().count { $0.isDrill } == 1)
        }
        #expect(try await self.records(disk).count == 1)
        await disk.close()
    }

    @Test func whatThePlanNoLongerOrdersIsNotHeld() async throws {
        var plan = FakePlan()
        plan.drills = [daily()]
        let disk = try await Desk.empty(), clock = VirtualClock(now: Night.start), sms = SinkScript()
        try await Desk.open(plan, on: disk, clock: clock, sms: sms) { desk in try await jobs(desk).arm() }
        await clock.advance(by: .seconds(2 * 86_400))
        try await Desk.open(FakePlan(version: "v2"), on: disk, clock: clock, sms: sms) { desk async throws in
            jobs(desk).attach()
            #expect(
                try await desk.pass(100) { try await desk.disk.read { try $0.rows("SELECT id FROM job WHERE kind = 'oncall-drill'").isEmpty } })
        }
        let drills = try await records(disk)
        #expect(sms.pages.isEmpty && drills.isEmpty)
        await disk.close()
    }

    @Test func theReportNamesContactsThatWereNeverProven() async throws {
        try await Desk.open { desk async throws in
            let order = DrillOrder(id: "drill_1", subject: DrillSubject(.receiver, "team"), within: 300, by: "Rosa")
            try await desk.service.drill(order)
            #expect(await eventually(within: .seconds(30)) { desk.sms.pages.count == 1 })
            let code = try #require(desk.sms.pages.first?.code)
            #expect(await desk.service.answer(.init(.acknowledge, .code(code), by: "ana", way: "through sms")).status == .acknowledged)
            let (drills, unproven) = try await desk.service.drills(from: Night.start.addingTimeInterval(-60), to: Night.start.addingTimeInterval(60))
            #expect(drills.map(\.outcome) == [.acknowledged] && unproven.map(\.person) == ["bob", "chief"])
            let before = try await desk.service.drills(from: .distantPast, to: Night.start)
            #expect(before.drills.isEmpty && before.unproven.count == 2, "what was proven once is proven")
            await #expect(throws: OnCallError.self) {
                try await desk.service.drill(.init(id: "d", subject: .init(.receiver, "tem"), within: 300, by: "x"))
            }
            await #expect(throws: OnCallError.self) {
                try await desk.service.drill(.init(id: "d", subject: .init(.receiver, "team"), within: 5, by: "x"))
            }
        }
    }
}
