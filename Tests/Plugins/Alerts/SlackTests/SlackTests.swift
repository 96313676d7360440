import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import PluginTestKit
import SlackAlertSink
import Testing

@Suite(.timeLimit(.minutes(1))) struct SlackTests {
    private let page = AlertPage(
        id: "page-1", groupKey: #"{}/{severity="critical"}:{room="204"}"#,
        alerts: [
            Alert(
                fingerprint: "f1", name: "NoHotWater", severity: .warning, summary: "No hot water in 204", detail: "“es ist kalt” <!channel> & so",
                labels: ["room": "204"], annotations: ["runbook": "https://wiki.example.com/water?a=1&b=2"],
                startsAt: Date(timeIntervalSince1970: 1_756_814_400)),
            Alert(
                fingerprint: "f2", name: "BoilerDown", severity: .critical, summary: "The boiler is down",
                startsAt: Date(timeIntervalSince1970: 1_756_814_500)),
        ], level: 2, reason: "route 2, oncall.yaml:9", url: "https://jack.example.com/a/1", code: "481516")

    /// Runs a sink of real settings against a Slack that takes nothing wrong, over the real client.
    private func run<T: Sendable>(
        _ more: [String: JSONValue] = [:], slack: FakeSlack = FakeSlack(), answer: LoopbackServer.Answer? = nil,
        use body: (SlackAlertSink, FakeSlack, LoopbackServer, TestContext) async throws -> T
    ) async throws -> T {
        let engine = try CurlEngine(), test = TestContext(instance: "slack", http: CurlHTTPClient(engine: engine, policy: .unrestricted))
        let result: Result<T, any Error>
        do {
            result = .success(
                try await LoopbackServer.run(answer ?? { slack.answer($0) }) { server in
                    let base: [String: JSONValue] = [
                        "bot_token": .string(FakeSlack.token), "signing_secret": .string(FakeSlack.signingSecret), "channel": "#alerts",
                        "base_url": .string(server.url("")),
                    ]
                    let settings = base.merging(more) { $1 }.filter { $0.value != .null }.mapValues { value in
                        value == "HOOK" ? .string(server.url(FakeSlack.hook)) : value
                    }
                    return try await body(test.make(SlackAlertSink.self, .object(settings)), slack, server, test)
                })
        } catch {
            result = .failure(error)
        }
        await engine.shutdown()
        return try result.get()
    }

    private func answers(_ sink: SlackAlertSink, _ request: PluginRequest) async throws -> [PageAcknowledgement]? {
        guard case .webhook(let route)? = sink.routes.first, route.verification.isConfigured, route.verification.verify(request) else { return nil }
        let result = try await route.parse(request)
        #expect(result.response.status == .ok && result.response.body.isEmpty)
        return result.events.compactMap { if case .acknowledgement(let answer) = $0.content { answer } else { nil } }
    }

    @Test func theDeclarationsAreSound() {
        #expect(SlackSettings.schema.problems.isEmpty)
        for name in ["bot_token", "signing_secret", "webhook_url"] { #expect(SlackSettings.schema[name]?.shape.isSecret == true) }
        let forms = SlackAlertSink.manifest.contacts
        #expect(forms.map(\.use) == [.contact(type: "slack"), .receiver(key: "slack_configs")])
        #expect(forms[0].recipientKeys == ["channel"] && forms[1].recipientKeys == ["api_url", "channel"] && forms[1].isSecret)
        #expect(forms[1].inherits == ["api_url": "slack_api_url"] && forms.allSatisfy { $0.needs == ["channel": "bot_token"] })
        #expect(SlackSettings.schema["bot_token"] != nil && forms[1].placeholders == ["https://slack.com/api/chat.postMessage"])
    }

    @Test func oneMessageTellsTheWholeMatter() async throws {
        try await run { sink, slack, server, _ async throws in
            let receipt = try await sink.page(page)
            #expect(slack.messages.count == 1 && receipt.vendorID == "1756814400.100000")
            let first = try #require(slack.messages.first)
            #expect(first.buttons.map { $0["action_id"] } == ["jack_acknowledge", "jack_resolve", "jack_escalate"])
            #expect(first.buttons.allSatisfy { $0["value"]?.stringValue == page.groupKey })
            #expect(first.shown.contains("🔴 CRITICAL · 2 alerts") && first.shown.contains("The boiler is down") && first.shown.contains("room: 204"))
            #expect(first.shown.contains("“es ist kalt” <!channel> & so") && first.shown.contains("route 2, oncall.yaml:9"))
            #expect(
                first.shown.contains("<https://jack.example.com/a/1|Open in Jack>")
                    && first.shown.contains("<https://wiki.example.com/water?a=1&b=2|Runbook>"))
            #expect(first.text == "[critical] The boiler is down" && !server.requests[0].text.contains("481516"), "nobody answers by a code in Slack")
            var news = page
            (news.id, news.note) = ("page-2", "acknowledged by Ana")
            #expect(try await sink.update(news).vendorID == receipt.vendorID)
            let second = try #require(slack.messages.first)
            #expect(
                slack.messages.count == 1 && second.edits == 1 && second.shown.contains("👀 ACKNOWLEDGED")
                    && second.shown.contains("acknowledged by Ana"))
            #expect(second.buttons.map { $0["action_id"] } == ["jack_resolve", "jack_escalate"])
            _ = try await sink.resolve(page)
            let last = try #require(slack.messages.first)
            #expect(slack.messages.count == 1 && last.edits == 2 && last.shown.contains("✅ RESOLVED") && last.buttons.isEmpty && slack.refusals == [])
        }
    }

    @Test func aPageIsAMessageOfItsOwnUnlessItIsTheSamePage() async throws {
        try await run { sink, slack, _, _ async throws in
            _ = try await sink.page(page)
            _ = try await sink.page(page)
            #expect(slack.messages.map(\.edits) == [1], "told again after a crash: the same message")
            var next = page
            (next.id, next.level) = ("page-9", 3)
            _ = try await sink.page(next)
            #expect(slack.messages.map(\.edits) == [1, 0], "the next level notifies")
            _ = try await sink.resolve(next)
            #expect(slack.messages.map(\.edits) == [1, 1], "the last one is changed")
        }
    }

    @Test func whatWasAcknowledgedStaysSoUntilTheNextPage() async throws {
        try await run { sink, slack, _, _ async throws in
            _ = try await sink.page(page)
            var news = page
            (news.id, news.note) = ("page-2", "acknowledged by Ana")
            _ = try await sink.update(news)
            (news.id, news.note) = ("page-3", "some alerts of the group are resolved")
            _ = try await sink.update(news)
            let shown = try #require(slack.messages.first)
            #expect(shown.shown.contains("👀 ACKNOWLEDGED") && shown.shown.contains("acknowledged by Ana") && shown.shown.contains("some alerts of"))
            #expect(shown.buttons.map { $0["action_id"] } == ["jack_resolve", "jack_escalate"])
            var again = page
            again.id = "page-4"
            _ = try await sink.page(again)
            #expect(slack.messages.count == 2 && slack.messages[1].buttons.count == 3, "it came back: nobody has acknowledged it now")
        }
    }

    @Test func eachRecipientHasItsOwnMessage() async throws {
        try await run { sink, slack, server, _ async throws in
            var other = page
            other.recipient = "#front-desk"
            _ = try await sink.page(page)
            _ = try await sink.page(other)
            _ = try await sink.resolve(other)
            #expect(
                slack.messages.map(\.edits) == [0, 1]
                    && server.requests.map(\.json).compactMap { $0?["channel"] } == ["#alerts", "#front-desk", "C0DESK"])
            other.recipient = "#nowhere"
            let failure = await #expect(throws: PluginFailure.self) { try await sink.page(other) }
            #expect(failure?.reason == .unknownRecipient && failure?.message.contains("channel_not_found") == true)
        }
    }

    @Test func aMessageThatWasDeletedIsWrittenAnew() async throws {
        try await run { sink, slack, _, _ async throws in
            _ = try await sink.page(page)
            slack.deleteAll()
            _ = try await sink.update(page)
            #expect(slack.messages.count == 2)
            var fresh = page
            fresh.groupKey = "another"
            _ = try await sink.resolve(fresh)
            #expect(slack.messages.count == 3, "what was never written here is told all the same")
        }
    }

    @Test func storageThatFailsStopsNoPage() async throws {
        try await run { sink, slack, _, test async throws in
            test.storage.fail(with: .notReady(.unreachable, "the disk is full"))
            _ = try await sink.page(page)
            #expect(slack.messages.count == 1 && test.logs.contains("cannot be kept"))
        }
    }

    @Test func whatIsTooLongIsCut() async throws {
        try await run(["maximum_alerts": 20]) { sink, slack, _, _ async throws in
            let huge = String(repeating: "größer & <b>👩‍👩‍👧‍👦</b> ", count: 20_000)
            var page = page
            (page.id, page.groupKey, page.reason, page.note) = (huge, huge, huge, huge)
            page.alerts = (0..<60).map { index in
                Alert(
                    fingerprint: "\(index)", name: huge, severity: .error, summary: huge, detail: huge,
                    labels: Dictionary(uniqueKeysWithValues: (0..<40).map { ("label\($0)", huge) }),
                    annotations: ["runbook": "https://x.example/" + huge],
                    startsAt: page.alerts[0].startsAt, generatorURL: huge)
            }
            _ = try await sink.page(page)
            #expect(slack.refusals == [] && slack.messages.count == 1)
            #expect(slack.messages[0].shown.contains(/and \d\d more/) && slack.messages[0].text.utf16.count < 1000)
            let value = try #require(slack.messages[0].buttons.first?["value"]?.stringValue)
            #expect(value.hasPrefix("jack:"))
            let clock = VirtualClock().now
            #expect(try await answers(sink, Click.request(Click.payload(value: value), at: clock))?.map(\.reference) == [huge])
            _ = try await sink.resolve(page)
            #expect(slack.messages.map(\.edits) == [1] && slack.refusals == [])
        }
        try await run { sink, slack, _, _ async throws in
            var page = page
            page.alerts = Array(repeating: page.alerts[0], count: 40)
            _ = try await sink.page(page)
            #expect(slack.messages[0].shown.contains("and 30 more") && slack.refusals == [])
        }
    }

    // MARK: Incoming webhooks

    @Test func anIncomingWebhookCanOnlyWrite() async throws {
        let settings: [String: JSONValue] = ["bot_token": .null, "signing_secret": .null, "channel": .null, "webhook_url": "HOOK"]
        try await run(settings) { sink, slack, server, _ async throws in
            #expect(!sink.features.acknowledges && !sink.features.updatesInPlace)
            for tell in [sink.page, sink.update, sink.resolve] { #expect(try await tell(page).vendorID == nil) }
            #expect(slack.hooked.count == 3 && slack.hooked.allSatisfy(\.buttons.isEmpty) && slack.refusals == [])
            #expect(try await sink.probe().summary.contains("cannot be tried") && server.requests.count == 3)
        }
    }

    @Test func aRecipientMayBeAnIncomingWebhook() async throws {
        try await run { sink, slack, server, _ async throws in
            var other = page
            other.recipient = server.url(FakeSlack.hook)
            _ = try await sink.page(other)
            other.recipient = "https://slack.com/api/chat.postMessage"
            _ = try await sink.page(other)
            #expect(slack.hooked.count == 1 && slack.messages.count == 1, "Alertmanager's api_url of a bot stands for the bot")
        }
        try await run(["bot_token": .null, "signing_secret": .null, "channel": .null]) { sink, _, server, _ async throws in
            for recipient in [nil, "#alerts"] {
                var other = page
                other.recipient = recipient
                let failure = await #expect(throws: PluginFailure.self) { try await sink.page(other) }
                #expect(failure?.reason == .configuration && server.requests.isEmpty)
            }
        }
    }

    @Test(
        arguments: [
            (400, "invalid_payload", .permanent, .invalidRequest), (403, "invalid_token", .credentialsRejected, .unauthorized),
            (403, "action_prohibited", .permanent, .unknownRecipient), (404, "no_service", .permanent, .unknownRecipient),
            (410, "channel_is_archived", .permanent, .unknownRecipient), (429, "", .notReady, .rateLimited),
            (500, "rollup_error", .notReady, .vendorFault),
            (200, "<html>", .notReady, .malformedReply), (302, "", .permanent, .invalidRequest),
        ] as [(Int, String, PluginFailure.Disposition, PluginFailure.Reason)])
    func aWebhooksRefusalIsATypedFailure(
        _ status: Int, _ text: String, _ disposition: PluginFailure.Disposition, _ reason: PluginFailure.Reason
    ) async throws {
        let answer: LoopbackServer.Answer = { _ in .status(status, headers: [("Retry-After", "7")], body: Array(text.utf8)) }
        let settings: [String: JSONValue] = ["bot_token": .null, "signing_secret": .null, "channel": .null, "webhook_url": "HOOK"]
        try await run(settings, answer: answer) { sink, _, server, test async throws in
            let failure = await #expect(throws: PluginFailure.self) { try await sink.page(page) }
            #expect(failure?.disposition == disposition && failure?.reason == reason)
            var other = page
            other.recipient = server.url(FakeSlack.hook)
            let theirs = await #expect(throws: PluginFailure.self) { try await sink.page(other) }
            #expect(theirs?.disposition != .credentialsRejected, "one recipient's URL says nothing of the instance")
            let said = "\(failure?.description ?? "") \(theirs?.description ?? "") \(test.logs.text)"
            #expect(!said.contains("hidden-webhook-token"))
        }
    }

    // MARK: What comes back

    @Test(
        arguments: [("jack_acknowledge", .acknowledge), ("jack_resolve", .resolve), ("jack_escalate", .escalate), ("other", nil)]
            as [(String, PageAcknowledgement.Action?)])
    func aClickIsAnAnswer(_ action: String, _ expected: PageAcknowledgement.Action?) async throws {
        try await run { sink, _, server, test async throws in
            let found = try await answers(sink, Click.request(Click.payload(action, value: page.groupKey), at: test.clock.now))
            #expect(found == (expected.map { [PageAcknowledgement(action: $0, reference: page.groupKey, by: "ana.lima")] } ?? []))
            #expect(server.requests.isEmpty, "it is answered at once")
        }
    }

    @Test func otherInteractionsAreTakenAndLeft() async throws {
        try await run { sink, _, _, test async throws in
            for payload in [
                ["type": "view_submission", "user": ["id": "U"]], ["type": "block_actions", "user": ["id": "U"], "actions": []],
                ["type": "block_actions", "actions": [["action_id": "jack_resolve", "value": "g"]]],
            ] as [JSONValue] {
                #expect(try await answers(sink, Click.request(payload, at: test.clock.now)) == [])
            }
        }
    }

    @Test func signaturesAreCheckedOverTimeAndBody() async throws {
        try await run { sink, _, _, test async throws in
            let now = test.clock.now
            func isTaken(_ change: (inout PluginRequest) -> Void) async throws -> Bool {
                var request = Click.request(Click.payload(), at: now)
                change(&request)
                return try await answers(sink, request) != nil
            }
            let signature = HTTPField.Name.known("X-Slack-Signature"), time = HTTPField.Name.known("X-Slack-Request-Timestamp")
            #expect(try await isTaken { _ in })
            #expect(try await isTaken { Click.sign(&$0, now.addingTimeInterval(-299)) })
            #expect(try await !isTaken { Click.sign(&$0, now.addingTimeInterval(-301)) })
            #expect(try await !isTaken { Click.sign(&$0, now.addingTimeInterval(302)) })
            #expect(try await !isTaken { Click.sign(&$0, now, secret: "another") })
            #expect(try await !isTaken { $0.headers[time] = "\(Int(now.timeIntervalSince1970) + 1)" })
            #expect(try await !isTaken { $0.headers[time] = "-1" })
            #expect(try await !isTaken { $0.headers[signature] = $0.headers[signature]?.replacing("v0=", with: "v1=") })
            #expect(try await !isTaken { $0.headers.append(HTTPField(name: signature, value: "v0=00")) })
        }
        try await run(["signing_secret": .null]) { sink, slack, _, test async throws in
            #expect(try await answers(sink, Click.request(Click.payload(), at: test.clock.now)) == nil && !sink.features.acknowledges)
            _ = try await sink.page(page)
            #expect(slack.messages[0].buttons.isEmpty, "a button whose click goes nowhere is none")
        }
    }

    // MARK: Settings and probe

    @Test func theProbeWritesNothing() async throws {
        try await run { sink, slack, server, _ async throws in
            #expect(try await sink.probe().summary == "reached Slack as jack in Miramar")
            #expect(server.requests.map(\.method) == ["GET"] && slack.messages.isEmpty)
        }
        try await run(["bot_token": "xoxb-wrong"]) { sink, _, _, _ async throws in
            let failure = await #expect(throws: PluginFailure.self) { try await sink.probe() }
            #expect(failure?.disposition == .credentialsRejected)
        }
    }

    @Test func aRateLimitSaysHowLong() async throws {
        try await run(answer: { _ in .status(429, headers: [("Retry-After", "30")]) }) { sink, _, _, _ async throws in
            let failure = await #expect(throws: PluginFailure.self) { try await sink.page(page) }
            #expect(failure?.reason == .rateLimited && failure?.retryAfter == .seconds(30))
        }
        let body = Array(#"{"ok":false,"error":"ratelimited"}"#.utf8)
        try await run(answer: { _ in .status(200, headers: [("Retry-After", "30")], body: body) }) { sink, _, _, _ async throws in
            let failure = await #expect(throws: PluginFailure.self) { try await sink.page(page) }
            #expect(failure?.reason == .rateLimited && failure?.retryAfter == .seconds(30))
        }
    }

    @Test(
        arguments: [
            (["webhook_url": "hooks.slack.com/x"], "it is not an https URL"), (["webhook_url": "http://hooks.slack.com/x"], "use https"),
            (["channel": "#alerts"], "only a bot"), (["maximum_alerts": 21], "out of range"), (["bot_tokn": "x"], "did you mean"),
            (["bot_token": "xoxb-1", "channel": ""], "it is empty"),
        ] as [(JSONValue, String)])
    func settingsAreReadStrictly(_ settings: JSONValue, _ complaint: String) {
        let error = #expect(throws: SettingsRejected.self) { try TestContext().make(SlackAlertSink.self, settings) }
        #expect(
            error?.description.contains(complaint) == true && error?.description.contains("hooks.slack.com/x") == false, "\(error?.description ?? "")"
        )
    }

    @Test func whatDoesNotWorkIsWarnedOf() throws {
        func warnings(_ settings: JSONValue) throws -> [String] {
            var report = ValidationReport()
            SlackAlertSink.validate(try decodeSettings(SlackSettings.self, settings), &report)
            return report.findings.compactMap(\.key)
        }
        #expect(try warnings([:]) == [] && warnings(["bot_token": "xoxb-1", "signing_secret": "s"]) == [])
        #expect(try warnings(["bot_token": "xoxb-1"]) == ["signing_secret"] && warnings(["signing_secret": "s"]) == ["signing_secret"])
        #expect(try warnings(["bot_token": "abc", "signing_secret": "s"]) == ["bot_token"])
    }
}
