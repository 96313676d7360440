import BuiltInPMS
import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

/// The hotel that Jack ships with, read from the disk as Jack reads it.
@Suite struct SampleHotelTests {
    @Test func theSampleHotelHasNoMistake() async throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../..").standardizedFileURL
        let settings: JSONValue = ["reservations": "hotel/reservations.csv", "rooms": "hotel/rooms.csv"]
        let files = LocalFiles(directory: root.appending(path: "config").path, settings: settings) { NoFiles().yaml($0, file: $1) }
        let test = TestContext(), context = test.context
        let pms = try BuiltInPMS(
            settings: validatedSettings(for: BuiltInPMS.self, settings),
            context: PluginContext(
                instance: "frontdesk", property: context.property, logger: context.logger, metrics: context.metrics, clock: context.clock,
                http: context.http,
                storage: context.storage, secrets: context.secrets, scheduler: context.scheduler, inbound: context.inbound, health: context.health,
                files: files))
        let reservations = try await pms.reservations(matching: PMSReservationQuery(), limit: 1000), rooms = try await pms.rooms()
        #expect(reservations.count >= 10 && rooms.count >= 10 && test.health.reports.isEmpty, "\(test.logs.text)")
        let numbers = Set(rooms.map(\.number))
        #expect(reservations.allSatisfy { $0.room.map(numbers.contains) ?? true }, "every room is one of the hotel's")
        let guest = try #require(reservations.first { $0.guest.phone != nil }?.guest)
        #expect(try await pms.guests(matching: PMSGuestQuery(phone: guest.phone), limit: 9).contains { $0.lastName == guest.lastName })
    }
}
