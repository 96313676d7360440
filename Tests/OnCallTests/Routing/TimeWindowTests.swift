import Foundation
import PluginAPI
import Testing

@testable import OnCall

@Suite struct TimeWindowTests {
    private func date(_ text: String) throws -> Date { try Date(text, strategy: .iso8601) }

    private func windows(_ yaml: String) throws -> [TimeWindow] {
        let plan = readPlan("route: {receiver: r}\nreceivers: [{name: r}]\ntime_intervals: [{name: t, time_intervals: [\(yaml)]}]")
        return try #require(plan.routing?.interval("t"), "\(plan.said)").windows
    }

    /// By hand: Vienna's clocks went from 02:00 to 03:00 at 01:00 UTC on 29 March 2026, and from 03:00 to 02:00 at 01:00 UTC on 25 October.
    @Test(arguments: [
        ("2026-03-28T01:30:00Z", true), ("2026-03-29T00:59:00Z", false), ("2026-03-29T01:00:00Z", false), ("2026-03-29T01:30:00Z", false),
        ("2026-03-30T00:30:00Z", true), ("2026-10-24T23:59:59Z", false), ("2026-10-25T00:00:00Z", true), ("2026-10-25T00:59:59Z", true),
        ("2026-10-25T01:00:00Z", true), ("2026-10-25T01:59:59Z", true), ("2026-10-25T02:00:00Z", false),
    ])
    func theHourThatAutumnRepeatsIsInTwiceAndTheOneOfSpringNever(moment: String, isIn: Bool) throws {
        let window = try windows("{times: [{start_time: '02:00', end_time: '03:00'}], location: Europe/Vienna}")[0]
        #expect(window.contains(try date(moment)) == isIn)
    }

    /// New York: 8 March and 1 November 2026.
    @Test(arguments: [
        ("2026-03-08T06:59:00Z", true), ("2026-03-08T07:00:00Z", true), ("2026-03-08T08:59:00Z", true), ("2026-03-08T09:00:00Z", false),
        ("2026-11-01T05:30:00Z", true), ("2026-11-01T06:30:00Z", true), ("2026-11-01T09:59:00Z", true), ("2026-11-01T10:00:00Z", false),
    ])
    func aNightAcrossTheChange(moment: String, isIn: Bool) throws {
        let window = try windows("{times: [{start_time: '00:00', end_time: '05:00'}], weekdays: [sunday], location: America/New_York}")[0]
        #expect(window.contains(try date(moment)) == isIn)
    }

    private static let moments: [(String, String, Bool)] = [
        // The day, the month and the year are those of the place.
        ("{months: [april], location: Europe/Vienna}", "2026-03-31T22:00:00Z", true),
        ("{months: [april], location: Europe/Vienna}", "2026-03-31T21:59:59Z", false),
        ("{months: [april]}", "2026-03-31T22:00:00Z", false), ("{years: ['2027']}", "2026-12-31T23:59:59Z", false),
        ("{years: ['2027'], location: Asia/Kolkata}", "2026-12-31T18:30:00Z", true), ("{weekdays: [thursday]}", "1970-01-01T00:00:00Z", true),
        ("{weekdays: [wednesday]}", "1969-12-31T23:59:59Z", true), ("{weekdays: ['monday:friday']}", "2026-11-21T12:00:00Z", false),
        ("{weekdays: [sunday, saturday]}", "2026-11-21T12:00:00Z", true), ("{weekdays: ['sunday:monday']}", "2026-11-23T12:00:00Z", true),
        // The end is not included; 24:00 is the day's end.
        ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-11-21T09:00:00Z", true),
        ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-11-21T16:59:59Z", true),
        ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-11-21T17:00:00Z", false),
        ("{times: [{start_time: '23:00', end_time: '24:00'}]}", "2026-11-21T23:59:59Z", true),
        ("{times: [{start_time: '01:00', end_time: '02:00'}, {start_time: '05:00', end_time: '06:00'}]}", "2026-11-21T05:30:00Z", true),
        // Days count from both ends, and are cut at the month's end.
        ("{days_of_month: ['-1']}", "2027-02-28T12:00:00Z", true), ("{days_of_month: ['-1']}", "2028-02-28T12:00:00Z", false),
        ("{days_of_month: ['-1']}", "2028-02-29T12:00:00Z", true), ("{days_of_month: ['29:31']}", "2027-02-28T12:00:00Z", false),
        ("{days_of_month: ['28:31']}", "2027-02-28T12:00:00Z", true), ("{days_of_month: ['1:-1']}", "2027-02-15T12:00:00Z", true),
        ("{days_of_month: ['-31:-29']}", "2027-02-01T12:00:00Z", false), ("{days_of_month: ['-31:-28']}", "2027-02-01T12:00:00Z", true),
        ("{days_of_month: ['23:-5']}", "2027-02-25T12:00:00Z", false), ("{days_of_month: ['20:-5']}", "2027-02-24T12:00:00Z", true),
        // All parts must fit; what is not said fits.
        ("{months: ['1:3'], weekdays: [monday]}", "2026-03-02T12:00:00Z", true),
        ("{months: ['1:3'], weekdays: [monday]}", "2026-03-03T12:00:00Z", false),
        ("{}", "2026-03-03T12:00:00Z", true),
    ]

    @Test(arguments: moments)
    func isReadAsAlertmanagerReadsIt(window: String, moment: String, isIn: Bool) throws {
        #expect(try windows(window)[0].contains(try date(moment)) == isIn, "\(window) at \(moment)")
    }

    /// Days of 800 years before Foundation's calendar, which knows the Julian one before October 1582.
    @Test func theCalendarIsRight() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        for day in stride(from: -141_000, to: 150_000, by: 97) {
            let parts = calendar.dateComponents([.year, .month, .day, .weekday], from: Date(timeIntervalSince1970: Double(day) * 86_400))
            let own = LocalMoment(daysSince1970: day)
            #expect([own.year, own.month, own.day, own.weekday + 1] == [parts.year, parts.month, parts.day, parts.weekday], "day \(day)")
        }
        #expect((1...4000).allSatisfy { LocalMoment(daysSince1970: LocalMoment.daysSince1970(toYear: $0)).year == $0 })
        #expect(LocalMoment(daysSince1970: LocalMoment.daysSince1970(toYear: 2028) + 59).day == 29)
    }

    @Test func betweenItsChangesNothingChanges() throws {
        for yaml in [
            "{times: [{start_time: '01:15', end_time: '02:30'}, {start_time: '02:45', end_time: '24:00'}], location: Europe/Vienna}",
            "{times: [{start_time: '02:10', end_time: '02:50'}], weekdays: [sunday], location: Europe/Vienna}",
            "{days_of_month: ['-1', '1'], months: [march, october, november], location: Europe/Vienna}",
            "{weekdays: [saturday], location: Australia/Lord_Howe}",
        ] {
            let window = try windows(yaml)[0]
            for (start, end) in [("2026-03-27T00:00:00Z", "2026-04-02T00:00:00Z"), ("2026-10-23T00:00:00Z", "2026-11-02T00:00:00Z")] {
                let first = try date(start), last = try date(end)
                let changes = Set(window.changes(after: first, through: last))
                var before = window.contains(first), moment = first, seen = 0
                while moment < last {
                    moment += 60
                    let now = window.contains(moment)
                    if now != before {
                        seen += 1
                        #expect(changes.contains(moment), "\(yaml) changes at \(moment)")
                    }
                    before = now
                }
                #expect(seen > 0 || yaml.contains("02:10"), "\(yaml)")
                #expect(changes.count < 100)
            }
        }
    }

    private func routing() throws -> Routing {
        let yaml = """
            route:
              receiver: r
              routes:
                - matchers: [k=muted]
                  mute_time_intervals: [nights, weekends]
                - matchers: [k=active]
                  active_time_intervals: [nights, weekends]
                - matchers: [k=both]
                  active_time_intervals: [weekends]
                  mute_time_intervals: [nights]
            receivers: [{name: r}]
            mute_time_intervals:
              - name: nights
                time_intervals:
                  - times: [{start_time: '22:00', end_time: '24:00'}]
                  - times: [{start_time: '00:00', end_time: '06:00'}]
            time_intervals:
              - name: weekends
                time_intervals: [{weekdays: [saturday, sunday]}]
            """
        let plan = readPlan(yaml)
        return try #require(plan.routing, "\(plan.said)")
    }

    @Test func verdictsNameTheTimeAndItsLine() throws {
        let routing = try routing()
        func verdict(_ kind: String, _ moment: String) throws -> TimeVerdict {
            let route = try #require(routing.routes(for: ["k": kind]).first)
            return routing.verdict(on: route, at: try date(moment))
        }
        func at(_ line: Int, _ column: Int) -> SourceMark { SourceMark(file: "f", line: line, column: column) }
        // 20 November 2026 is a Friday.
        #expect(try verdict("other", "2026-11-20T23:00:00Z") == .open)
        #expect(try verdict("muted", "2026-11-20T12:00:00Z") == .open)
        #expect(try verdict("muted", "2026-11-20T23:00:00Z") == .muted(interval: "nights", at: at(15, 9)))
        #expect(try verdict("muted", "2026-11-20T05:00:00Z") == .muted(interval: "nights", at: at(16, 9)))
        #expect(try verdict("muted", "2026-11-21T12:00:00Z") == .muted(interval: "weekends", at: at(19, 22)))
        #expect(try verdict("active", "2026-11-20T12:00:00Z") == .inactive(intervals: ["nights", "weekends"], at: at(7, 7)))
        #expect(try verdict("active", "2026-11-20T23:00:00Z") == .open)
        #expect(try verdict("both", "2026-11-20T23:00:00Z") == .inactive(intervals: ["weekends"], at: at(9, 7)))
        #expect(try verdict("both", "2026-11-21T23:00:00Z") == .muted(interval: "nights", at: at(15, 9)))
        #expect(try verdict("both", "2026-11-21T12:00:00Z") == .open)
    }

    @Test func namesThatThePlanDoesNotKnowMuteNothing() throws {
        var route = try #require(try routing().routes(for: [:]).first)
        route.muteTimeIntervals = ["gone"]
        route.activeTimeIntervals = ["gone"]
        #expect(try routing().verdict(on: route, at: try date("2026-11-20T12:00:00Z")) == .open)
    }

    @Test func changesOfAPlaceAreThoseOfItsIntervals() throws {
        let routing = try routing(), route = try #require(routing.routes(for: ["k": "muted"]).first)
        let changes = routing.changes(of: route, after: try date("2026-11-20T12:00:00Z"), through: try date("2026-11-21T12:00:00Z"))
        #expect(changes == [try date("2026-11-20T22:00:00Z"), try date("2026-11-21T00:00:00Z"), try date("2026-11-21T06:00:00Z")])
        #expect(routing.changes(of: try #require(routing.routes(for: [:]).first), after: .distantPast, through: .now).isEmpty)
    }
}
