import Foundation
import Kernel
import OpenAIProviderPlugin
import PluginAPI
import PluginTestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct FailureTests {
    /// An error as the API words it, with a secret and a guest's words in its message.
    private static func error(_ code: String?, type: String = "invalid_request_error", param: String? = nil, message: String = "") -> String {
        let quote = { (text: String?) in text.map { "\"\($0)\"" } ?? "null" }
        return #"{"error":{"message":"\#(message) \#(Lab.key) \#(Lab.guest)","type":"\#(type)","param":\#(quote(param)),"code":\#(quote(code))}}"#
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let status: Int
        let body: String
        let disposition: PluginFailure.Disposition
        let reason: PluginFailure.Reason
        var says = ""
        var testDescription: String { "\(status) \(reason.rawValue)" }
    }

    private static let cases: [Case] = [
        Case(status: 400, body: error("context_length_exceeded"), disposition: .permanent, reason: .contextTooLong, says: "context_length_exceeded"),
        Case(
            status: 400,
            body: #"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}"#,
            disposition: .permanent, reason: .contextTooLong),
        Case(
            status: 400,
            body:
                #"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_ctx":4096}}"#,
            disposition: .permanent, reason: .contextTooLong),
        Case(
            status: 429, body: error("rate_limit_exceeded", type: "tokens", message: "Request too large for gpt-4.1"), disposition: .permanent,
            reason: .contextTooLong),
        Case(status: 400, body: error("content_policy_violation"), disposition: .permanent, reason: .contentFiltered),
        Case(status: 400, body: error("content_filter"), disposition: .permanent, reason: .contentFiltered),
        Case(
            status: 403, body: #"{"error":{"code":403,"message":"moderation","metadata":{"reasons":["x"],"flagged_input":"y"}}}"#,
            disposition: .permanent,
            reason: .contentFiltered),
        Case(
            status: 429, body: error("insufficient_quota", type: "insufficient_quota"), disposition: .notReady, reason: .outOfCredit, says: "billing"),
        Case(status: 402, body: #"{"error":{"code":402,"message":"Insufficient credits"}}"#, disposition: .notReady, reason: .outOfCredit),
        Case(status: 401, body: error("invalid_api_key"), disposition: .credentialsRejected, reason: .unauthorized, says: "invalid_api_key"),
        Case(status: 403, body: error("unsupported_country_region_territory"), disposition: .credentialsRejected, reason: .unauthorized),
        Case(status: 404, body: error("model_not_found"), disposition: .permanent, reason: .notFound, says: "“gpt-4.1”"),
        Case(status: 404, body: "", disposition: .permanent, reason: .notFound),
        Case(status: 429, body: error("rate_limit_exceeded", type: "requests"), disposition: .notReady, reason: .rateLimited),
        Case(status: 429, body: "<html>", disposition: .notReady, reason: .rateLimited),
        Case(
            status: 400, body: error("unsupported_parameter", param: "temperature"), disposition: .permanent, reason: .invalidRequest,
            says: "(unsupported_parameter, temperature)"),
        Case(status: 400, body: error(Lab.key, param: Lab.key), disposition: .permanent, reason: .invalidRequest),
        Case(status: 422, body: #"{"detail":"Wann öffnet der Pool?"}"#, disposition: .permanent, reason: .invalidRequest),
        Case(status: 500, body: error(nil, type: "server_error"), disposition: .notReady, reason: .vendorFault),
        Case(status: 503, body: "[1,2", disposition: .notReady, reason: .overloaded),
        Case(status: 302, body: "", disposition: .permanent, reason: .invalidRequest),
        Case(status: 200, body: #"{"error":{"code":502,"message":"x"}}"#, disposition: .notReady, reason: .vendorFault),
        Case(status: 200, body: #"{"error":{"code":429,"message":"x"}}"#, disposition: .notReady, reason: .rateLimited),
        Case(status: 200, body: #"{"error":"boom"}"#, disposition: .notReady, reason: .vendorFault),
        Case(status: 200, body: #"{"choices":[]}"#, disposition: .notReady, reason: .malformedReply),
        Case(status: 200, body: #"{"choices":[{"message":"no"}]}"#, disposition: .notReady, reason: .malformedReply),
        Case(status: 200, body: #"{"choices":{"0":1}}"#, disposition: .notReady, reason: .malformedReply),
        Case(
            status: 200,
            body:
                #"{"choices":[{"message":{"tool_calls":[\#(Array(repeating: #"{"function":{"name":"a"}}"#, count: 80).joined(separator: ","))]}}]}"#,
            disposition: .notReady, reason: .malformedReply),
        Case(status: 200, body: "hunter2 nonsense", disposition: .notReady, reason: .malformedReply),
        Case(status: 200, body: "", disposition: .notReady, reason: .malformedReply),
        Case(
            status: 200, body: #"{"choices":[{"message":{"content":"x"},"finish_reason":"content_filter"}]}"#, disposition: .permanent,
            reason: .contentFiltered),
        Case(
            status: 200, body: #"{"choices":[{"message":{"content":null,"refusal":"I will not"},"finish_reason":"stop"}]}"#, disposition: .permanent,
            reason: .contentFiltered),
        Case(
            status: 200,
            body: #"{"choices":[{"message":{"tool_calls":[{"id":"a","function":{"name":"b","arguments":"{"}}]},"finish_reason":"tool_calls"}]}"#,
            disposition: .notReady, reason: .malformedReply),
        Case(
            status: 200, body: #"{"choices":[{"message":{"tool_calls":[{"id":"a","function":{"arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#,
            disposition: .notReady, reason: .malformedReply),
    ]

    @Test(arguments: cases)
    func anErrorIsATypedFailure(_ test: Case) async throws {
        try await Lab.run { _ in
            .json(test.body, status: test.status)
        } use: { provider, server, _ in
            let whole = await Lab.failure { try await provider.complete(Lab.ask()) }
            let streamed = await Lab.read(provider.stream(Lab.ask()))
            #expect(streamed.texts.isEmpty && server.requests.count == 2, "the kernel retries, not the plugin")
            for failure in [whole, streamed.failure] {
                #expect(failure?.disposition == test.disposition && failure?.reason == test.reason, "\(String(describing: failure))")
                let said = failure?.description ?? ""
                #expect(test.says.isEmpty || said.contains(test.says))
                #expect(!said.contains("hunter2") && !said.contains("Wann") && !said.contains("moderation"))
            }
        }
    }

    @Test(
        arguments: [
            ([("retry-after-ms", "1500"), ("Retry-After", "9")], .milliseconds(1500)), ([("Retry-After", "7")], .seconds(7)),
            ([("Retry-After", "Tue, 02 Sep 2025 12:01:00 GMT")], .seconds(60)),
            (
                [
                    ("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "1m30s"), ("x-ratelimit-remaining-tokens", "5"),
                    ("x-ratelimit-reset-tokens", "6h"),
                ], .seconds(90)
            ),
            ([("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "250ms")], .milliseconds(250)),
            ([("x-ratelimit-reset", "1756814430000")], .seconds(30)), ([("x-ratelimit-reset", "1756814430")], .seconds(30)),
            ([("Retry-After", "1e99")], .seconds(86_400)), ([("retry-after-ms", "inf")], .seconds(86_400)),
            ([("retry-after-ms", "nan"), ("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "soon")], nil),
            ([("x-ratelimit-reset", "-5")], nil), ([], nil),
        ] as [([(String, String)], Duration?)])
    func theWaitIsRead(_ headers: [(String, String)], _ wait: Duration?) async throws {
        try await Lab.run { _ in
            .status(429, headers: headers)
        } use: { provider, _, _ in
            let failure = await Lab.failure { try await provider.complete(Lab.ask()) }
            #expect(failure?.reason == .rateLimited && failure?.retryAfter == wait)
        }
    }

    @Test(
        arguments: [
            "data: {\"error\":{\"message\":\"hunter2\",\"code\":\"server_error\"}}\n\n",
            "event: error\ndata: {\"error\":{\"message\":\"hunter2\",\"code\":503}}\n\n", "data: {\"broken\n\n", "data: [1]\n\n",
            "data: " + String(repeating: "x", count: 2 << 20),
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n" + FakeOpenAI.done,
            "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":999999999999,\"function\":{\"arguments\":\"{\"}}]}}]}\n\n" + FakeOpenAI.done,
            "data: {\"choices\":[{\"delta\":{\"tool_calls\":[\(Array(repeating: "{\"index\":-1,\"id\":\"x\"}", count: 3).joined(separator: ","))]}}]}\n\n"
                + FakeOpenAI.done,
            "data: {\"choices\":[{\"delta\":{\"tool_calls\":[\((0..<80).map { "{\"index\":\($0)}" }.joined(separator: ","))]}}]}\n\n"
                + FakeOpenAI.done,
            "", "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        ])
    func aStreamThatGoesWrongIsNoAnswer(_ rest: String) async throws {
        let text = FakeOpenAI.chunk(["content": "Der Pool [doc:en/po"]) + rest
        for size in [1 << 20, 1000] {
            try await Lab.run { _ in
                FakeOpenAI.stream(text, pieces: size)
            } use: { provider, _, _ in
                let outcome = await Lab.read(provider.stream(Lab.ask()))
                #expect(outcome.answer == nil && outcome.failure != nil && outcome.text == "Der Pool")
                #expect(outcome.failure?.description.contains("hunter2") == false)
            }
        }
    }

    @Test func aConnectionThatBreaksIsNotReady() async throws {
        for reply in [
            FakeOpenAI.stream(FakeOpenAI.chunk(["content": "Der "]), cut: true), .cut(after: Array("data: ".utf8), of: 900), .garbage([1, 2, 3]),
        ] {
            try await Lab.run { _ in
                reply
            } use: { provider, _, _ in
                let outcome = await Lab.read(provider.stream(Lab.ask()))
                #expect(outcome.answer == nil && outcome.failure?.disposition == .notReady)
                #expect(await Lab.failure { try await provider.complete(Lab.ask()) }?.disposition == .notReady)
            }
        }
    }

    @Test func silenceIsATimeout() async throws {
        try await Lab.run(["timeout": "1s"]) { _ in
            .silence
        } use: { provider, _, _ in
            let failure = await Lab.failure { try await provider.complete(Lab.ask()) }
            #expect(failure?.reason == .timeout && failure?.disposition == .notReady)
        }
    }

    @Test func whoeverStopsReadingEndsTheTransfer() async throws {
        let head = LoopbackReply.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")])
        let first = LoopbackReply.chunk(Array(FakeOpenAI.chunk(["content": "Der Pool"]).utf8))
        try await Lab.run { _ in
            LoopbackReply([.send(head), .send(first), .hang])
        } use: { provider, server, _ in
            for try await event in provider.stream(Lab.ask()) {
                #expect(event == .text("Der Pool"))
                #expect(server.openConnections == 1)
                break
            }
            #expect(await eventually { server.openConnections == 0 })
            let task = Task { try await provider.complete(Lab.ask()) }
            #expect(await eventually { server.requests.count == 2 })
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(await eventually { server.openConnections == 0 })
        }
    }

    @Test func anAccountWithoutCreditIsToldOnceAndMends() async throws {
        let hasCredit = LoopbackSignal()
        try await Lab.run { _ in
            hasCredit.isOpen ? FakeOpenAI.answer("Hallo") : .json(Self.error("insufficient_quota"), status: 429)
        } use: { provider, _, test in
            let failure = await Lab.failure { try await provider.complete(Lab.ask()) }
            #expect(failure?.retryAfter == .seconds(300))
            hasCredit.open()
            _ = try await provider.complete(Lab.ask())
            _ = try await provider.complete(Lab.ask())
            #expect(test.health.reports == [.degraded(failure?.message ?? ""), .recovered])
        }
    }
}
