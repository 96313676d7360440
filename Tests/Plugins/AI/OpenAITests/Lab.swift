import Foundation
import HTTPTypes
import Kernel
import OpenAIProviderPlugin
import PluginAPI
import PluginTestKit
import Testing

/// The parts that every test of this plugin needs: the real client, a fake vendor on loopback, and requests.
enum Lab {
    static let key = "sk-test-hunter2-0123456789"

    /// Runs a provider of real settings against a fake vendor over the real client, and looks that no secret and no guest's word got into a log.
    static func run<T: Sendable>(
        _ more: [String: JSONValue] = [:], _ answer: @escaping LoopbackServer.Answer,
        use body: (OpenAIProvider, LoopbackServer, TestContext) async throws -> T
    ) async throws -> T {
        let engine = try CurlEngine(), test = TestContext(instance: "brain", http: CurlHTTPClient(engine: engine))
        let result: Result<T, any Error>
        do {
            result = .success(
                try await LoopbackServer.run(answer) { server in
                    try await body(test.make(OpenAIProvider.self, .object(settings(server).merging(more) { $1 })), server, test)
                })
        } catch {
            result = .failure(error)
        }
        await engine.shutdown()
        #expect(!test.logs.contains(key) && !test.logs.contains("hunter2") && !test.logs.contains(guest))
        return try result.get()
    }

    static func settings(_ server: LoopbackServer) -> [String: JSONValue] {
        ["base_url": .string(server.url("/v1")), "api_key": .string(key), "model": "gpt-4.1", "small_model": "gpt-4.1-mini"]
    }

    static let guest = "Wann öffnet der Pool? 🏊‍♀️"

    static let pool = AIDocument(id: "en/pool", title: "Pool & spa", text: "The pool opens at 8. <Towels> are free.", locale: "en", relevance: 0.9)

    static func ask(
        _ text: String = guest, documents: [AIDocument] = [pool], tools: [AITool] = [], choice: AIToolChoice = .automatic,
        format: AIResponseFormat = .text, purpose: AIRequest.Purpose = .reply, temperature: Double? = nil, stop: [String] = []
    ) -> AIRequest {
        AIRequest(
            purpose: purpose, instructions: "Be kind.", messages: [AIMessage(.user, text)], documents: documents, tools: tools, toolChoice: choice,
            format: format, locale: "de", maximumOutputTokens: 300, temperature: temperature, stopSequences: stop)
    }

    static let towels = AITool(
        name: "order_towels", description: "Orders towels.",
        parameters: ["type": "object", "properties": ["count": ["type": "integer"]], "required": ["count"], "additionalProperties": false])

    static let form: JSONValue = [
        "type": "object", "properties": ["label": ["type": "string", "enum": ["a", "b"]]], "required": ["label"], "additionalProperties": false,
    ]

    /// A body that comes in chunks.
    static func stream(_ text: String, pieces size: Int = 1 << 20, type: String, cut: Bool = false) -> LoopbackReply {
        let bytes = Array(text.utf8)
        var steps: [LoopbackReply.Step] = [.send(LoopbackReply.head(200, [("Content-Type", type), ("Transfer-Encoding", "chunked")]))]
        for start in stride(from: 0, to: bytes.count, by: size) {
            steps.append(.send(LoopbackReply.chunk(Array(bytes[start..<min(bytes.count, start + size)]))))
        }
        return LoopbackReply(steps + [cut ? .close : .send(LoopbackReply.chunk([]))])
    }

    /// What came of a stream: the texts, the calls, the whole answer, and how it failed.
    struct Outcome: Sendable {
        var texts: [String] = []
        var calls: [AIToolCall] = []
        var answer: AIResponse?
        var failure: PluginFailure?
        var text: String { texts.joined() }
    }

    static func read(_ stream: AsyncThrowingStream<AIStreamEvent, any Error>) async -> Outcome {
        var outcome = Outcome()
        do {
            for try await event in stream {
                #expect(outcome.answer == nil, "nothing follows the whole answer")
                switch event {
                case .text(let text): outcome.texts.append(text)
                case .toolCall(let call): outcome.calls.append(call)
                case .finished(let answer): outcome.answer = answer
                }
            }
            if outcome.answer == nil { Issue.record("a stream ended without its answer and without a failure") }
        } catch {
            outcome.failure = error as? PluginFailure
            if outcome.failure == nil { Issue.record("not a typed failure: \(error)") }
        }
        return outcome
    }

    static func failure<T>(_ work: () async throws -> T) async -> PluginFailure? {
        do {
            _ = try await work()
            return nil
        } catch {
            if !(error is PluginFailure) { Issue.record("not a typed failure: \(error)") }
            return error as? PluginFailure
        }
    }
}

extension LoopbackServer.Request {
    var json: JSONValue { (try? JSONValue(json: body)) ?? .null }
}

extension JSONValue {
    subscript(place: Int) -> JSONValue? { arrayValue.flatMap { $0.indices.contains(place) ? $0[place] : nil } }
    var isInteger: Bool { if case .int = self { true } else { false } }
    var isObject: Bool { objectValue != nil }
}

extension String {
    /// The words in pieces as a vendor would cut them, but within characters too.
    var halves: [String] {
        let scalars = Array(unicodeScalars)
        return stride(from: 0, to: scalars.count, by: 2).map { String(String.UnicodeScalarView(scalars[$0..<min(scalars.count, $0 + 2)])) }
    }
}
