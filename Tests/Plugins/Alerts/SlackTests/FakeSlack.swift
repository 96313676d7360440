import Foundation
import PluginAPI
import PluginTestKit
import Synchronization

/// Slack as its documents describe it: the Web API, an incoming webhook, and what both refuse.
final class FakeSlack: Sendable {
    static let token = "xoxb-2345-hunter2-token"
    static let signingSecret = "8f742231b10e8888abcd99yyyzzz85a5"
    static let hook = "/services/T000/B000/hidden-webhook-token"
    static let channels = ["#alerts": "C0ALERTS", "C0ALERTS": "C0ALERTS", "#front-desk": "C0DESK", "U0ANA": "D0ANA"]

    struct Message: Sendable {
        var blocks: [JSONValue]
        var text: String
        var edits = 0

        /// All texts as a reader sees them.
        var shown: String { FakeSlack.texts(.array(blocks)).joined(separator: "\n") }
        var buttons: [JSONValue] { blocks.filter { $0["type"] == "actions" }.flatMap { $0["elements"]?.arrayValue ?? [] } }
    }

    private struct State {
        /// By channel and timestamp.
        var messages: [String: Message] = [:]
        var order: [String] = []
        var hooked: [Message] = []
        var refusals: [String] = []
        var lost = false
    }

    private let state = Mutex(State())

    var messages: [Message] { state.withLock { state in state.order.compactMap { state.messages[$0] } } }
    var hooked: [Message] { state.withLock { $0.hooked } }
    var refusals: [String] { state.withLock { $0.refusals } }
    /// From now on no message can be changed: somebody has deleted them.
    func deleteAll() { state.withLock { $0.lost = true } }

    func answer(_ request: LoopbackServer.Request) -> LoopbackReply {
        if request.path == Self.hook { return webhook(request) }
        guard request.path.hasPrefix("/api/") else { return .status(404) }
        guard request.header("Authorization") == "Bearer \(Self.token)" else { return refuse("invalid_auth") }
        switch (request.method, request.path) {
        case ("GET", "/api/auth.test"), ("POST", "/api/auth.test"):
            return .json(#"{"ok":true,"url":"https://miramar.slack.com/","team":"Miramar","user":"jack","team_id":"T0","user_id":"W0"}"#)
        case ("POST", "/api/chat.postMessage"), ("POST", "/api/chat.update"): break
        default: return refuse("unknown_method")
        }
        guard request.header("Content-Type") == "application/json; charset=utf-8", let call = request.json, let members = call.objectValue else {
            return refuse("invalid_json")
        }
        let isUpdate = request.path.hasSuffix("update")
        let allowed: Set = isUpdate ? ["channel", "ts", "text", "blocks"] : ["channel", "text", "blocks", "unfurl_links", "unfurl_media"]
        guard Set(members.keys).isSubset(of: allowed) else { return refuse("invalid_arguments") }
        if let problem = Self.problem(call) { return refuse(problem) }
        return isUpdate ? update(call) : post(call)
    }

    private func post(_ call: JSONValue) -> LoopbackReply {
        guard let channel = call["channel"]?.stringValue.flatMap({ Self.channels[$0] }) else { return refuse("channel_not_found") }
        let ts = state.withLock { state in
            let ts = "1756814400.\(100_000 + state.order.count)"
            state.messages["\(channel) \(ts)"] = Message(call)
            state.order.append("\(channel) \(ts)")
            return ts
        }
        return .json(#"{"ok":true,"channel":"\#(channel)","ts":"\#(ts)","message":{"type":"message"}}"#)
    }

    private func update(_ call: JSONValue) -> LoopbackReply {
        // A name will not do here, only the channel's id.
        let channel = call["channel"]?.stringValue ?? "", ts = call["ts"]?.stringValue ?? "", key = "\(channel) \(ts)"
        let isDone = state.withLock { state in
            guard !state.lost, let before = state.messages[key] else { return false }
            state.messages[key] = Message(call)
            state.messages[key]?.edits = before.edits + 1
            return true
        }
        return isDone ? .json(#"{"ok":true,"channel":"\#(channel)","ts":"\#(ts)","text":"x"}"#) : refuse("message_not_found")
    }

    private func refuse(_ error: String) -> LoopbackReply {
        state.withLock { $0.refusals.append(error) }
        return .json(#"{"ok":false,"error":"\#(error)"}"#)
    }

    private func webhook(_ request: LoopbackServer.Request) -> LoopbackReply {
        guard request.method == "POST", request.header("Authorization") == nil, let call = request.json, let members = call.objectValue,
            Set(members.keys).isSubset(of: ["text", "blocks"]), Self.problem(call) == nil
        else {
            state.withLock { $0.refusals.append("invalid_payload") }
            return .text("invalid_payload", status: 400)
        }
        state.withLock { $0.hooked.append(Message(call)) }
        return .text("ok")
    }

    // MARK: What Slack refuses

    static func problem(_ call: JSONValue) -> String? {
        guard let text = call["text"]?.stringValue, !text.isEmpty else { return "no_text" }
        if text.utf16.count > 40_000 { return "msg_too_long" }
        guard let blocks = call["blocks"]?.arrayValue, (1...50).contains(blocks.count) else { return "invalid_blocks" }
        if ((try? JSONValue.array(blocks).jsonBytes().count) ?? 0) > 13_000 { return "msg_blocks_too_long" }
        let ids = blocks.compactMap { $0["block_id"]?.stringValue }
        guard Set(ids).count == ids.count, ids.allSatisfy({ (1...255).contains($0.utf16.count) }), blocks.allSatisfy(isBlock) else {
            return "invalid_blocks"
        }
        return isEscaped(text) ? nil : "invalid_blocks"
    }

    private static func isBlock(_ block: JSONValue) -> Bool {
        switch block["type"]?.stringValue {
        case "header": block["text"]?["type"] == "plain_text" && isText(block["text"], 150)
        case "section": isText(block["text"], 3000)
        case "context":
            (1...10).contains(block["elements"]?.arrayValue?.count ?? 0) && block["elements"]?.arrayValue?.allSatisfy { isText($0, 3000) } == true
        case "actions": areButtons(block["elements"]?.arrayValue ?? [])
        default: false
        }
    }

    private static func isText(_ text: JSONValue?, _ limit: Int) -> Bool {
        guard let value = text?["text"]?.stringValue, (1...limit).contains(value.utf16.count) else { return false }
        return text?["type"] == "plain_text" || (text?["type"] == "mrkdwn" && text?["verbatim"] == true && isEscaped(value))
    }

    private static func areButtons(_ buttons: [JSONValue]) -> Bool {
        let ids = buttons.compactMap { $0["action_id"]?.stringValue }
        return (1...25).contains(buttons.count) && ids.count == buttons.count && Set(ids).count == ids.count
            && buttons.allSatisfy { button in
                button["type"] == "button" && button["text"]?["type"] == "plain_text" && isText(button["text"], 75)
                    && (1...2000).contains(button["value"]?.stringValue?.utf16.count ?? 0)
                    && (button["style"].map { ["primary", "danger"].contains($0.stringValue) } ?? true)
            }
    }

    /// True where every `<` opens a link or a date of Jack's own, and every `&` an escape: whatever else stands there could mention everybody.
    private static func isEscaped(_ text: String) -> Bool {
        let rest = text.replacing(/<(https?:\/\/[^<>|\s]*|!date\^\d+\^[^<>|]*)\|[^<>|]*>/, with: "").replacing(/&(amp|lt|gt);/, with: "")
        return !rest.contains { "<>&".contains($0) }
    }

    /// The texts of blocks, as a reader sees them.
    static func texts(_ value: JSONValue) -> [String] {
        switch value {
        case .string(let text): [text.replacing("&lt;", with: "<").replacing("&gt;", with: ">").replacing("&amp;", with: "&")]
        case .array(let values): values.flatMap(texts)
        case .object(let members): members.sorted { $0.key < $1.key }.flatMap { texts($0.value) }
        default: []
        }
    }
}

extension FakeSlack.Message {
    init(_ call: JSONValue) { self.init(blocks: call["blocks"]?.arrayValue ?? [], text: call["text"]?.stringValue ?? "") }
}
