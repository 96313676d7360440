import Foundation
import PluginAPI
import PluginTestKit
import Testing

/// Ollama's API as its reference describes it: takes what the reference allows and nothing else.
enum FakeOllama {
    /// What is wrong with a request, or nil.
    static func problem(_ request: LoopbackServer.Request, streams: Bool? = nil) -> String? {
        guard request.header("Authorization") == "Bearer \(Lab.key)" else { return "no key" }
        if request.method == "GET" { return request.target == "/api/tags" && request.body.isEmpty ? nil : "an unknown path" }
        guard request.method == "POST", request.header("Content-Type") == "application/json", let body = request.jsonBody.objectValue else {
            return "not JSON by POST"
        }
        return switch request.target {
        case "/api/chat": chat(body, streams)
        case "/api/embed": embed(body)
        default: "an unknown path"
        }
    }

    private static func chat(_ body: [String: JSONValue], _ streams: Bool?) -> String? {
        let known: Set<String> = ["model", "messages", "stream", "format", "options", "keep_alive", "tools", "think", "truncate", "shift"]
        guard body.keys.allSatisfy(known.contains) else { return "an unknown field" }
        // Without the field the server streams.
        guard body["model"]?.stringValue != nil, body["stream"]?.boolValue != nil, body["keep_alive"]?.isInteger == true else {
            return "a missing field"
        }
        if let streams, body["stream"] != .bool(streams) { return "another way of answering" }
        guard let options = body["options"]?.objectValue, options.keys.allSatisfy(["num_ctx", "num_predict", "temperature", "stop"].contains),
            options["num_ctx"]?.isInteger == true, options["num_predict"]?.isInteger == true
        else { return "broken options" }
        if let format = body["format"], format != "json", !format.isObject { return "a broken format" }
        if let think = body["think"], think.boolValue == nil, !["low", "medium", "high"].contains(think.stringValue ?? "") {
            return "a broken think"
        }
        for tool in body["tools"]?.arrayValue ?? [] {
            guard tool["type"] == "function", tool["function"]?["name"]?.stringValue != nil, tool["function"]?["parameters"]?["type"] == "object"
            else {
                return "a broken tool"
            }
        }
        for message in body["messages"]?.arrayValue ?? [] {
            guard ["system", "user", "assistant", "tool"].contains(message["role"]?.stringValue ?? ""), message["content"]?.stringValue != nil else {
                return "a broken message"
            }
            // Arguments are an object here, not its text.
            for call in message["tool_calls"]?.arrayValue ?? [] where call["function"]?["arguments"]?.isObject != true { return "broken arguments" }
            for image in message["images"]?.arrayValue ?? [] where Data(base64Encoded: image.stringValue ?? "!") == nil { return "a broken image" }
        }
        return nil
    }

    private static func embed(_ body: [String: JSONValue]) -> String? {
        guard body.keys.allSatisfy(["model", "input", "truncate", "keep_alive", "dimensions", "options"].contains) else { return "an unknown field" }
        guard let input = body["input"]?.arrayValue, input.allSatisfy({ $0.stringValue != nil }), body["keep_alive"]?.isInteger == true else {
            return "a broken input"
        }
        return nil
    }

    /// Says what is wrong with a request to the test too.
    static func refused(_ problem: String) -> LoopbackReply {
        Issue.record("the request is wrong: \(problem)")
        return .json(#"{"error":"\#(problem)"}"#, status: 400)
    }

    static func line(_ message: JSONValue, done: Bool = false, more: [String: JSONValue] = [:]) -> String {
        let body: [String: JSONValue] = [
            "model": "llama3.1:8b", "created_at": "2025-09-02T12:00:00.1Z", "message": message, "done": .bool(done),
        ]
        return ((try? JSONValue.object(body.merging(more) { $1 }).jsonText()) ?? "") + "\n"
    }

    static let counts: [String: JSONValue] = ["prompt_eval_count": 120, "eval_count": 9, "total_duration": 5_000_000_000]
    static let counted = AIUsage(inputTokens: 120, outputTokens: 9)

    static func end(_ reason: String? = "stop") -> String {
        line(["role": "assistant", "content": ""], done: true, more: counts.merging(reason.map { ["done_reason": .string($0)] } ?? [:]) { $1 })
    }

    static func words(_ text: String) -> String { text.halves.map { line(["role": "assistant", "content": .string($0)]) }.joined() }

    static func answer(_ text: String, reason: String? = "stop", calls: JSONValue? = nil) -> LoopbackReply {
        var message: [String: JSONValue] = ["role": "assistant", "content": .string(text)]
        if let calls { message["tool_calls"] = calls }
        return .json(line(.object(message), done: true, more: counts.merging(reason.map { ["done_reason": .string($0)] } ?? [:]) { $1 }))
    }

    static func stream(_ text: String, pieces: Int = 1 << 20, cut: Bool = false) -> LoopbackReply {
        Lab.stream(text, pieces: pieces, type: "application/x-ndjson", cut: cut)
    }
}
