import Foundation
import PluginAPI

/// The body of a request to `/api/chat`.
struct OllamaRequest {
    let model: String
    let json: JSONValue

    init(_ request: AIRequest, _ prompt: AIPrompt, _ settings: OllamaProvider.Settings, streams: Bool) throws {
        model = settings.model(for: request.purpose)
        var options: [String: JSONValue] = ["num_ctx": .int(settings.contextLength), "num_predict": .int(max(1, request.maximumOutputTokens))]
        if let temperature = request.temperature { options["temperature"] = .double(temperature) }
        if !request.stopSequences.isEmpty { options["stop"] = .array(request.stopSequences.map { .string($0) }) }
        var body: [String: JSONValue] = [
            "model": .string(model), "stream": .bool(streams), "options": .object(options), "keep_alive": Self.seconds(settings.keepAlive),
            // A prompt that is too long is to fail: cut in silence, it would lose the hotel's documents.
            "truncate": false, "shift": false,
        ]
        if let think = settings.think.wire { body["think"] = think }
        if case .json(_, let schema) = request.format { body["format"] = schema }
        let tools = try Self.tools(request, settings)
        if !tools.isEmpty {
            body["tools"] = .array(
                tools.map { tool in
                    [
                        "type": "function",
                        "function": ["name": .string(tool.name), "description": .string(tool.description), "parameters": tool.parameters],
                    ]
                })
        }
        var names: [String: String] = [:]
        let system = prompt.whole
        var messages: [JSONValue] = system.isEmpty ? [] : [["role": "system", "content": .string(system)]]
        for message in request.messages { messages += Self.messages(message, &names) }
        body["messages"] = .array(messages)
        json = .object(body)
    }

    /// A duration as the server reads a number: in seconds.
    static func seconds(_ duration: Duration) -> JSONValue { .int(Int(min(max(duration.seconds, 0), 1e9))) }

    /// The API has no choice of tools: what may not be used is not offered.
    private static func tools(_ request: AIRequest, _ settings: OllamaProvider.Settings) throws -> [AITool] {
        if !request.tools.isEmpty, !settings.tools { throw PluginFailure.notImplemented("tool calling with tools: false") }
        return switch request.toolChoice {
        case .automatic, .required: request.tools
        case .none: []
        case .named(let name): request.tools.filter { $0.name == name }
        }
    }

    /// - Parameter names: the tools' names by the calls' ids, for their results.
    private static func messages(_ message: AIMessage, _ names: inout [String: String]) -> [JSONValue] {
        var results: [JSONValue] = [], images: [JSONValue] = [], calls: [JSONValue] = []
        for part in message.parts {
            switch part {
            case .text: break
            case .image(let bytes, _): images.append(.string(Data(bytes).base64EncodedString()))
            case .toolCall(let call):
                names[call.id] = call.name
                calls.append(
                    [
                        "id": .string(call.id),
                        "function": ["name": .string(call.name), "arguments": call.arguments.objectValue == nil ? [:] : call.arguments],
                    ])
            case .toolResult(let callID, let text, let isError):
                var result: [String: JSONValue] = [
                    "role": "tool", "content": .string(isError ? "Error: \(text)" : text), "tool_call_id": .string(callID),
                ]
                if let name = names[callID] { result["tool_name"] = .string(name) }
                results.append(.object(result))
            }
        }
        let text = message.text
        if text.isEmpty, images.isEmpty, calls.isEmpty { return results }
        var body: [String: JSONValue] = ["role": .string(message.role.rawValue), "content": .string(text)]
        if !images.isEmpty { body["images"] = .array(images) }
        if !calls.isEmpty { body["tool_calls"] = .array(calls) }
        return results + [.object(body)]
    }
}
