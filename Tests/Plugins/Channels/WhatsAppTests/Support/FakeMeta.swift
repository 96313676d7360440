import Crypto
import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Synchronization

/// Meta's Graph API as its documents describe it, on loopback: what they forbid it refuses with the error that they name.
final class FakeMeta: Sendable {
    static let token = "EAAGm0PX4ZCpsBAJackTestToken0123456789"
    static let number = "106540352242922"
    static let version = "v26.0"

    struct Upload: Sendable {
        var type: String
        var fileName: String
        var bytes: [UInt8]
    }

    struct File: Sendable {
        var bytes: [UInt8]
        var mimeType: String
        /// In place of the right ones.
        var sha256: String?
        var size: Int?
        var url: String?
        /// What the file server answers in place of the bytes.
        var reply: LoopbackReply?
    }

    private struct State {
        var messages: [JSONValue] = []
        var uploads: [Upload] = []
        var files: [String: File] = [:]
        var replies: [LoopbackReply?] = []
    }

    private let state = Mutex(State())

    /// The messages that were taken, in order.
    var messages: [JSONValue] { state.withLock { $0.messages } }
    var uploads: [Upload] { state.withLock { $0.uploads } }

    func keep(_ id: String, _ file: File) { state.withLock { $0.files[id] = file } }

    /// What the next requests to `/messages` get; nil is the usual answer.
    func next(_ replies: LoopbackReply?...) { state.withLock { $0.replies += replies } }

    static func error(_ code: Int, status: Int = 400, subcode: Int? = nil, details: String = "", message: String = "(#\(0)) Error") -> LoopbackReply {
        var error: [String: JSONValue] = [
            "message": .string(message), "type": "OAuthException", "code": .int(code), "fbtrace_id": "A1b2",
            "error_data": ["messaging_product": "whatsapp", "details": .string(details)],
        ]
        if let subcode { error["error_subcode"] = .int(subcode) }
        let data = (try? JSONEncoder().encode(JSONValue.object(["error": .object(error)]))) ?? Data()
        return .json(String(decoding: data, as: UTF8.self), status: status)
    }

    func answer(_ request: LoopbackServer.Request) -> LoopbackReply {
        if request.path.hasPrefix("/lookaside/") { return file(request) }
        guard request.header("Authorization") == "Bearer \(Self.token)" else {
            return Self.error(190, status: 401, message: "Invalid OAuth access token - Cannot parse access token")
        }
        let root = "/\(Self.version)/"
        guard request.path.hasPrefix(root) else { return Self.error(2635, message: "You are calling a deprecated version") }
        switch (request.method, request.path.dropFirst(root.count)) {
        case ("POST", "\(Self.number)/messages"): return message(request)
        case ("POST", "\(Self.number)/media"): return upload(request)
        case ("GET", let id) where id == Self.number: return phoneNumber(request)
        case ("GET", let id): return place(String(id), request)
        default: return Self.error(100, subcode: 33, message: "Unsupported request")
        }
    }

    // MARK: Messages

    private func message(_ request: LoopbackServer.Request) -> LoopbackReply {
        let scripted: LoopbackReply?? = state.withLock { $0.replies.isEmpty ? nil : $0.replies.removeFirst() }
        if let reply = scripted ?? nil { return reply }
        guard request.header("Content-Type")?.hasPrefix("application/json") == true,
            let body = try? JSONDecoder().decode(JSONValue.self, from: Data(request.body))
        else { return Self.error(100, details: "the body is not JSON") }
        if let problem = Self.problem(body) { return Self.error(problem.code, details: problem.words) }
        let index = state.withLock { state in
            state.messages.append(body)
            return state.messages.count
        }
        if body["status"] != nil { return .json(#"{"success":true}"#) }
        let input = body["to"]?.stringValue ?? body["recipient"]?.stringValue ?? ""
        return .json(
            #"{"messaging_product":"whatsapp","contacts":[{"input":"\#(input)","wa_id":"\#(input)"}],"messages":[{"id":"wamid.OUT\#(index)"}]}"#)
    }

    struct Problem: Error {
        var code = 100
        var words: String
    }

    /// What Meta would not take, or nil.
    private static func problem(_ body: JSONValue) -> Problem? {
        do {
            try check(body)
            return nil
        } catch let problem as Problem { return problem } catch { return Problem(words: "\(error)") }
    }

    private static func require(_ holds: Bool, _ words: String, code: Int = 100) throws {
        if !holds { throw Problem(code: code, words: words) }
    }

    private static func text(_ value: JSONValue?, _ name: String, _ range: ClosedRange<Int>) throws {
        guard let text = value?.stringValue else { throw Problem(code: 131_008, words: "\(name) is required") }
        try require(range.contains(text.utf16.count), "\(name) has \(text.utf16.count) characters", code: 131_009)
    }

    private static func check(_ body: JSONValue) throws {
        guard let members = body.objectValue else { throw Problem(words: "not an object") }
        try require(body["messaging_product"] == "whatsapp", "messaging_product")
        if body["status"] != nil {
            try require(Set(members.keys).isSubset(of: ["messaging_product", "status", "message_id", "typing_indicator"]), "unknown parameter")
            try require(body["status"] == "read" && body["message_id"]?.stringValue?.isEmpty == false, "message_id")
            if let typing = body["typing_indicator"] { try require(typing == ["type": "text"], "typing_indicator") }
            return
        }
        let type = body["type"]?.stringValue ?? "text"
        try require(
            ["text", "image", "audio", "video", "document", "sticker", "location", "interactive", "template"].contains(type),
            "Param type must be one of")
        let known: Set = ["messaging_product", "recipient_type", "to", "recipient", "type", "context", "biz_opaque_callback_data", type]
        try require(Set(members.keys).isSubset(of: known), "unknown parameter among \(members.keys.sorted())")
        try require(body["recipient_type"] == "individual", "recipient_type")
        let to = body["to"]?.stringValue, recipient = body["recipient"]?.stringValue
        try require((to == nil) != (recipient == nil), "to or recipient")
        if let to { try require(to.allSatisfy { $0.isASCII && $0.isNumber } && (5...15).contains(to.count), "to") }
        if let context = body["context"] {
            try require(context.objectValue?.count == 1 && context["message_id"]?.stringValue?.hasPrefix("wamid.") == true, "context", code: 131_009)
        }
        if let data = body["biz_opaque_callback_data"] { try require((data.stringValue?.utf8.count ?? 999) <= 512, "biz_opaque_callback_data") }
        guard let content = body[type], let fields = content.objectValue else { throw Problem(code: 131_008, words: "\(type) is required") }
        try check(type, content, Set(fields.keys))
    }

    private static func check(_ type: String, _ content: JSONValue, _ fields: Set<String>) throws {
        switch type {
        case "text":
            try require(fields.isSubset(of: ["body", "preview_url"]) && content["preview_url"]?.boolValue != nil, "text")
            try text(content["body"], "body", 1...4096)
            try require(content["body"]?.stringValue?.contains { !$0.isWhitespace } == true, "body is blank")
        case "location":
            try require(fields.isSubset(of: ["latitude", "longitude", "name", "address"]), "location")
            try require(content["latitude"]?.doubleValue.map { (-90...90).contains($0) } == true, "latitude")
            try require(content["longitude"]?.doubleValue.map { (-180...180).contains($0) } == true, "longitude")
        case "interactive": try checkInteractive(content)
        case "template":
            try require(fields.isSubset(of: ["name", "language", "components"]), "template")
            try text(content["name"], "name", 1...512)
            guard let code = content["language"]?["code"]?.stringValue, !code.contains("-") else { throw Problem(code: 132_001, words: "language") }
            for component in content["components"]?.arrayValue ?? [] {
                try require(component["type"] == "body", "component")
                for parameter in component["parameters"]?.arrayValue ?? [] {
                    try require(parameter["type"] == "text", "parameter")
                    try require(parameter["text"]?.stringValue?.contains { $0.isNewline || $0 == "\t" } == false, "line break", code: 132_007)
                }
            }
        default:
            let captioned = ["image", "video", "document"].contains(type)
            let allowed: Set = type == "document" ? ["id", "link", "caption", "filename"] : captioned ? ["id", "link", "caption"] : ["id", "link"]
            try require(fields.isSubset(of: allowed), "\(type) has \(fields.sorted())")
            try require((content["id"] == nil) != (content["link"] == nil), "id or link")
            if let link = content["link"]?.stringValue { try require(link.hasPrefix("https://"), "link") }
            if content["caption"] != nil { try text(content["caption"], "caption", 1...1024) }
        }
    }

    private static func checkInteractive(_ content: JSONValue) throws {
        try text(content["body"]?["text"], "body", 1...1024)
        let action = content["action"] ?? .null
        switch content["type"]?.stringValue {
        case "button":
            let buttons = action["buttons"]?.arrayValue ?? []
            try require((1...3).contains(buttons.count) && action.objectValue?.count == 1, "buttons", code: 131_009)
            for button in buttons {
                try require(button["type"] == "reply", "button type")
                try text(button["reply"]?["title"], "title", 1...20)
                try text(button["reply"]?["id"], "id", 1...256)
            }
            try require(Set(buttons.map { $0["reply"]?["title"] }).count == buttons.count, "titles repeat", code: 131_009)
            try require(Set(buttons.map { $0["reply"]?["id"] }).count == buttons.count, "ids repeat", code: 131_009)
        case "list":
            try text(action["button"], "button", 1...20)
            let rows = (action["sections"]?.arrayValue ?? []).flatMap { $0["rows"]?.arrayValue ?? [] }
            try require((1...10).contains(rows.count), "rows", code: 131_009)
            for row in rows {
                try text(row["title"], "title", 1...24)
                try text(row["id"], "id", 1...200)
                if row["description"] != nil { try text(row["description"], "description", 1...72) }
            }
            try require(Set(rows.map { $0["id"] }).count == rows.count, "ids repeat", code: 131_009)
        default: throw Problem(words: "interactive type")
        }
    }

    // MARK: Files

    private func upload(_ request: LoopbackServer.Request) -> LoopbackReply {
        guard let type = request.header("Content-Type"), type.hasPrefix("multipart/form-data; boundary="),
            let parts = Self.parts(request.body, boundary: String(type.dropFirst(30)))
        else { return Self.error(100, details: "not a form") }
        guard parts["messaging_product"].map({ String(decoding: $0.bytes, as: UTF8.self) }) == "whatsapp", let file = parts["file"],
            let fileType = file.type, let declared = parts["type"].map({ String(decoding: $0.bytes, as: UTF8.self) }), declared == fileType
        else { return Self.error(100, details: "a field is missing") }
        let id = state.withLock { state in
            state.uploads.append(Upload(type: fileType, fileName: file.fileName ?? "", bytes: file.bytes))
            return "70000\(state.uploads.count)"
        }
        return .json(#"{"id":"\#(id)"}"#)
    }

    private struct Part {
        var type: String?
        var fileName: String?
        var bytes: [UInt8]
    }

    private static func parts(_ body: [UInt8], boundary: String) -> [String: Part]? {
        // Through Latin-1 every byte is one scalar, and comes back as it was.
        guard let text = String(bytes: body, encoding: .isoLatin1), text.hasSuffix("--\(boundary)--\r\n") else { return nil }
        var parts: [String: Part] = [:]
        for piece in text.components(separatedBy: "--\(boundary)\r\n").dropFirst() {
            guard let end = piece.range(of: "\r\n\r\n") else { return nil }
            let head = piece[..<end.lowerBound]
            var content = String(piece[end.upperBound...])
            if let last = content.range(of: "\r\n--\(boundary)--\r\n") {
                content = String(content[..<last.lowerBound])
            } else {
                content.removeLast(1)
            }
            guard let name = head.firstMatch(of: #/; name="([^"]*)"/#)?.1, let bytes = content.data(using: .isoLatin1) else { return nil }
            parts[String(name)] = Part(
                type: head.firstMatch(of: #/Content-Type: (.*)/#).map { String($0.1) },
                fileName: head.firstMatch(of: #/filename="([^"]*)"/#).map { String($0.1) }, bytes: [UInt8](bytes))
        }
        return parts
    }

    private func place(_ id: String, _ request: LoopbackServer.Request) -> LoopbackReply {
        guard request.target.hasSuffix("?phone_number_id=\(Self.number)") else { return Self.error(100, details: "phone_number_id") }
        let port = request.header("Host")?.split(separator: ":").last ?? ""
        guard let file = state.withLock({ $0.files[id] }) else {
            return Self.error(100, subcode: 33, message: "Unsupported get request. Object with ID '\(id)' does not exist")
        }
        let sum = file.sha256 ?? SHA256.hash(data: file.bytes).map { String(format: "%02x", $0) }.joined()
        // Another host than the API's, as Meta's file server is.
        let url = file.url ?? "http://localhost:\(port)/lookaside/\(id)"
        return .json(
            #"{"messaging_product":"whatsapp","url":"\#(url)","mime_type":"\#(file.mimeType)","sha256":"\#(sum)","file_size":"\#(file.size ?? file.bytes.count)","id":"\#(id)"}"#
        )
    }

    private func file(_ request: LoopbackServer.Request) -> LoopbackReply {
        guard request.header("Authorization") == "Bearer \(Self.token)" else { return .status(401) }
        guard let file = state.withLock({ $0.files[String(request.path.dropFirst(11))] }) else { return .status(404) }
        return file.reply ?? .status(200, headers: [("Content-Type", file.mimeType)], body: file.bytes)
    }

    private func phoneNumber(_ request: LoopbackServer.Request) -> LoopbackReply {
        guard request.target.contains("fields=") else { return Self.error(100, details: "fields") }
        return .json(
            #"{"display_phone_number":"+1 555 078 3881","verified_name":"Hotel Miramar","quality_rating":"GREEN","platform_type":"CLOUD_API","throughput":{"level":"STANDARD"},"id":"\#(Self.number)"}"#
        )
    }
}
