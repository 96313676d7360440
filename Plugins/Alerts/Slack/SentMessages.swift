import Crypto
import Foundation
import PluginAPI

/// Which message stands for a matter at a place, so that the same one is changed later; and what the buttons' values stand for.
struct SentMessages: Sendable {
    struct Message: Codable, Sendable, Hashable {
        /// The channel's id, as Slack answered it.
        var channel: String
        /// The message's timestamp, which is its id within the channel.
        var ts: String
        /// The telling by which it was written.
        var page: String
        /// The note by which somebody acknowledged the matter since.
        var acknowledged: String?
    }

    /// A button's value has at most 2,000 characters, and stands three times in a message that has room for little more.
    static let referenceLimit = 255
    private static let lifetime: Duration = .seconds(30 * 86_400)

    let storage: any KeyValueStore

    func message(about groupKey: String, at target: SlackTarget) async throws -> Message? {
        try await storage.get(Self.entry(groupKey, target), as: Message.self)
    }

    func keep(_ message: Message, about groupKey: String, at target: SlackTarget) async throws {
        try await storage.set(Self.entry(groupKey, target), json: message, lifetime: Self.lifetime)
    }

    /// What a button carries: the group key, or where that is long its digest, which is kept.
    func reference(to groupKey: String) async throws -> String {
        guard groupKey.utf8.count > Self.referenceLimit || groupKey.isEmpty else { return groupKey }
        let digest = "jack:" + Self.digest(groupKey)
        try await storage.set("reference/\(digest)", to: Array(groupKey.utf8), lifetime: Self.lifetime)
        return digest
    }

    /// The group key that a button's value stands for.
    func groupKey(of reference: String) async throws -> String {
        guard reference.hasPrefix("jack:"), let kept = try await storage.get("reference/\(reference)") else { return reference }
        return String(decoding: kept, as: UTF8.self)
    }

    private static func entry(_ groupKey: String, _ target: SlackTarget) -> String { "message/" + digest("\(groupKey)\u{0}\(target.key)") }
    private static func digest(_ text: String) -> String { Hex.text(SHA256.hash(data: Data(text.utf8))) }
}
