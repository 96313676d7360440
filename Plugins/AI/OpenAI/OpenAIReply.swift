import PluginAPI

/// An answer of `/chat/completions`, whole or put together from chunks. Trusts nothing: what compatible servers leave out is left out, and what makes no
/// sense is a malformed reply.
struct OpenAIReply {
    /// A tool call whose name and arguments come in pieces.
    private struct Call {
        var id = "", name = "", arguments = ""
    }

    private static let mostCalls = 64

    let request: AIRequest
    private var reader: CitationReader
    private var model: String
    private let failures: OpenAIFailure
    private var text = "", refusal = ""
    private var calls: [Call] = []
    /// Where in `calls` the call with a vendor's index stands.
    private var places: [Int: Int] = [:]
    private var finish: String?
    private var usage = AIUsage()

    init(request: AIRequest, reader: CitationReader, model: String, failures: OpenAIFailure) {
        self.request = request
        self.reader = reader
        self.model = model
        self.failures = failures
    }

    private var isText: Bool { request.format == .text }

    // MARK: Whole

    mutating func whole(_ json: JSONValue) throws -> AIResponse {
        try common(json)
        guard let choice = json["choices"]?.arrayValue?.first, let message = choice["message"], message.objectValue != nil else {
            throw malformed("an answer without a message")
        }
        take(message, isWhole: true) { _ in }
        finish = choice["finish_reason"]?.stringValue
        return try finished { _ in }
    }

    // MARK: Streamed

    mutating func take(chunk json: JSONValue, _ yield: (AIStreamEvent) -> Void) throws {
        guard json.objectValue != nil else { throw malformed("a chunk that is no object") }
        try common(json)
        // The last chunk has the usage and no choice; some servers leave the list out.
        for choice in json["choices"]?.arrayValue ?? [] where choice["index"]?.intValue ?? 0 == 0 {
            if let delta = choice["delta"], delta.objectValue != nil { take(delta, isWhole: false, yield) }
            if let reason = choice["finish_reason"]?.stringValue { finish = reason }
        }
    }

    /// The answer, once the end was seen.
    mutating func finished(_ yield: (AIStreamEvent) -> Void) throws -> AIResponse {
        if finish == "content_filter" { throw filtered("the answer") }
        guard calls.count <= Self.mostCalls else { throw malformed("more than \(Self.mostCalls) tool calls") }
        if !refusal.isEmpty, text.isEmpty, calls.isEmpty { throw filtered("the request: the model refused it") }
        let toolCalls = try calls.enumerated().compactMap { place, call in try toolCall(call, place) }
        var response = AIResponse(text: text, toolCalls: toolCalls, finishReason: reason(toolCalls), usage: usage, model: model)
        if isText {
            let rest = reader.feed(unread) + reader.finish()
            shown += rest
            if !rest.isEmpty { yield(.text(rest)) }
            response.text = shown
            response.citations = reader.citations
        } else if !text.isEmpty || toolCalls.isEmpty {
            if let json = StructuredText.json(in: text) {
                response.text = json
            } else if response.finishReason == .complete {
                throw malformed("an answer that is not the JSON that was asked for")
            }
            if !response.text.isEmpty { yield(.text(response.text)) }
        }
        for call in toolCalls { yield(.toolCall(call)) }
        return response
    }

    /// What was shown of a text.
    private var shown = ""
    /// What came and the reader has not seen.
    private var unread = ""

    // MARK: Parts

    private mutating func common(_ json: JSONValue) throws {
        if let error = json["error"], error != .null { throw failures.failure(inAnswer: error, model: model) }
        if let name = json["model"]?.stringValue, !name.isEmpty { model = String(name.prefix(200)) }
        guard let counts = json["usage"], counts.objectValue != nil else { return }
        usage = AIUsage(
            inputTokens: AIUsage.count(counts["prompt_tokens"]), outputTokens: AIUsage.count(counts["completion_tokens"]),
            cacheReadTokens: AIUsage.count(counts["prompt_tokens_details"]?["cached_tokens"]),
            cacheWriteTokens: AIUsage.count(counts["prompt_tokens_details"]?["cache_write_tokens"]))
    }

    private mutating func take(_ message: JSONValue, isWhole: Bool, _ yield: (AIStreamEvent) -> Void) {
        let piece = Self.text(message["content"])
        text += piece
        refusal += message["refusal"]?.stringValue ?? ""
        if isText, isWhole {
            unread += piece
        } else if isText, !piece.isEmpty {
            let show = reader.feed(piece)
            shown += show
            if !show.isEmpty { yield(.text(show)) }
        }
        for (number, part) in (message["tool_calls"]?.arrayValue ?? []).enumerated() {
            add(part, index: isWhole ? number : part["index"]?.intValue)
        }
    }

    /// The text of a content, which some servers send in parts.
    private static func text(_ content: JSONValue?) -> String {
        content?.stringValue ?? (content?.arrayValue ?? []).filter { $0["type"] == "text" }.compactMap { $0["text"]?.stringValue }.joined()
    }

    private mutating func add(_ part: JSONValue, index: Int?) {
        let id = part["id"]?.stringValue ?? ""
        var place = index.flatMap { places[$0] } ?? (index == nil ? calls.indices.last : nil)
        // Some servers give every call the same index, or none: then another id is another call.
        if let known = place, !id.isEmpty, !calls[known].id.isEmpty, calls[known].id != id { place = calls.firstIndex { $0.id == id } }
        let here = place ?? calls.count
        // One too many is kept, and makes the answer a malformed one at its end.
        guard here < calls.count || calls.count <= Self.mostCalls else { return }
        if here == calls.count { calls.append(Call()) }
        if let index { places[index] = here }
        if calls[here].id.isEmpty { calls[here].id = id }
        if calls[here].name.isEmpty { calls[here].name = part["function"]?["name"]?.stringValue ?? "" }
        let arguments = part["function"]?["arguments"]
        if let text = arguments?.stringValue {
            calls[here].arguments += text
        } else if arguments?.objectValue != nil, let text = try? arguments?.jsonText() {
            calls[here].arguments += text
        }
    }

    /// A call whose arguments broke off because the answer grew too long is none.
    private func toolCall(_ call: Call, _ place: Int) throws -> AIToolCall? {
        let arguments = call.arguments.allSatisfy(\.isWhitespace) ? JSONValue.object([:]) : try? JSONValue(json: call.arguments.utf8)
        guard let arguments, arguments.objectValue != nil, !call.name.isEmpty else {
            if finish == "length" { return nil }
            throw malformed("a tool call that cannot be read")
        }
        return AIToolCall(id: call.id.isEmpty ? "call-\(place + 1)" : call.id, name: call.name, arguments: arguments)
    }

    private func reason(_ calls: [AIToolCall]) -> AIResponse.FinishReason {
        switch finish {
        case "length": .length
        case "tool_calls", "function_call": calls.isEmpty ? .complete : .toolCalls
        // Some servers call the end of a tool call a stop.
        case "stop": calls.isEmpty ? .complete : .toolCalls
        default: .other
        }
    }

    private func malformed(_ what: String) -> PluginFailure { .notReady(.malformedReply, "\(failures.vendor) sent \(what)") }
    private func filtered(_ what: String) -> PluginFailure { .permanent(.contentFiltered, "\(failures.vendor) filtered \(what)") }
}
