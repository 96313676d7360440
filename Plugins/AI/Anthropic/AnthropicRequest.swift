import Foundation
import PluginAPI

/// The body of a request to `/v1/messages`.
struct AnthropicRequest {
    /// How the answer brings the JSON that was asked for.
    enum Structure: Equatable {
        /// It is a text.
        case none
        /// The text is JSON.
        case text
        /// It is the input of a tool; `wraps` where the schema is no object's, which a tool's input must be.
        case tool(String, wraps: Bool)
    }

    private static let imageTypes: Set<String> = ["image/jpeg", "image/png", "image/gif", "image/webp"]

    let model: String
    let structure: Structure
    let json: JSONValue

    init(_ request: AIRequest, _ prompt: AIPrompt, _ settings: AnthropicProvider.Settings, streams: Bool) throws {
        model = settings.model(for: request.purpose)
        var body: [String: JSONValue] = ["model": .string(model), "max_tokens": .int(max(1, request.maximumOutputTokens))]
        let caches = settings.promptCache != .off
        // The types are written out: `? … : nil` would make a JSON null of the nil.
        let stable: JSONValue? = caches ? .some(settings.cacheControl) : .none
        let changing: JSONValue? = settings.promptCache == .documents ? .some(settings.cacheControl) : .none

        var blocks: [JSONValue] = []
        if !Self.isBlank(prompt.instructions) { blocks.append(Self.text(prompt.instructions, stable)) }
        if let documents = prompt.documents {
            blocks.append(Self.text(documents, changing))
        }
        if let language = prompt.language { blocks.append(Self.text(language, nil)) }
        if !blocks.isEmpty { body["system"] = .array(blocks) }

        var tools = request.tools.map { (name: $0.name, description: $0.description, schema: $0.parameters) }
        var choice = request.toolChoice
        switch request.format {
        case .text: structure = .none
        case .json(_, let schema) where settings.structuredOutput == .schema:
            structure = .text
            body["output_config"] = ["format": ["type": "json_schema", "schema": schema]]
        case .json(let name, let schema):
            var own = StructuredText.name(name)
            while tools.contains(where: { $0.name == own }) { own = StructuredText.name("_" + own) }
            let wraps = schema["type"]?.stringValue != "object"
            structure = .tool(own, wraps: wraps)
            let input: JSONValue = wraps ? ["type": "object", "properties": ["value": schema], "required": ["value"]] : schema
            // Where there are other tools the model may use one of those first.
            choice = tools.isEmpty || request.toolChoice == .none ? .named(own) : .required
            tools.append((own, "Gives the answer. Always use this tool to answer.", input))
        }
        if tools.isEmpty {
            // “Requests which include tool_use or tool_result blocks must define tools”: those that were used, none of which may be used now.
            tools = Self.used(in: request.messages).map { ($0, "It cannot be used any more.", ["type": "object", "properties": [:]]) }
            choice = .none
        }
        if !tools.isEmpty {
            body["tools"] = .array(
                tools.enumerated().map { place, tool in
                    var wire: [String: JSONValue] = [
                        "name": .string(tool.name), "description": .string(tool.description), "input_schema": tool.schema,
                    ]
                    if caches, place == tools.count - 1 { wire["cache_control"] = settings.cacheControl }
                    return .object(wire)
                })
            switch choice {
            case .automatic: body["tool_choice"] = ["type": "auto"]
            case .none: body["tool_choice"] = ["type": "none"]
            case .required: body["tool_choice"] = ["type": "any"]
            case .named(let name): body["tool_choice"] = ["type": "tool", "name": .string(name)]
            }
        }
        if let temperature = request.temperature, settings.takesTemperature(model) { body["temperature"] = .double(min(1, max(0, temperature))) }
        // Blank ones are refused.
        let stops = request.stopSequences.filter { !Self.isBlank($0) }
        if !stops.isEmpty { body["stop_sequences"] = .array(stops.map { .string($0) }) }
        if streams { body["stream"] = true }
        body["messages"] = .array(try Self.messages(request.messages))
        json = .object(body)
    }

    /// The names of the tools that were used, each once.
    private static func used(in messages: [AIMessage]) -> [String] {
        messages.flatMap(\.parts).reduce(into: []) { names, part in
            if case .toolCall(let call) = part, !names.contains(call.name) { names.append(call.name) }
        }
    }

    /// The conversation in turns: the roles alternate, and the user's comes first.
    private static func messages(_ messages: [AIMessage]) throws -> [JSONValue] {
        var turns: [(role: AIMessage.Role, content: [JSONValue])] = []
        for message in messages {
            let content = try message.parts.compactMap(block)
            if content.isEmpty { continue }
            if turns.isEmpty, message.role == .assistant { turns.append((.user, [text("(Earlier messages are left out.)", nil)])) }
            if let last = turns.indices.last, turns[last].role == message.role {
                turns[last].content += content
            } else {
                turns.append((message.role, content))
            }
        }
        return turns.map { role, content in
            // Results stand before what else the turn holds.
            let results = content.filter { $0["type"] == "tool_result" }
            return ["role": .string(role.rawValue), "content": .array(results + content.filter { $0["type"] != "tool_result" })]
        }
    }

    private static func block(_ part: AIMessage.Part) throws -> JSONValue? {
        switch part {
        case .text(let words): return isBlank(words) ? .none : .some(text(words, nil))
        case .image(let bytes, let mimeType):
            guard imageTypes.contains(mimeType) else { throw PluginFailure.permanent(.invalidRequest, "the model takes no images of this type") }
            return [
                "type": "image",
                "source": ["type": "base64", "media_type": .string(mimeType), "data": .string(Data(bytes).base64EncodedString())],
            ]
        case .toolCall(let call):
            return [
                "type": "tool_use", "id": .string(call.id), "name": .string(call.name),
                "input": call.arguments.objectValue == nil ? [:] : call.arguments,
            ]
        case .toolResult(let callID, let content, let isError):
            var result: [String: JSONValue] = ["type": "tool_result", "tool_use_id": .string(callID), "content": .string(content)]
            if isError { result["is_error"] = true }
            return .object(result)
        }
    }

    private static func text(_ text: String, _ cacheControl: JSONValue?) -> JSONValue {
        var block: [String: JSONValue] = ["type": "text", "text": .string(text)]
        if let cacheControl { block["cache_control"] = cacheControl }
        return .object(block)
    }

    /// Blank text blocks are refused.
    private static func isBlank(_ text: String) -> Bool { text.allSatisfy(\.isWhitespace) }
}
