import Foundation
import HTTPTypes
import Kernel
import OnCall
import PluginAPI
import Testing

@testable import Host

/// What Jack tells of the past: while it runs, and out of its database.
@Suite(.serialized) struct LookingBackTests {
    private static let plan = """
        people:
          ana: {name: Ana, contacts: [{type: webhook, url: "http://127.0.0.1:9/ana", through: one}]}
          bea: {name: Bea, contacts: [{type: webhook, url: "http://127.0.0.1:9/bea", through: one}, {type: pagerduty, service_key: 0123456789abcdef0123456789abcdef}]}
        policies:
          nights: {levels: [{name: first, notify: [ana], wait: 1h}]}
          fire: {levels: [{name: everybody, notify: [bea], wait: 1h}]}
        emergency: {policy: fire}
        route: {receiver: nights, group_by: [alertname], group_wait: 0s}
        receivers: [{name: nights, policy: nights}]

        """

    private static func furnish(_ file: TestFile) throws {
        try file.edit(
            "alerts:\n  log: {}\n",
            """
            alerts:
              log: {}
              one:
                plugin: webhook
                settings: {url: "http://127.0.0.1:9/one", secret: 0123456789abcdef0123, reaches_human: true}
              pagerduty:
                settings: {routing_key: 0123456789abcdef0123456789abcdef, base_url: "http://127.0.0.1:9"}

            """)
        try file.edit("oncall:\n", "oncall:\n  file: plan.yaml\n")
        try plan.write(to: file.url.deletingLastPathComponent().appendingPathComponent("plan.yaml"), atomically: true, encoding: .utf8)
    }

    private func loaded(_ hotel: TestHotel) throws -> Configurator.Loaded {
        let (loaded, diagnostics) = try hotel.configurator.load(makingSecrets: false)
        return try #require(loaded, "\(diagnostics.sorted)")
    }

    @Test func `an alert's story is told by its name, its fingerprint, its page and its group`() async throws {
        try await TestHotel.run(configure: Self.furnish) { hotel async throws in
            let sent = try await hotel.send(.post, "/api/v1/alerts", ["name": "DiskFull", "severity": "error", "labels": ["room": "204"]])
            #expect(sent.status < 300, "\(sent.text)")
            try await hotel.eventually("a page that failed") {
                try await hotel.get("/api/v1/why?of=DiskFull").items.contains { $0["step"] == "page" && $0["outcome"] == "failed" }
            }
            let story = try await hotel.get("/api/v1/why?of=DiskFull").items
            let steps = story.map { "\($0["step"]?.stringValue ?? "") \($0["outcome"]?.stringValue ?? "")" }
            #expect(steps.prefix(2) == ["alert raised", "route nights"], "\(steps)")
            #expect(story[0]["reason"]?.stringValue?.hasPrefix("DiskFull room=204 (error") == true)
            #expect(story[1]["rule"]?.stringValue?.hasSuffix("plan.yaml:8") == true)
            let page = try #require(story.first { $0["outcome"] == "paged" })
            #expect(page["rule"]?.stringValue?.hasSuffix("plan.yaml:5") == true)
            let words = try #require(page["reason"]?.stringValue)
            let id = try #require(words.firstMatch(of: /\((page_\w+) through one\)/)?.output.1)
            let fingerprint = try #require(story[0]["details"]?["fingerprint"]?.stringValue)
            for subject in [String(id), fingerprint] {
                let other = try await hotel.get("/api/v1/why?of=\(subject)").items
                #expect(Set(other.map { $0["reason"] }).isSuperset(of: Set(story.map { $0["reason"] })), "\(subject): \(other)")
            }
            #expect(try await hotel.get("/api/v1/why?of=NoSuchAlert").status == 404)
            #expect(try await hotel.get("/api/v1/why").status == 400)
            // The same from the database, as a command reads it.
            let loaded = try loaded(hotel), why = WhyReader(loaded)
            let told = try await PastReading.read(loaded) { try why.entries(of: "DiskFull", at: Date(), $0) }
            let stored = try #require(told)
            #expect(stored.prefix(2).map(\.step) == ["alert", "route"] && stored.contains { $0.outcome == "failed" })
        }
    }

    @Test func `the plan of then is read again out of history`() async throws {
        try await TestHotel.run(configure: Self.furnish) { hotel async throws in
            let before = Date()
            #expect(try await PastReading.plan(at: before.addingTimeInterval(-3600), try loaded(hotel)) == nil, "nothing is known of then")
            try TestFile(url: hotel.folder.appendingPathComponent("config/plan.yaml")).edit("notify: [ana]", "notify: [bea]")
            #expect(try await hotel.send(.post, "/api/v1/admin/reload", [:])["applied"] == true)
            let loaded = try loaded(hotel), now = try #require(loaded.plan?.plan)
            let found = try #require(try await PastReading.plan(at: before, loaded)), then = try #require(found.plan as? OnCallPlan)
            #expect(found.span.version != now.version && found.span.until != nil)
            func paged(_ plan: OnCallPlan) -> [String?] {
                let matter = PagedMatter(receiver: "nights", severity: .error, isEmergency: false, labels: [:])
                return plan.level(1, for: matter, at: before)?.steps.map(\.person) ?? []
            }
            #expect(paged(then) == ["ana"] && paged(now) == ["bea"])
            #expect(try await PastReading.plan(at: Date(), loaded)?.span.version == now.version)
        }
    }
}
