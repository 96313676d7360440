import Foundation
import PluginAPI
import Testing

@testable import OnCall

@Suite struct CalendarTests {
    private func plan(_ events: String, header: String = "") throws -> PlanFixture {
        let text = "BEGIN:VCALENDAR\nVERSION:2.0\n" + header + events + "END:VCALENDAR\n"
        return try PlanFixture(
            PlanFixture.people + "schedules:\n  desk: {timezone: Europe/Lisbon, layers: [{ical: team.ics}]}\n",
            calendars: ["team.ics": text.replacing("\n", with: "\r\n")])
    }

    private func event(_ lines: String...) -> String { "BEGIN:VEVENT\n" + lines.joined(separator: "\n") + "\nEND:VEVENT\n" }

    @Test func wholeDaysAreWholeDays() throws {
        let plan = try plan(event("UID:1", "DTSTART;VALUE=DATE:20260704", "DTEND;VALUE=DATE:20260706", "SUMMARY:On call: Ana Sousa"))
        #expect(plan.errors == [])
        // From midnight in Lisbon, which is eleven in UTC, without a hole at midnight.
        #expect(plan.who("desk", "2026-07-03 22:59") == [] && plan.who("desk", "2026-07-03 23:00") == ["ana"])
        #expect(plan.who("desk", "2026-07-04 23:00") == ["ana"] && plan.who("desk", "2026-07-05 23:00") == [])
    }

    @Test func peopleAreMeantByNameIdAliasOrAddress() throws {
        let plan = try plan(
            event("UID:1", "DTSTART:20260701T000000Z", "DTEND:20260701T010000Z", "SUMMARY:bruno")
                + event(
                    "UID:2", "DTSTART:20260701T010000Z", "DURATION:PT1H", "SUMMARY:night", "ATTENDEE;CN=\"x\";PARTSTAT=ACCEPTED:mailto:ANA@exam",
                    " ple.com")
                + event("UID:3", "DTSTART:20260701T020000Z", "DURATION:PT1H", "SUMMARY:Carla\\, Bruno Dias")
                + event("UID:4", "DTSTART:20260701T030000Z", "DURATION:PT1H", "SUMMARY:Anabela"))
        #expect(["00:30", "01:30", "02:30", "03:30"].map { plan.who("desk", "2026-07-01 \($0)") } == [["bruno"], ["ana"], ["bruno", "carla"], []])
        #expect(plan.lines.contains { $0.hasPrefix("team.ics:") && $0.contains("“Anabela” names nobody") })
    }

    @Test func recurrencesKeepTheirHourThroughDaylightSaving() throws {
        let plan = try plan(
            event(
                "UID:1", "DTSTART;TZID=Europe/Lisbon:20260302T220000", "DTEND;TZID=Europe/Lisbon:20260303T060000",
                "RRULE:FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20260430T000000Z",
                "EXDATE;TZID=Europe/Lisbon:20260311T220000", "SUMMARY:ana")
                + event(
                    "UID:1", "RECURRENCE-ID;TZID=Europe/Lisbon:20260316T220000", "DTSTART;TZID=Europe/Lisbon:20260317T220000", "DURATION:PT1H",
                    "SUMMARY:bruno"))
        #expect(plan.errors == [])
        #expect(plan.who("desk", "2026-03-02 22:00") == ["ana"] && plan.who("desk", "2026-03-03 05:59") == ["ana"])
        #expect(plan.who("desk", "2026-03-04 22:00") == ["ana"] && plan.who("desk", "2026-03-11 22:00") == [])
        #expect(plan.who("desk", "2026-03-16 22:00") == [] && plan.who("desk", "2026-03-17 22:30") == ["bruno"])
        // Summer time: ten in the evening is nine in UTC.
        #expect(plan.who("desk", "2026-03-30 20:59") == [] && plan.who("desk", "2026-03-30 21:00") == ["ana"])
        #expect(plan.who("desk", "2026-04-29 21:00") == ["ana"] && plan.who("desk", "2026-05-04 21:00") == [])
    }

    @Test func countsOrdinalsAndMonths() throws {
        let plan = try plan(
            event("UID:1", "DTSTART:20260101T000000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=3", "SUMMARY:ana")
                + event("UID:2", "DTSTART:20260130T120000Z", "DURATION:PT1H", "RRULE:FREQ=MONTHLY;BYDAY=-1FR", "SUMMARY:bruno")
                + event("UID:3", "DTSTART;VALUE=DATE:20251225", "RRULE:FREQ=YEARLY", "SUMMARY:carla"))
        #expect(plan.errors == [])
        #expect((1...7).map { plan.who("desk", "2026-01-0\($0) 00:30") } == [["ana"], [], ["ana"], [], ["ana"], [], []])
        #expect(
            plan.who("desk", "2026-02-27 12:30") == ["bruno"] && plan.who("desk", "2026-02-20 12:30") == []
                && plan.who("desk", "2026-03-27 12:30") == ["bruno"])
        #expect(plan.who("desk", "2026-12-25 15:00") == ["carla"] && plan.who("desk", "2026-12-26 12:00") == [])
    }

    @Test func zonesOfTheCalendarsOwn() throws {
        let zone = "BEGIN:VTIMEZONE\nTZID:W. Europe Standard Time\nX-LIC-LOCATION:Europe/Berlin\nEND:VTIMEZONE\n"
        let plan = try plan(event("UID:1", "DTSTART;TZID=W. Europe Standard Time:20260701T100000", "DURATION:PT1H", "SUMMARY:ana"), header: zone)
        #expect(plan.who("desk", "2026-07-01 08:00") == ["ana"])
        let broken = try self.plan(event("UID:1", "DTSTART;TZID=Mars/Base:20260701T100000", "SUMMARY:ana"))
        #expect(
            broken.errors == ["team.ics:5:1: error: “Mars/Base” is no time zone that is known; let the calendar use IANA names such as Europe/Lisbon"]
        )
    }

    @Test func whatIsNoCalendarIsTold() throws {
        let plan = try PlanFixture(
            PlanFixture.people + "schedules:\n  desk: {layers: [{ical: page.html}, {ical: gone.ics}]}\n", calendars: ["page.html": "<html>"])
        #expect(plan.errors.contains { $0.hasPrefix("page.html:1:1: error: this is no calendar") })
        #expect(plan.errors.contains { $0.contains("the calendar “gone.ics” cannot be read") && $0.hasPrefix("oncall.yaml:17:") })
        // Noise of every kind is read to its end.
        for noise in [
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:99999999T999999\nEND:VEVENT", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nRRULE:FREQ=SECONDLY",
            String(repeating: ":;=\n", count: 5000),
        ] {
            let plan = try PlanFixture(PlanFixture.people + "schedules:\n  desk: {layers: [{ical: a.ics}]}\n", calendars: ["a.ics": noise])
            #expect(!plan.errors.isEmpty)
        }
    }

    @Test func aRuleThatNeverFitsComesToAnEnd() throws {
        let plan = try plan(event("UID:1", "DTSTART:20260130T000000Z", "DURATION:PT1H", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "SUMMARY:ana"))
        #expect(plan.who("desk", "2026-01-30 00:30") == ["ana"] && plan.who("desk", "2027-01-30 00:30") == [])
    }
}
