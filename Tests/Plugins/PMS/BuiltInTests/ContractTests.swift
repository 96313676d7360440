import BuiltInPMS
import PluginAPI
import PluginTestKit
import Testing

@Test(.timeLimit(.minutes(2))) func theFilesKeepTheContract() async {
    let files = PluginContract(
        BuiltInPMS.self, settings: { _ in ["reservations": "hotel/reservations.csv", "rooms": "hotel/rooms.csv"] },
        prepare: { test in
            test.files.write("hotel/reservations.csv", text: ([Fixture.head] + Fixture.lines).joined(separator: "\n") + "\n")
            test.files.write("hotel/rooms.csv", text: Fixture.rooms)
        })
    let violations = await PMSContract(files, reservation: "H1", lastName: "Bergmann").violations()
    #expect(violations == [])
}
