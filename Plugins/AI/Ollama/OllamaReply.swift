import Foundation
import PluginAPI

/// An answer of `/api/chat`: one object, or a line each of a stream, of which the last says `done`.
struct OllamaReply {
    private static let mostCalls = 64

    private let request: AIRequest
    private let failures: OllamaFailure
    private var reader: CitationReader
    private var model: String
    private var raw = "", shown = ""
    private var calls: [AIToolCall] = []
    private let earlierCalls: Int

    init(request: AIRequest, reader: CitationReader, model: String, failures: OllamaFailure) {
        self.request = request
        self.reader = reader
        self.model = model
        self.failures = failures
        earlierCalls = request.messages.flatMap(\.parts).count { if case .toolCall = $0 { true } else { false } }
    }

    /// Takes an object; returns the answer with the last one.
    mutating func take(_ json: JSONValue, _ yield: (AIStreamEvent) -> Void) throws -> AIResponse? {
        if let error = json["error"] { throw failures.failure(inStream: error, model: model) }
        guard let message = json["message"], message.objectValue != nil || json["done"] == true else { throw malformed("a line without a message") }
        if let name = json["model"]?.stringValue, !name.isEmpty { model = String(name.prefix(200)) }
        if let text = message["content"]?.stringValue, !text.isEmpty { add(text, yield) }
        for call in message["tool_calls"]?.arrayValue ?? [] { try add(call) }
        return json["done"] == true ? try finished(json, yield) : nil
    }

    private mutating func add(_ text: String, _ yield: (AIStreamEvent) -> Void) {
        raw += text
        guard request.format == .text else { return }
        let show = reader.feed(text)
        shown += show
        if !show.isEmpty { yield(.text(show)) }
    }

    private mutating func add(_ json: JSONValue) throws {
        guard let name = json["function"]?["name"]?.stringValue, !name.isEmpty, calls.count < Self.mostCalls else {
            throw malformed("a tool call that cannot be read")
        }
        let arguments = json["function"]?["arguments"] ?? [:]
        guard arguments == .null || arguments.objectValue != nil else { throw malformed("a tool call that cannot be read") }
        // Older servers give calls no id.
        let given = json["id"]?.stringValue ?? ""
        let id = given.isEmpty || calls.contains { $0.id == given } ? "call-\(earlierCalls + calls.count + 1)" : given
        calls.append(AIToolCall(id: id, name: name, arguments: arguments == .null ? [:] : arguments))
    }

    private mutating func finished(_ json: JSONValue, _ yield: (AIStreamEvent) -> Void) throws -> AIResponse {
        let usage = AIUsage(inputTokens: AIUsage.count(json["prompt_eval_count"]), outputTokens: AIUsage.count(json["eval_count"]))
        let reason = reason(json["done_reason"]?.stringValue)
        var response = AIResponse(text: raw, toolCalls: calls, finishReason: reason, usage: usage, model: model)
        if request.format == .text {
            let rest = reader.finish()
            shown += rest
            if !rest.isEmpty { yield(.text(rest)) }
            response.text = shown
            response.citations = reader.citations
        } else {
            if let text = StructuredText.json(in: raw) {
                response.text = text
            } else if reason == .complete || reason == .other {
                throw malformed("an answer that is not the JSON that was asked for")
            }
            if !response.text.isEmpty { yield(.text(response.text)) }
        }
        for call in calls { yield(.toolCall(call)) }
        return response
    }

    private func reason(_ name: String?) -> AIResponse.FinishReason {
        switch name {
        case "length": .length
        // Servers before 0.1.38 name no reason.
        case "stop", nil: calls.isEmpty ? .complete : .toolCalls
        default: .other
        }
    }

    private func malformed(_ what: String) -> PluginFailure { .notReady(.malformedReply, "\(failures.vendor) sent \(what)") }
}

/// An answer of `/api/embed`. Read without ``JSONValue``: it holds very many numbers.
struct OllamaEmbeddings: Decodable {
    let embeddings: [[Float]]
    let tokens: Int

    private enum Key: String, CodingKey {
        case embeddings
        case tokens = "prompt_eval_count"
    }

    init(_ bytes: [UInt8]) throws {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(bytes))
        } catch {
            throw PluginFailure.notReady(.malformedReply, "the reply is not a list of vectors")
        }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        embeddings = try container.decode([[Float]].self, forKey: .embeddings)
        tokens = AIUsage.count(try? container.decode(JSONValue.self, forKey: .tokens))
    }
}
