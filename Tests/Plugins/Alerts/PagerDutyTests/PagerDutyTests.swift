import Foundation
import HTTPTypes
import Kernel
import PagerDutyAlertSink
import PluginAPI
import PluginTestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct PagerDutyTests {
    private let page = AlertPage(
        id: "page-1", groupKey: #"{}/{severity="critical"}:{room="204"}"#,
        alerts: [
            Alert(
                fingerprint: "f1", name: "NoHotWater", severity: .warning, summary: "No hot water in 204", detail: "“es ist kalt”",
                labels: ["room": "204", "department": "engineering"], annotations: ["runbook": "https://wiki.example.com/water"],
                startsAt: Date(timeIntervalSince1970: 1_756_814_400.25), generatorURL: "http://prometheus.example.com/graph"),
            Alert(
                fingerprint: "f2", name: "BoilerDown", severity: .critical, summary: "The boiler is down",
                startsAt: Date(timeIntervalSince1970: 1_756_814_500),
                isEmergency: true),
        ], level: 2, reason: "route 2, oncall.yaml:9", url: "https://jack.example.com/a/1", code: "481516")

    /// Runs a sink of real settings against a PagerDuty that takes nothing wrong, over the real client.
    private func run<T: Sendable>(
        _ more: [String: JSONValue] = [:], duty: FakePagerDuty = FakePagerDuty(), answer: LoopbackServer.Answer? = nil,
        use body: (PagerDutyAlertSink, FakePagerDuty, LoopbackServer, TestContext) async throws -> T
    ) async throws -> T {
        let engine = try CurlEngine(), test = TestContext(instance: "duty", http: CurlHTTPClient(engine: engine, policy: .unrestricted))
        let result: Result<T, any Error>
        do {
            result = .success(
                try await LoopbackServer.run(answer ?? { duty.answer($0) }) { server in
                    let base: [String: JSONValue] = [
                        "routing_key": .string(FakePagerDuty.routingKey), "webhook_secret": .string(FakePagerDuty.webhookSecret),
                        "base_url": .string(server.url("")), "api_url": .string(server.url("")),
                    ]
                    return try await body(
                        test.make(PagerDutyAlertSink.self, .object(base.merging(more) { $1 }.filter { $0.value != .null })), duty, server, test)
                })
        } catch {
            result = .failure(error)
        }
        await engine.shutdown()
        return try result.get()
    }

    private func answers(_ sink: PagerDutyAlertSink, _ request: PluginRequest) async throws -> [InboundEvent]? {
        guard case .webhook(let route)? = sink.routes.first, route.verification.isConfigured, route.verification.verify(request) else { return nil }
        return try await route.parse(request).events
    }

    @Test func theDeclarationsAreSound() {
        #expect(PagerDutySettings.schema.problems.isEmpty)
        for name in ["routing_key", "webhook_secret", "api_token"] { #expect(PagerDutySettings.schema[name]?.shape.isSecret == true) }
        let forms = PagerDutyAlertSink.manifest.contacts
        #expect(forms.map(\.use) == [.contact(type: "pagerduty"), .receiver(key: "pagerduty_configs")] && forms.allSatisfy(\.isSecret))
        #expect(forms[0].recipientKeys.first == "service_key" && forms[1].recipientKeys == ["routing_key", "service_key"])
    }

    @Test func aMatterGoesItsWay() async throws {
        try await run { sink, duty, server, _ async throws in
            let key = FakePagerDuty.routingKey + "/" + page.groupKey
            #expect(try await sink.page(page).vendorID == page.groupKey)
            #expect(duty.incidents[key]?.status == "triggered")
            var news = page
            news.note = "a third room"
            _ = try await sink.update(news)
            #expect(duty.incidents[key]?.status == "triggered" && duty.incidents[key]?.events == 2)
            news.note = "Acknowledged by Ana"
            _ = try await sink.update(news)
            #expect(duty.incidents[key]?.status == "acknowledged")
            _ = try await sink.resolve(page)
            #expect(duty.incidents[key]?.status == "resolved" && duty.incidents.count == 1 && duty.refusals == [])
            let sent = server.requests.compactMap(\.json)
            #expect(sent.map { $0["event_action"] } == ["trigger", "trigger", "acknowledge", "resolve"])
            #expect(sent.suffix(2).allSatisfy { Set(($0.objectValue ?? [:]).keys) == ["routing_key", "event_action", "dedup_key"] })
        }
    }

    @Test func theEventSaysWhatAPersonNeeds() async throws {
        try await run { sink, duty, server, _ async throws in
            var page = page
            page.mayRepeat = true
            _ = try await sink.page(page)
            let event = try #require(server.requests.first?.json), payload = event["payload"]
            #expect(
                payload?["summary"] == "The boiler is down (and 1 more)" && payload?["severity"] == "critical"
                    && payload?["source"] == "Hotel Miramar")
            #expect(payload?["timestamp"] == "2025-09-02T12:00:00.250Z" && payload?["class"] == "BoilerDown" && payload?["group"] == "main")
            #expect(event["client_url"] == "https://jack.example.com/a/1" && event["client"] == "Jack")
            #expect(
                event["links"] == [
                    ["href": "https://jack.example.com/a/1", "text": "Open in Jack"],
                    ["href": "https://wiki.example.com/water", "text": "Runbook: NoHotWater"],
                    ["href": "http://prometheus.example.com/graph", "text": "Source: NoHotWater"],
                ])
            let details = payload?["custom_details"]
            #expect(details?["reason"] == "route 2, oncall.yaml:9" && details?["level"] == 2 && details?["may_repeat"] == true)
            let second = try #require(details?["alerts"]?.arrayValue?.last)
            #expect(
                second["detail"] == "“es ist kalt”" && second["labels"]?["room"] == "204"
                    && second["generator_url"] == "http://prometheus.example.com/graph")
            #expect(!server.requests[0].text.contains("481516"), "nobody answers by a code at PagerDuty")
        }
    }

    @Test func theRecipientIsAKeyOfItsOwn() async throws {
        try await run { sink, duty, _, _ async throws in
            var page = page
            page.recipient = FakePagerDuty.otherKey
            _ = try await sink.page(page)
            #expect(duty.incidents.keys.allSatisfy { $0.hasPrefix(FakePagerDuty.otherKey) })
            page.recipient = "not-a-key"
            let failure = await #expect(throws: PluginFailure.self) { try await sink.page(page) }
            #expect(failure?.disposition == .permanent && failure?.reason == .unknownRecipient)
        }
        try await run(["routing_key": .null]) { sink, _, server, _ async throws in
            let failure = await #expect(throws: PluginFailure.self) { try await sink.page(page) }
            #expect(failure?.reason == .configuration && server.requests.isEmpty)
        }
        try await run(["routing_key": .string(String(repeating: "a", count: 32))]) { sink, _, _, _ async throws in
            let failure = await #expect(throws: PluginFailure.self) { try await sink.page(page) }
            #expect(failure?.disposition == .credentialsRejected)
        }
    }

    @Test(
        arguments: [
            (400, .permanent, .invalidRequest), (401, .credentialsRejected, .unauthorized), (413, .permanent, .invalidRequest),
            (429, .notReady, .rateLimited),
            (500, .notReady, .vendorFault), (503, .notReady, .overloaded),
        ] as [(Int, PluginFailure.Disposition, PluginFailure.Reason)])
    func aStatusIsATypedFailure(_ status: Int, _ disposition: PluginFailure.Disposition, _ reason: PluginFailure.Reason) async throws {
        try await run(answer: { _ in .status(status, headers: [("Retry-After", "7")]) }) { sink, _, server, test async throws in
            let failure = await #expect(throws: PluginFailure.self) { try await sink.page(page) }
            #expect(
                failure?.disposition == disposition && failure?.reason == reason
                    && failure?.retryAfter == (disposition == .notReady ? .seconds(7) : nil))
            #expect(server.requests.count == 1, "the kernel retries, not the plugin")
            let said = (failure?.description ?? "") + test.logs.text
            #expect(!said.contains(FakePagerDuty.routingKey))
        }
    }

    @Test func whatIsTooLongIsTrimmed() async throws {
        try await run { sink, duty, server, _ async throws in
            var page = page
            let huge = String(repeating: "größer 👩‍👩‍👧‍👦 ", count: 100_000)
            page.groupKey = huge
            page.reason = huge
            page.note = huge
            page.url = "https://jack.example.com/" + String(repeating: "x", count: 5000)
            page.alerts = (0..<2000).map { index in
                Alert(
                    fingerprint: "f\(index)", name: index == 0 ? huge : "n", severity: .error, summary: index < 3 ? huge : "s",
                    detail: index < 50 ? huge : nil,
                    labels: ["a": huge, "b\(index)": "c"], annotations: ["x": huge], startsAt: page.alerts[0].startsAt)
            }
            let receipt = try await sink.page(page)
            #expect(duty.refusals == [] && server.requests[0].body.count <= 500_000)
            let event = try #require(server.requests[0].json)
            #expect(event["payload"]?["summary"]?.stringValue?.hasSuffix("… (and 1999 more)") == true && event["client_url"] == nil)
            #expect(event["payload"]?["custom_details"]?["alerts_left_out"]?.intValue ?? 0 > 0)
            #expect(receipt.vendorID?.hasPrefix("jack:") == true && receipt.vendorID == event["dedup_key"]?.stringValue)
            // The way back from the digest.
            let found = try await answers(sink, Hook.request(Hook.body(key: receipt.vendorID)))
            #expect(found?.map(\.content) == [.acknowledgement(PageAcknowledgement(action: .acknowledge, reference: huge, by: "Ana Lima"))])
            _ = try await sink.resolve(page)
            #expect(duty.incidents.values.map(\.status) == ["resolved"], "the same key again")
        }
    }

    @Test func storageThatFailsStopsNoPage() async throws {
        try await run { sink, duty, _, test async throws in
            test.storage.fail(with: .notReady(.unreachable, "the disk is full"))
            var page = page
            page.groupKey = String(repeating: "k", count: 300)
            _ = try await sink.page(page)
            #expect(duty.incidents.count == 1 && test.logs.contains("cannot be kept"))
        }
    }

    // MARK: What comes back

    @Test(
        arguments: [
            ("incident.acknowledged", .acknowledge), ("incident.resolved", .resolve), ("incident.escalated", .escalate),
            ("incident.unacknowledged", nil),
            ("incident.triggered", nil), ("incident.reassigned", nil), ("pagey.ping", nil), ("incident.of_the_future", nil),
        ] as [(String, PageAcknowledgement.Action?)])
    func peoplesDeedsAreAnswers(_ type: String, _ action: PageAcknowledgement.Action?) async throws {
        try await run { sink, _, server, _ async throws in
            let events = try #require(try await answers(sink, Hook.request(Hook.body(type, key: page.groupKey))))
            #expect(events.count == (action == nil ? 0 : 1))
            guard let action, let event = events.first else { return }
            #expect(event.vendorID == "01DEN4HPBQAAAG05V5QQYBRZMF" && event.occurredAt?.milliseconds == 1_601_664_322_169)
            #expect(event.content == .acknowledgement(PageAcknowledgement(action: action, reference: page.groupKey, by: "Ana Lima")))
            #expect(server.requests.isEmpty, "without api_token nobody is asked")
        }
    }

    @Test(arguments: [Hook.robot, "null", #"{"id":"PSVC","summary":"Hotel","type":"service_reference"}"#])
    func whatNoPersonDidIsNoAnswer(_ agent: String) async throws {
        try await run { sink, _, _, test async throws in
            for type in ["incident.acknowledged", "incident.resolved", "incident.escalated"] {
                #expect(try await answers(sink, Hook.request(Hook.body(type, agent: agent)))?.isEmpty == true)
            }
            #expect(test.metrics.text.contains("agent"))
        }
    }

    @Test func anIncidentOfAlertsIsLookedUp() async throws {
        let duty = FakePagerDuty()
        duty.hold(["group-b", "group-a", "group-b"], in: "PALERTS")
        duty.hold([], in: "PINCIDENTS")
        try await run(["api_token": .string(FakePagerDuty.apiToken)], duty: duty) { sink, _, server, test async throws in
            func references(_ key: String?, _ incident: String) async throws -> [String] {
                try await (answers(sink, Hook.request(Hook.body(key: key, incident: incident))) ?? []).compactMap {
                    if case .acknowledgement(let answer) = $0.content { answer.reference } else { nil }
                }
            }
            #expect(try await references(nil, "PALERTS") == ["group-a", "group-b"])
            #expect(try await references("another", "PALERTS") == ["group-a", "group-b"])
            #expect(try await references("group-c", "PINCIDENTS") == ["group-c"], "a service that creates incidents alone")
            #expect(try await references("group-c", "PGONE") == ["group-c"] && test.logs.contains("does not say which alerts"))
            #expect(try await references("group-c", "../../users?x=").count == 1, "what is no id is not asked for")
            #expect(
                server.requests.map(\.path) == [
                    "/incidents/PALERTS/alerts", "/incidents/PALERTS/alerts", "/incidents/PINCIDENTS/alerts", "/incidents/PGONE/alerts",
                ])
            let ids = try await answers(sink, Hook.request(Hook.body(key: nil, incident: "PALERTS")))?.map(\.vendorID)
            #expect(Set(ids ?? []).count == 2 && ids?.first == "01DEN4HPBQAAAG05V5QQYBRZMF")
        }
    }

    @Test func aLookUpThatCannotBeMadeIsAskedForAgain() async throws {
        try await run(["api_token": .string(FakePagerDuty.apiToken)], answer: { _ in .status(503) }) { sink, _, _, _ async throws in
            let failure = await #expect(throws: PluginFailure.self) { try await answers(sink, Hook.request(Hook.body())) }
            #expect(failure?.disposition == .notReady, "PagerDuty sends again what is answered with 503")
        }
    }

    @Test func anIncidentWithoutAKeyIsSaidOnce() async throws {
        try await run { sink, _, _, test async throws in
            for id in ["01", "02"] { #expect(try await answers(sink, Hook.request(Hook.body(id: id, key: nil)))?.isEmpty == true) }
            #expect(test.logs.lines.count == 1 && test.logs.contains("api_token"))
        }
    }

    @Test func signaturesOfARotationAreTaken() async throws {
        try await run { sink, _, _, _ async throws in
            let body = Hook.body(), bytes = Array(body.utf8), good = Hook.signature(bytes), old = Hook.signature(bytes, ["an-older-secret"])
            for (value, isTaken) in [
                (good, true), ("\(old),\(good)", true), ("\(good), \(old)", true), ("v2=00,\(good)", true), (old, false), ("", false), ("v1=", false),
                (good.replacing("v1=", with: "v0="), false), (good.uppercased(), false),
                (Array(repeating: good, count: 9).joined(separator: ","), false),
                (Hook.signature(bytes + [10]), false),
            ] {
                let found = try await answers(sink, Hook.request(body, signature: value))
                #expect((found != nil) == isTaken, "\(value)")
            }
        }
    }

    @Test func withoutItsSecretTheRouteIsClosed() async throws {
        try await run(["webhook_secret": .null]) { sink, _, _, _ async throws in
            guard case .webhook(let route)? = sink.routes.first else { return #expect(Bool(false), "no route") }
            #expect(!route.verification.isConfigured && !sink.features.acknowledges)
        }
        try await run { sink, _, _, _ async throws in
            #expect(sink.features.acknowledges && sink.features.updatesInPlace)
        }
    }

    // MARK: Settings and probe

    @Test func theProbeRaisesNoIncident() async throws {
        try await run(["api_token": .string(FakePagerDuty.apiToken)]) { sink, duty, server, _ async throws in
            let result = try await sink.probe()
            #expect(result.summary.hasPrefix("reached 127.0.0.1") && result.details["api_token"] == "taken")
            #expect(server.requests.map(\.method) == ["GET", "GET"] && duty.incidents.isEmpty)
        }
        try await run(["api_token": "a-wrong-token"]) { sink, _, _, _ async throws in
            let failure = await #expect(throws: PluginFailure.self) { try await sink.probe() }
            #expect(failure?.disposition == .credentialsRejected)
        }
    }

    @Test(
        arguments: [
            (["routing_key": "short"], "32 letters"), (["base_url": "ftp://x"], "is not an http or https URL"), (["timeout": "2m"], "out of range"),
            (["routing_keys": "x"], "did you mean"), (["base_url": "https://x.example/?a"], "query"),
        ] as [(JSONValue, String)])
    func settingsAreReadStrictly(_ settings: JSONValue, _ complaint: String) {
        let error = #expect(throws: SettingsRejected.self) { try TestContext().make(PagerDutyAlertSink.self, settings) }
        #expect(error?.description.contains(complaint) == true, "\(error?.description ?? "")")
    }

    @Test func whatDoesNotWorkIsWarnedOf() throws {
        func warnings(_ settings: JSONValue) throws -> [String] {
            var report = ValidationReport()
            PagerDutyAlertSink.validate(try decodeSettings(PagerDutySettings.self, settings), &report)
            return report.findings.compactMap(\.key)
        }
        #expect(try warnings([:]) == ["webhook_secret"])
        #expect(try warnings(["webhook_secret": "s"]) == [])
        #expect(try warnings(["webhook_secret": "s", "api_token": "t", "base_url": "https://events.eu.pagerduty.com"]) == ["api_url"])
        #expect(try warnings(["webhook_secret": "s", "base_url": "http://proxy.example.com"]) == ["base_url"])
    }
}
