import Foundation
import Kernel
import PluginAPI

/// Where the tests of an AI provider's plugin work: its real settings and the real client, a fake vendor on loopback, and requests to make.
public protocol AIProviderLab {
    associatedtype Provider: AIProvider

    /// The settings of a provider that speaks to the fake vendor; ``key`` stands for its key.
    static func settings(_ server: LoopbackServer) -> [String: JSONValue]
}

/// A test kit's finding that no test has to look for.
public struct LabFinding: Error, CustomStringConvertible {
    public let description: String
}

extension AIProviderLab {
    public static var key: String { "sk-test-hunter2-0123456789" }

    /// Runs a provider against a fake vendor over the real client.
    /// - Throws: ``LabFinding`` where a secret or a guest's word got into a log.
    public static func run<T: Sendable>(
        _ more: [String: JSONValue] = [:], _ answer: @escaping LoopbackServer.Answer,
        use body: (Provider, LoopbackServer, TestContext) async throws -> T
    ) async throws -> T {
        let engine = try CurlEngine(), test = TestContext(instance: "brain", http: CurlHTTPClient(engine: engine, policy: .unrestricted))
        let result: Result<T, any Error>
        do {
            result = .success(
                try await LoopbackServer.run(answer) { server in
                    try await body(test.make(Provider.self, .object(settings(server).merging(more) { $1 })), server, test)
                })
        } catch {
            result = .failure(error)
        }
        await engine.shutdown()
        for secret in [key, "hunter2", guest] where test.logs.contains(secret) { throw LabFinding(description: "“\(secret)” is in a log") }
        return try result.get()
    }

    public static var guest: String { "Wann öffnet der Pool? 🏊‍♀️" }

    public static var pool: AIDocument {
        AIDocument(id: "en/pool", title: "Pool & spa", text: "The pool opens at 8. <Towels> are free.", locale: "en", relevance: 0.9)
    }

    public static func ask(
        _ text: String = guest, documents: [AIDocument] = [pool], tools: [AITool] = [], choice: AIToolChoice = .automatic,
        format: AIResponseFormat = .text, purpose: AIRequest.Purpose = .reply, temperature: Double? = nil, stop: [String] = []
    ) -> AIRequest {
        AIRequest(
            purpose: purpose, instructions: "Be kind.", messages: [AIMessage(.user, text)], documents: documents, tools: tools, toolChoice: choice,
            format: format, locale: "de", maximumOutputTokens: 300, temperature: temperature, stopSequences: stop)
    }

    public static var towels: AITool {
        AITool(
            name: "order_towels", description: "Orders towels.",
            parameters: ["type": "object", "properties": ["count": ["type": "integer"]], "required": ["count"], "additionalProperties": false])
    }

    public static var form: JSONValue {
        ["type": "object", "properties": ["label": ["type": "string", "enum": ["a", "b"]]], "required": ["label"], "additionalProperties": false]
    }

    /// A body that comes in chunks.
    public static func stream(_ text: String, pieces size: Int = 1 << 20, type: String, cut: Bool = false) -> LoopbackReply {
        let bytes = Array(text.utf8)
        var steps: [LoopbackReply.Step] = [.send(LoopbackReply.head(200, [("Content-Type", type), ("Transfer-Encoding", "chunked")]))]
        for start in stride(from: 0, to: bytes.count, by: size) {
            steps.append(.send(LoopbackReply.chunk(Array(bytes[start..<min(bytes.count, start + size)]))))
        }
        return LoopbackReply(steps + [cut ? .close : .send(LoopbackReply.chunk([]))])
    }

    /// Reads a stream to its end. What the protocol forbids shows as a failure that no vendor's answer gives: ``AIStreamOutcome/unsound``.
    public static func read(_ stream: AsyncThrowingStream<AIStreamEvent, any Error>) async -> AIStreamOutcome {
        var outcome = AIStreamOutcome()
        do {
            for try await event in stream {
                if outcome.answer != nil { throw LabFinding(description: "something follows the whole answer") }
                switch event {
                case .text(let text): outcome.texts.append(text)
                case .toolCall(let call): outcome.calls.append(call)
                case .finished(let answer): outcome.answer = answer
                }
            }
            if outcome.answer == nil { throw LabFinding(description: "it ended without its answer and without a failure") }
        } catch {
            outcome.failure = typed(error)
        }
        return outcome
    }

    /// How something failed; nil where it did not.
    public static func failure<T>(_ work: () async throws -> T) async -> PluginFailure? {
        do {
            _ = try await work()
            return nil
        } catch {
            return typed(error)
        }
    }

    private static func typed(_ error: any Error) -> PluginFailure {
        error as? PluginFailure ?? .permanent(AIStreamOutcome.unsound, "not a typed failure: \(error)")
    }
}

/// What came of a stream: the texts, the calls, the whole answer, and how it failed.
public struct AIStreamOutcome: Sendable {
    /// The code of a failure that the plugin should not have been able to make.
    public static let unsound: PluginFailure.Reason = "unsound"

    public var texts: [String] = []
    public var calls: [AIToolCall] = []
    public var answer: AIResponse?
    public var failure: PluginFailure?
    public var text: String { texts.joined() }
}

extension LoopbackServer.Request {
    /// ``json`` for tests that look into it at once: null where the body is none.
    public var jsonBody: JSONValue { json ?? .null }
}

extension JSONValue {
    /// The element at a place of an array; nil where there is none.
    public subscript(place: Int) -> JSONValue? { arrayValue.flatMap { $0.indices.contains(place) ? $0[place] : nil } }
    public var isInteger: Bool { if case .int = self { true } else { false } }
    public var isObject: Bool { objectValue != nil }
}

extension String {
    /// The text in pieces as a vendor would cut it, but within characters too.
    public var halves: [String] {
        let scalars = Array(unicodeScalars)
        return stride(from: 0, to: scalars.count, by: 2).map { String(String.UnicodeScalarView(scalars[$0..<min(scalars.count, $0 + 2)])) }
    }
}
