import Crypto
import Foundation
import HTTPTypes
import Kernel
import PluginAPI

/// Tells an address of the hotel's own of each change of a conversation: written down with the change, sent in the order of each conversation, signed, and tried again until it is taken.
///
/// The body is `{"changeType","before","after","timestamp","conversationId"}`. `X-Jack-Signature` holds `t=<unix seconds>,v1=<hex of HMAC-SHA256 over "<t>.<body>">`; the body's own
/// time says when the change was, the signature's when it was sent. `X-Jack-Delivery` is the same for every try of one change.
public struct ConversationNotices: Sendable {
    /// The kind of outbox entry.
    public static let kind: OutboxEntry.Kind = "notice"
    /// For how long one is tried; those behind it wait.
    public static let lifetime = Duration.seconds(7 * 86_400)
    /// Whose entries they are in the outbox.
    public static let instance = "notify"

    /// The lane in which a conversation's changes leave.
    static func lane(of conversation: String) -> String { "\(instance)|\(conversation)" }

    private struct Notice: Encodable {
        var changeType: String
        var before: JSONValue?
        var after: JSONValue?
        var timestamp: String
        var conversationId: String

        enum Key: String, CodingKey { case changeType, before, after, timestamp, conversationId }

        /// A change that has no before says so: `null`, not nothing.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(changeType, forKey: .changeType)
            try container.encode(before, forKey: .before)
            try container.encode(after, forKey: .after)
            try container.encode(timestamp, forKey: .timestamp)
            try container.encode(conversationId, forKey: .conversationId)
        }
    }

    private let url: String
    private let secret: Secret
    private let outbox: @Sendable () -> Outbox
    private let http: any HTTPClient
    private let clock: any TimeSource

    /// Nil where nobody is to be told.
    public init?(_ settings: NotifySettings, outbox: @escaping @Sendable () -> Outbox, http: any HTTPClient, clock: any TimeSource) {
        guard let url = settings.url, let secret = settings.secret else { return nil }
        self.url = url
        self.secret = secret
        self.outbox = outbox
        self.http = http
        self.clock = clock
    }

    /// Writes a change down to be told of, in the transaction that made it.
    func post(_ change: ConversationChange, of conversation: String, in transaction: any StorageTransaction) throws {
        let notice = Notice(
            changeType: change.change, before: change.before, after: change.after, timestamp: change.at.iso8601, conversationId: conversation)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try outbox().enqueue(
            OutboxEntry(
                id: Identifier.make("ntc", at: change.at), instance: Self.instance, kind: Self.kind, lane: Self.lane(of: conversation),
                payload: [UInt8](try encoder.encode(notice)), createdAt: change.at), in: transaction)
    }

    /// Sends what was written down.
    public func deliver(_ entry: OutboxEntry) async throws -> Outbox.Delivery {
        let headers: HTTPFields = [
            .contentType: "application/json", .userAgent: "Jack", .known("X-Jack-Signature"): signature(of: entry.payload),
            .known("X-Jack-Delivery"): entry.id,
        ]
        let response = try await http.send(
            ClientRequest(.post, url, headers: headers, body: entry.payload, timeout: .seconds(15), maximumResponseBytes: 64 << 10))
        if let failure = response.failure(from: "the address in notify.url", now: clock) { throw failure }
        return .accepted(SendResult(vendorIDs: []))
    }

    private func signature(of body: [UInt8]) -> String {
        let time = "\(Int64(clock.now.timeIntervalSince1970.rounded(.down)))"
        let code = HMAC<SHA256>.authenticationCode(for: Array("\(time).".utf8) + body, using: SymmetricKey(data: Array(secret.reveal().utf8)))
        return "t=\(time),v1=" + Hex.text(code)
    }
}
