import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import Butler

/// Which room a page names, and which it does not: somebody runs there at night.
@Suite struct PlaceTests {
    private let phone = PeerAddress(.phone, "+15550001")

    private func emergency(_ house: House) async throws -> Alert {
        try #require(try await house.alerts().last { $0.isEmergency })
    }

    /// A guest writes of smoke while the PMS hangs.
    private func smokeWithoutPMS(_ house: House, _ text: String = "there is smoke in my room", from peer: PeerAddress) async throws -> Alert {
        house.parts.pms.gate.close()
        let before = house.parts.pms.gate.arrived, sleepers = house.clock.sleepers
        try await house.write(text, from: peer)
        // The question has gone out, and its time runs.
        #expect(await eventually(within: .seconds(60)) { house.parts.pms.gate.arrived > before && house.clock.sleepers > sleepers })
        await house.clock.advance(by: .seconds(2))
        try await house.settle()
        return try await emergency(house)
    }

    /// A guest of January in 204, who writes again in another year.
    private func withTwoStays(_ second: [PMSReservation], _ body: (House) async throws -> Void) async throws {
        let first = PMSReservation.stay("HM1", "Lovelace", room: "204", phone: "+15550001", guest: "g")
        try await withHouse({ $0.pms.knows([first]) }) { house async throws in
            try await house.ask("towels please", from: phone)
            #expect(try await house.tasks(phone).map(\.room) == ["204"])
            #expect(try await house.conversation(phone).room == "204")
            house.clock.jumpWall(by: .seconds(280 * 86_400))
            var gone = first
            gone.status = .checkedOut
            house.parts.pms.knows([gone] + second)
            try await body(house)
        }
    }

    @Test func theRoomOfAStayThatIsOverIsNotPaged() async throws {
        try await withTwoStays([]) { house async throws in
            try await house.ask("there is smoke in my room", from: phone)
            let alert = try await emergency(house)
            #expect(alert.summary.hasSuffix("room unknown") && alert.labels["room"] == nil && alert.labels["room_known_by"] == nil)
            #expect(try await house.tasks(phone).first { $0.priority == .urgent }?.room == nil)
            #expect(try await house.conversation(phone).room == nil)
        }
    }

    /// Of a company's address nobody knows who writes; whoever runs has to begin somewhere.
    @Test func ofSeveralGuestsWithOneAddressEveryRoomIsPaged() async throws {
        try await withHouse({
            $0.pms.knows([
                .stay("HM1001", "Lovelace", room: "309", phone: "+15550001"), .stay("HM1002", "Byron", room: "204", phone: "+15550001"),
                .stay("HM1003", "Babbage", room: "101", status: .checkedOut, phone: "+15550001"),
            ])
        }) { house async throws in
            try await house.ask("there is smoke in my room", from: phone)
            let alert = try await emergency(house)
            #expect(alert.summary.hasSuffix("room 204 or 309 (of the guests with this address)") && alert.labels["room"] == nil)
            let task = try #require(try await house.tasks(phone).first { $0.priority == .urgent })
            #expect(task.room == nil && task.notes?.contains("204 or 309") == true)
            #expect(try await house.conversation(phone).room == nil)
            try await house.ask("smoke in room 204", from: phone)
            #expect(try await house.alerts().contains { $0.isEmergency && $0.summary.hasSuffix("room 204") })
        }
    }

    @Test func norWhereThePMSIsTooSlowToSaySo() async throws {
        try await withTwoStays([]) { house async throws in
            let alert = try await smokeWithoutPMS(house, from: phone)
            #expect(alert.summary.hasSuffix("room unknown") && alert.labels["room"] == nil)
        }
    }

    @Test func noRequestGoesThereEither() async throws {
        try await withTwoStays([]) { house async throws in
            #expect(try await house.ask("towels please", from: phone).last?.text.contains("Which room") == true)
            #expect(try await house.tasks(phone).count == 1)
        }
    }

    @Test func theBookingsRoomIsNamedAsSuch() async throws {
        let next = PMSReservation.stay("HM2", "Lovelace", room: "309", status: .confirmed, phone: "+15550001", guest: "g", arrival: "2026-06-01")
        var long = next
        long.departure = "2026-07-01"
        try await withTwoStays([long]) { house async throws in
            try await house.ask("there is smoke in my room", from: phone)
            let alert = try await emergency(house)
            #expect(alert.summary.hasSuffix("room 309 (booked, not checked in)"))
            #expect(alert.labels["room_known_by"] == "booking")
        }
    }

    @Test func inOneStayTheRoomIsKnownWhileThePMSIsAway() async throws {
        try await withHouse({ $0.pms.knows([.stay("HM1", "Lovelace", room: "204", phone: "+15550001")]) }) { house async throws in
            try await house.ask("hello", from: phone)
            house.clock.jumpWall(by: .seconds(3 * 86_400))
            let alert = try await smokeWithoutPMS(house, from: phone)
            #expect(alert.summary.hasSuffix("room 204 (said earlier, 3 days ago; not confirmed)"))
            #expect(alert.labels["room"] == "204" && alert.labels["room_known_by"] == "earlier")
            #expect(try await house.tasks(phone).first?.notes?.contains("not confirmed") == true)
        }
    }

    @Test func whatWasSaidCountsForADay() async throws {
        try await withHouse { house async throws in
            try await house.ask("towels to 204")
            house.clock.jumpWall(by: .seconds(23 * 3600))
            try await house.ask("towels please")
            #expect(try await house.tasks().map(\.room) == ["204", "204"])
            try await house.ask("there is smoke in my room")
            #expect(try await emergency(house).summary.hasSuffix("room 204 (said earlier, 23 h ago; not confirmed)"))
            // That it was used does not make it any surer.
            house.clock.jumpWall(by: .seconds(2 * 3600))
            try await house.ask("there is smoke in my room")
            #expect(try await emergency(house).summary.hasSuffix("room unknown"))
        }
    }

    @Test func whatWasSaidIsForgottenWhenTheConversationIsClosed() async throws {
        try await withHouse { house async throws in
            try await house.ask("towels to 204")
            let id = try await house.conversation().id
            _ = try await house.butler.staff.move(id, to: .closed, by: "Rosa")
            #expect(try await house.conversation().room == nil)
            #expect(try await house.ask("towels please").last?.text.contains("Which room") == true)
        }
    }

    @Test func theRoomOfAStayOutlivesAClosedConversation() async throws {
        try await withHouse({ $0.pms.knows([.stay("HM1", "Lovelace", room: "204", phone: "+15550001")]) }) { house async throws in
            try await house.ask("hello", from: phone)
            _ = try await house.butler.staff.move(try await house.conversation(phone).id, to: .closed, by: "Rosa")
            #expect(try await smokeWithoutPMS(house, from: phone).labels["room"] == "204")
        }
    }

    @Test func whoNamesAnotherRoomHasBothOnThePage() async throws {
        try await withHouse({ $0.pms.knows([.stay("HM1", "Lovelace", room: "204", phone: "+15550001")]) }) { house async throws in
            try await house.ask("there is smoke coming out of 309", from: phone)
            let alert = try await emergency(house)
            #expect(alert.summary.hasSuffix("room 309; the guest lives in 204") && alert.labels["room_known_by"] == "message")
            #expect(try await house.conversation(phone).room == "204")
        }
    }

    @Test func roomsThatWereNotedWithoutATermDoNotCount() async throws {
        try await withHouse { house async throws in
            try await house.ask("towels to 204")
            try await house.engine.write { try $0.run("UPDATE conversation SET room_stay = NULL, room_since = NULL, room_until = NULL", [:]) }
            try await house.ask("there is smoke in my room")
            #expect(try await emergency(house).summary.hasSuffix("room unknown"))
        }
    }
}
