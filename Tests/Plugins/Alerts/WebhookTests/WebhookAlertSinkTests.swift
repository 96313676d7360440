import Crypto
import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import PluginTestKit
import Testing
import WebhookAlertSink

/// A receiver as its author would write it from the README alone: it trusts nothing that the signature does not cover.
private struct Receiver {
    let secret: String
    let now: Date

    /// What is wrong with a request, or nil.
    func problem(_ request: LoopbackServer.Request) -> String? {
        var fields: [String: String] = [:]
        for part in (request.header("X-Jack-Signature") ?? "").split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
            if pair.count == 2 { fields[pair[0]] = pair[1] }
        }
        guard let time = fields["t"], let seconds = Int(time), let given = fields["v1"] else { return "no signature" }
        guard abs(now.timeIntervalSince1970 - Double(seconds)) < 300 else { return "too old" }
        let code = HMAC<SHA256>.authenticationCode(for: Data("\(time).".utf8) + Data(request.body), using: SymmetricKey(data: Data(secret.utf8)))
        guard Data(code).map({ String(format: "%02x", $0) }).joined() == given else { return "a wrong signature" }
        if request.method == "OPTIONS" { return request.body.isEmpty && request.header("X-Jack-Event") == "probe" ? nil : "a strange probe" }
        guard request.method == "POST", request.header("Content-Type") == "application/json" else { return "not JSON by POST" }
        guard let body = try? JSONDecoder().decode(JSONValue.self, from: Data(request.body)) else { return "broken JSON" }
        guard body["event"]?.stringValue == request.header("X-Jack-Event") else { return "two events" }
        guard body["id"]?.stringValue == request.header("Idempotency-Key") else { return "two ids" }
        return nil
    }
}

@Suite(.timeLimit(.minutes(1))) struct WebhookAlertSinkTests {
    private let secret = "0123456789abcdef-hunter2"
    private let page = AlertPage(
        id: "page-1", groupKey: "g/1",
        alerts: [
            Alert(
                fingerprint: "f", name: "Smoke", severity: .critical, summary: "Rauch in 204 — “schnell”", detail: "a\nb", labels: ["room": "204"],
                startsAt: Date(timeIntervalSince1970: 1_756_814_400.25), isEmergency: true)
        ], recipient: "night", level: 3, reason: "route 2, oncall.yaml:9", url: "https://jack.example.com/a/1")

    /// Runs a sink of real settings against a real receiver over the real client.
    private func run<T: Sendable>(
        _ more: [String: JSONValue] = [:], _ answer: @escaping LoopbackServer.Answer,
        use body: (WebhookAlertSink, LoopbackServer, TestContext) async throws -> T
    ) async throws -> T {
        let engine = try CurlEngine(), test = TestContext(instance: "hook", http: CurlHTTPClient(engine: engine, policy: .unrestricted))
        let result: Result<T, any Error>
        do {
            result = .success(
                try await LoopbackServer.run(answer) { server in
                    let base: [String: JSONValue] = ["url": .string(server.url("/jack?token=hidden-token")), "secret": .string(secret)]
                    return try await body(test.make(WebhookAlertSink.self, .object(base.merging(more) { $1 })), server, test)
                })
        } catch {
            result = .failure(error)
        }
        await engine.shutdown()
        return try result.get()
    }

    @Test func theDeclarationsAreSound() {
        #expect(WebhookAlertSink.Settings.schema.problems.isEmpty)
        #expect(
            WebhookAlertSink.Settings.schema["headers"]?.shape.isSecret == true && WebhookAlertSink.Settings.schema["secret"]?.shape.isSecret == true)
    }

    @Test func aStrictReceiverTakesEveryEvent() async throws {
        let receiver = Receiver(secret: secret, now: VirtualClock().now)
        try await run(["headers": ["Authorization": "Bearer abc"]]) { request in
            receiver.problem(request).map { .text($0, status: 400) } ?? .json(#"{"id":"theirs-7"}"#, status: 202)
        } use: { sink, server, _ in
            let receipts = [try await sink.page(page), try await sink.update(page), try await sink.resolve(page)]
            #expect(receipts.map(\.vendorID) == ["theirs-7", "theirs-7", "theirs-7"])
            #expect(server.requests.map { $0.header("X-Jack-Event") } == ["page", "update", "resolve"])
            #expect(server.requests.allSatisfy { $0.header("Authorization") == "Bearer abc" && $0.target == "/jack?token=hidden-token" })
            let first = try #require(server.requests.first)
            let body = try JSONDecoder().decode(JSONValue.self, from: Data(first.body))
            #expect(body["groupKey"] == "g/1" && body["level"] == 3 && body["severity"] == "critical" && body["recipient"] == "night")
            let alert = try #require(body["alerts"]?.arrayValue?.first)
            #expect(alert["summary"] == "Rauch in 204 — “schnell”" && alert["startsAt"] == "2025-09-02T12:00:00.250Z" && alert["isEmergency"] == true)
            #expect(alert["labels"]?["room"] == "204" && alert["endsAt"] == nil)
        }
    }

    // MARK: Alertmanager's format

    /// What Debian's Alertmanager 0.25 posted for two alerts of one group: the members of the body and of an alert.
    private static let members: Set = [
        "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels", "commonAnnotations", "externalURL", "alerts",
    ]
    private static let alertMembers: Set = ["status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"]

    @Test func alertmanagersReceiversNeedNoChange() async throws {
        let receiver = Receiver(secret: secret, now: VirtualClock().now)
        var page = page
        page.alerts[0].labels["severity"] = "page"
        page.alerts[0].annotations = ["summary": "its own", "team": "a"]
        page.alerts[0].generatorURL = "http://prometheus.example.com/graph?g0.expr=up"
        page.alerts.append(
            Alert(
                fingerprint: "g", name: "Smoke", severity: .warning, summary: "s", detail: "d", labels: ["room": "205", "wing": "b"],
                annotations: ["team": "a"], startsAt: page.alerts[0].startsAt, endsAt: page.alerts[0].startsAt.addingTimeInterval(60)))
        (page.receiver, page.groupLabels, page.code, page.note) = ("night", ["alertname": "Smoke"], "481516", "acknowledged by Ana")
        let sent = page
        try await run(["format": "alertmanager"]) { request in
            // The signature, and nothing that is Jack's own within the body.
            let problem = receiver.problem(request)
            return problem == nil || problem == "two events" ? .status(200) : .text(problem ?? "", status: 400)
        } use: { sink, server, test in
            _ = try await sink.page(sent)
            _ = try await sink.resolve(sent)
            let bodies = server.requests.compactMap(\.json)
            #expect(bodies.count == 2 && server.requests.map { $0.header("Idempotency-Key") } == ["page-1", "page-1"])
            for body in bodies {
                #expect(Set((body.objectValue ?? [:]).keys) == Self.members && body["version"] == "4" && body["truncatedAlerts"] == 0)
                #expect(body["groupKey"] == "g/1" && body["receiver"] == "night" && body["groupLabels"] == ["alertname": "Smoke"])
                #expect(body["externalURL"] == "https://jack.example.com")
                #expect(body["commonLabels"] == ["alertname": "Smoke"] && body["commonAnnotations"] == ["team": "a"])
                for alert in body["alerts"]?.arrayValue ?? [] { #expect(Set((alert.objectValue ?? [:]).keys) == Self.alertMembers) }
            }
            #expect(bodies.map { $0["status"] } == ["firing", "resolved"])
            let first = try #require(bodies[0]["alerts"]?.arrayValue), last = try #require(bodies[1]["alerts"]?.arrayValue)
            #expect(first.map { $0["status"] } == ["firing", "resolved"] && last.map { $0["status"] } == ["resolved", "resolved"])
            #expect(first[0]["labels"] == ["alertname": "Smoke", "severity": "page", "room": "204"], "a label of its own stays as it is")
            #expect(first[1]["labels"] == ["alertname": "Smoke", "severity": "warning", "room": "205", "wing": "b"])
            #expect(
                first[0]["annotations"] == ["summary": "its own", "team": "a", "description": "a\nb"] && first[1]["annotations"]?["summary"] == "s")
            #expect(
                first[0]["startsAt"] == "2025-09-02T12:00:00.250Z" && first[0]["endsAt"] == "0001-01-01T00:00:00Z" && first[0]["fingerprint"] == "f")
            #expect(first[0]["generatorURL"] == "http://prometheus.example.com/graph?g0.expr=up" && first[1]["generatorURL"] == "")
            #expect(first[1]["endsAt"] == "2025-09-02T12:01:00.250Z" && last[0]["endsAt"]?.stringValue == test.clock.now.iso8601)
            #expect(!server.requests.contains { $0.text.contains("481516") })
        }
    }

    @Test func aPageWithoutAReceiverNamesTheInstance() async throws {
        try await run(["format": "alertmanager"]) { _ in
            .status(200)
        } use: { sink, server, _ in
            _ = try await sink.page(page)
            let body = try #require(server.requests.first?.json)
            #expect(body["receiver"] == "hook" && body["groupLabels"] == [:] && body["status"] == "firing")
        }
    }

    // MARK: Recipients that are URLs

    @Test func aRecipientThatIsAURLIsPostedTo() async throws {
        try await run { request in
            request.path == "/theirs" ? .status(request.target.contains("refuse") ? 401 : 200) : .status(500)
        } use: { sink, server, _ in
            var other = page
            other.recipient = server.url("/theirs?token=their-hidden-token")
            _ = try await sink.page(other)
            #expect(server.requests.map(\.target) == ["/theirs?token=their-hidden-token"] && server.requests[0].json?["recipient"] == nil)
            other.recipient = server.url("/theirs?refuse=their-hidden-token")
            let failure = await #expect(throws: PluginFailure.self) { try await sink.page(other) }
            #expect(failure?.disposition == .permanent && failure?.reason == .unknownRecipient, "it says nothing of the others")
            #expect(failure?.description.contains("their-hidden-token") == false)
        }
    }

    @Test func withoutAURLEachRecipientNeedsOne() async throws {
        let test = TestContext(), sink = try test.make(WebhookAlertSink.self, ["secret": .string(secret)])
        let failure = await #expect(throws: PluginFailure.self) { try await sink.page(page) }
        #expect(failure?.reason == .configuration)
        #expect(try await sink.probe().summary.contains("nothing to probe"))
    }

    @Test func plansWriteItsRecipientsAsAlertmanagerDoes() {
        let forms = WebhookAlertSink.manifest.contacts
        #expect(forms.contains(ContactForm(.receiver(key: "webhook_configs"), recipientKeys: ["url"], .url, isSecret: true, isProgram: true)))
    }

    @Test func theReceiverCanFail() async throws {
        let wrong = Receiver(secret: "another-secret-altogether", now: VirtualClock().now),
            late = Receiver(secret: secret, now: VirtualClock().now + 301)
        for receiver in [wrong, late] {
            try await run { request in
                receiver.problem(request).map { .text($0, status: 400) } ?? .text("")
            } use: { sink, _, _ in
                let failure = await #expect(throws: PluginFailure.self) { try await sink.page(page) }
                #expect(failure?.disposition == .permanent)
            }
        }
    }

    @Test func theSignatureFollowsTheClock() async throws {
        try await run { _ in
            .text("not JSON")
        } use: { sink, server, test in
            #expect(try await sink.page(page).vendorID == nil)
            await test.clock.advance(by: .seconds(90))
            _ = try await sink.page(page)
            let signatures = server.requests.compactMap { $0.header("X-Jack-Signature") }
            #expect(signatures.count == 2 && signatures[0].hasPrefix("t=1756814400,v1=") && signatures[1].hasPrefix("t=1756814490,v1="))
            #expect(server.requests[0].body == server.requests[1].body && signatures[0].suffix(64) != signatures[1].suffix(64))
        }
    }

    @Test(
        arguments: [
            (200, nil, nil), (204, nil, nil), (302, .permanent, .invalidRequest), (400, .permanent, .invalidRequest),
            (401, .credentialsRejected, .unauthorized),
            (403, .credentialsRejected, .unauthorized), (404, .permanent, .notFound), (410, .permanent, .notFound), (429, .notReady, .rateLimited),
            (500, .notReady, .vendorFault), (503, .notReady, .overloaded),
        ] as [(Int, PluginFailure.Disposition?, PluginFailure.Reason?)])
    func aStatusIsATypedFailure(_ status: Int, _ disposition: PluginFailure.Disposition?, _ reason: PluginFailure.Reason?) async throws {
        try await run { _ in
            .status(status, headers: [("Retry-After", "7"), ("Location", "/x")])
        } use: { sink, server, test in
            var failure: PluginFailure?
            do { _ = try await sink.page(page) } catch { failure = error as? PluginFailure }
            #expect(failure?.disposition == disposition && failure?.reason == reason)
            #expect(failure?.retryAfter == (disposition == .notReady ? .seconds(7) : nil))
            #expect(server.requests.count == 1, "the kernel retries, not the plugin")
            let said = (failure?.description ?? "") + test.logs.text
            #expect(!said.contains("hunter2") && !said.contains("hidden-token"))
        }
    }

    @Test func aReceiverThatIsSlowOrCutsIsNotReady() async throws {
        for (reply, reason) in [(LoopbackReply.silence, PluginFailure.Reason.timeout), (.cut(after: [], of: 5), .unreachable)] {
            try await run(["timeout": "300ms"]) { _ in
                reply
            } use: { sink, _, _ in
                let failure = await #expect(throws: PluginFailure.self) { try await sink.page(page) }
                #expect(failure?.reason == reason && failure?.disposition == .notReady && failure?.message.contains("hidden-token") == false)
            }
        }
    }

    @Test func theProbeTellsOfNoAlert() async throws {
        let receiver = Receiver(secret: secret, now: VirtualClock().now)
        for (status, isReached) in [(200, true), (204, true), (405, true), (404, true), (401, false), (500, false)] {
            try await run { request in
                receiver.problem(request).map { .text($0, status: 400) } ?? .status(status)
            } use: { sink, server, _ in
                let result = try? await sink.probe()
                #expect((result != nil) == isReached && server.requests.map(\.method) == ["OPTIONS"])
                if let result { #expect(result.summary.hasPrefix("reached 127.0.0.1")) }
            }
        }
    }

    @Test(
        arguments: [
            (["url": "ftp://x"], "is not an http or https URL"), (["secret": "too-short"], "needs at least 16"),
            (["timeout": "2m"], "out of range"),
            (["headers": ["X-Jack-Event": "page"]], "is set by Jack"), (["headers": ["Bad Name": "x"]], "is not the name of a header"),
            (["headers": ["X-A": "a\r\nX-Jack-Event: page"]], "line break"), (["timeout": 10], "say the unit"),
        ] as [(JSONValue, String)])
    func settingsAreReadStrictly(_ settings: JSONValue, _ complaint: String) {
        let base: [String: JSONValue] = ["url": "https://alerts.example.com/x", "secret": .string(secret)]
        let error = #expect(throws: SettingsRejected.self) {
            try TestContext().make(WebhookAlertSink.self, .object(base.merging(settings.objectValue ?? [:]) { $1 }))
        }
        #expect(error?.description.contains(complaint) == true && error?.description.contains("hunter2") == false, "\(error?.description ?? "")")
    }

    @Test(arguments: [("http://alerts.example.com/", 1), ("https://alerts.example.com/", 0), ("http://localhost:8080/", 0), ("http://[::1]/", 0)])
    func anUnencryptedURLIsWarnedOf(_ url: String, _ warnings: Int) throws {
        var report = ValidationReport()
        WebhookAlertSink.validate(try decodeSettings(WebhookAlertSink.Settings.self, ["url": .string(url), "secret": .string(secret)]), &report)
        #expect(report.findings.count == warnings && report.findings.allSatisfy { $0.severity == .warning })
    }

    @Test func settingsPrintWithoutSecrets() throws {
        let settings = try decodeSettings(
            WebhookAlertSink.Settings.self,
            ["url": "https://a.example", "secret": .string(secret), "headers": ["Authorization": "Bearer hunter2-token"]])
        #expect(!"\(settings.printed)".contains("hunter2") && !"\(settings)".contains("hunter2"))
    }
}
