import Foundation
import Kernel
import PluginAPI
import Testing

@testable import OnCall

@Suite struct OnCallInputTests {
    @Test func fingerprintsAreAlertmanagers() {
        // As Debian's prometheus-alertmanager gives them.
        #expect(PackedText(["alertname": "Hot", "room": "204", "severity": "critical"]).fingerprint.fingerprintText == "2744ab680e4cc800")
        #expect(PackedText(["alertname": "Wärme", "b": "x y", "Z": "1"]).fingerprint.fingerprintText == "846b66a63057c750")
        #expect(PackedText([:]).fingerprint.fingerprintText == "cbf29ce484222325")
    }

    @Test func whatIsPackedIsReadBack() {
        let labels = ["a": "", "": "x", "room": "204", "ä": "ö\u{1F600}"]
        #expect(PackedText(labels).texts == labels)
        #expect([UInt64](packed: [1, UInt64.max, 0].packed) == [1, UInt64.max, 0])
    }

    private func refusal(_ alert: PostedAlert) async throws -> String? {
        try await Night.begin { night in
            do {
                try await night.post([PostedAlert(labels: ["alertname": "Sound", "severity": "critical"]), alert])
                return nil
            } catch let error as OnCallError {
                night.expect([], "of a list with one that is refused, none is taken")
                return error.description
            }
        }
    }

    @Test func whatIsTooLargeOrMalformedIsRefusedAndSaysWhy() async throws {
        let megabyte = String(repeating: "x", count: 1_048_576)
        #expect(
            try await refusal(PostedAlert(labels: ["alertname": megabyte]))
                == "the label “alertname” has a value of 1048576 bytes; at most 4096 are taken")
        #expect(try await refusal(PostedAlert(labels: ["a": "b"], annotations: ["summary": megabyte]))?.contains("annotation “summary”") == true)
        #expect(try await refusal(PostedAlert(labels: [megabyte: "b"]))?.contains("at most 1024") == true)
        #expect(try await refusal(PostedAlert(labels: [:])) == "an alert needs at least one label")
        #expect(try await refusal(PostedAlert(labels: ["": "b"])) == "a label without a name")
        #expect(try await refusal(PostedAlert(labels: ["a": "b\u{0}"]))?.contains("zero byte") == true)
        let many = Dictionary(uniqueKeysWithValues: (0..<65).map { ("label\($0)", "x") })
        #expect(try await refusal(PostedAlert(labels: many))?.contains("65 labels") == true)
        let wrong = PostedAlert(labels: ["a": "b"], startsAt: Night.start, endsAt: Night.start.addingTimeInterval(-1))
        #expect(try await refusal(wrong)?.contains("must not be before") == true)
    }

    @Test func whatIsMoreThanIsTakenIsRefusedAndSaid() async throws {
        var limits = OnCallLimits()
        limits.activeAlerts = 3
        try await Night.begin(limits: limits) { night in
            let alerts = (0..<5).map { PostedAlert(labels: ["alertname": "A\($0)", "severity": "info"]) }
            var error: OnCallError?
            do { try await night.post(alerts) } catch let refused as OnCallError { error = refused }
            #expect(error?.code == .tooMany && error?.description.contains("2 were refused") == true)
            #expect(night.core.alerts.count == 4, "three of them, and the alert that says so")
            // News of what is known is always taken.
            try await night.post([alerts[0]])
            try await night.raise(.own("Fire", .critical, isEmergency: true))
            #expect(night.core.alerts.count == 5)
        }
    }

    @Test func severitiesAreReadAsPeopleWriteThem() {
        #expect(AlertSeverity(label: "Critical") == .critical && AlertSeverity(label: "page") == .critical)
        #expect(AlertSeverity(label: "warn") == .warning && AlertSeverity(label: "none") == .info)
        #expect(AlertSeverity(label: nil) == .error && AlertSeverity(label: "strange") == .error)
    }

    @Test func silencesAreChangedOrReplacedAsAlertmanagerDoes() async throws {
        try await Night.begin { night in
            func silence(_ value: String = "Fire", until seconds: TimeInterval = 600, id: String = "") -> Silence {
                Silence(
                    id: id, matchers: [LabelMatcher("alertname", .equal, value)], startsAt: Night.start,
                    endsAt: Night.start.addingTimeInterval(seconds),
                    createdBy: "Ana", comment: "c")
            }
            let id = try await night.set(silence())
            #expect(try await night.set(silence(until: 900, id: id)) == id)
            #expect(night.core.silences[id]?.silence.endsAt == Night.start.addingTimeInterval(900))
            let other = try await night.set(silence("Flood", id: id))
            #expect(other != id && night.core.silences[id]?.silence.state(at: night.now) == .expired)
            #expect(try await night.set(silence(id: id)) != id, "an expired one is not changed")
            for (bad, code) in [
                (silence(id: "unknown"), OnCallError.Code.notFound), (silence(until: -1), .invalid),
                (Silence(matchers: [], startsAt: Night.start, endsAt: .distantFuture, createdBy: "", comment: ""), .invalid),
                (
                    Silence(matchers: [LabelMatcher("a", .fits, "(")], startsAt: Night.start, endsAt: .distantFuture, createdBy: "", comment: ""),
                    .invalid
                ),
                (
                    Silence(matchers: [LabelMatcher("a", .fits, ".*")], startsAt: Night.start, endsAt: .distantFuture, createdBy: "", comment: ""),
                    .invalid
                ),
            ] {
                var thrown: OnCallError.Code?
                do { _ = try await night.set(bad) } catch let error as OnCallError { thrown = error.code }
                #expect(thrown == code)
            }
            #expect(night.core.silenceViews(matching: [LabelMatcher("alertname", .equal, "Flood")], at: night.now).map(\.id) == [other])
        }
    }
}
