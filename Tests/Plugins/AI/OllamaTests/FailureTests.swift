import Foundation
import Kernel
import OllamaProviderPlugin
import PluginAPI
import PluginTestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct FailureTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let status: Int
        let body: String
        let disposition: PluginFailure.Disposition
        let reason: PluginFailure.Reason
        var says = ""
        var testDescription: String { "\(status) \(reason.rawValue) \(body.prefix(40))" }
    }

    private static let cases: [Case] = [
        Case(
            status: 404, body: #"{"error":"model \"llama3.1:8b\" not found, try pulling it first"}"#, disposition: .notReady, reason: .notFound,
            says: "`ollama pull llama3.1:8b`"),
        Case(status: 404, body: "404 page not found", disposition: .permanent, reason: .notFound),
        Case(
            status: 400, body: #"{"error":"the prompt is longer than the context length currently available to the model"}"#, disposition: .permanent,
            reason: .contextTooLong, says: "context_length"),
        Case(status: 500, body: #"{"error":"request exceeds the available context size"}"#, disposition: .permanent, reason: .contextTooLong),
        Case(
            status: 400, body: #"{"error":"registry.ollama.ai/library/gemma:2b does not support tools"}"#, disposition: .permanent,
            reason: .invalidRequest, says: "tools"),
        Case(
            status: 500, body: #"{"error":"model requires more system memory (9.0 GiB) than is available (4.0 GiB)"}"#, disposition: .notReady,
            reason: .overloaded),
        Case(
            status: 503, body: #"{"error":"server busy, please try again. maximum pending requests exceeded"}"#, disposition: .notReady,
            reason: .overloaded),
        Case(status: 401, body: #"{"error":"unauthorized"}"#, disposition: .credentialsRejected, reason: .unauthorized),
        Case(status: 429, body: #"{"error":"too many requests"}"#, disposition: .notReady, reason: .rateLimited),
        Case(status: 500, body: #"{"error":"Wann öffnet der Pool? hunter2"}"#, disposition: .notReady, reason: .vendorFault),
        Case(status: 502, body: "<html>", disposition: .notReady, reason: .vendorFault),
        Case(status: 200, body: #"{"error":"boom"}"#, disposition: .notReady, reason: .vendorFault),
        Case(status: 200, body: "", disposition: .notReady, reason: .malformedReply),
        Case(status: 200, body: "nonsense hunter2", disposition: .notReady, reason: .malformedReply),
        Case(status: 200, body: "[1]", disposition: .notReady, reason: .malformedReply),
        Case(status: 200, body: #"{"message":"x","done":false}"#, disposition: .notReady, reason: .malformedReply),
        Case(status: 200, body: #"{"message":{"content":"Hallo"},"done":false}"#, disposition: .notReady, reason: .malformedReply),
        Case(
            status: 200, body: #"{"message":{"content":"","tool_calls":[{"function":{"arguments":{}}}]},"done":true}"#, disposition: .notReady,
            reason: .malformedReply),
        Case(
            status: 200, body: #"{"message":{"tool_calls":[{"function":{"name":"a","arguments":"{}"}}]},"done":true}"#, disposition: .notReady,
            reason: .malformedReply),
    ]

    @Test(arguments: cases)
    func anErrorIsATypedFailure(_ test: Case) async throws {
        try await Lab.run { _ in
            .json(test.body, status: test.status)
        } use: { provider, server, _ in
            let whole = await Lab.failure { try await provider.complete(Lab.ask()) }
            let streamed = await Lab.read(provider.stream(Lab.ask()))
            #expect(server.requests.count == 2, "the kernel retries, not the plugin")
            for failure in [whole, streamed.failure] {
                #expect(failure?.disposition == test.disposition && failure?.reason == test.reason, "\(String(describing: failure))")
                let said = failure?.description ?? ""
                #expect(test.says.isEmpty || said.contains(test.says))
                #expect(!said.contains("hunter2") && !said.contains("Wann"))
            }
        }
    }

    @Test func aWaitIsRead() async throws {
        try await Lab.run { _ in
            .status(503, headers: [("Retry-After", "7")])
        } use: { provider, _, _ in
            #expect(await Lab.failure { try await provider.complete(Lab.ask()) }?.retryAfter == .seconds(7))
        }
    }

    @Test(
        arguments: [
            "", "{\"error\":\"an error was encountered while running the model\"}\n", "{\"broken\n", "[1]\n", "{\"done\":false}\n", "{\"done\":",
            String(repeating: "x", count: 2 << 20), "{\"done\":true}\n", "{\"message\":{\"tool_calls\":[{}]},\"done\":false}\n",
            "{\"message\":{\"tool_calls\":[\((0..<80).map { _ in "{\"function\":{\"name\":\"a\"}}" }.joined(separator: ","))]},\"done\":true}\n",
        ])
    func aStreamThatGoesWrongIsNoAnswer(_ rest: String) async throws {
        let text = FakeOllama.line(["role": "assistant", "content": "Der Pool [doc:en/po"]) + rest
        for size in [1 << 20, 1000] {
            try await Lab.run { _ in
                FakeOllama.stream(text, pieces: size)
            } use: { provider, _, _ in
                let outcome = await Lab.read(provider.stream(Lab.ask()))
                #expect(outcome.answer == nil && outcome.failure?.disposition == .notReady && outcome.text == "Der Pool")
            }
        }
    }

    @Test func jsonThatDoesNotComeIsAFailure() async throws {
        try await Lab.run { _ in
            FakeOllama.answer("I would rather talk.")
        } use: { provider, _, _ in
            let failure = await Lab.failure { try await provider.complete(Lab.ask(format: .json(name: "x", schema: Lab.form))) }
            #expect(failure?.reason == .malformedReply && failure?.description.contains("rather") == false)
        }
    }

    @Test func aConnectionThatBreaksIsNotReady() async throws {
        for reply in [FakeOllama.stream(FakeOllama.words("Der "), cut: true), .cut(after: Array("{".utf8), of: 900), .garbage([1, 2, 3])] {
            try await Lab.run { _ in
                reply
            } use: { provider, _, _ in
                let outcome = await Lab.read(provider.stream(Lab.ask()))
                #expect(outcome.answer == nil && outcome.failure?.disposition == .notReady)
                #expect(await Lab.failure { try await provider.complete(Lab.ask()) }?.disposition == .notReady)
            }
        }
    }

    @Test func nobodyThereIsNotReady() async throws {
        let engine = try CurlEngine()
        let server = try await LoopbackServer.start { _ in .silence }
        await server.shutdown()
        let provider = try TestContext(http: CurlHTTPClient(engine: engine, policy: .unrestricted)).make(
            OllamaProvider.self, ["model": "m", "base_url": .string(server.url(""))])
        #expect(await Lab.failure { try await provider.probe() }?.reason == .unreachable)
        #expect(await Lab.read(provider.stream(Lab.ask())).failure?.disposition == .notReady)
        await engine.shutdown()
    }

    @Test func silenceIsATimeout() async throws {
        try await Lab.run(["timeout": "1s"]) { _ in
            .silence
        } use: { provider, _, _ in
            #expect(await Lab.failure { try await provider.complete(Lab.ask()) }?.reason == .timeout)
        }
    }

    @Test func whoeverStopsReadingEndsTheTransfer() async throws {
        let head = LoopbackReply.head(200, [("Content-Type", "application/x-ndjson"), ("Transfer-Encoding", "chunked")])
        let first = LoopbackReply.chunk(Array(FakeOllama.words("Hallo Gast").utf8))
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
}
