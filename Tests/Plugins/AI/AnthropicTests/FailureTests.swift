import AnthropicProviderPlugin
import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct FailureTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let status: Int
        let type: String
        var message = ""
        let disposition: PluginFailure.Disposition
        let reason: PluginFailure.Reason
        var testDescription: String { "\(status) \(type) \(reason.rawValue)" }
    }

    private static let cases: [Case] = [
        Case(
            status: 400, type: "invalid_request_error", message: "prompt is too long: 210000 tokens > 200000 maximum", disposition: .permanent,
            reason: .contextTooLong),
        Case(
            status: 400, type: "invalid_request_error", message: "input length and `max_tokens` exceed context limit: 199000 + 4000 > 200000",
            disposition: .permanent, reason: .contextTooLong),
        Case(status: 413, type: "request_too_large", disposition: .permanent, reason: .contextTooLong),
        Case(
            status: 400, type: "invalid_request_error", message: "Output blocked by content filtering policy", disposition: .permanent,
            reason: .contentFiltered),
        Case(
            status: 400, type: "invalid_request_error", message: "Your credit balance is too low to access the Anthropic API.",
            disposition: .notReady,
            reason: .outOfCredit),
        Case(status: 402, type: "billing_error", disposition: .notReady, reason: .outOfCredit),
        Case(status: 400, type: "invalid_request_error", message: "messages: roles must alternate", disposition: .permanent, reason: .invalidRequest),
        Case(status: 401, type: "authentication_error", message: "invalid x-api-key", disposition: .credentialsRejected, reason: .unauthorized),
        Case(status: 403, type: "permission_error", disposition: .credentialsRejected, reason: .unauthorized),
        Case(status: 404, type: "not_found_error", message: "model: claude-sonnet-4-5", disposition: .permanent, reason: .notFound),
        Case(status: 429, type: "rate_limit_error", disposition: .notReady, reason: .rateLimited),
        Case(status: 500, type: "api_error", disposition: .notReady, reason: .vendorFault),
        Case(status: 504, type: "timeout_error", disposition: .notReady, reason: .vendorFault),
        Case(status: 529, type: "overloaded_error", disposition: .notReady, reason: .overloaded),
    ]

    @Test(arguments: cases)
    func anErrorIsATypedFailure(_ test: Case) async throws {
        let message = "\(test.message) \(Lab.key) \(Lab.guest)"
        try await Lab.run { request in
            // A stream that has begun can only tell by an event.
            request.jsonBody["stream"] == true
                ? FakeAnthropic.stream(
                    FakeAnthropic.start + FakeAnthropic.event("error", ["error": ["type": .string(test.type), "message": .string(message)]]),
                    pieces: 9)
                : FakeAnthropic.error(test.type, message, status: test.status)
        } use: { provider, server, _ in
            let whole = await Lab.failure { try await provider.complete(Lab.ask()) }
            let streamed = await Lab.read(provider.stream(Lab.ask()))
            #expect(streamed.texts.isEmpty && server.requests.count == 2, "the kernel retries, not the plugin")
            for failure in [whole, streamed.failure] {
                #expect(failure?.disposition == test.disposition && failure?.reason == test.reason, "\(String(describing: failure))")
                let said = failure?.description ?? ""
                #expect(!said.contains("hunter2") && !said.contains("Wann") && said.contains("(\(test.type))"))
            }
        }
    }

    @Test func aRefusedStreamTellsByItsStatus() async throws {
        for (reply, reason) in [
            (FakeAnthropic.error("overloaded_error", "x", status: 529, headers: [("retry-after", "4")]), PluginFailure.Reason.overloaded),
            (LoopbackReply.json("<html>", status: 529), .overloaded), (.status(302, headers: [("Location", "/x")]), .invalidRequest),
            (.json("{}", status: 401), .unauthorized),
        ] {
            try await Lab.run { _ in
                reply
            } use: { provider, _, _ in
                let outcome = await Lab.read(provider.stream(Lab.ask()))
                #expect(outcome.failure?.reason == reason && outcome.texts.isEmpty)
            }
        }
    }

    @Test(
        arguments: [
            ([("retry-after", "7"), ("anthropic-ratelimit-requests-remaining", "0")], .seconds(7)),
            (
                [
                    ("anthropic-ratelimit-requests-remaining", "0"), ("anthropic-ratelimit-requests-reset", "2025-09-02T12:01:30Z"),
                    ("anthropic-ratelimit-tokens-remaining", "9"), ("anthropic-ratelimit-tokens-reset", "2025-09-02T13:00:00Z"),
                ], .seconds(90)
            ),
            (
                [("anthropic-ratelimit-input-tokens-remaining", "0"), ("anthropic-ratelimit-input-tokens-reset", "2030-01-01T00:00:00Z")],
                .seconds(86_400)
            ),
            ([("anthropic-ratelimit-tokens-remaining", "0"), ("anthropic-ratelimit-tokens-reset", "2020-01-01T00:00:00Z")], nil),
            ([("anthropic-ratelimit-tokens-remaining", "0"), ("anthropic-ratelimit-tokens-reset", "soon")], nil), ([], nil),
        ] as [([(String, String)], Duration?)])
    func theWaitIsRead(_ headers: [(String, String)], _ wait: Duration?) async throws {
        try await Lab.run { _ in
            FakeAnthropic.error("rate_limit_error", "", status: 429, headers: headers)
        } use: { provider, _, _ in
            #expect(await Lab.failure { try await provider.complete(Lab.ask()) }?.retryAfter == wait)
        }
    }

    @Test func aRefusalIsFiltered() async throws {
        try await Lab.run { request in
            request.jsonBody["stream"] == true
                ? FakeAnthropic.stream(FakeAnthropic.start + FakeAnthropic.block(0, text: "Nun") + FakeAnthropic.end("refusal"))
                : FakeAnthropic.answer([FakeAnthropic.text("Nun")], stop: "refusal")
        } use: { provider, _, _ in
            let whole = await Lab.failure { try await provider.complete(Lab.ask()) }
            let streamed = await Lab.read(provider.stream(Lab.ask())).failure
            #expect([whole, streamed].allSatisfy { $0?.reason == .contentFiltered && $0?.disposition == .permanent })
        }
    }

    @Test(
        arguments: [
            "", "data: {\"broken\n\n", "data: [1]\n\n", "data: {\"type\":7}\n\n", "data: " + String(repeating: "x", count: 2 << 20),
            FakeAnthropic.event("content_block_delta", ["index": 9, "delta": ["type": "text_delta", "text": "x"]]),
            FakeAnthropic.event("content_block_start", ["index": -1, "content_block": ["type": "text", "text": "x"]]),
            FakeAnthropic.event("content_block_start", ["index": 999_999_999, "content_block": ["type": "text", "text": "x"]]),
            FakeAnthropic.event("content_block_start", ["index": "1"]),
            FakeAnthropic.block(1, tool: "order_towels", id: "a", input: "{\"cou") + FakeAnthropic.end("tool_use"),
            FakeAnthropic.block(1, tool: "order_towels", id: "a", input: "[1]") + FakeAnthropic.end("tool_use"),
            FakeAnthropic.block(1, tool: "", id: "a", input: "{}") + FakeAnthropic.end("tool_use"),
            FakeAnthropic.event("message_delta", ["delta": ["stop_reason": "end_turn"]]),
            FakeAnthropic.event("error", [:]),
        ])
    func aStreamThatGoesWrongIsNoAnswer(_ rest: String) async throws {
        let text =
            FakeAnthropic.start
            + FakeAnthropic.event("content_block_start", ["index": 0, "content_block": ["type": "text", "text": "Der Pool [doc:en/po"]])
            + rest
        for size in [1 << 20, 1000] {
            try await Lab.run { _ in
                FakeAnthropic.stream(text, pieces: size)
            } use: { provider, _, _ in
                let outcome = await Lab.read(provider.stream(Lab.ask()))
                #expect(outcome.answer == nil && outcome.failure?.disposition == .notReady && outcome.text == "Der Pool")
            }
        }
    }

    @Test(
        arguments: [
            "", "nonsense", "[]", "{}", #"{"content":[\#(Array(repeating: "{}", count: 300).joined(separator: ","))]}"#, #"{"content":"x"}"#,
            #"{"content":[{"type":"tool_use","id":"a","name":"b","input":"{"}],"stop_reason":"tool_use"}"#,
            #"{"type":"error","error":{"type":"api_error","message":"x"}}"#,
            #"{"content":[{"type":"tool_use","name":"b","input":{}}],"stop_reason":"tool_use"}"#,
        ])
    func anAnswerThatMakesNoSenseIsNotReady(_ body: String) async throws {
        try await Lab.run { _ in
            .json(body)
        } use: { provider, _, _ in
            #expect(await Lab.failure { try await provider.complete(Lab.ask()) }?.disposition == .notReady)
        }
    }

    @Test func jsonThatDoesNotComeIsAFailure() async throws {
        try await Lab.run { _ in
            FakeAnthropic.answer([FakeAnthropic.text("I would rather talk.")])
        } use: { provider, _, _ in
            let failure = await Lab.failure { try await provider.complete(Lab.ask(format: .json(name: "x", schema: Lab.form))) }
            #expect(failure?.reason == .malformedReply && failure?.description.contains("rather") == false)
        }
    }

    @Test func aStreamThatBeginsWithItsEndIsNoAnswer() async throws {
        try await Lab.run { _ in
            FakeAnthropic.stream(FakeAnthropic.end("end_turn"))
        } use: { provider, _, _ in
            #expect(await Lab.read(provider.stream(Lab.ask())).failure?.reason == .malformedReply)
        }
    }

    @Test func aConnectionThatBreaksIsNotReady() async throws {
        for reply in [FakeAnthropic.stream(FakeAnthropic.start, cut: true), .cut(after: Array("event: ".utf8), of: 900), .garbage([1, 2, 3])] {
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
            #expect(await Lab.failure { try await provider.complete(Lab.ask()) }?.reason == .timeout)
        }
    }

    @Test func whoeverStopsReadingEndsTheTransfer() async throws {
        let head = LoopbackReply.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")])
        let first = LoopbackReply.chunk(Array((FakeAnthropic.start + FakeAnthropic.block(0, text: "Hallo")).utf8))
        try await Lab.run { _ in
            LoopbackReply([.send(head), .send(first), .hang])
        } use: { provider, server, _ in
            for try await _ in provider.stream(Lab.ask()) {
                #expect(server.openConnections == 1)
                break
            }
            #expect(await eventually { server.openConnections == 0 })
        }
    }

    @Test func anAccountWithoutCreditIsToldAndMends() async throws {
        let hasCredit = LoopbackSignal()
        try await Lab.run { _ in
            hasCredit.isOpen ? FakeAnthropic.answer([FakeAnthropic.text("Hallo")]) : FakeAnthropic.error("billing_error", "", status: 402)
        } use: { provider, _, test in
            let failure = await Lab.failure { try await provider.complete(Lab.ask()) }
            hasCredit.open()
            _ = try await provider.complete(Lab.ask())
            _ = try await provider.complete(Lab.ask())
            #expect(test.health.reports == [.degraded(failure?.message ?? ""), .recovered] && failure?.retryAfter == .seconds(300))
        }
    }
}
