import Foundation
import OnCall
import PluginAPI
import Synchronization
import Testing

@testable import Gateway
@testable import Kernel

/// The wire of the Alertmanager v2 API. The expected texts and codes were taken from a running Alertmanager 0.25.
@Suite struct AlertmanagerAPITests {
    private func with(_ body: (TestHouse, MemoryBoard) async throws -> Void) async throws {
        let board = MemoryBoard()
        try await TestHouse.run(board: board) { house in try await body(house, board) }
    }

    private func post(_ house: TestHouse, _ path: String, _ body: String, type: String = "application/json") async throws -> RawResponse {
        try await house.api("POST", "/api/v2/" + path, headers: ["Content-Type: \(type)"], body: body)
    }

    private func list(_ response: RawResponse) throws -> [[String: Any]] {
        try #require(try JSONSerialization.jsonObject(with: Data(response.body.utf8)) as? [[String: Any]])
    }

    @Test func onlyTheTokenOpensIt() async throws {
        try await with { house, board async throws in
            for (method, path) in [("GET", "status"), ("GET", "alerts"), ("POST", "alerts"), ("GET", "silences"), ("DELETE", "silence/x")] {
                let answer = try await house.request(
                    method, "/api/v2/\(path)", headers: ["Authorization: Bearer wrong"], body: method == "POST" ? "[]" : "")
                #expect(answer.status == 401 && answer.json["code"] as? Int == 401, "\(path)")
                #expect(answer.headers["www-authenticate"] == #"Bearer realm="jack""#)
            }
            #expect(board.taken.isEmpty)
            #expect(try await house.request("GET", "/-/healthy").body == "OK")
            #expect(try await house.request("GET", "/-/ready").status == 200)
        }
    }

    @Test func itSaysWhatItIs() async throws {
        try await with { house, _ async throws in
            let status = try await house.api("GET", "/api/v2/status").json
            #expect((status["config"] as? [String: Any])?["original"] as? String == MemoryBoard().configurationText)
            #expect((status["cluster"] as? [String: Any])?["status"] as? String == "disabled")
            #expect(status["uptime"] as? String == "2027-01-15T08:00:00.250Z")
            let version = try #require(status["versionInfo"] as? [String: String])
            #expect(version["version"] == "1.2.3")
            #expect(Set(version.keys) == ["version", "revision", "branch", "buildUser", "buildDate", "goVersion"])
            #expect(
                try await house.api("GET", "/api/v2/receivers").body.trimmingCharacters(in: .whitespacesAndNewlines)
                    == #"[{"name":"front-desk"},{"name":"duty-manager"}]"#)
        }
    }

    @Test func alertsComeBackAsTheyCame() async throws {
        try await with { house, board async throws in
            let body =
                #"[{"labels":{"alertname":"A","x":"","Zimmer ü":"204"},"annotations":{"summary":"s"},"startsAt":"2026-11-21T23:45:58.221+01:00","endsAt":"0001-01-01T00:00:00.000Z","generatorURL":"http://g/x","unknown":1}]"#
            let answer = try await post(house, "alerts", body)
            #expect(answer.status == 200 && answer.body.isEmpty)
            let taken = try #require(board.taken.first)
            // A label without a value is none, and Go's zero time is no time.
            #expect(taken.labels == ["alertname": "A", "Zimmer ü": "204"] && taken.endsAt == nil)
            #expect(taken.startsAt == Date(timeIntervalSince1970: 1_795_301_158.221))
            let shown = try #require(try list(await house.api("GET", "/api/v2/alerts")).first)
            #expect(shown["startsAt"] as? String == "2026-11-21T22:45:58.221Z")
            #expect(shown["generatorURL"] as? String == "http://g/x")
            #expect((shown["receivers"] as? [[String: String]])?.map { $0["name"] } == ["front-desk"])
            let status = try #require(shown["status"] as? [String: Any])
            #expect(status["state"] as? String == "active")
            for name in ["silencedBy", "inhibitedBy", "mutedBy"] { #expect((status[name] as? [String])?.isEmpty == true) }
            #expect(
                Set(shown.keys)
                    == ["annotations", "endsAt", "fingerprint", "receivers", "startsAt", "status", "updatedAt", "generatorURL", "labels"])
            let group = try #require(try list(await house.api("GET", "/api/v2/alerts/groups")).first)
            #expect(Set(group.keys) == ["alerts", "labels", "routeLabels", "receiver"])
            #expect((group["receiver"] as? [String: String])?["name"] == "front-desk")
        }
    }

    @Test(arguments: [
        ("", 422, #"{"code":602,"message":"alerts in body is required"}"#),
        ("[{}]", 422, #"{"code":602,"message":"0.labels in body is required"}"#),
        (#"[{"labels":null}]"#, 422, #"{"code":602,"message":"0.labels in body is required"}"#),
        (#"[{"labels":{}}]"#, 400, #""at least one label pair required""#),
        (#"[{"labels":{"a":""}}]"#, 400, #""at least one label pair required""#),
        (
            #"[{"labels":{"a":"b"},"startsAt":"2026-01-02T00:00:00Z","endsAt":"2026-01-01T00:00:00Z"}]"#, 400,
            #""start time must be before end time""#
        ),
        (
            #"[{"labels":{"a":"b"},"generatorURL":"::bad"}]"#, 422,
            #"{"code":601,"message":"0.generatorURL in body must be of type uri: \"::bad\""}"#
        ),
    ]) func whatIsWrongIsSaidAsAlertmanagerSaysIt(_ body: String, _ status: Int, _ text: String) async throws {
        try await with { house, board async throws in
            let answer = try await post(house, "alerts", body)
            #expect(answer.status == status)
            #expect(answer.body.trimmingCharacters(in: .whitespacesAndNewlines) == text)
            #expect(answer.headers["content-type"] == "application/json")
            #expect(board.taken.isEmpty)
        }
    }

    @Test(arguments: [
        "{", "{}", "nonsense", #"[{"labels":{"a":1}}]"#, #"[{"labels":{"a":"b"},"startsAt":"yesterday"}]"#,
        #"[{"labels":{"a":"b"},"startsAt":"2026-02-30T00:00:00Z"}]"#, #"[{"labels":[]}]"#, "\u{FEFF}[", "[[[[[[[[[[",
        String(repeating: "[", count: 100_000), String(repeating: #"{"a":"#, count: 50_000),
    ]) func whatCannotBeReadIsRefusedInTheSameShape(_ body: String) async throws {
        try await with { house, board async throws in
            let answer = try await post(house, "alerts", body)
            #expect(answer.status == 400 && answer.json["code"] as? Int == 400, "\(answer.status) \(answer.body.prefix(200))")
            #expect((answer.json["message"] as? String)?.hasPrefix("parsing alerts body from \"\" failed, because ") == true)
            #expect(answer.body.utf8.count < 2000)
            #expect(board.taken.isEmpty)
        }
    }

    /// As Go reads it, and so Alertmanager.
    @Test func halfAnEmojiIsNoReasonToLoseAnAlert() async throws {
        try await with { house, board async throws in
            #expect(try await post(house, "alerts", #"[{"labels":{"alertname":"A\ud83d","b":"\ud83d\ude00"}}]"#).status == 200)
            #expect(board.taken.map(\.labels) == [["alertname": "A\u{FFFD}", "b": "😀"]])
        }
    }

    @Test func soundAlertsOfARequestAreTakenWhateverTheOthersAre() async throws {
        try await with { house, board async throws in
            let huge = String(repeating: "x", count: 1 << 20)
            let body =
                #"[{"labels":{"alertname":"Huge","value":"\#(huge)"}},{"labels":{"alertname":"Sound"},"annotations":{"text":"\#(huge)é"}},{"labels":{}}]"#
            let answer = try await post(house, "alerts", body)
            #expect(answer.status == 400)
            #expect(answer.body.contains("the label “value” has a value of 1048576 bytes; at most 16384 are taken; at least one label pair required"))
            #expect(board.taken.map { $0.labels["alertname"] } == ["Sound"])
            // An annotation is for people: it is cut, and the alert stands.
            #expect(board.taken.first?.annotations["text"]?.utf8.count == OnCallLimits().annotationValue)
            #expect(house.lines.named("alerts were refused").first?["count"] == "2")
            let flood = "[" + (0..<200).map { _ in #"{"labels":{}}"# }.joined(separator: ",") + "]"
            #expect(try await post(house, "alerts", flood).body.contains("and 190 more"))
        }
    }

    /// What Alertmanager refuses a whole request for costs only the alert that it is about; the answer is Alertmanager's.
    @Test(arguments: [
        (#"{}"#, 422, "602"), (#"{"labels":{"a":1}}"#, 400, "parsing alerts body"), ("null", 400, "parsing alerts body"),
        ("[]", 400, "parsing alerts body"),
        (#"{"labels":{"a":"b"},"generatorURL":"::bad"}"#, 422, "601"), (#"{"labels":{"a":"b"},"startsAt":"yesterday"}"#, 400, "is no time"),
        (#"{"labels":{"a":"b"},"annotations":[]}"#, 400, "parsing alerts body"),
    ]) func oneThatCannotBeReadCostsTheOthersNothing(_ odd: String, _ status: Int, _ words: String) async throws {
        try await with { house, board async throws in
            let answer = try await post(house, "alerts", #"[{"labels":{"alertname":"First"}},\#(odd),{"labels":{"alertname":"Last"}}]"#)
            #expect(answer.status == status && answer.body.contains(words), "\(answer.status) \(answer.body)")
            #expect(board.taken.map { $0.labels["alertname"] } == ["First", "Last"])
        }
    }

    @Test func typesSizesAndFailuresHaveTheirStatus() async throws {
        let board = MemoryBoard()
        try await TestHouse.run(board: board, { $0.maximumBodyBytes = 1000 }) { house async throws in
            #expect(try await post(house, "alerts", "[]", type: "text/plain").status == 415)
            let long = try await post(house, "alerts", "[" + String(repeating: " ", count: 2000) + "]")
            // It is refused by its length alone, before anybody knows what it is about.
            #expect(long.status == 413)
            board.state.withLock { $0.failure = StorageError(.full, "disk full") }
            let full = try await post(house, "alerts", #"[{"labels":{"a":"b"}}]"#)
            #expect(full.status == 503 && (full.json["message"] as? String)?.contains("full") == true && full.headers["retry-after"] != nil)
            board.state.withLock { $0.failure = OnCallError(.tooMany, "too many alerts stand open") }
            #expect(try await post(house, "alerts", #"[{"labels":{"a":"b"}}]"#).body.contains("too many alerts"))
        }
    }

    @Test func aStormIsNotRateLimited() async throws {
        let board = MemoryBoard()
        try await TestHouse.run(board: board, { $0.rates.api = .init(perSecond: 0.001, burst: 2) }) { house async throws in
            for index in 0..<20 {
                #expect(try await post(house, "alerts", #"[{"labels":{"alertname":"A\#(index)"}}]"#).status == 200)
                #expect(try await house.api("POST", "/api/v1/alerts", body: #"{"name":"B\#(index)"}"#).status == 202)
            }
            #expect(board.taken.count == 40)
            _ = try await house.api("GET", "/api/v2/alerts")
            _ = try await house.api("GET", "/api/v2/alerts")
            #expect(try await house.api("GET", "/api/v2/alerts").status == 429)
        }
    }

    @Test func filtersPick() async throws {
        try await with { house, board async throws in
            try await board.take([
                PostedAlert(labels: ["alertname": "A", "room": "204"]), PostedAlert(labels: ["alertname": "B", "room": "310"]),
                PostedAlert(labels: ["alertname": "C"]),
            ])
            func names(_ query: String) async throws -> [String] {
                let encoded = query.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(["=", "&"])) ?? query
                let answer = try await house.api("GET", "/api/v2/alerts?" + encoded)
                try #require(answer.status == 200, "\(answer.body)")
                return try list(answer).compactMap { ($0["labels"] as? [String: String])?["alertname"] }.sorted()
            }
            func filter(_ texts: String...) async throws -> [String] {
                let query = texts.map { "filter=" + ($0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "") }.joined(separator: "&")
                return try list(await house.api("GET", "/api/v2/alerts?" + query)).compactMap { ($0["labels"] as? [String: String])?["alertname"] }
                    .sorted()
            }
            #expect(try await filter(#"room="204""#) == ["A"])
            #expect(try await filter("room=204") == ["A"])
            #expect(try await filter(#"room=~"2..|3..""#) == ["A", "B"])
            #expect(try await filter(#"room!="204""#) == ["B", "C"])
            #expect(try await filter(#"room!~"2\\d\\d""#, #"alertname!="C""#) == ["B"])
            #expect(try await filter(#"room="""#) == ["C"])
            #expect(try await filter(#""room"="310""#) == ["B"])
            #expect(try await names("receiver=front.*").count == 3)
            #expect(try await names("receiver=front").isEmpty)
            #expect(try await names("active=false").isEmpty)
            // amtool's own list asks so, and wants what has just come too.
            #expect(try await names("active=true&unprocessed=false&silenced=false").count == 3)
            _ = try await board.set(
                Silence(
                    matchers: [LabelMatcher("room", .equal, "204")], startsAt: Date(timeIntervalSinceNow: -5),
                    endsAt: Date(timeIntervalSinceNow: 500),
                    createdBy: "t", comment: "t"))
            #expect(try await names("silenced=false") == ["B", "C"])
            #expect(try await names("active=false") == ["A"])
            for (query, text) in [
                ("filter=x", "bad matcher format: x"), ("filter=a%3D~%22(%22", "bad matcher format"),
                ("receiver=(", "failed to parse receiver param"),
                ("filter=%22a", "bad matcher format"), ("filter=a%3D%22b", "bad matcher format"), ("filter=%3D1", "bad matcher format"),
            ] as [(String, String)] {
                let answer = try await house.api("GET", "/api/v2/alerts?" + query)
                #expect(answer.status == 400 && answer.body.contains(text), "\(query): \(answer.body)")
                #expect(try await house.api("GET", "/api/v2/alerts/groups?" + query).status == 400)
            }
        }
    }

    private func silence(
        _ matchers: String = #"[{"name":"a","value":"b","isRegex":false}]"#, from: String = "2099-01-01T00:00:00Z",
        to: String = "2099-01-02T00:00:00Z",
        id: String? = nil
    ) -> String {
        #"{\#(id.map { #""id":"\#($0)","# } ?? "")"matchers":\#(matchers),"startsAt":"\#(from)","endsAt":"\#(to)","createdBy":"me","comment":"c"}"#
    }

    @Test func silencesAreSetShownChangedAndEnded() async throws {
        try await with { house, board async throws in
            let made = try await post(
                house, "silences", silence(#"[{"name":"a","value":"b.*","isRegex":true,"isEqual":false},{"name":"c","value":"d","isRegex":false}]"#))
            let id = try #require(made.json["silenceID"] as? String)
            #expect(made.status == 200)
            let shown = try await house.api("GET", "/api/v2/silence/\(id)").json
            #expect(
                Set(shown.keys)
                    == ["id", "status", "updatedAt", "comment", "createdBy", "endsAt", "matchers", "startsAt", "annotations"])
            #expect((shown["status"] as? [String: String])?["state"] == "pending")
            #expect(shown["endsAt"] as? String == "2099-01-02T00:00:00.000Z")
            let matcher = try #require((shown["matchers"] as? [[String: Any]])?.first)
            #expect(matcher["isRegex"] as? Bool == true && matcher["isEqual"] as? Bool == false && matcher["value"] as? String == "b.*")
            #expect(try await post(house, "silences", silence(to: "2099-06-01T00:00:00Z", id: id)).json["silenceID"] as? String == id)
            #expect(board.state.withLock { $0.silences.count } == 1)
            let second = try await post(house, "silences", silence(from: "2020-01-01T00:00:00Z")).json["silenceID"] as? String
            // The active one comes first; a filter names a silence's own matchers.
            #expect(try list(await house.api("GET", "/api/v2/silences")).compactMap { $0["id"] as? String } == [second, id])
            #expect(try list(await house.api("GET", "/api/v2/silences?filter=a%3D%22b%22")).count == 2)
            #expect(try list(await house.api("GET", "/api/v2/silences?filter=a%3D%22c%22")).isEmpty)
            #expect(try list(await house.api("GET", "/api/v2/silences?pending=false")).count == 1)
            let ended = try await house.api("DELETE", "/api/v2/silence/\(id)")
            #expect(ended.status == 200 && ended.body.isEmpty)
            #expect((try await house.api("GET", "/api/v2/silence/\(id)").json["status"] as? [String: String])?["state"] == "expired")
        }
    }

    @Test func aSilenceThatIsWrongIsRefused() async throws {
        try await with { house, board async throws in
            for (body, status, text) in [
                ("{}", 422, #"{"code":602,"message":"comment in body is required"}"#),
                (silence("[]"), 422, #"{"code":612,"message":"matchers in body should have at least 1 items"}"#),
                (silence(#"[{"name":"a","isRegex":true}]"#), 422, #"{"code":602,"message":"matchers.0.value in body is required"}"#),
                (
                    silence(#"[{"name":"a","value":"","isRegex":false}]"#), 400,
                    #""silence invalid: at least one matcher must not match the empty string""#
                ),
                (silence(#"[{"name":"a","value":".*","isRegex":true}]"#), 400, "must not match the empty string"),
                (silence(#"[{"name":"a","value":"(","isRegex":true}]"#), 400, "invalid label matcher 0: invalid regular expression"),
                (silence(#"[{"name":"","value":"x","isRegex":false}]"#), 400, #"invalid label matcher 0: invalid label name \"\""#),
                (silence(from: "2099-01-03T00:00:00Z"), 400, #""Failed to create silence: start time must be before end time""#),
                (
                    silence(from: "2020-01-01T00:00:00Z", to: "2020-01-02T00:00:00Z"), 400,
                    #""Failed to create silence: end time can't be in the past""#
                ),
                (silence(id: "00000000-0000-0000-0000-000000000000"), 404, #""silence not found""#),
                (silence(to: "tomorrow"), 400, "parsing silence body"), ("[", 400, "parsing silence body"),
            ] as [(String, Int, String)] {
                let answer = try await post(house, "silences", body)
                #expect(answer.status == status && answer.body.contains(text), "\(body): \(answer.status) \(answer.body)")
            }
            #expect(board.state.withLock { $0.silences.isEmpty })
            for method in ["GET", "DELETE"] {
                let wrong = try await house.api(method, "/api/v2/silence/zz")
                #expect(wrong.status == 422)
                #expect(wrong.body.contains(#""message":"silenceID in path must be of type uuid: \"zz\"""#))
                #expect(try await house.api(method, "/api/v2/silence/00000000-0000-0000-0000-000000000000").status == 404)
            }
        }
    }

    @Test func momentsAreReadToTheMillisecondWithAnyOffset() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:00:00.5Z", 951_825_600.5), ("2026-11-21T23:45:58.221+01:00", 1_795_301_158.221),
            ("2026-11-21T17:15:58.221999999-05:30", 1_795_301_158.221999999), ("2026-11-21 22:45:58Z", 1_795_301_158),
            ("0001-01-01T00:00:00Z", -62_135_596_800),
        ] as [(String, Double)] { #expect(abs((AlertmanagerText.date(text)?.timeIntervalSince1970 ?? .infinity) - seconds) < 1e-5, "\(text)") }
        for text in [
            "", "x", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00Z ", "20260101T000000Z", "-026-01-01T00:00:00Z",
        ] { #expect(AlertmanagerText.date(text) == nil, "\(text)") }
    }
}
