import Foundation
import Testing

@testable import OnCall

@Suite struct ZoneClockTests {
    private func zone(_ name: String) throws -> ZoneClock { try #require(ZoneClock(name)) }
    private func wall(_ text: String) throws -> WallTime { try #require(Stamp(text)).wall }
    private func utc(_ text: String) throws -> Int { try wall(text).seconds }

    @Test func civilDaysAgreeWithFoundation() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        for number in stride(from: -40_000, to: 60_000, by: 37) {
            let day = CivilDay(number), parts = calendar.dateComponents([.year, .month, .day, .weekday], from: Date(moment: number * 86400))
            #expect(day.components.year == parts.year && day.components.month == parts.month && day.components.day == parts.day)
            #expect((day.weekday + 1) % 7 + 1 == parts.weekday)
            #expect(CivilDay(year: day.components.year, month: day.components.month, day: day.components.day) == day)
        }
        #expect(CivilDay(year: 2026, month: 2, day: 29) == nil && CivilDay(year: 2028, month: 2, day: 29) != nil)
    }

    @Test(arguments: ["Europe/Lisbon", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "UTC"])
    func offsetsAreFoundationsAtEveryHourAroundJumpsAndAtRandom(_ name: String) throws {
        let clock = try zone(name), reference = try #require(TimeZone(identifier: name))
        var generator = SystemRandomNumberGenerator()
        var moments = (0..<3000).map { _ in Int.random(in: 1_600_000_000..<1_950_000_000, using: &generator) }
        for jump in clock.jumps(in: 1_700_000_000..<1_800_000_000) { moments += [jump.at - 1, jump.at, jump.at + 1, jump.at - 1800, jump.at + 1800] }
        for moment in moments { #expect(clock.offset(at: moment) == reference.secondsFromGMT(for: Date(moment: moment)), "\(name) \(moment)") }
    }

    @Test func whatTheClockLeavesOutIsTheMomentOfTheJump() throws {
        let lisbon = try zone("Europe/Lisbon"), lordHowe = try zone("Australia/Lord_Howe"), newYork = try zone("America/New_York")
        // Lisbon goes from 01:00 to 02:00 on 2026-03-29 at 01:00 UTC.
        #expect(try lisbon.first(wall("2026-03-29 01:30")) == utc("2026-03-29 01:00"))
        #expect(try lisbon.first(wall("2026-03-29 00:59")) == utc("2026-03-29 00:59"))
        #expect(try lisbon.first(wall("2026-03-29 02:00")) == utc("2026-03-29 01:00"))
        // New York from 02:00 to 03:00 on 2026-03-08 at 07:00 UTC.
        #expect(try newYork.first(wall("2026-03-08 02:30")) == utc("2026-03-08 07:00"))
        // Lord Howe by half an hour, from 02:00 to 02:30 on 2026-10-04, at 15:30 UTC of the day before.
        #expect(try lordHowe.first(wall("2026-10-04 02:15")) == utc("2026-10-03 15:30"))
        #expect(try lordHowe.jump(around: wall("2026-10-04 02:15"))?.isGap == true)
        #expect(try lordHowe.jump(around: wall("2026-10-04 02:30")) == nil)
    }

    @Test func ofATimeThatComesTwiceTheFirstCounts() throws {
        let lisbon = try zone("Europe/Lisbon"), lordHowe = try zone("Australia/Lord_Howe")
        // Lisbon goes back from 02:00 to 01:00 on 2026-10-25 at 01:00 UTC.
        #expect(try lisbon.first(wall("2026-10-25 01:30")) == utc("2026-10-25 00:30"))
        #expect(try lisbon.first(wall("2026-10-25 02:00")) == utc("2026-10-25 02:00"))
        #expect(try lisbon.jump(around: wall("2026-10-25 01:30"))?.isGap == false)
        // Lord Howe back from 02:00 to 01:30 on 2026-04-05, at 15:00 UTC of the day before.
        #expect(try lordHowe.first(wall("2026-04-05 01:45")) == utc("2026-04-04 14:45"))
    }

    @Test(arguments: ["Europe/Lisbon", "America/New_York", "Australia/Lord_Howe"])
    func firstIsTheEarliestMomentAtWhichTheClockShowsATimeOrLater(_ name: String) throws {
        let clock = try zone(name)
        for jump in clock.jumps(in: 1_750_000_000..<1_800_000_000) {
            for offset in stride(from: -7200, through: 7200, by: 300) {
                let wanted = WallTime(jump.wall.lowerBound + offset), first = clock.first(wanted)
                #expect(clock.wall(at: first) >= wanted)
                // Nothing in the six hours before it shows that time or later.
                #expect(stride(from: first - 21600, to: first, by: 300).allSatisfy { clock.wall(at: $0) < wanted })
                #expect(clock.wall(at: first - 1) < wanted)
            }
        }
    }

    @Test func onlyIANANamesAreZones() {
        #expect(ZoneClock("Europe/Lissabon") == nil && ZoneClock("EST") == nil && ZoneClock("") == nil && ZoneClock("Europe/") == nil)
        #expect(ZoneClock("UTC")?.offset(at: 1_700_000_000) == 0)
    }

    @Test func weeklyHoursNeitherOverlapNorLeaveAHoleWhereTheyMeet() throws {
        // Day and night meet at 01:30, within the hour that Lisbon repeats in October and leaves out in March.
        for (name, start) in [("Europe/Lisbon", 5400), ("Australia/Lord_Howe", 6300), ("America/New_York", 5400)] {
            let clock = try zone(name)
            let day = WeeklyHours(zone: clock, spans: WeeklyHours.daily(from: start, to: 64800, on: []))
            let night = WeeklyHours(zone: clock, spans: WeeklyHours.daily(from: 64800, to: start, on: []))
            let window = 1_767_225_600..<1_798_761_600
            let both = (day.ranges(in: window) + night.ranges(in: window)).sorted { $0.lowerBound < $1.lowerBound }
            #expect(both.count > 728)
            for (left, right) in zip(both, both.dropFirst()) { #expect(left.upperBound == right.lowerBound, "\(name)") }
        }
    }
}
