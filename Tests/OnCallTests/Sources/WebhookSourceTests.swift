import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@testable import OnCall

/// Outside sources over a real database.
@Suite(.timeLimit(.minutes(1))) struct WebhookSourceTests {
    static let secret = "a-secret-of-the-boiler"
    static let token = "a-token-of-the-boiler"

    private func sources(_ room: Watchroom, _ change: (inout AlertSourceSettings) -> Void = { _ in }) -> AlertSources {
        var boiler = AlertSourceSettings()
        boiler.name = "boiler"
        boiler.secret = Secret(Self.secret)
        boiler.token = Secret(Self.token)
        boiler.map.name = "title"
        boiler.map.summary = "message"
        boiler.map.severity = "level"
        boiler.map.status = "state"
        boiler.map.labels = ["room": "tags.room", "floor": "tags.floors.0"]
        boiler.severities = ["grave": .critical]
        change(&boiler)
        return AlertSources(
            [boiler], engine: room.engine, jobs: room.jobs, alerts: room.alerts, property: PropertyInfo.sample.id, clock: room.clock,
            metrics: MemoryMetrics(), logger: room.logs.logger())
    }

    private func request(_ body: String, _ headers: HTTPFields) -> PluginRequest {
        PluginRequest(
            method: .post, path: "/api/v1/alerts/boiler", headers: headers, body: Array(body.utf8), remoteAddress: "192.0.2.1",
            url: "https://jack.example/api/v1/alerts/boiler")
    }

    private func signed(_ body: String, at date: Date, secret: String = secret, key: String? = nil) -> PluginRequest {
        var headers: HTTPFields = [.known("X-Jack-Signature"): WebhookSigner(secret: secret).timestamped(Array(body.utf8), at: date)]
        headers[.known("Idempotency-Key")] = key
        return request(body, headers)
    }

    private func bearing(_ body: String, key: String? = nil) -> PluginRequest {
        var headers: HTTPFields = [.authorization: "Bearer \(Self.token)"]
        headers[.known("Idempotency-Key")] = key
        return request(body, headers)
    }

    private func refusal(_ body: () async throws -> SourceReceipt) async -> SourceRefusal? {
        do {
            _ = try await body()
            return nil
        } catch { return error as? SourceRefusal }
    }

    static let low = #"{"title":"BoilerPressure","message":"0.4 bar","level":"grave","state":"alarm","tags":{"room":"B1","floors":["-1"]}}"#
    static let well = #"{"title":"BoilerPressure","message":"1.4 bar","level":"info","state":"OK","tags":{"room":"B1","floors":["-1"]}}"#

    @Test func whatIsPostedStandsUntilItIsOver() async throws {
        try await Watchroom.open { room async throws in
            let sources = sources(room)
            let first = try await sources.take(signed(Self.low, at: room.clock.now), of: "boiler")
            #expect((first.alerts, first.resolved, first.isDuplicate) == (1, 0, false))
            let alert = try #require(try await room.told().first)
            #expect(alert.name == "BoilerPressure" && alert.severity == .critical && alert.summary == "0.4 bar" && !alert.isEmergency)
            #expect(
                alert.labels == [
                    "alertname": "BoilerPressure", "severity": "critical", "source": "boiler", "property": PropertyInfo.sample.id, "type": "source",
                    "room": "B1", "floor": "-1",
                ])
            // Told again, it is the same alert; told with another severity, it is the same in another light.
            await room.clock.advance(by: .seconds(10))
            _ = try await sources.take(signed(Self.low, at: room.clock.now), of: "boiler")
            #expect(try await room.story() == ["+BoilerPressure!"])
            await room.clock.advance(by: .seconds(10))
            _ = try await sources.take(signed(Self.low.replacing("grave", with: "warning"), at: room.clock.now), of: "boiler")
            #expect(try await room.story() == ["+BoilerPressure!", "+BoilerPressure"])
            let last = try await sources.take(signed(Self.well, at: room.clock.now), of: "boiler")
            #expect((last.alerts, last.resolved) == (0, 1))
            #expect(try await room.story() == ["+BoilerPressure!", "+BoilerPressure", "-BoilerPressure"])
            let told = try await room.told()
            #expect(Set(told.map(\.fingerprint)).count == 1)
            // What is over is not over twice.
            await room.clock.advance(by: .seconds(1))
            #expect(try await sources.take(signed(Self.well, at: room.clock.now), of: "boiler").resolved == 0)
        }
    }

    @Test func whatIsNotVerifiedIsNotTaken() async throws {
        try await Watchroom.open { room async throws in
            let sources = sources(room), now = room.clock.now
            let good = signed(Self.low, at: now)
            var otherBody = good, otherTime = good, noTime = good, odd = good
            otherBody.body = Array(Self.well.utf8)
            let header = try #require(good.headers[.known("X-Jack-Signature")])
            otherTime.headers[.known("X-Jack-Signature")] = header.replacing("t=1", with: "t=2")
            noTime.headers[.known("X-Jack-Signature")] = String(header.drop { $0 != "," })
            odd.headers[.known("X-Jack-Signature")] = "t=99999999999999999999,v1=zz,,=,v1"
            let wrong: [(PluginRequest, String)] = [
                (otherBody, "the signature is wrong"), (otherTime, "the signature is wrong"), (noTime, "not written as"), (odd, "not written as"),
                (signed(Self.low, at: now, secret: "another-secret-0123"), "the signature is wrong"),
                (signed(Self.low, at: now.addingTimeInterval(-301)), "301 s old"), (signed(Self.low, at: now.addingTimeInterval(400)), "400 s ahead"),
                (request(Self.low, [:]), "neither a signature nor a token"),
                (request(Self.low, [.authorization: "Bearer wrong-token-0123456"]), "the token is wrong"),
                // A forged signature is not mended by anything else.
                (request(Self.low, [.authorization: "Bearer \(Self.token)", .known("X-Jack-Signature"): "t=1,v1=00"]), "the signature is wrong"),
            ]
            for (request, words) in wrong {
                let found = await refusal { try await sources.take(request, of: "boiler") }
                guard case .unverified(let reason) = found else {
                    Issue.record("\(String(describing: found)) in place of: \(words)")
                    continue
                }
                #expect(reason.contains(words))
            }
            #expect(await refusal { try await sources.take(good, of: "boilr") } == .unknown)
            #expect(try await room.told().isEmpty)
            #expect(try await sources.take(signed(Self.low, at: now.addingTimeInterval(-299)), of: "boiler").alerts == 1)
            #expect(try await sources.take(bearing(Self.low), of: "boiler").alerts == 1)
        }
    }

    @Test func aReplayChangesNothing() async throws {
        try await Watchroom.open { room async throws in
            let sources = sources(room)
            let recorded = signed(Self.low, at: room.clock.now)
            _ = try await sources.take(recorded, of: "boiler")
            #expect(try await room.story() == ["+BoilerPressure!"])
            _ = try await sources.take(signed(Self.well, at: room.clock.now), of: "boiler")
            #expect(try await room.story() == ["+BoilerPressure!", "-BoilerPressure!"])
            // Whoever recorded it sends it again, under another name even: nothing begins anew.
            var renamed = recorded
            renamed.headers[.known("Idempotency-Key")] = "another"
            for again in [recorded, renamed] { #expect(try await sources.take(again, of: "boiler").isDuplicate) }
            #expect(try await room.story() == ["+BoilerPressure!", "-BoilerPressure!"])
            // A sender that tries again signs anew and keeps its key.
            _ = try await sources.take(signed(Self.low, at: room.clock.now.addingTimeInterval(1), key: "d-1"), of: "boiler")
            _ = try await sources.take(signed(Self.well, at: room.clock.now.addingTimeInterval(2), key: "d-2"), of: "boiler")
            #expect(try await sources.take(signed(Self.low, at: room.clock.now.addingTimeInterval(3), key: "d-1"), of: "boiler").isDuplicate)
            // The same key with something else in it is something else: Jack's own pages end under the key under which they began.
            #expect(try await !sources.take(bearing(Self.low.replacing("B1", with: "B2"), key: "d-1"), of: "boiler").isDuplicate)
            // Days later nothing of it is known any more, and nothing of it would pass either.
            await room.clock.advance(by: .seconds(90_000))
            guard case .unverified? = await refusal({ try await sources.take(recorded, of: "boiler") }) else {
                Issue.record("an old recording was taken")
                return
            }
        }
    }

    @Test func anAlertOfWhichNothingIsHeardEnds() async throws {
        try await Watchroom.open { room async throws in
            let sources = sources(room) { $0.lasts = .seconds(3600) }
            room.jobs.register(AlertSources.lapseKind) { try await sources.lapse($0) }
            _ = try await sources.take(bearing(Self.low), of: "boiler")
            await room.clock.advance(by: .seconds(3000))
            _ = try await sources.take(bearing(Self.low), of: "boiler")
            await room.clock.advance(by: .seconds(3000))
            #expect(try await room.story() == ["+BoilerPressure!"])
            await room.clock.advance(by: .seconds(700))
            #expect(try await room.story() == ["+BoilerPressure!", "-BoilerPressure!"])
        }
    }

    @Test func aFloodIsBoundedAndTold() async throws {
        try await Watchroom.open { room async throws in
            let sources = sources(room) { $0.maximumOpen = 3 }
            func body(_ room: Int, _ state: String = "alarm") -> String { Self.low.replacing("B1", with: "\(room)").replacing("alarm", with: state) }
            for number in 1...3 { _ = try await sources.take(bearing(body(number)), of: "boiler") }
            guard case .tooMany(let words)? = await refusal({ try await sources.take(bearing(body(4), key: "k"), of: "boiler") }) else {
                Issue.record("a fourth was taken")
                return
            }
            #expect(words.contains("3 alerts of boiler stand open"))
            #expect(try await room.told().map(\.name).sorted() == ["AlertSourceFlood", "BoilerPressure", "BoilerPressure", "BoilerPressure"])
            // Known ones are still heard of, and what was refused is taken once there is room.
            #expect(try await sources.take(bearing(body(2)), of: "boiler").alerts == 1)
            #expect(try await sources.take(bearing(body(1, "resolved")), of: "boiler").resolved == 1)
            #expect(try await sources.take(bearing(body(4), key: "k"), of: "boiler").alerts == 1)
            let ended = try await room.told().filter { $0.endsAt != nil }.map(\.name)
            #expect(ended.contains("AlertSourceFlood") && ended.contains("BoilerPressure"))
        }
    }

    @Test(arguments: [
        ("", "JSON"), ("{", "JSON"), ("[1,2", "JSON"), (String(repeating: "[", count: 100_000), "JSON"), ("\u{0}", "JSON"),
    ])
    func whatIsNoJSONIsSaidToBeNone(_ body: String, _ words: String) async throws {
        try await Watchroom.open { room async throws in
            let found = await refusal { try await sources(room).take(bearing(body), of: "boiler") }
            guard case .unreadable(let reason) = found else {
                Issue.record("\(String(describing: found))")
                return
            }
            #expect(reason.contains(words))
        }
    }

    @Test func oddDocumentsAreAnAlertOrAClearError() async throws {
        try await Watchroom.open { room async throws in
            let sources = sources(room)
            // What is missing is not a reason to stay silent.
            for body in ["{}", "[]", "null", "3", #"{"title":null,"state":{"x":1},"level":[1]}"#] {
                #expect(try await sources.take(bearing(body), of: "boiler").alerts == 1)
            }
            let told = try await room.told()
            #expect(told.map(\.name) == ["boiler"] && told.first?.severity == .error)
            let long = #"{"title":"A","tags":{"room":"\#(String(repeating: "x", count: 1 << 20))"}}"#
            guard case .invalid(let reason)? = await refusal({ try await sources.take(bearing(long), of: "boiler") }) else {
                Issue.record("a label of a megabyte was taken")
                return
            }
            #expect(reason.contains("room") && reason.contains("1048576 bytes") && reason.count < 300)
        }
    }

    @Test func listsAndFormats() throws {
        let now = Date(timeIntervalSince1970: 1_756_814_400)
        func read(_ format: AlertSourceSettings.Format, _ body: String, _ change: (inout AlertSourceSettings) -> Void = { _ in }) throws
            -> [SourcedAlert]
        {
            var settings = AlertSourceSettings()
            (settings.name, settings.format) = ("other", format)
            change(&settings)
            return try SourceReader(settings).read(Array(body.utf8), at: now).alerts
        }
        let page =
            #"{"event":"EVENT","id":"page_1","groupKey":"g","severity":"critical","level":1,"reason":"r","mayRepeat":false,"alerts":[{"fingerprint":"abc","name":"DiskUsage","severity":"warning","summary":"full","detail":"d","labels":{"severity":"warning","disk":"sda","emergency":"true","source":"x"},"annotations":{"runbook":"https://x.example"},"startsAt":"2025-09-02T11:00:00.000Z","isEmergency":true}]}"#
        let paged = try #require(try read(.jack, page.replacing("EVENT", with: "page")).first)
        #expect(paged.name == "DiskUsage" && paged.severity == .warning && paged.labels == ["disk": "sda"] && !paged.isOver && paged.detail == "d")
        #expect(paged.annotations == ["runbook": "https://x.example"])
        let ended = try #require(try read(.jack, page.replacing("EVENT", with: "resolve")).first)
        #expect(ended.isOver && ended.key == paged.key)
        #expect(try read(.jack, page.replacing("EVENT", with: "update")).first?.isOver == false)

        let grafana =
            #"{"receiver":"jack","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"High","severity":"page","job":"db"},"annotations":{"summary":"s"},"startsAt":"2025-09-02T11:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"https://g.example/1","fingerprint":"f1"},{"status":"resolved","labels":{"alertname":"Low"},"annotations":{},"endsAt":"2025-09-02T11:30:00Z","fingerprint":"f2"}]}"#
        let two = try read(.alertmanager, grafana)
        #expect(two.map(\.name) == ["High", "Low"] && two.map(\.isOver) == [false, true] && two.map(\.severity) == [.critical, .error])
        #expect(two[0].link == "https://g.example/1" && two[0].labels == ["job": "db"])

        let kuma =
            #"{"heartbeat":{"monitorID":7,"status":0,"msg":"timeout"},"monitor":{"id":7,"name":"Door locks"},"msg":"[Door locks] [Down] timeout"}"#
        func kumaSettings(_ settings: inout AlertSourceSettings) {
            (settings.map.name, settings.map.summary, settings.map.status, settings.map.key) = (
                "=ServiceDown", "msg", "heartbeat.status", "monitor.id"
            )
            settings.map.labels = ["monitor": "monitor.name"]
            (settings.resolved, settings.ignored) = (["1"], ["2", "3"])
        }
        let down = try #require(try read(.map, kuma, kumaSettings).first)
        #expect(down.name == "ServiceDown" && down.labels == ["monitor": "Door locks"] && !down.isOver)
        let up = try #require(try read(.map, kuma.replacing(#""status":0"#, with: #""status":1"#), kumaSettings).first)
        #expect(up.isOver && up.key == down.key)
        #expect(try read(.map, kuma.replacing(#""status":0"#, with: #""status":2"#), kumaSettings).isEmpty)
        #expect(throws: SourceRefusal.self) { try read(.alertmanager, #"{"alerts":{}}"#) }
        #expect(try read(.alertmanager, #"{"alerts":[\#(Array(repeating: "{}", count: 501).joined(separator: ","))]}"#).count == 500)
    }

    @Test func oneAlertOfAListCostsTheOthersNothing() async throws {
        try await Watchroom.open { room async throws in
            let sources = sources(room) { ($0.format, $0.maximumOpen) = (.alertmanager, 1000) }
            let huge = String(repeating: "x", count: 20_000)
            let body =
                #"{"alerts":[{"labels":{"alertname":"Odd","x":"\#(huge)"}},{"labels":{"alertname":"Fire","severity":"critical"},"annotations":{"note":"\#(huge)"}}]}"#
            // Sent again it is not told otherwise, and what is sound of it is not taken twice.
            for _ in 0..<2 {
                let found = await refusal { try await sources.take(bearing(body, key: "k"), of: "boiler") }
                guard case .invalid(let reason)? = found else {
                    Issue.record("\(String(describing: found))")
                    return
                }
                #expect(reason == "alert 1: the label “x” has a value of 20000 bytes; at most 16384 are taken; the other 1 of the request were taken")
            }
            let told = try await room.told()
            #expect(told.map(\.name) == ["Fire"])
            #expect(told.first?.annotations["note"]?.utf8.count == 16_384)
            let many = #"{"alerts":[\#((0..<501).map { #"{"labels":{"alertname":"A\#($0)"}}"# }.joined(separator: ","))]}"#
            guard case .invalid(let reason)? = await refusal({ try await sources.take(bearing(many), of: "boiler") }) else {
                Issue.record("501 alerts were taken")
                return
            }
            #expect(reason.contains("501 alerts; at most 500 are taken"))
            #expect(Set(try await room.told().map(\.name)).count == 501)
        }
    }

    @Test func settingsAreCheckedWithTheirPlaces() throws {
        func problems(_ yaml: String) -> [String] {
            var diagnostics = Diagnostics(), report = ValidationReport()
            let node = YAMLReader().read(Array(yaml.utf8), file: "x.yaml", &diagnostics)
            guard let settings = node.flatMap({ OnCallSettings.decode($0, &diagnostics) }) else { return diagnostics.sorted.map(\.description) }
            settings.check(&report)
            return report.findings.map { "\($0.key ?? ""): \($0.message)" }
        }
        let found = problems(
            """
            sources:
              - {name: open}
              - {name: "a/b", token: 0123456789abcdef}
              - {name: twice, token: 0123456789abcdef, map: {name: a..b}}
              - {name: twice, token: 0123456789abcdef, labels: {severity: x}, severities: {"~(": critical}}
              - {name: mail, kind: email, token: 0123456789abcdef, senders: [nobody]}
              - {name: anybody, kind: email, channel: email}
            """)
        for (key, words) in [
            ("sources.0.secret", "anybody could raise alerts as open"), ("sources.1.name", "cannot stand in an address"),
            ("sources.2.map.name", "no path"),
            ("sources.3.name", "already"), ("sources.3.labels.severity", "Jack sets"), ("sources.3.severities", "no regular"),
            ("sources.4.channel", "which mailbox"), ("sources.4.token", "a mail has no token"), ("sources.4.senders", "neither"),
            ("sources.5.senders", "anybody could raise alerts by writing"),
        ] {
            let isThere = found.contains { $0.hasPrefix(key) && ($0.contains(words) || words == "no regular") }
            #expect(isThere, "\(key): \(words) among \(found)")
        }
        #expect(problems("sources:\n  - {name: short, token: short}\n").contains { $0.contains("at least 16") || $0.contains("needs at least 16") })
        #expect(problems("sources:\n  - {name: sound, token: 0123456789abcdef, map: {summary: message, status: state}}\n").isEmpty)
    }
}
