import BuiltInPMS
import Foundation
import PluginAPI
import PluginTestKit

/// A hotel of four reservations and three rooms, whose files a test rewrites.
struct Fixture {
    static let head = "confirmation,first_name,last_name,email,phone,language,room,room_type,arrival,departure,status,adults,children,vip,notes"
    static let lines = [
        "H1,Marta,Bergmann,marta@example.com,+49 151 1000001,de,204,classic,2026-07-30,2026-08-02,checked_in,1,0,no,\"Feather-free; late\"",
        "H2,Jörg,Müller,,+49 151 1000002,de,,suite,2026-08-10,2026-08-12,confirmed,2,1,yes,",
        "H3,Marta,Bergmann,MARTA@example.com,,en,9,classic,2026-09-01,2026-09-03,,1,0,,",
        "H4,Ana,García,ana@example.com,,es,101,classic,2026-07-01,2026-07-05,checked_out,2,0,gold,",
    ]
    static let rooms = "number,type,floor,status\n204,classic,2,occupied\n9,classic,0,dirty\n101,suite,1,\n"

    let test: TestContext
    let pms: BuiltInPMS

    init(_ lines: [String] = Fixture.lines, rooms: String? = Fixture.rooms, settings: [String: JSONValue] = [:], storage: TestContext? = nil) throws {
        test = storage ?? TestContext(instance: "frontdesk", clock: VirtualClock(now: Date(timeIntervalSince1970: 1_785_500_000)))
        var all: [String: JSONValue] = ["reservations": "hotel/reservations.csv"]
        if rooms != nil { all["rooms"] = "hotel/rooms.csv" }
        pms = try test.make(BuiltInPMS.self, .object(all.merging(settings) { $1 }))
        write(lines)
        if let rooms { test.files.write("hotel/rooms.csv", text: rooms) }
    }

    func write(_ lines: [String], head: String = Fixture.head) {
        test.files.write("hotel/reservations.csv", text: ([head] + lines).joined(separator: "\n") + "\n")
    }

    /// Lets the file settle, and the last look be long enough ago.
    func settle() async { await test.clock.advance(by: .seconds(3)) }

    func confirmations(_ query: PMSReservationQuery = PMSReservationQuery()) async throws -> [String] {
        try await pms.reservations(matching: query, limit: 100).map(\.confirmation)
    }
}
