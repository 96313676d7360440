import Foundation
import PluginAPI
import PluginTestKit
import Testing

/// The Messages API as its reference describes it: takes what the reference allows and nothing else.
enum FakeAnthropic {
    /// What is wrong with a request, or nil.
    static func problem(_ request: LoopbackServer.Request, streams: Bool? = nil) -> String? {
        guard request.header("x-api-key") == Lab.key else { return "no key" }
        guard request.header("anthropic-version")?.wholeMatch(of: #/\d{4}-\d{2}-\d{2}/#) != nil else { return "no version" }
        if request.method == "GET" { return request.target == "/v1/models?limit=1000" && request.body.isEmpty ? nil : "an unknown path" }
        guard request.method == "POST", request.target == "/v1/messages", request.header("Content-Type") == "application/json",
            let body = request.jsonBody.objectValue
        else { return "not JSON by POST" }
        let known: Set<String> = [
            "model", "max_tokens", "messages", "system", "temperature", "stop_sequences", "stream", "tools", "tool_choice", "output_config",
        ]
        guard body.keys.allSatisfy(known.contains) else { return "extra inputs are not permitted" }
        guard body["model"]?.stringValue != nil, body["max_tokens"]?.isInteger == true else { return "no model or limit" }
        if let streams, (body["stream"] == true) != streams { return "another way of answering" }
        if let temperature = body["temperature"], !(0...1).contains(temperature.doubleValue ?? -1) { return "a temperature out of range" }
        var marks = 0
        for block in body["system"]?.arrayValue ?? [] {
            guard isText(block) else { return "a broken system block" }
            marks += mark(block)
        }
        for tool in body["tools"]?.arrayValue ?? [] {
            guard tool["name"]?.stringValue?.wholeMatch(of: #/[a-zA-Z0-9_-]{1,64}/#) != nil, tool["input_schema"]?["type"] == "object" else {
                return "a broken tool"
            }
            marks += mark(tool)
        }
        if marks > 4 { return "more than four cache marks" }
        if let choice = body["tool_choice"] {
            guard body["tools"] != nil, ["auto", "any", "tool", "none"].contains(choice["type"]?.stringValue ?? "") else { return "a broken choice" }
        }
        if let stops = body["stop_sequences"]?.arrayValue, stops.contains(where: { $0.stringValue?.allSatisfy(\.isWhitespace) ?? true }) {
            return "a blank stop sequence"
        }
        let blocks = (body["messages"]?.arrayValue ?? []).flatMap { $0["content"]?.arrayValue ?? [] }
        if body["tools"]?[0] == nil, blocks.contains(where: { $0["type"] == "tool_use" || $0["type"] == "tool_result" }) {
            return "requests which include tool_use or tool_result blocks must define tools"
        }
        return conversation(body["messages"]?.arrayValue ?? [])
    }

    private static func isText(_ block: JSONValue) -> Bool {
        block["type"] == "text" && block["text"]?.stringValue?.contains { !$0.isWhitespace } == true
    }

    private static func mark(_ block: JSONValue) -> Int { block["cache_control"]?["type"] == "ephemeral" ? 1 : 0 }

    private static func conversation(_ messages: [JSONValue]) -> String? {
        guard messages.first?["role"] == "user" else { return "the first message is not the user's" }
        var role: JSONValue?, open: Set<String> = []
        for message in messages {
            guard message["role"] != role else { return "roles do not alternate" }
            role = message["role"]
            guard let content = message["content"]?.arrayValue, !content.isEmpty else { return "an empty message" }
            let results = Set(content.compactMap { $0["tool_use_id"]?.stringValue })
            if results != open { return "tool_use without its tool_result" }
            if let last = content.lastIndex(where: { $0["type"] == "tool_result" }), last >= results.count { return "results come first" }
            open = []
            for block in content {
                switch block["type"]?.stringValue {
                case "text": guard isText(block) else { return "an empty text" }
                case "image":
                    guard block["source"]?["type"] == "base64", block["source"]?["media_type"]?.stringValue?.hasPrefix("image/") == true else {
                        return "a broken image"
                    }
                case "tool_use":
                    guard role == "assistant", let id = block["id"]?.stringValue, block["input"]?.isObject == true else { return "a broken tool_use" }
                    open.insert(id)
                case "tool_result": guard role == "user", block["content"]?.stringValue != nil else { return "a broken result" }
                default: return "an unknown block"
                }
            }
        }
        return nil
    }

    /// Says what is wrong with a request to the test too.
    static func refused(_ problem: String) -> LoopbackReply {
        Issue.record("the request is wrong: \(problem)")
        return error("invalid_request_error", problem, status: 400)
    }

    static func error(_ type: String, _ message: String, status: Int, headers: [(String, String)] = []) -> LoopbackReply {
        .status(
            status, headers: [("Content-Type", "application/json")] + headers,
            body: Array(#"{"type":"error","error":{"type":"\#(type)","message":"\#(message)"},"request_id":"req_1"}"#.utf8))
    }

    static let usage: JSONValue = [
        "input_tokens": 20, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 100, "output_tokens": 9, "service_tier": "standard",
        "cache_creation": ["ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 0],
    ]
    static let counted = AIUsage(inputTokens: 150, outputTokens: 9, cacheReadTokens: 100, cacheWriteTokens: 30)

    static func answer(_ content: [JSONValue], stop: String = "end_turn") -> LoopbackReply {
        let body: JSONValue = [
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929", "content": .array(content),
            "stop_reason": .string(stop), "stop_sequence": nil, "usage": usage,
        ]
        return .json((try? body.jsonText()) ?? "")
    }

    static func text(_ text: String) -> JSONValue { ["type": "text", "text": .string(text)] }

    static func event(_ type: String, _ members: [String: JSONValue]) -> String {
        let body = JSONValue.object(members.merging(["type": .string(type)]) { $1 })
        return "event: \(type)\ndata: \((try? body.jsonText()) ?? "")\n\n"
    }

    static let start = event(
        "message_start",
        [
            "message": [
                "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929", "content": [], "stop_reason": nil,
                "usage": ["input_tokens": 20, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 100, "output_tokens": 1],
            ]
        ])

    static func end(_ reason: String) -> String {
        event("message_delta", ["delta": ["stop_reason": .string(reason), "stop_sequence": nil], "usage": ["output_tokens": 9]])
            + event("message_stop", [:])
    }

    /// A text block as it streams.
    static func block(_ index: Int, text: String) -> String {
        event("content_block_start", ["index": .int(index), "content_block": ["type": "text", "text": ""]]) + event("ping", [:])
            + text.halves.map { event("content_block_delta", ["index": .int(index), "delta": ["type": "text_delta", "text": .string($0)]]) }.joined()
            + event("content_block_stop", ["index": .int(index)])
    }

    /// A tool's block as it streams.
    static func block(_ index: Int, tool name: String, id: String, input: String) -> String {
        event(
            "content_block_start",
            ["index": .int(index), "content_block": ["type": "tool_use", "id": .string(id), "name": .string(name), "input": [:]]])
            + ([""] + input.halves).map {
                event("content_block_delta", ["index": .int(index), "delta": ["type": "input_json_delta", "partial_json": .string($0)]])
            }.joined() + event("content_block_stop", ["index": .int(index)])
    }

    static func stream(_ text: String, pieces: Int = 1 << 20, cut: Bool = false) -> LoopbackReply {
        Lab.stream(text, pieces: pieces, type: "text/event-stream; charset=utf-8", cut: cut)
    }
}
