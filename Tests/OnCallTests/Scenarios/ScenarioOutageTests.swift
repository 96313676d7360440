import Foundation
import Kernel
import PluginAPI
import Testing

@testable import OnCall

/// Scenarios in which a line is down: for all of them, for a time, or without saying so.
@Suite struct ScenarioOutageTests {
    private static let plan =
        PlanFixture.people + """
            policies:
              main: {levels: [{name: first, notify: [ana], wait: 10m}, {name: second, notify: [bruno], wait: 1h}]}
            emergency: {policy: main}
            route: {receiver: house, group_by: [alertname], group_wait: 0s}
            receivers:
              - {name: house, policy: main}

            """

    private static func read(_ scenario: String, _ diagnostics: inout Diagnostics) -> ScenarioTest? {
        let text = "scenarios:\n  - name: one\n    at: 2026-11-24 02:10\n    alerts: [{alert: Fire, severity: critical}]\n" + scenario
        return YAMLReader().read(Array(text.utf8), file: "scenarios.yaml", &diagnostics).flatMap {
            ScenarioTest(file: "scenarios.yaml", $0, &diagnostics)
        }
    }

    private static func play(_ scenario: String) async throws -> ScenarioTest.Outcome {
        var diagnostics = Diagnostics()
        let made = read(scenario, &diagnostics)
        let test = try #require(made, "\(diagnostics.sorted)")
        return try #require(try await test.run(try PlanFixture.plan(plan), timezone: "Europe/Lisbon").first)
    }

    @Test func aNameMeansAllOfTheScenario() async throws {
        let outcome = try await Self.play(
            """
                broken: [phone]
                expect: [{to: ana, through: email, by: 1s}]
                until: 5m
            """)
        #expect(outcome.findings == [], "\(outcome.story)")
    }

    @Test func aLineThatComesBackIsTakenAgainWhenTheRoundBegins() async throws {
        let outcome = try await Self.play(
            """
                broken: [{instance: phone, until: 2m}, {instance: email, until: 2m}]
                expect: [{nobody: true, by: 2m}, {to: ana, through: phone, from: 3m30s, by: 3m31s}]
                until: 4m30s
            """)
        // Rounds at 0, 30 s, 1:30 and 3:30.
        #expect(outcome.findings == [], "\(outcome.story)")
        #expect(outcome.story.contains { $0.contains("+1m30s no page to ana through phone") }, "\(outcome.story)")
    }

    @Test func aLineBreaksInTheMiddle() async throws {
        let outcome = try await Self.play(
            """
                broken: {instance: phone, from: 5m}
                expect: [{to: ana, by: 1s}, {to: bruno, through: email, from: 10m, by: 10m1s}]
                until: 11m
            """)
        #expect(outcome.findings == [], "\(outcome.story)")
        #expect(outcome.story.contains { $0.contains("+10m no page to bruno through phone") }, "\(outcome.story)")
    }

    @Test func whatHangsFailsAfterHalfAMinute() async throws {
        let outcome = try await Self.play(
            """
                broken: [{instance: phone, hangs: true}]
                expect: [{nobody: true, by: 29s}, {to: ana, through: email, from: 30s, by: 31s}]
                until: 5m
            """)
        #expect(outcome.findings == [], "\(outcome.story)")
        #expect(outcome.story.contains { $0.contains("+0m30s no page to ana through phone: it did not answer") }, "\(outcome.story)")
    }

    @Test func whatIsBackBeforeItIsBrokenIsAMistake() {
        var diagnostics = Diagnostics()
        let test = Self.read(
            """
                broken: [{instance: phone, from: 2m, until: 1m}]
                expect: {nobody: true}
            """, &diagnostics)
        #expect(test == nil && diagnostics.sorted.contains { $0.description.contains("phone is back before it is broken") }, "\(diagnostics.sorted)")
        var others = Diagnostics()
        let misspelt = Self.read("    broken: [{instance: phone, hang: true}]\n    expect: {nobody: true}\n", &others)
        #expect(misspelt == nil && others.sorted.contains { $0.description.contains("did you mean “hangs”?") }, "\(others.sorted)")
    }
}
