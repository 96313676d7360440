import Foundation
import PluginAPI
import PluginTestKit
import Testing

/// Chat Completions as OpenAI's reference describes them: takes what the reference allows and nothing else.
enum FakeOpenAI {
    /// What is wrong with a request, or nil.
    static func problem(_ request: LoopbackServer.Request, streams: Bool? = nil) -> String? {
        guard request.header("Authorization") == "Bearer \(Lab.key)" else { return "no key" }
        if request.method == "GET" { return request.target == "/v1/models" && request.body.isEmpty ? nil : "an unknown path" }
        guard request.method == "POST", request.header("Content-Type") == "application/json", let body = request.jsonBody.objectValue else {
            return "not JSON by POST"
        }
        return switch request.target {
        case "/v1/chat/completions": chat(body, streams)
        case "/v1/embeddings": embeddings(body)
        default: "an unknown path"
        }
    }

    private static func chat(_ body: [String: JSONValue], _ streams: Bool?) -> String? {
        let known: Set<String> = [
            "model", "messages", "max_tokens", "max_completion_tokens", "temperature", "stop", "stream", "stream_options", "tools", "tool_choice",
            "response_format",
        ]
        guard body.keys.allSatisfy(known.contains) else { return "unknown_parameter" }
        guard body["model"]?.stringValue != nil, let messages = body["messages"]?.arrayValue, !messages.isEmpty else { return "no messages" }
        guard (body["max_tokens"] ?? body["max_completion_tokens"])?.isInteger == true else { return "no limit" }
        if let temperature = body["temperature"], !(0...2).contains(temperature.doubleValue ?? -1) { return "a temperature out of range" }
        if let stop = body["stop"], !(1...4).contains(stop.arrayValue?.count ?? 0) { return "too many stops" }
        if body["stream_options"] != nil, body["stream"] != true { return "stream_options without stream" }
        if let streams, (body["stream"] == true) != streams { return "another way of answering" }
        for tool in body["tools"]?.arrayValue ?? [] {
            guard tool["type"] == "function", tool["function"]?["name"]?.stringValue != nil, tool["function"]?["parameters"]?.isObject == true else {
                return "a broken tool"
            }
        }
        if body["tool_choice"] != nil, body["tools"] == nil { return "tool_choice without tools" }
        if let format = body["response_format"] {
            switch format["type"]?.stringValue {
            case "json_schema":
                guard format["json_schema"]?["schema"]?.isObject == true, let name = format["json_schema"]?["name"]?.stringValue,
                    name.wholeMatch(of: #/[a-zA-Z0-9_-]{1,64}/#) != nil
                else { return "a broken schema" }
            case "json_object":
                guard messages.contains(where: { $0["content"]?.stringValue?.contains("JSON") ?? false }) else { return "no word of JSON" }
            default: return "a broken format"
            }
        }
        var open: Set<String> = []
        for message in messages {
            switch message["role"]?.stringValue {
            case "system": guard message["content"]?.stringValue?.isEmpty == false else { return "an empty system message" }
            case "user": guard message["content"]?.stringValue != nil || message["content"]?.arrayValue != nil else { return "a broken message" }
            case "assistant":
                for call in message["tool_calls"]?.arrayValue ?? [] {
                    guard let id = call["id"]?.stringValue, call["type"] == "function", call["function"]?["arguments"]?.stringValue != nil else {
                        return "a broken call"
                    }
                    open.insert(id)
                }
                guard message["content"]?.stringValue != nil || message["tool_calls"] != nil else { return "an empty answer" }
            case "tool": guard let id = message["tool_call_id"]?.stringValue, open.remove(id) != nil else { return "a result of no call" }
            default: return "an unknown role"
            }
        }
        return open.isEmpty ? nil : "a call without its result"
    }

    private static func embeddings(_ body: [String: JSONValue]) -> String? {
        guard body.keys.allSatisfy(["model", "input", "dimensions", "encoding_format"].contains) else { return "unknown_parameter" }
        guard let input = body["input"]?.arrayValue, (1...2048).contains(input.count), input.allSatisfy({ $0.stringValue?.isEmpty == false }) else {
            return "a broken input"
        }
        if let dimensions = body["dimensions"], !dimensions.isInteger { return "broken dimensions" }
        return nil
    }

    /// Says what is wrong with a request to the test too.
    static func refused(_ problem: String) -> LoopbackReply {
        Issue.record("the request is wrong: \(problem)")
        return .json(#"{"error":{"message":"\#(problem)","type":"invalid_request_error","param":null,"code":null}}"#, status: 400)
    }

    /// A whole answer.
    static func answer(_ text: String, finish: String = "stop", calls: JSONValue? = nil) -> LoopbackReply {
        var message: [String: JSONValue] = ["role": "assistant", "content": .string(text), "refusal": nil]
        if let calls { message["tool_calls"] = calls }
        let body: JSONValue = [
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4.1-2025-04-14",
            "choices": [["index": 0, "message": .object(message), "logprobs": nil, "finish_reason": .string(finish)]], "usage": usage,
        ]
        return .json((try? body.jsonText()) ?? "")
    }

    static let usage: JSONValue = [
        "prompt_tokens": 120, "completion_tokens": 9, "total_tokens": 129, "prompt_tokens_details": ["cached_tokens": 64, "audio_tokens": 0],
        "completion_tokens_details": ["reasoning_tokens": 0],
    ]

    /// One chunk as an event.
    static func chunk(_ delta: JSONValue, finish: String? = nil) -> String {
        event(
            [
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1-2025-04-14", "usage": nil,
                "choices": [["index": 0, "delta": delta, "logprobs": nil, "finish_reason": finish.map { .string($0) } ?? .null]],
            ])
    }

    static func event(_ json: JSONValue) -> String { "data: \((try? json.jsonText()) ?? "")\n\n" }

    static let usageChunk = event(["id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": usage])
    static let done = "data: [DONE]\n\n"

    /// A text as it streams.
    static func text(_ text: String, finish: String = "stop") -> String {
        chunk(["role": "assistant", "content": "", "refusal": nil]) + text.halves.map { chunk(["content": .string($0)]) }.joined()
            + chunk([:], finish: finish) + usageChunk + done
    }

    static func stream(_ text: String, pieces: Int = 1 << 20, cut: Bool = false) -> LoopbackReply {
        Lab.stream(text, pieces: pieces, type: "text/event-stream; charset=utf-8", cut: cut)
    }
}
