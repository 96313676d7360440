import Foundation
import PluginAPI

/// The body of a request to `/chat/completions`.
struct OpenAIRequest {
    let model: String
    let json: JSONValue

    init(_ request: AIRequest, _ prompt: AIPrompt, _ settings: OpenAIProvider.Settings, streams: Bool) throws {
        model = settings.model(for: request.purpose)
        var system = prompt.whole
        var body: [String: JSONValue] = ["model": .string(model), settings.lengthField: .int(max(1, request.maximumOutputTokens))]
        if case .json(let name, let schema) = request.format {
            switch settings.structuredOutput {
            case .schema:
                var format: [String: JSONValue] = ["name": .string(StructuredText.name(name)), "schema": schema]
                if StrictSchema.allows(schema) { format["strict"] = true }
                body["response_format"] = ["type": "json_schema", "json_schema": .object(format)]
            case .object:
                system += "\n\nAnswer with one JSON object that follows this JSON Schema, and nothing else:\n" + (try schema.jsonText())
                body["response_format"] = ["type": "json_object"]
            }
        }
        if settings.takesSampling(model) {
            if let temperature = request.temperature { body["temperature"] = .double(temperature) }
            // More than four are refused.
            if !request.stopSequences.isEmpty { body["stop"] = .array(request.stopSequences.prefix(4).map { .string($0) }) }
        }
        if !request.tools.isEmpty {
            guard settings.tools else { throw PluginFailure.notImplemented("tool calling with tools: false") }
            body["tools"] = .array(
                request.tools.map { tool in
                    [
                        "type": "function",
                        "function": ["name": .string(tool.name), "description": .string(tool.description), "parameters": tool.parameters],
                    ]
                })
            switch request.toolChoice {
            case .automatic: body["tool_choice"] = "auto"
            case .none: body["tool_choice"] = "none"
            case .required: body["tool_choice"] = "required"
            case .named(let name): body["tool_choice"] = ["type": "function", "function": ["name": .string(name)]]
            }
        }
        if streams {
            body["stream"] = true
            if settings.streamUsage { body["stream_options"] = ["include_usage": true] }
        }
        let hotel: [JSONValue] = system.isEmpty ? [] : [["role": "system", "content": .string(system)]]
        body["messages"] = .array(hotel + (try request.messages.flatMap(Self.messages)))
        json = .object(body)
    }

    /// One message of ours as the messages that the API has for it.
    private static func messages(_ message: AIMessage) throws -> [JSONValue] {
        var results: [JSONValue] = [], content: [JSONValue] = [], calls: [JSONValue] = [], hasImage = false
        for part in message.parts {
            switch part {
            case .text(let text): content.append(["type": "text", "text": .string(text)])
            case .image(let bytes, let mimeType):
                hasImage = true
                content.append(
                    ["type": "image_url", "image_url": ["url": .string("data:\(mimeType);base64,\(Data(bytes).base64EncodedString())")]])
            case .toolCall(let call):
                calls.append(
                    [
                        "id": .string(call.id), "type": "function",
                        "function": ["name": .string(call.name), "arguments": .string(try call.arguments.jsonText())],
                    ])
            case .toolResult(let callID, let text, let isError):
                results.append(["role": "tool", "tool_call_id": .string(callID), "content": .string(isError ? "Error: \(text)" : text)])
            }
        }
        switch message.role {
        case .assistant:
            var body: [String: JSONValue] = ["role": "assistant", "content": message.text.isEmpty && !calls.isEmpty ? .null : .string(message.text)]
            if !calls.isEmpty { body["tool_calls"] = .array(calls) }
            return [.object(body)]
        case .user:
            if content.isEmpty, !results.isEmpty { return results }
            // A plain text is a string, which every compatible server takes.
            return results + [["role": "user", "content": hasImage ? .array(content) : .string(message.text)]]
        }
    }
}

/// Which JSON Schemas OpenAI follows to the letter (`strict`); one beyond them is refused with 400, and is therefore sent without it.
enum StrictSchema {
    private static let keywords: Set<String> = [
        "type", "properties", "required", "additionalProperties", "items", "enum", "const", "description", "title", "anyOf", "minimum", "maximum",
        "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "pattern",
    ]

    /// True where every object closes itself and requires all it has, and no keyword is beyond what is known to be taken.
    static func allows(_ schema: JSONValue) -> Bool { schema["type"]?.stringValue == "object" && allows(schema, depth: 0) }

    private static func allows(_ schema: JSONValue, depth: Int) -> Bool {
        guard depth < 10, let members = schema.objectValue, members.keys.allSatisfy(keywords.contains) else { return false }
        let isObject = members["type"]?.stringValue == "object" || members["type"]?.arrayValue?.contains("object") ?? false
        if isObject || members["properties"] != nil {
            let names = members["properties"]?.objectValue.map { Set($0.keys) } ?? []
            let required = Set((members["required"]?.arrayValue ?? []).compactMap(\.stringValue))
            guard members["additionalProperties"] == false, names == required else { return false }
        }
        let inner = (members["properties"]?.objectValue.map { Array($0.values) } ?? []) + (members["anyOf"]?.arrayValue ?? [])
        return (inner + (members["items"].map { [$0] } ?? [])).allSatisfy { allows($0, depth: depth + 1) }
    }
}
