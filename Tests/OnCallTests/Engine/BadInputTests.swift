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

    /// Why an alert is not taken; the one beside it is, whatever is wrong with this one.
    private func refusal(_ alert: PostedAlert) async throws -> String? {
        try await Night.begin { night in
            let refusals = try await night.post([alert, PostedAlert(labels: ["alertname": "Sound", "severity": "critical"])])
            #expect(night.core.alerts.values.contains { $0.labels.texts["alertname"] == "Sound" })
            #expect(refusals.map(\.place) == (refusals.isEmpty ? [] : [0]))
            #expect(night.core.alerts.count == 2 - refusals.count)
            #expect(refusals.allSatisfy { $0.error.code == .invalid })
            return refusals.first?.error.description
        }
    }

    @Test func whatIsTooLargeOrMalformedIsRefusedAndSaysWhy() async throws {
        let megabyte = String(repeating: "x", count: 1_048_576)
        #expect(
            try await refusal(PostedAlert(labels: ["alertname": megabyte]))
                == "the label “alertname” has a value of 1048576 bytes; at most 16384 are taken")
        #expect(try await refusal(PostedAlert(labels: [megabyte: "b"]))?.contains("at most 1024") == true)
        #expect(try await refusal(PostedAlert(labels: [:])) == "at least one label pair required")
        #expect(try await refusal(PostedAlert(labels: ["a": ""])) == "at least one label pair required")
        #expect(try await refusal(PostedAlert(labels: ["": "b"])) == "a label without a name")
        #expect(try await refusal(PostedAlert(labels: ["a": "b\u{0}"]))?.contains("zero byte") == true)
        let many = Dictionary(uniqueKeysWithValues: (0..<129).map { ("label\($0)", "x") })
        #expect(try await refusal(PostedAlert(labels: many))?.contains("129 labels") == true)
        let large = Dictionary(uniqueKeysWithValues: (0..<5).map { ("label\($0)", String(repeating: "x", count: 16_384)) })
        #expect(try await refusal(PostedAlert(labels: large))?.contains("at most 65536") == true)
        let wrong = PostedAlert(labels: ["a": "b"], startsAt: Night.start, endsAt: Night.start.addingTimeInterval(-1))
        #expect(try await refusal(wrong) == "start time must be before end time")
        // What a busy rule makes is none of this.
        #expect(try await refusal(PostedAlert(labels: ["a": String(repeating: "x", count: 5000)])) == nil)
        let hundred = Dictionary(uniqueKeysWithValues: (0..<101).map { ("label\($0)", "x") })
        #expect(try await refusal(PostedAlert(labels: hundred)) == nil)
    }

    @Test func whatIsForPeopleIsCutAndNeverCostsTheAlert() async throws {
        let limits = OnCallLimits(), labels = ["alertname": "A", "big": String(repeating: "y", count: 16_384)]
        func fitted(_ annotations: [String: String], url: String? = nil) throws -> PostedAlert {
            let alert = try limits.fit(PostedAlert(labels: labels, annotations: annotations, generatorURL: url))
            #expect(alert.labels == labels)
            // What was cut once is not cut again, and no more is kept than fits.
            #expect(try limits.fit(alert) == alert)
            let all = alert.labels.merging(alert.annotations) { $1 + $0 }
            #expect(all.reduce(alert.generatorURL?.utf8.count ?? 0) { $0 + $1.key.utf8.count + $1.value.utf8.count } <= limits.alertBytes)
            return alert
        }
        // Every length around the limit, with letters of two bytes: a cut goes through none.
        for count in 8188...8196 {
            let text = try #require(try fitted(["summary": "x" + String(repeating: "é", count: count)]).annotations["summary"])
            #expect(text.utf8.count <= 16_384 && !text.contains("\u{FFFD}"))
            #expect(text.hasSuffix("…") == (2 * count + 1 > 16_384))
        }
        let megabyte = String(repeating: "x", count: 1_048_576)
        let most = try fitted(["zzz": megabyte, "summary": megabyte, "description": megabyte, "aaa": megabyte])
        #expect(most.annotations["summary"]?.utf8.count == 16_384 && most.annotations["description"]?.utf8.count == 16_384)
        #expect(most.annotations["aaa"]?.hasSuffix("x…") == true, "\(most.annotations.mapValues(\.utf8.count))")
        #expect(try fitted(["": "x", megabyte: "y", "n": "a\u{0}b"]).annotations == ["n": "a\u{FFFD}b"])
        let many = Dictionary(uniqueKeysWithValues: (0..<200).map { ("n\($0)", "x") }).merging(["summary": "s"]) { $1 }
        #expect(try fitted(many).annotations.count == 64 && fitted(many).annotations["summary"] == "s")
        #expect(try fitted([:], url: "https://p.example/graph?" + megabyte).generatorURL == nil)
        #expect(try fitted(["summary": "s"], url: "https://p.example/graph").generatorURL == "https://p.example/graph")
    }

    @Test func whatIsMoreThanIsTakenIsRefusedAndSaid() async throws {
        var limits = OnCallLimits()
        limits.activeAlerts = 3
        try await Night.begin(limits: limits) { night in
            let alerts = (0..<5).map { PostedAlert(labels: ["alertname": "A\($0)", "severity": "info"]) }
            let refusals = try await night.post(alerts)
            #expect(refusals.map(\.place) == [3, 4] && refusals.allSatisfy { $0.error.code == .tooMany })
            #expect(night.core.alerts.count == 4, "three of them, and the alert that says so")
            let flood = night.core.alerts.values.first { $0.labels.texts["alertname"] == "AlertFlood" }
            #expect(flood?.annotations.texts["summary"]?.contains("2 were refused") == true)
            // News of what is known is always taken.
            #expect(try await night.post([alerts[0]]).isEmpty)
            try await night.raise(.own("Fire", .critical, isEmergency: true))
            #expect(night.core.alerts.count == 5)
        }
    }

    @Test func severitiesAreReadAsPeopleWriteThem() {
        #expect(AlertSeverity(label: "Critical") == .critical && AlertSeverity(label: "page") == .critical)
        #expect(AlertSeverity(label: "warn") == .warning && AlertSeverity(label: "none") == .info)
        #expect(AlertSeverity(label: nil) == .error && AlertSeverity(label: "strange") == .error)
    }

    @Test func everyLabelThatIsTakenCanBeSilenced() async throws {
        try await Night.begin { night in
            let longest = String(repeating: "y", count: night.core.limits.labelValue)
            func silence(_ value: String) -> Silence {
                Silence(
                    matchers: [LabelMatcher("host", .equal, value)], startsAt: Night.start, endsAt: Night.start.addingTimeInterval(600),
                    createdBy: "Ana", comment: "c")
            }
            try await night.post("Slow", "critical", labels: ["host": longest])
            night.expect(["0:00 page sms:ana"])
            let id = try await night.set(silence(longest))
            #expect(night.views([]).first?.silencedBy == [id])
            await #expect(throws: OnCallError.self) { _ = try await night.set(silence(longest + "y")) }
        }
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
