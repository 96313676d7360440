import Foundation
import PluginAPI
import Testing

@testable import OnCall

@Suite struct ScheduleTests {
    private func plan(_ schedule: String, extra: String = "", calendars: [String: String] = [:]) throws -> PlanFixture {
        try PlanFixture(PlanFixture.people + extra + "schedules:\n" + schedule, calendars: calendars)
    }

    @Test func aWeeklyRotationPassesOnAtItsHour() throws {
        let plan = try plan(
            """
              desk:
                layers:
                  - {rotation: weekly, start: 2026-01-05, handover: "09:00", people: [ana, bruno, carla]}
            """)
        #expect(plan.errors == [])
        #expect(plan.who("desk", "2026-01-05 08:59") == [])
        #expect(plan.who("desk", "2026-01-05 09:00") == ["ana"])
        #expect(plan.who("desk", "2026-01-12 08:59") == ["ana"])
        #expect(plan.who("desk", "2026-01-12 09:00") == ["bruno"])
        #expect(plan.who("desk", "2026-01-26 09:00") == ["ana"])
        // In summer nine o'clock in Lisbon is eight in UTC.
        #expect(plan.who("desk", "2026-07-06 07:59") != plan.who("desk", "2026-07-06 08:00"))
        let turn = try #require(plan.roster.whoIsOnCall(in: "desk", at: PlanFixture.date("2026-01-06 00:00")))
        #expect(turn.until == PlanFixture.date("2026-01-12 09:00"))
        #expect(turn.people.first?.reason == "layer 1" && turn.people.first?.mark.description == "oncall.yaml:19:9")
    }

    @Test func hourlyDailyMonthlyAndEveryOther() throws {
        let plan = try plan(
            """
              hours: {timezone: UTC, layers: [{rotation: hourly, every: 8, start: 2026-01-01, handover: "06:00", people: [ana, bruno, carla]}]}
              days: {timezone: UTC, layers: [{rotation: daily, every: 2, start: 2026-01-01, handover: "00:00", people: [ana, bruno]}]}
              months: {timezone: UTC, layers: [{rotation: monthly, day: 31, start: 2026-01-31, handover: "00:00", people: [ana, bruno]}]}
            """)
        #expect(plan.errors == [])
        #expect(["06:00", "13:59", "14:00", "22:00"].map { plan.who("hours", "2026-01-01 \($0)") } == [["ana"], ["ana"], ["bruno"], ["carla"]])
        #expect(["01", "02", "03", "04", "05"].map { plan.who("days", "2026-01-\($0)") } == [["ana"], ["ana"], ["bruno"], ["bruno"], ["ana"]])
        // In shorter months the last day passes on.
        #expect(plan.who("months", "2026-02-27 23:59") == ["ana"] && plan.who("months", "2026-02-28") == ["bruno"])
        #expect(plan.who("months", "2026-03-30 23:59") == ["bruno"] && plan.who("months", "2026-03-31") == ["ana"])
    }

    @Test func aHandoverInAGapIsAtTheJumpAndInAFoldAtTheFirst() throws {
        let plan = try plan(
            """
              lisbon: {timezone: Europe/Lisbon, layers: [{rotation: daily, start: 2026-01-01, handover: "01:30", people: [ana, bruno]}]}
              howe: {timezone: Australia/Lord_Howe, layers: [{rotation: daily, start: 2026-01-01, handover: "02:15", people: [ana, bruno]}]}
              york: {timezone: America/New_York, layers: [{rotation: daily, start: 2026-01-01, handover: "02:30", people: [ana, bruno]}]}
            """)
        func changes(_ schedule: String, _ before: String, _ at: String) -> Bool { plan.who(schedule, before) != plan.who(schedule, at) }
        #expect(changes("lisbon", "2026-03-29 00:59:59", "2026-03-29 01:00"))
        #expect(changes("lisbon", "2026-10-25 00:29:59", "2026-10-25 00:30") && !changes("lisbon", "2026-10-25 01:29", "2026-10-25 01:30"))
        #expect(changes("howe", "2026-10-03 15:29:59", "2026-10-03 15:30"))
        #expect(changes("york", "2026-03-08 06:59:59", "2026-03-08 07:00"))
    }

    @Test func theLastLayerThatHasSomebodyCounts() throws {
        let plan = try plan(
            """
              desk:
                timezone: UTC
                layers:
                  - {name: always, people: [ana]}
                  - name: office
                    people: [bruno]
                    restrictions: [{weekdays: [mon, tue, wed, thu, fri], from: "09:00", to: "17:00"}]
                  - name: weekend
                    people: [carla]
                    restrictions: [{from: friday 17:00, to: monday 09:00}]
                holidays:
                  - {name: Christmas, dates: [2026-12-25], layer: weekend}
                  - {name: New Year, dates: [2026-12-31], person: ana}
            """)
        #expect(plan.errors == [])
        #expect(plan.who("desk", "2026-01-07 08:59") == ["ana"] && plan.who("desk", "2026-01-07 09:00") == ["bruno"])
        #expect(plan.who("desk", "2026-01-09 17:00") == ["carla"] && plan.who("desk", "2026-01-12 08:59") == ["carla"])
        #expect(plan.who("desk", "2026-01-12 09:00") == ["bruno"])
        // A Friday, and a Thursday in office hours.
        #expect(plan.who("desk", "2026-12-25 10:00") == ["carla"] && plan.who("desk", "2026-12-31 10:00") == ["ana"])
        #expect(
            plan.roster.whoIsOnCall(in: "desk", at: PlanFixture.date("2026-12-25 10:00"))?.people.first?.reason == "holiday Christmas, layer weekend")
    }

    @Test func overridesTemporarySchedulesAndAbsences() throws {
        let plan = try PlanFixture(
            PlanFixture.people.replacing("    name: Bruno Dias\n", with: "    name: Bruno Dias\n    absences: [{from: 2026-02-02, to: 2026-02-03}]\n")
                + """
                schedules:
                  desk:
                    timezone: UTC
                    layers:
                      - {rotation: daily, start: 2026-02-01, handover: "00:00", people: [ana, bruno, carla]}
                    overrides:
                      - {from: "2026-02-04 12:00", to: "2026-02-04 18:00", person: carla}
                      - {from: 2026-02-07, to: 2026-02-07, replaces: ana}
                    temporary:
                      - name: fair
                        from: 2026-02-10
                        to: 2026-02-11
                        shifts:
                          - {from: "2026-02-10 00:00", to: "2026-02-10 12:00", person: bruno}
                          - {from: "2026-02-11 00:00", to: "2026-02-12 00:00", person: carla}
                """)
        #expect(plan.errors == [])
        // The next of the rotation stands in for whoever is away.
        #expect(plan.who("desk", "2026-02-01 12:00") == ["ana"] && plan.who("desk", "2026-02-02 12:00") == ["carla"])
        #expect(
            plan.roster.whoIsOnCall(in: "desk", at: PlanFixture.date("2026-02-02 12:00"))?.people.first?.reason == "layer 1, for bruno who is away")
        #expect(["11:59", "12:00", "18:00"].map { plan.who("desk", "2026-02-04 \($0)") } == [["ana"], ["carla"], ["ana"]])
        #expect(plan.who("desk", "2026-02-07 12:00") == [])
        #expect(plan.who("desk", "2026-02-10 11:00") == ["bruno"] && plan.who("desk", "2026-02-10 13:00") == [])
        #expect(plan.who("desk", "2026-02-11 13:00") == ["carla"] && plan.who("desk", "2026-02-12 00:00") == ["carla"])
        #expect(
            plan.roster.scheduleGaps(from: PlanFixture.date("2026-02-01"), to: PlanFixture.date("2026-03-01")).map(\.description) == [
                "oncall.yaml:18:3: warning: nobody is on call in “desk” from 2026-02-07 00:00 to 2026-02-08 00:00, and 1 times more (36 hours); add a layer "
                    + "beneath that is always on call, or name a fallback in the policies that use it"
            ])
    }

    @Test(arguments: ["Europe/Lisbon", "America/New_York", "Australia/Lord_Howe"])
    func whoAgreesWithTheComputedTimesAtThousandsOfMoments(_ zone: String) throws {
        let plan = try plan(
            """
              desk:
                timezone: \(zone)
                layers:
                  - {rotation: hourly, every: 7, start: 2026-01-01, people: [ana, bruno, carla]}
                  - {rotation: daily, handover: "02:15", people: [bruno, ana], restrictions: [{from: "01:45", to: "13:00"}]}
                  - {rotation: weekly, every: 2, weekday: sunday, handover: "02:30", people: [carla, ana], restrictions: [{from: saturday 22:00, to: sunday 01:30}]}
                overrides: [{from: 2026-03-28, to: 2026-03-29, person: carla}]
            """)
        #expect(plan.errors == [])
        let schedule = try #require(plan.roster.schedules["desk"])
        let window = PlanFixture.date("2026-01-01").moment..<PlanFixture.date("2027-01-01").moment
        let timeline = schedule.timeline(window, absences: [:])
        // Every moment of the year lies in one piece, and neighbours differ.
        #expect(timeline.pieces.first?.start == window.lowerBound && timeline.pieces.last?.end == window.upperBound)
        for (left, right) in zip(timeline.pieces, timeline.pieces.dropFirst()) { #expect(left.end == right.start && left.state != right.state) }
        var moments = (0..<2000).map { _ in Int.random(in: window) }
        for jump in schedule.zone.jumps(in: window) { moments += (0..<300).map { _ in jump.at + Int.random(in: -10800...10800) } }
        for piece in timeline.pieces.prefix(400) { moments += [piece.start, piece.end - 1] }
        for moment in moments {
            let who = schedule.timeline(moment..<moment + 1, absences: [:]).pieces.first?.state
            #expect(timeline.piece(at: moment)?.state == who, "\(zone) \(schedule.zone.wall(at: moment).text)")
        }
    }
}
