import BuiltInPMS
import Foundation
import PluginAPI
import PluginTestKit
import Testing

@Suite struct ChangesTests {
    /// Reads all changes as the kernel does, and gives them in short: `checkedIn H1`.
    private func read(_ hotel: Fixture, since cursor: inout String?, limit: Int = 100) async throws -> [String] {
        var all: [String] = []
        while true {
            let page = try await hotel.pms.changes(since: cursor, limit: limit)
            #expect(page.events.count <= limit && Set(page.events.map(\.id)).count == page.events.count)
            all += page.events.map { "\($0.event.kind.rawValue) \($0.event.reservation?.id ?? $0.event.room?.number ?? "")" }
            cursor = page.cursor
            if !page.hasMore { return all }
        }
    }

    @Test(arguments: [1, 2, 100]) func theBeginningIsEveryReservation(_ limit: Int) async throws {
        let hotel = try Fixture()
        var cursor: String?
        #expect(try await read(hotel, since: &cursor, limit: limit) == ["H1", "H2", "H3", "H4"].map { "reservationCreated \($0)" })
        #expect(try await read(hotel, since: &cursor, limit: limit).isEmpty)
    }

    @Test(arguments: [1, 3, 100]) func everyKindOfChangeIsSeen(_ limit: Int) async throws {
        let hotel = try Fixture()
        var cursor: String?
        _ = try await read(hotel, since: &cursor)
        hotel.write([
            Fixture.lines[0].replacing("checked_in", with: "checked_out"),
            Fixture.lines[1].replacing(",,suite", with: ",310,suite").replacing("confirmed", with: "checked_in"),
            Fixture.lines[2].replacing("2026-09-03,,", with: "2026-09-03,cancelled,"), Fixture.lines[3],
            "H5,New,Guest,,,,,,2026-10-01,2026-10-02,,1,0,,",
        ])
        hotel.test.files.write("hotel/rooms.csv", text: Fixture.rooms.replacing("dirty", with: "clean").replacing("101,suite", with: "101,junior"))
        await hotel.settle()
        #expect(
            try await read(hotel, since: &cursor, limit: limit) == [
                "checkedOut H1", "reservationUpdated H2", "checkedIn H2", "reservationCancelled H3", "reservationCreated H5", "roomStatusChanged 9",
            ])
        #expect(try await read(hotel, since: &cursor).isEmpty)
    }

    @Test func theSameChangeReadAgainHasTheSameID() async throws {
        let hotel = try Fixture()
        let first = try await hotel.pms.changes(since: nil, limit: 100), cursor = first.cursor
        hotel.write(Array(Fixture.lines.dropLast()) + ["H5,New,Guest,,,,,,2026-10-01,2026-10-02,,1,0,,"])
        await hotel.settle()
        let once = try await hotel.pms.changes(since: cursor, limit: 100)
        hotel.write(Array(Fixture.lines.dropLast()) + ["H6,New,Guest,,,,,,2026-10-01,2026-10-02,,1,0,,"])
        await hotel.settle()
        let again = try await hotel.pms.changes(since: cursor, limit: 100)
        #expect(once.events.map(\.id) == ["2:reservationCreated:H5"])
        #expect(again.events.map(\.id) == ["2:reservationCreated:H5", "3:reservationCreated:H6", "3:reservationCancelled:H5"])
        // From the beginning: those who are there, with the ids under which they came.
        #expect(
            try await hotel.pms.changes(since: nil, limit: 100).events.map(\.id).suffix(2) == ["1:reservationCreated:H3", "3:reservationCreated:H6"])
    }

    @Test func aLineThatIsTakenOutMeansWhatItsStatusSays() async throws {
        let hotel = try Fixture()
        var cursor: String?
        _ = try await read(hotel, since: &cursor)
        hotel.write([])
        await hotel.settle()
        #expect(try await read(hotel, since: &cursor) == ["checkedOut H1", "reservationCancelled H2", "reservationCancelled H3"])
    }

    @Test func aMisspeltLineCancelsNobody() async throws {
        let hotel = try Fixture()
        var cursor: String?
        _ = try await read(hotel, since: &cursor)
        hotel.write([Fixture.lines[0], Fixture.lines[1].replacing("2026-08-12", with: "2026-08-42"), Fixture.lines[3]])
        await hotel.settle()
        #expect(try await read(hotel, since: &cursor).isEmpty)
        hotel.write([Fixture.lines[0], Fixture.lines[1].replacing("2026-08-12", with: "2026-08-13"), Fixture.lines[3]])
        await hotel.settle()
        #expect(try await read(hotel, since: &cursor) == ["reservationUpdated H2", "reservationCancelled H3"])
    }

    @Test func changesAreNotMissedOverARestart() async throws {
        let hotel = try Fixture()
        var cursor: String?
        _ = try await read(hotel, since: &cursor)
        let changed = [Fixture.lines[0].replacing("checked_in", with: "checked_out")] + Fixture.lines.dropFirst()
        let next = try Fixture(Array(changed), storage: hotel.test)
        #expect(try await read(next, since: &cursor) == ["checkedOut H1"])
    }

    @Test func aCrashBeforeTheSnapshotLosesNothing() async throws {
        let hotel = try Fixture()
        var cursor: String?
        _ = try await read(hotel, since: &cursor)
        let before = try #require(hotel.test.storage.contents["snapshot"])
        hotel.write(Array(Fixture.lines.dropFirst()))
        await hotel.settle()
        _ = try await hotel.pms.changes(since: "after:1:0", limit: 9)
        // As if the process had died between the record and the snapshot, and staff had written on.
        try await hotel.test.storage.set("snapshot", to: before, lifetime: nil)
        hotel.write(Array(Fixture.lines.dropFirst(2)))
        await hotel.settle()
        #expect(try await read(hotel, since: &cursor) == ["checkedOut H1", "reservationCancelled H2"])
    }

    @Test(arguments: ["nonsense", "after:99:0", "list:x:y", "", "after:1"]) func aCursorThatIsNoneBeginsAnew(_ text: String) async throws {
        let hotel = try Fixture()
        var cursor: String? = text
        #expect(try await read(hotel, since: &cursor).count == 4)
    }

    @Test func oldRecordsAreDropped() async throws {
        let hotel = try Fixture(["A,A,B,,,,,,2026-10-01,2026-10-02,,1,0,,"], rooms: nil)
        let start = try await hotel.pms.changes(since: nil, limit: 9).cursor
        for round in 0..<505 {
            hotel.write(["A,A,B,,,,\(round),,2026-10-01,2026-10-02,,1,0,,"])
            await hotel.settle()
            _ = try await hotel.pms.rooms()
            _ = try await hotel.pms.changes(since: nil, limit: 1)
        }
        #expect(try await hotel.test.storage.keys(withPrefix: "change/", limit: 9999).count == 500)
        let page = try await hotel.pms.changes(since: start, limit: 9)
        #expect(page.events.map(\.id) == ["1:reservationCreated:A"] && !page.hasMore)
        #expect(try await hotel.pms.changes(since: "after:505:0", limit: 9).events.map(\.id) == ["506:reservationUpdated:A"])
    }

    @Test func aStorageThatFailsIsNotReady() async throws {
        let hotel = try Fixture()
        hotel.test.storage.fail(with: .notReady(.unreachable, "the disk is full"))
        await #expect(throws: PluginFailure.self) { try await hotel.pms.changes(since: nil, limit: 9) }
        hotel.test.storage.fail(with: nil)
        #expect(try await hotel.pms.changes(since: nil, limit: 9).events.count == 4)
    }
}
