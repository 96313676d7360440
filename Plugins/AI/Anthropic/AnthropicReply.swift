import PluginAPI

/// An answer of `/v1/messages`, whole or put together from its event stream. Unknown events and blocks are passed over, as the API's document asks; what
/// makes no sense is a malformed reply.
struct AnthropicReply {
    private struct Block {
        var isTool = false
        var id = "", name = ""
        /// A tool's input, where it came whole.
        var input: JSONValue?
        /// A tool's input as it came in pieces.
        var pieces = ""
    }

    private static let mostBlocks = 256

    private let body: AnthropicRequest
    private let failures: AnthropicFailure
    private var reader: CitationReader
    private var blocks: [Int: Block] = [:]
    private var raw = "", shown = ""
    private var model: String
    private var stopReason: String?
    private var counts: [String: JSONValue] = [:]
    private var hasStarted = false

    init(_ body: AnthropicRequest, reader: CitationReader, failures: AnthropicFailure) {
        self.body = body
        self.reader = reader
        self.failures = failures
        model = body.model
    }

    // MARK: Whole

    mutating func whole(_ json: JSONValue) throws -> AIResponse {
        if json["type"] == "error" { throw failures.failure(inStream: json["error"] ?? .null, model: body.model) }
        guard let content = json["content"]?.arrayValue, content.count <= Self.mostBlocks else { throw malformed("an answer without sound content") }
        start(json)
        stopReason = json["stop_reason"]?.stringValue
        for (index, block) in content.enumerated() { open(index, block) { _ in } }
        return try finished { _ in }
    }

    // MARK: Streamed

    /// Takes an event; returns the answer with the last one.
    mutating func take(event json: JSONValue, _ yield: (AIStreamEvent) -> Void) throws -> AIResponse? {
        guard let type = json["type"]?.stringValue else { throw malformed("an event without a type") }
        switch type {
        case "error": throw failures.failure(inStream: json["error"] ?? .null, model: body.model)
        case "message_start": start(json["message"] ?? .null)
        case "content_block_start":
            open(try index(json), json["content_block"] ?? .null, yield)
        case "content_block_delta":
            let index = try index(json)
            guard blocks[index] != nil else { throw malformed("a piece of a block that never began") }
            switch json["delta"]?["type"]?.stringValue {
            case "text_delta": add(json["delta"]?["text"]?.stringValue ?? "", yield)
            case "input_json_delta": blocks[index]?.pieces += json["delta"]?["partial_json"]?.stringValue ?? ""
            default: break
            }
        case "message_delta":
            if let reason = json["delta"]?["stop_reason"]?.stringValue { stopReason = reason }
            count(json["usage"])
        case "message_stop":
            guard hasStarted else { throw malformed("the end of a message that never began") }
            return try finished(yield)
        default: break
        }
        return nil
    }

    // MARK: Parts

    private mutating func start(_ message: JSONValue) {
        hasStarted = true
        if let name = message["model"]?.stringValue, !name.isEmpty { model = String(name.prefix(200)) }
        count(message["usage"])
    }

    /// Later counts stand for the whole answer and take the place of earlier ones.
    private mutating func count(_ usage: JSONValue?) {
        for (name, value) in usage?.objectValue ?? [:] where value.intValue != nil { counts[name] = value }
    }

    private func index(_ json: JSONValue) throws -> Int {
        guard let index = json["index"]?.intValue, (0..<Self.mostBlocks).contains(index) else { throw malformed("a block without a place") }
        return index
    }

    private mutating func open(_ index: Int, _ block: JSONValue, _ yield: (AIStreamEvent) -> Void) {
        var new = Block()
        switch block["type"]?.stringValue {
        case "text": add(block["text"]?.stringValue ?? "", yield)
        case "tool_use":
            new.isTool = true
            new.id = block["id"]?.stringValue ?? ""
            new.name = block["name"]?.stringValue ?? ""
            new.input = block["input"]
        default: break
        }
        blocks[index] = new
    }

    private mutating func add(_ text: String, _ yield: (AIStreamEvent) -> Void) {
        raw += text
        guard body.structure == .none else { return }
        let show = reader.feed(text)
        shown += show
        if !show.isEmpty { yield(.text(show)) }
    }

    private mutating func finished(_ yield: (AIStreamEvent) -> Void) throws -> AIResponse {
        if stopReason == "refusal" { throw PluginFailure.permanent(.contentFiltered, "\(failures.vendor) refused the request") }
        var calls = try toolCalls(), answer: JSONValue?
        if case .tool(let name, let wraps) = body.structure, let place = calls.firstIndex(where: { $0.name == name }) {
            let input = calls.remove(at: place).arguments
            answer = wraps ? input["value"] : input
            if answer == nil { throw malformed("an answer that is not the JSON that was asked for") }
        }
        let end = reason(calls, hasAnswer: answer != nil)
        var response = AIResponse(text: "", toolCalls: calls, finishReason: end, usage: usage, model: model)
        switch body.structure {
        case .none:
            let rest = reader.finish()
            shown += rest
            if !rest.isEmpty { yield(.text(rest)) }
            response.text = shown
            response.citations = reader.citations
        case .text, .tool:
            if let answer {
                response.text = try answer.jsonText()
            } else if let json = StructuredText.json(in: raw) {
                response.text = json
            } else if end == .length {
                response.text = raw
            } else if calls.isEmpty {
                throw malformed("an answer that is not the JSON that was asked for")
            }
            if !response.text.isEmpty { yield(.text(response.text)) }
        }
        for call in calls { yield(.toolCall(call)) }
        return response
    }

    /// The tools that the model wishes to use, in order. One that broke off because the answer grew too long is none.
    private func toolCalls() throws -> [AIToolCall] {
        let ordered = blocks.sorted { $0.key < $1.key }, last = ordered.last?.key
        return try ordered.filter(\.value.isTool).compactMap { index, block in
            if isCut, index == last { return nil }
            let input = block.pieces.isEmpty ? block.input : try? JSONValue(json: block.pieces.utf8)
            guard let input, input.objectValue != nil, !block.name.isEmpty, !block.id.isEmpty else {
                throw malformed("a tool call that cannot be read")
            }
            return AIToolCall(id: block.id, name: block.name, arguments: input)
        }
    }

    private var isCut: Bool { stopReason == "max_tokens" || stopReason == "model_context_window_exceeded" }

    private func reason(_ calls: [AIToolCall], hasAnswer: Bool) -> AIResponse.FinishReason {
        if isCut { return .length }
        return switch stopReason {
        case "end_turn": .complete
        case "stop_sequence": .stopSequence
        case "tool_use": calls.isEmpty && hasAnswer ? .complete : .toolCalls
        default: .other
        }
    }

    /// The vendor counts what its cache read and wrote beside the rest of the input.
    private var usage: AIUsage {
        let read = AIUsage.count(counts["cache_read_input_tokens"]), written = AIUsage.count(counts["cache_creation_input_tokens"])
        return AIUsage(
            inputTokens: AIUsage.count(counts["input_tokens"]) + read + written, outputTokens: AIUsage.count(counts["output_tokens"]),
            cacheReadTokens: read, cacheWriteTokens: written)
    }

    private func malformed(_ what: String) -> PluginFailure { .notReady(.malformedReply, "\(failures.vendor) sent \(what)") }
}
