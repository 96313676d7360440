import Crypto
import Foundation
import PluginAPI

/// The key by which PagerDuty tells one matter from another, made from the page's group key; and the way back.
///
/// PagerDuty takes 255 characters. A longer group key becomes its digest, and what the digest stands for is kept.
struct DedupKey: Sendable {
    static let limit = 255
    /// Long after any incident.
    private static let lifetime: Duration = .seconds(90 * 86_400)

    let text: String
    private let groupKey: String

    init(_ groupKey: String) {
        self.groupKey = groupKey
        text = groupKey.utf8.count <= Self.limit && !groupKey.isEmpty ? groupKey : "jack:" + Self.digest(of: groupKey)
    }

    /// Keeps what the key stands for, where it does not say so itself.
    func remember(in storage: any KeyValueStore) async throws {
        if text != groupKey { try await storage.set(Self.entry(text), to: Array(groupKey.utf8), lifetime: Self.lifetime) }
    }

    /// The group key that a key stands for: itself, unless it is a digest of ours.
    static func groupKey(for key: String, in storage: any KeyValueStore) async throws -> String {
        guard key.hasPrefix("jack:"), let kept = try await storage.get(entry(key)) else { return key }
        return String(decoding: kept, as: UTF8.self)
    }

    static func digest(of text: String) -> String { Hex.text(SHA256.hash(data: Data(text.utf8))) }

    private static func entry(_ key: String) -> String { "dedup/\(key)" }
}
