import Foundation
import PluginAPI

/// What is said to a browser: JSON, encoded once for all sockets that get it.
enum ServerFrame {
    static let typing = #"{"type":"typing"}"#
    static let pong = #"{"type":"pong"}"#

    static func ack(_ id: String) -> some FrameText { Ack(id: id) }

    static func session(token: String, restored: Bool, history: [TranscriptEntry], session: String) -> some FrameText {
        Session(token: token, restored: restored, history: history.map { Entry($0, session: session) })
    }

    static func message(_ message: OutboundMessage) -> some FrameText { Message(message) }

    private struct Ack: FrameText {
        var type = "ack"
        let id: String
    }

    private struct Session: FrameText {
        var type = "session"
        let token: String
        let restored: Bool
        let history: [Entry]
    }

    private struct Titled: Encodable {
        let id: String
        let title: String
    }

    private struct Message: FrameText {
        var type = "message"
        let id: String
        let inReplyTo: String?
        let from: String
        let text: String
        let quickReplies: [Titled]
        let sources: [Titled]

        enum CodingKeys: String, CodingKey {
            case type, id, inReplyTo = "in_reply_to", from, text, quickReplies = "quick_replies", sources
        }

        init(_ message: OutboundMessage) {
            id = message.id
            inReplyTo = message.inReplyTo.map { MessageID.client($0, session: message.peer.value) }
            from = message.author == .staff ? "staff" : "jack"
            text = message.text
            quickReplies = message.quickReplies.map { Titled(id: $0.id, title: $0.title) }
            sources = message.sources.map { Titled(id: $0.id, title: $0.title) }
        }
    }

    private struct Entry: Encodable {
        let id: String
        let inReplyTo: String?
        let from: String
        let text: String
        let at: String
        let quickReplies: [Titled]?
        let sources: [Titled]?

        enum CodingKeys: String, CodingKey {
            case id, inReplyTo = "in_reply_to", from, text, at, quickReplies = "quick_replies", sources
        }

        init(_ entry: TranscriptEntry, session: String) {
            // A guest's line goes back under the id that the browser gave it.
            id = entry.author == .guest ? entry.vendorID.map { MessageID.client($0, session: session) } ?? entry.id : entry.id
            inReplyTo = entry.inReplyTo.map { MessageID.client($0, session: session) }
            from =
                switch entry.author {
                case .guest: "guest";
                case .staff: "staff";
                case .jack, .system: "jack"
                }
            text = entry.text
            at = entry.sentAt.iso8601
            quickReplies = entry.quickReplies.isEmpty ? nil : entry.quickReplies.map { Titled(id: $0.id, title: $0.title) }
            sources = entry.sources.isEmpty ? nil : entry.sources.map { Titled(id: $0.id, title: $0.title) }
        }
    }
}

/// Something that is sent as one text frame.
protocol FrameText: Encodable {}

extension FrameText {
    var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        // What is encoded here are texts, flags and whole numbers: there is no value that JSON could not hold.
        guard let data = try? encoder.encode(self) else { return #"{"type":"error","code":"internal","message":"the answer could not be written"}"# }
        return String(decoding: data, as: UTF8.self)
    }
}

/// Why something was not done. `id` names the guest's message, where one is concerned.
struct ErrorFrame: FrameText {
    let type = "error"
    let code: String
    let message: String
    var id: String?
    /// In characters.
    var limit: Int?
    /// In seconds.
    var retryAfter: Int?

    enum CodingKeys: String, CodingKey { case type, code, message, id, limit, retryAfter = "retry_after" }

    init(_ code: String, _ message: String, id: String? = nil, limit: Int? = nil, retryAfter: Int? = nil) {
        self.code = code
        self.message = message
        self.id = id
        self.limit = limit
        self.retryAfter = retryAfter
    }
}

/// A guest's message is known to the kernel by its session and the browser's id: two browsers may choose the same.
enum MessageID {
    static func vendor(_ client: String, session: String) -> String { "\(session):\(client)" }

    static func client(_ vendor: String, session: String) -> String {
        vendor.hasPrefix(session + ":") ? String(vendor.dropFirst(session.count + 1)) : vendor
    }
}
