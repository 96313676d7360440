import BuiltInPMS
import Foundation
import PluginAPI
import PluginTestKit
import Testing

@Suite struct BuiltInPMSTests {
    @Test func theDeclarationsAreSound() {
        #expect(BuiltInPMS.Settings.schema.problems.isEmpty && BuiltInPMS.manifest.destinations.isEmpty)
    }

    @Test func reservationsAreReadWhole() async throws {
        let hotel = try Fixture()
        let all = try await hotel.pms.reservations(matching: PMSReservationQuery(), limit: 100)
        #expect(all.map(\.confirmation) == ["H4", "H1", "H2", "H3"])
        let first = all[1]
        #expect(first.guest.firstName == "Marta" && first.guest.phone == "+491511000001" && first.guest.language == "de" && first.guest.vip == nil)
        #expect(first.room == "204" && first.status == .checkedIn && first.notes == ["Feather-free", "late"] && first.adults == 1)
        #expect(all[2].guest.vip == "VIP" && all[0].guest.vip == "gold" && all[3].status == .confirmed && all[2].room == nil && all[2].children == 1)
        #expect(first.guest.id == all[3].guest.id, "one mail address is one guest")
        #expect(try await hotel.pms.rooms().map(\.number) == ["9", "101", "204"])
        #expect(try await hotel.pms.rooms().map(\.status) == [.dirty, .vacant, .occupied])
        #expect(hotel.test.health.reports.isEmpty)
    }

    @Test(arguments: [
        (PMSReservationQuery(id: "H1"), ["H1"]), (PMSReservationQuery(confirmation: "h-2"), ["H2"]), (PMSReservationQuery(room: "204"), ["H1"]),
        (PMSReservationQuery(on: "2026-08-02"), ["H1"]), (PMSReservationQuery(on: "2026-08-03"), []), (PMSReservationQuery(on: "2026-07-30"), ["H1"]),
        (PMSReservationQuery(statuses: [.confirmed]), ["H2", "H3"]), (PMSReservationQuery(room: "204", on: "2026-08-12"), []),
        (PMSReservationQuery(id: "h1"), []),
    ])
    func reservationsAreFound(_ query: PMSReservationQuery, _ confirmations: [String]) async throws {
        #expect(try await Fixture().confirmations(query) == confirmations)
    }

    @Test(arguments: [
        (PMSGuestQuery(phone: "+491511000001"), ["Bergmann"]), (PMSGuestQuery(phone: "0049 151 1000001"), ["Bergmann"]),
        (PMSGuestQuery(phone: "0151 1000001"), []),
        (PMSGuestQuery(email: "Marta@Example.com"), ["Bergmann"]), (PMSGuestQuery(lastName: "mueller"), ["Müller"]),
        (PMSGuestQuery(lastName: "garcia"), ["García"]),
        (PMSGuestQuery(email: "marta@example.com", lastName: "Müller"), []), (PMSGuestQuery(phone: "nonsense"), []),
        (PMSGuestQuery(lastName: ""), []),
    ])
    func guestsAreFound(_ query: PMSGuestQuery, _ names: [String]) async throws {
        #expect(try await Fixture().pms.guests(matching: query, limit: 9).map(\.lastName) == names)
    }

    @Test func aGuestIsAsTheLatestStayHasThem() async throws {
        let hotel = try Fixture(), guests = try await hotel.pms.guests(matching: PMSGuestQuery(), limit: 9)
        #expect(guests.map(\.lastName) == ["Bergmann", "Müller", "García"] && guests[0].language == "en")
        #expect(try await hotel.pms.guests(matching: PMSGuestQuery(id: guests[0].id), limit: 9).count == 1)
        #expect(try await hotel.pms.guests(matching: PMSGuestQuery(), limit: 1).count == 1)
        #expect(try await hotel.confirmations(PMSReservationQuery(guestID: guests[0].id)) == ["H1", "H3"])
    }

    @Test func nationalNumbersNeedTheCountrysCode() async throws {
        let line = "H5,A,B,,0151 1000005,,,,2026-08-01,2026-08-02,,1,0,,"
        let hotel = try Fixture([line], settings: ["country_code": "49"])
        #expect(try await hotel.pms.guests(matching: PMSGuestQuery(phone: "+491511000005"), limit: 1).count == 1)
        #expect(try await hotel.pms.guests(matching: PMSGuestQuery(phone: "01511000005"), limit: 1).count == 1)
        #expect(throws: SettingsRejected.self) { try Fixture(settings: ["country_code": "+49"]) }
    }

    // MARK: Mistakes

    @Test(arguments: [
        ("X,A,B,,,,,,2026-02-27,2026-02-30,,1,0,,", "departure 2026-02-30 is not a date"),
        ("X,A,B,,,,,,1.2.2026,2026-02-03,,1,0,,", "of the form 2026-07-31"),
        ("X,A,B,,,,,,2026-02-03,2026-02-01,,1,0,,", "is before arrival"), ("X,A,,,,,,,2026-02-01,2026-02-03,,1,0,,", "last_name is empty"),
        (",A,B,,,,,,2026-02-01,2026-02-03,,1,0,,", "confirmation is empty"),
        ("X,A,B,,,,,,2026-02-01,2026-02-03,gone,1,0,,", "is not one of confirmed, checked_in"),
        ("X,A,B,,,,,,2026-02-01,2026-02-03,,many,0,,", "adults “many”"), ("X,A,B", "has 3 fields"),
        ("H1,A,B,,,,,,2026-02-01,2026-02-03,,1,0,,", "stands on line 2 too"),
        ("X,\"A,B,,,,,,2026-02-01,2026-02-03,,1,0,,", "quote"),
    ])
    func aBadLineIsLeftOutAndSaid(_ line: String, _ complaint: String) async throws {
        let hotel = try Fixture([Fixture.lines[0], Fixture.lines[1], line, Fixture.lines[2], Fixture.lines[3]])
        #expect(try await Set(hotel.confirmations()) == ["H1", "H2", "H3", "H4"])
        #expect(try await hotel.pms.guests(matching: PMSGuestQuery(lastName: "Bergmann"), limit: 1).count == 1)
        guard case .degraded(let why)? = hotel.test.health.current else {
            Issue.record("nothing was said")
            return
        }
        #expect(why.hasPrefix("reservations.csv:4: ") && why.contains(complaint), "\(why)")
        #expect(try await hotel.pms.probe().summary == "read 4 reservations and 3 rooms, and one problem: \(why)")
        #expect(hotel.test.health.reports.count == 1, "a probe reports no health")
    }

    @Test func itIsSaidOnceAndOnceThatItIsWell() async throws {
        let hotel = try Fixture(Fixture.lines + ["X,A,B,,,,,,2026-02-01,nonsense,,1,0,,"])
        for _ in 0..<3 {
            _ = try await hotel.pms.rooms()
            await hotel.settle()
        }
        #expect(hotel.test.health.reports.count == 1 && hotel.test.logs.lines.count == 1)
        hotel.write(Fixture.lines)
        await hotel.settle()
        _ = try await hotel.pms.rooms()
        #expect(hotel.test.health.reports.count == 2 && hotel.test.health.current == nil)
    }

    @Test func aWrongAddressCostsOnlyItselfAndIsNotQuoted() async throws {
        let hotel = try Fixture(["X,A,Bee,not-a-mail,0151 99,,,,2026-02-01,2026-02-03,,1,0,,"])
        let guest = try #require(try await hotel.pms.guests(matching: PMSGuestQuery(lastName: "bee"), limit: 1).first)
        #expect(guest.email == nil && guest.phone == nil)
        guard case .degraded(let why)? = hotel.test.health.current else {
            Issue.record("nothing was said")
            return
        }
        #expect(why.contains("reservations.csv:2: email") && why.contains("reservations.csv:2: phone"))
        #expect(!hotel.test.logs.contains("not-a-mail") && !why.contains("0151") && !hotel.test.logs.contains("0151"))
    }

    @Test(
        arguments: [
            nil, [], Array("".utf8), Array("no,such,columns\n1,2,3\n".utf8), [0xff, 0xfe, 0x41],
            Array(Fixture.head.replacing("arrival", with: "arival").utf8),
        ] as [[UInt8]?])
    func aFileThatCannotBeUsedLeavesWhatWasRead(_ bytes: [UInt8]?) async throws {
        let hotel = try Fixture()
        try await hotel.pms.start()
        hotel.test.files.write("hotel/reservations.csv", bytes)
        await hotel.settle()
        #expect(try await hotel.confirmations().count == 4)
        guard case .degraded(let why)? = hotel.test.health.current else {
            Issue.record("nothing was said")
            return
        }
        #expect(why.contains("reservations.csv"), "\(why)")
        #expect(try await hotel.pms.changes(since: "after:1:0", limit: 9).events.isEmpty, "and nobody was sent away")
        hotel.write(Array(Fixture.lines.prefix(2)))
        await hotel.settle()
        #expect(try await hotel.confirmations().count == 2 && hotel.test.health.current == nil)
    }

    @Test func withoutAnyDataTheInstanceIsNotReady() async throws {
        let hotel = try Fixture()
        hotel.test.files.write("hotel/reservations.csv", nil)
        let failure = await #expect(throws: PluginFailure.self) { try await hotel.pms.start() }
        #expect(failure?.disposition == .notReady && failure?.message.contains("is not there") == true)
        await #expect(throws: PluginFailure.self) { try await hotel.pms.probe() }
        hotel.write(Fixture.lines)
        await hotel.settle()
        try await hotel.pms.start()
        #expect(hotel.test.scheduler.series.map(\.interval) == [.seconds(10)])
        await hotel.pms.stop()
    }

    // MARK: Looking again

    @Test func theFilesAreLookedAtEveryTwoSecondsAndReadWhenChanged() async throws {
        let hotel = try Fixture()
        for _ in 0..<10 { _ = try await hotel.confirmations() }
        #expect(hotel.test.files.looks == 2 && hotel.test.files.reads == 2)
        await hotel.settle()
        _ = try await hotel.confirmations()
        #expect(hotel.test.files.looks == 4 && hotel.test.files.reads == 2, "they have not changed")
        hotel.write([Fixture.lines[0]])
        #expect(try await hotel.confirmations().count == 4, "looked at a moment ago")
        await hotel.settle()
        #expect(try await hotel.confirmations() == ["H1"] && hotel.test.files.reads == 3)
        // The schedule looks too, and a file that was just written is left to settle.
        try await hotel.pms.start()
        await hotel.settle()
        hotel.write(Fixture.lines)
        #expect(try await hotel.test.scheduler.run("look at the files"))
        #expect(hotel.test.files.reads == 3)
        await hotel.settle()
        #expect(try await hotel.test.scheduler.run("look at the files"))
        #expect(hotel.test.files.reads == 4)
    }

    @Test func manyMayAskAtOnce() async throws {
        let hotel = try Fixture()
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<50 { group.addTask { try await hotel.pms.reservations(matching: PMSReservationQuery(), limit: 100).count } }
            return try await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(counts == Array(repeating: 4, count: 50) && hotel.test.files.reads == 2)
    }

    @Test func roomsMayBeLeftOut() async throws {
        let hotel = try Fixture(rooms: nil)
        #expect(try await hotel.pms.rooms().isEmpty)
        #expect(try await hotel.confirmations().count == 4)
    }

    @Test func tenThousandReservationsAreRead() async throws {
        let lines = (0..<10_000).map {
            "R\($0),A,Guest\($0),g\($0)@example.com,+4915\(10_000_000 + $0),en,\($0 % 300),classic,2026-08-01,2026-08-03,,1,0,,note"
        }
        let hotel = try Fixture(lines)
        #expect(try await hotel.pms.guests(matching: PMSGuestQuery(phone: "+491510009999"), limit: 2).map(\.lastName) == ["Guest9999"])
    }
}
