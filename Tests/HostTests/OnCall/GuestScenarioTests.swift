import Foundation
import Kernel
import OnCall
import PluginAPI
import Testing

@testable import Host

/// Scenarios that begin with what a guest writes, through the real butler and the real engine.
@Suite(.timeLimit(.minutes(5))) struct GuestScenarioTests {
    private static let plan = """
        people:
          eva: {contacts: [{type: sms, number: "+351210000005"}, {type: phone, number: "+351210000005"}]}
          gloria: {contacts: [{type: phone, number: "+351210000006"}, {type: sms, number: "+351210000006"}]}
        policies:
          guests: {levels: [{name: duty manager, notify: [eva], wait: 14m}, {name: general manager, notify: [gloria], wait: 1h}]}
          fire: {levels: [{name: everybody, notify: [eva, gloria], wait: 1h}]}
        emergency: {policy: fire}
        route:
          receiver: guests
          group_wait: 0s
          routes: [{matchers: ['type="guest_emergency"'], receiver: emergency, group_by: ["..."]}]
        receivers: [{name: guests, policy: guests}]
        """

    /// Plays scenarios by the plan above, at the sample hotel with an AI that answers by rule.
    private func play(_ scenarios: String, assignments: [String] = []) async throws -> [ScenarioTest.Outcome] {
        let folder = try TestHotel.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let configurator = TestHotel.configurator(folder, assignments: assignments)
        let (found, problems) = try configurator.load(makingSecrets: false)
        let loaded = try #require(found, "\(problems.sorted)")
        let file = folder.appendingPathComponent("config/plan.yaml").path
        try Self.plan.write(toFile: file, atomically: true, encoding: .utf8)
        var diagnostics = Diagnostics(), reader = loaded.planReader
        reader.sinks += reader.plugins
        let read = reader.read(file, &diagnostics)
        let plan = try #require(read?.plan, "\(diagnostics.sorted)")
        let document = YAMLReader().read(Array(("scenarios:\n" + scenarios).utf8), file: "scenarios.yaml", &diagnostics)
        let made = document.flatMap { ScenarioTest(file: "scenarios.yaml", $0, &diagnostics) }
        let test = try #require(made, "\(diagnostics.sorted)")
        #expect(test.hasGuests)
        let hotel = try await ScenarioHotel.open(loaded, registrations: configurator.registrations)
        let result: Result<[ScenarioTest.Outcome], any Error>
        do {
            result = .success(try await test.run(plan, timezone: "Europe/Lisbon") { x, begin async throws in try await hotel.house(x, at: begin) })
        } catch { result = .failure(error) }
        await hotel.close()
        return try result.get()
    }

    @Test func noHotWaterAtNight() async throws {
        let outcome = try #require(
            try await play(
                """
                  - name: No hot water at 02:10, and nobody acknowledges
                    at: 2026-11-24 02:10
                    guests: [{room: "204", after: 0m, writes: "no hot water", channel: webchat}]
                    expect:
                      - {to: eva, through: sms, by: 5m}
                      - {to: gloria, through: phone, by: 20m}
                    until: 40m
                """, assignments: ["butler.sla.high=4m"]
            ).first)
        #expect(outcome.findings == [] && outcome.pages == 2)
        for words in [
            "+0m the guest in 204 writes “no hot water”", "intent: request.maintenance", "a task for maintenance in room 204, high, due at +4m",
            "+4m alert GuestComplaintSLA (critical): a complaint of room 204", "+4m page to eva through channel (sms)",
            "+18m page to gloria through phone:",
        ] { #expect(outcome.story.contains { $0.contains(words) }, "\(words) in \(outcome.story)") }
    }

    @Test func whatIsNotExpectedFailsTheScenario() async throws {
        let outcomes = try await play(
            """
              - name: nobody
                at: 2026-11-24 02:10
                guests: [{room: "204", writes: "no hot water"}]
                expect: [{nobody: true}]
                until: 10m
              - name: another way
                at: 2026-11-24 02:10
                guests: [{room: "204", writes: "no hot water"}]
                expect: [{to: eva, through: phone, by: 5m}]
                until: 10m
              - name: the other one
                at: 2026-11-24 02:10
                guests: [{room: "204", writes: "no hot water"}]
                expect: [{to: gloria, by: 5m}]
                until: 10m
            """, assignments: ["butler.sla.high=4m"])
        let findings = outcomes.map { $0.findings.joined(separator: " / ") }
        #expect(findings[0].contains("nobody was to be paged by +10m: eva was paged at +4m through channel (sms)"))
        #expect(findings[1].contains("eva was to be paged through phone by +5m: paged at +4m through channel (sms)"))
        #expect(findings[2].contains("gloria was to be paged by +5m: never paged") && findings[2].contains("eva was paged at +4m"))
    }

    @Test func smokeIsAnEmergencyAtOnce() async throws {
        let outcome = try #require(
            try await play(
                """
                  - name: smoke
                    at: 2026-12-31 23:50
                    guests: [{room: "309", writes: "there is smoke in my room"}]
                    expect: [{to: eva, by: 1s}, {to: gloria, by: 1s}]
                    until: 30m
                """
            ).first)
        #expect(outcome.findings == [])
        #expect(outcome.story.contains { $0.contains("safety: fire") } && outcome.story.contains { $0.contains("alert GuestEmergency (critical)") })
    }

    @Test func whoWaitsIsHeardOfUnlessSomebodyAnswers() async throws {
        let guest = #"guests: [{room: "204", vip: true, writes: "something odd that nobody understands, sure 10"}]"#
        let outcomes = try await play(
            """
              - name: unanswered
                at: 2026-11-24 02:10
                \(guest)
                expect: [{nobody: true, by: 14m}, {to: eva, through: sms, from: 15m, by: 15m30s}]
                until: 20m
              - name: taken, which is no answer
                at: 2026-11-24 02:10
                \(guest)
                staff: [{after: 5m, does: take_conversation, by: Rosa}]
                expect: [{to: eva, by: 15m30s}]
                until: 20m
              - name: answered
                at: 2026-11-24 02:10
                \(guest)
                staff: [{after: 10m, does: answer, by: Rosa}]
                expect: [{nobody: true}]
                until: 2h
              - name: answered late
                at: 2026-11-24 02:10
                \(guest)
                staff: [{after: 20m, does: answer, by: Rosa}]
                expect: [{to: eva, by: 16m}]
                until: 2h
            """)
        for outcome in outcomes { #expect(outcome.findings == [], "\(outcome.name): \(outcome.story)") }
        #expect(outcomes[0].story.contains { $0.contains("alert GuestUnanswered (critical)") })
        #expect(outcomes[3].story.contains { $0.contains("over: GuestUnanswered: the guest waits no more: answered") })
    }

    @Test func harmlessWordsPageNobody() async throws {
        let outcomes = try await play(
            """
              - name: harmless
                at: 2026-11-24 02:10
                guests:
                  - {room: "204", writes: "two towels please"}
                  - {name: Ben, after: 1m, writes: "hello"}
                staff: [{after: 30m, does: finish_task, guest: "204"}]
                expect: {nobody: true}
                until: 12h
            """)
        #expect(outcomes.map(\.findings) == [[]])
        #expect(outcomes.first?.story.contains { $0.contains("Ben writes “hello”") } == true)
    }

    @Test func whatStaffCannotDoIsAFinding() async throws {
        let outcomes = try await play(
            """
              - name: nothing to do
                at: 2026-11-24 02:10
                guests: [{room: "204", after: 10m, writes: "hello"}]
                staff: [{after: 1m, does: answer}, {after: 15m, does: finish_task}]
                expect: []
                until: 20m
            """)
        let findings = try #require(outcomes.first?.findings)
        #expect(findings.count == 2)
        #expect(findings.first?.contains("+1m: a colleague could not answer: the guest has not written yet") == true)
        #expect(findings.last?.contains("there is no open task of this guest") == true)
    }

    @Test func mistakesAreSaidWithTheirLines() {
        var diagnostics = Diagnostics()
        let yaml = """
            scenarios:
              - name: nothing
                at: 2026-11-24 02:10
                expect: []
              - name: several
                at: 2026-11-24 02:10
                guests: [{room: "204", writes: a}, {room: "205", writes: b}]
                staff: [{does: answer}, {does: answer, guest: "206"}, {does: fly, guest: "204"}]
                expect: [{by: 1m}, {to: eva}, {to: eva, nobody: true, by: 1m}]
            """
        let document = YAMLReader().read(Array(yaml.utf8), file: "s.yaml", &diagnostics)
        let made = document.flatMap { ScenarioTest(file: "s.yaml", $0, &diagnostics) }
        #expect(made == nil)
        let lines = diagnostics.sorted.map(\.description)
        for (line, words) in [
            (2, "nothing happens"), (8, "which guest this is about"), (8, "no guest of this scenario is “206”"), (8, "fly"),
            (9, "names a person, or nobody"),
            (9, "by when is not said"),
        ] {
            #expect(lines.contains { $0.hasPrefix("s.yaml:\(line):") && $0.contains(words) }, "\(line) \(words) in \(lines)")
        }
    }
}
