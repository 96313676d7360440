import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import OnCall

@Suite struct PostMortemTests {
    @Test func itTellsWhatIsKnownAndAsksForTheRest() async throws {
        try await IncidentRoom.open { room async throws in
            let matter = "oncall:00000000000000aa:1"
            try await room.ledger(matter, "page", "paged", "phone of Ana Sousa: first telling; level 1 (engineer): on call, oncall.yaml:31:7")
            try await room.page(matter, group: "00000000000000aa", rule: .p1)
            let id = try #require(try await room.desk.list().first?.id)
            await room.clock.advance(by: .seconds(330))
            try await room.ledger(matter, "page", "paged", "phone of Eva Lima: nobody acknowledged level 1; level 2: on call, oncall.yaml:35:7")
            try await room.settle()
            await room.clock.advance(by: .seconds(90))
            try await room.ledger(matter, "answer", "acknowledged", "acknowledge by Eva Lima (sms|+351910000005), through sms: acknowledged")
            _ = try await room.desk.take(id, by: "Eva")
            _ = try await room.desk.note(
                id, "Guest ada@example.com, +351 910 000 009, said so; password=hunter2 | see https://x.example/a?token=abc", by: "Eva")
            _ = try await room.desk.status(id, "The water is cold; we are mending it.", by: "Eva")
            await room.clock.advance(by: .seconds(180))
            for step in ["diagnose", "mitigate", "resolve"] { _ = try await room.desk.step(id, step, by: "Eva") }
            try await room.ledger(matter, "page", "resolved", "all alerts are resolved")

            let (text, isFiled) = try await room.desk.postmortem(of: id)
            #expect(!isFiled)
            for part in [
                "# P1: DatabaseError", "| commander | Eva |", "| duration | 10m |", "| response time promised | 15m |",
                "| response time | kept: 7m |",
                "| phone of Ana Sousa |", "7m (Eva Lima)", "| phone of Eva Lima |", "1m 30s (Eva Lima)", "acknowledge is not done within 5m",
                "communicate was not done", "## Root cause", "## Action items", "## Process improvements",
                "opened by the rule at oncall.yaml:7:5".capitalizedFirst,
                "What the public was told:", "The water is cold; we are mending it.", "| UTC | who | what |",
            ] { #expect(text.contains(part), "\(part) is not in\n\(text)") }
            for part in ["ada@example.com", "910 000 009", "910000005", "hunter2", "token=abc"] {
                #expect(!text.contains(part), "\(part) is in\n\(text)")
            }
            // The clock stood at 12:00 UTC, and in the hotel it was something else.
            #expect(text.contains("2025-09-02 12:00:00"))
            let zone = TimeZone(identifier: PropertyInfo.sample.timeZone) ?? .gmt
            #expect(text.contains("| \(zone.identifier) | UTC |"))
            // A note of a person's stays one cell of one row.
            let row = try #require(text.split(separator: "\n").first { $0.contains("Guest (address left out)") })
            #expect(row.replacing("\\|", with: "").count { $0 == "|" } == 5)
        }
    }

    @Test func publicWordsAreApartFromNotes() async throws {
        try await IncidentRoom.open { room async throws in
            let incident = try await room.desk.open(.p2, title: "x", by: "Ana")
            _ = try await room.desk.note(incident.id, "it was the new pump", by: "Ana")
            _ = try await room.desk.status(incident.id, "We are mending it.", by: "Ana")
            let events = try await room.desk.timeline(of: incident.id)
            #expect(events.filter(\.isPublic).map(\.text) == ["We are mending it."])
            #expect(try await room.desk.incident(incident.id).publicStatus == "We are mending it.")
        }
    }

    @Test func anIncidentThatNobodyTookSaysSo() async throws {
        try await IncidentRoom.open { room async throws in
            let incident = try await room.desk.open(.p1, title: "a | b <script>", by: "Ana")
            await room.clock.advance(by: .seconds(1000))
            try await room.settle()
            let text = try await room.desk.postmortem(of: incident.id).markdown
            #expect(text.contains("not kept: nobody has responded") && text.contains("nobody has taken it within 15m"))
            #expect(text.contains("# P1: a \\| b &lt;script>") && text.contains("Nobody was paged by Jack."))
        }
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
