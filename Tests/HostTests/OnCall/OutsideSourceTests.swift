import Foundation
import HTTPTypes
import Kernel
import OnCall
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import Host

/// Alerts from outside, through the whole of Jack on a free port.
@Suite(.timeLimit(.minutes(5))) struct OutsideSourceTests {
    private static let secret = "a-secret-of-the-boiler"

    private static func plan(_ calendar: String? = nil) -> String {
        """
        people:
          ana: {contacts: [{type: webhook, url: "http://127.0.0.1:9/ana"}, {type: pagerduty, service_key: 0123456789abcdef0123456789abcdef}]}
          bea: {contacts: [{type: webhook, url: "http://127.0.0.1:9/bea"}]}
        \(calendar.map { "schedules: {turns: {layers: [{name: feed, ical: \"\($0)\"}]}}" } ?? "")
        policies:
          nights: {levels: [{name: first, notify: [\(calendar == nil ? "bea" : "turns")], wait: 1h}]}
          fire: {levels: [{name: everybody, notify: [ana], wait: 1h}]}
        emergency: {policy: fire}
        route: {receiver: nights, group_by: [alertname], group_wait: 0s}
        receivers: [{name: nights, policy: nights}]
        """
    }

    private func run(_ plan: String = plan(), _ body: (TestHotel, CurlHTTPClient) async throws -> Void) async throws {
        let engine = try CurlEngine()
        do {
            try await TestHotel.run { file throws in
                try plan.write(to: file.url.deletingLastPathComponent().appendingPathComponent("plan.yaml"), atomically: true, encoding: .utf8)
                try file.edit(
                    "alerts:\n  log: {}\n",
                    """
                    alerts:
                      log: {}
                      webhook: {settings: {secret: 0123456789abcdef0123, reaches_human: true}}
                      pagerduty: {settings: {routing_key: 0123456789abcdef0123456789abcdef, base_url: "http://127.0.0.1:9"}}

                    """)
                try file.edit(
                    "oncall:\n",
                    """
                    oncall:
                      file: plan.yaml
                      sources:
                        - {name: boiler, secret: \(Self.secret), map: {name: title, status: state}}

                    """)
            } _: { hotel async throws in
                try await body(hotel, CurlHTTPClient(engine: engine, policy: .unrestricted))
            }
        } catch {
            await engine.shutdown()
            throw error
        }
        await engine.shutdown()
    }

    private func post(
        _ http: CurlHTTPClient, _ hotel: TestHotel, _ body: String, name: String = "boiler", secret: String = secret, at date: Date = Date()
    ) async throws -> ClientResponse {
        let headers: HTTPFields = [
            .contentType: "application/json", .known("X-Jack-Signature"): WebhookSigner(secret: secret).timestamped(Array(body.utf8), at: date),
        ]
        return try await http.send(
            ClientRequest(.post, "http://127.0.0.1:\(try hotel.port)/api/v1/alerts/\(name)", headers: headers, body: Array(body.utf8)))
    }

    @Test func aSignedWebhookIsAnAlertOfThePlan() async throws {
        try await run { hotel, http async throws in
            let body = #"{"title":"BoilerPressure","state":"alarm"}"#, now = Date()
            let taken = try await post(http, hotel, body, at: now)
            #expect(
                taken.status == .accepted && taken.text.contains(#""alerts":1"#) && taken.text.contains(#""duplicate":false"#),
                "\(taken.text)")
            #expect(try await post(http, hotel, body, at: now).text.contains(#""duplicate":true"#))
            func active() async throws -> [String] {
                try await hotel.get("/api/v2/alerts").json.arrayValue?.compactMap { $0["labels"]?["alertname"]?.stringValue } ?? []
            }
            try await hotel.eventually("the alert") { try await active().contains("BoilerPressure") }
            #expect(try await post(http, hotel, #"{"title":"BoilerPressure","state":"ok"}"#).text.contains(#""resolved":1"#))
            try await hotel.eventually("its end") { try await !active().contains("BoilerPressure") }
        }
    }

    @Test func whatIsWrongHasAClearAnswer() async throws {
        try await run { hotel, http async throws in
            let forged = try await post(http, hotel, "{}", secret: "another-secret-012345")
            #expect(forged.status == .unauthorized && forged.text.contains("the signature is wrong"))
            #expect(try await post(http, hotel, "{}", at: Date().addingTimeInterval(-1000)).text.contains("compare the clocks"))
            #expect(try await post(http, hotel, "{}", name: "boilr").status == .notFound)
            #expect(try await post(http, hotel, "{").status == .badRequest)
            #expect(try await post(http, hotel, #"{"title":"\#(String(repeating: "x", count: 2 << 20))"}"#).status == .contentTooLarge)
            #expect(try await hotel.send(.get, "/api/v1/alerts/boiler").status == 405)
            // Who goes on with wrong signatures is held back; who has the key is not.
            var statuses: Set<Int> = []
            for _ in 0..<40 { statuses.insert(try await post(http, hotel, "{}", secret: "another-secret-012345").status.code) }
            #expect(statuses.contains(429))
            #expect(try await post(http, hotel, "{}").status == .accepted)
            let metrics = try await hotel.get("/metrics", token: nil).text
            #expect(
                metrics.contains(#"webhooks_unverified_total{instance="boiler"}"#),
                "\(metrics.split(separator: "\n").filter { $0.contains("unverified") })")
        }
    }

    @Test func aCalendarThatChangesIsAnotherPlanWithoutARestart() async throws {
        func calendar(_ name: String) -> String {
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:\(name)\r\nDTSTART:20250101T000000Z\r\nDTEND:20400101T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        }
        let answer = Mutex<LoopbackReply>(.text(calendar("bea")))
        try await LoopbackServer.run({ _ in answer.withLock { $0 } }) { server async throws in
            try await run(Self.plan(server.url("/team.ics"))) { hotel, _ async throws in
                func who() -> [String] {
                    hotel.application.loaded.plan?.plan.roster.whoIsOnCall(in: "turns", at: Date())?.people.map(\.id) ?? ["no schedule"]
                }
                // Read before it was ever fetched, the plan had nobody; the first look mends it.
                try await hotel.eventually("the first copy") { who() == ["bea"] }
                let service = hotel.application.onCall.service, first = service.planVersion
                answer.withLock { $0 = .text(calendar("ana")) }
                await hotel.application.refreshCalendars()
                #expect(who() == ["ana"] && service.planVersion != first && service.planVersion == hotel.application.loaded.plan?.plan.version)
                // The last good copy counts while the feed fails, also for a check beside the running Jack.
                answer.withLock { $0 = .status(500) }
                await hotel.application.refreshCalendars()
                #expect(who() == ["ana"])
                let (checked, diagnostics) = try hotel.configurator.load(makingSecrets: false)
                #expect(checked?.plan?.plan.version == service.planVersion, "\(diagnostics.sorted)")
                #expect(!diagnostics.sorted.contains { $0.description.contains("never been fetched") })
                #expect(try await hotel.application.reload(dryRun: true).changes == [])
                #expect(service.configurationText.contains("receiver: nights") && !service.configurationText.contains("VCALENDAR"))
            }
        }
    }
}
