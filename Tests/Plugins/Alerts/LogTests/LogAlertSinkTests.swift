import Foundation
import Logging
import LogAlertSink
import PluginAPI
import PluginTestKit
import Testing

@Suite struct LogAlertSinkTests {
    private func page(_ severities: [AlertSeverity], summary: String = "smoke in room 204", emergency: Bool = false) -> AlertPage {
        let alerts = severities.enumerated().map { index, severity in
            Alert(
                fingerprint: "f\(index)", name: "a\(index)", severity: severity, summary: index == severities.count - 1 ? summary : "other",
                detail: "the guest wrote: help", labels: ["room": "204"], annotations: ["guest_text": "it burns"],
                startsAt: Date(timeIntervalSince1970: 0),
                isEmergency: emergency)
        }
        return AlertPage(
            id: "p1", groupKey: "g1", alerts: alerts, recipient: "+4915112345678", level: 2, reason: "route 1, oncall.yaml:7",
            url: "https://jack.example.com/a/1")
    }

    @Test func theDeclarationsAreSound() {
        #expect(LogAlertSink.Settings.schema.problems.isEmpty && LogAlertSink.kind == .alert)
    }

    @Test(arguments: [(AlertSeverity.info, Logger.Level.info), (.warning, .warning), (.error, .error), (.critical, .critical)])
    func theSeverityIsTheLevel(_ severity: AlertSeverity, _ level: Logger.Level) async throws {
        let test = TestContext(instance: "log"), sink = try test.make(LogAlertSink.self)
        _ = try await sink.page(page([severity]))
        _ = try await sink.update(page([severity]))
        _ = try await sink.resolve(page([severity]))
        #expect(test.logs.lines.map(\.level) == [level, level, .info])
        #expect(test.logs.lines.map { $0.metadata["event"] } == ["page", "update", "resolve"])
    }

    @Test func oneLineSaysItAll() async throws {
        let test = TestContext(instance: "log"), sink = try test.make(LogAlertSink.self)
        _ = try await sink.page(page([.warning, .info, .critical], emergency: true))
        let line = try #require(test.logs.lines.first)
        #expect(test.logs.lines.count == 1 && line.message == "alert page: smoke in room 204 (and 2 more)")
        #expect(
            line.metadata["page"] == "p1" && line.metadata["group"] == "g1" && line.metadata["severity"] == "critical"
                && line.metadata["level"] == "2")
        #expect(line.metadata["reason"] == "route 1, oncall.yaml:7" && line.metadata["note"] == nil && line.metadata["may_repeat"] == nil)
        #expect(line.metadata["emergency"] == "true" && line.metadata["alerts"]?.contains("a2") == true && line.metadata["instance"] == "log")
        #expect(!test.logs.contains("+4915112345678") && !test.logs.contains("it burns") && !test.logs.contains("help"))
    }

    @Test(arguments: [false, true])
    func whatAnswersAPageIsNeverWritten(_ detail: Bool) async throws {
        let test = TestContext(instance: "log"), sink = try test.make(LogAlertSink.self, ["detail": .bool(detail)])
        var page = page([.critical], emergency: true)
        (page.code, page.url, page.note, page.mayRepeat) = ("481516", "https://jack.example.com/ack/s1gned", "acknowledged by Ana\nX", true)
        for tell in [sink.page, sink.update, sink.resolve] { _ = try await tell(page) }
        #expect(test.logs.lines.count == 3 && !test.logs.contains("481516") && !test.logs.contains("s1gned"))
        #expect(test.logs.lines.allSatisfy { $0.metadata["note"] == "acknowledged by Ana X" && $0.metadata["may_repeat"] == "true" })
    }

    @Test func detailIsWrittenWhereAskedFor() async throws {
        let test = TestContext(), sink = try test.make(LogAlertSink.self, ["detail": true])
        _ = try await sink.page(page([.error]))
        #expect(test.logs.contains("detail=the guest wrote: help"))
    }

    @Test func whatIsBelowTheMinimumIsNotTold() async throws {
        let test = TestContext(), sink = try test.make(LogAlertSink.self, ["minimum": "error"])
        _ = try await sink.page(page([.info, .warning]))
        #expect(test.logs.lines.isEmpty)
        _ = try await sink.page(page([.info, .error]))
        #expect(test.logs.lines.count == 1)
        _ = try await sink.page(page([.info], emergency: true))
        #expect(test.logs.lines.count == 2, "an emergency is told whatever the minimum")
    }

    @Test func nobodyWritesAFalseLine() async throws {
        let test = TestContext(), sink = try test.make(LogAlertSink.self)
        _ = try await sink.page(page([.info], summary: "a\r\nb\u{2028}c\u{1b}[31m\u{0}"))
        let message = try #require(test.logs.lines.first).message
        #expect(message == "alert page: a  b c [31m ")
    }

    @Test func aPageWithoutAlertsIsNoFault() async throws {
        let test = TestContext(), sink = try test.make(LogAlertSink.self)
        _ = try await sink.page(page([]))
        #expect(test.logs.lines.map(\.message) == ["alert page: no alert"])
    }
}
