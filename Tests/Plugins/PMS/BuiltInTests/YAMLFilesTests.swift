import BuiltInPMS
import Foundation
import PluginAPI
import PluginTestKit
import Testing

/// The plugin sees YAML as the kernel's reader gives it, so a tree is put together here with its marks.
@Suite struct YAMLFilesTests {
    private func node(_ content: ConfigNode.Content, _ line: Int) -> ConfigNode {
        ConfigNode(content, mark: SourceMark(file: "r.yaml", line: line, column: 3))
    }

    private func row(_ line: Int, _ values: [(String, ConfigNode.Content)]) -> ConfigNode {
        node(
            .mapping(
                values.enumerated().map { index, value in
                    let mark = SourceMark(file: "r.yaml", line: line + index, column: 3)
                    return ConfigNode.Entry(key: value.0, keyMark: mark, value: ConfigNode(value.1, mark: mark))
                }), line)
    }

    private let good: [(String, ConfigNode.Content)] = [
        ("confirmation", .scalar("Y1", plain: true)), ("last_name", .scalar("Bee", plain: true)), ("arrival", .scalar("2026-08-01", plain: true)),
        ("departure", .scalar("2026-08-02", plain: true)), ("email", .scalar("", plain: true)),
    ]

    private func hotel(_ document: ConfigNode?, _ diagnostics: Diagnostics = Diagnostics()) throws -> (TestContext, BuiltInPMS) {
        let test = TestContext()
        test.files.write("r.yaml", text: "anything")
        test.files.setYAML { _, _ in (document, diagnostics) }
        return (test, try test.make(BuiltInPMS.self, ["reservations": "r.yaml"]))
    }

    @Test func aListIsReadAtTheTopAndUnderItsKey() async throws {
        let notes = node(.sequence([node(.scalar("one", plain: true), 6), node(.scalar("two", plain: true), 7)]), 6)
        let list = node(.sequence([row(1, good + [("notes", notes.content)])]), 1)
        for document in [list, node(.mapping([ConfigNode.Entry(key: "reservations", keyMark: list.mark, value: list)]), 1)] {
            let (test, pms) = try hotel(document), found = try await pms.reservations(matching: PMSReservationQuery(), limit: 9)
            #expect(found.map(\.confirmation) == ["Y1"] && found.first?.notes == ["one", "two"] && found.first?.guest.email == nil)
            #expect(test.health.reports.isEmpty)
        }
    }

    @Test func mistakesAreSaidWithTheirLine() async throws {
        let list = node(
            .sequence([
                row(1, good), row(10, good.dropLast(2) + [("departure", .scalar("2026-02-30", plain: true))]), node(.scalar("text", plain: true), 20),
                row(30, [("confirmation", .scalar("Y3", plain: true)), ("emial", .scalar("x", plain: true))]), row(40, [("room", .mapping([]))]),
            ]), 1)
        let (test, pms) = try hotel(list)
        #expect(try await pms.reservations(matching: PMSReservationQuery(), limit: 9).map(\.confirmation) == ["Y1"])
        for line in [
            "r.yaml:10: departure 2026-02-30 is not a date", "r.yaml:20: expected a mapping", "r.yaml:31: unknown key “emial”; did you mean “email”?",
            "r.yaml:30: last_name is empty",
            "r.yaml:40: “room” must be a text",
        ] { #expect(test.logs.contains(line), "\(line) is not in \(test.logs.text)") }
    }

    @Test func aDocumentThatCannotBeReadIsNotReady() async throws {
        var diagnostics = Diagnostics()
        diagnostics.error(.syntax, "a tab indents", at: SourceMark(file: "r.yaml", line: 7, column: 1))
        for (document, wrong, complaint) in [
            (nil, diagnostics, "r.yaml:7: a tab indents"), (node(.scalar("x", plain: true), 1), Diagnostics(), "expected a list"),
        ] as [(ConfigNode?, Diagnostics, String)] {
            let (_, pms) = try hotel(document, wrong)
            let failure = await #expect(throws: PluginFailure.self) { try await pms.start() }
            #expect(failure?.disposition == .notReady && failure?.message.contains(complaint) == true)
        }
    }
}
