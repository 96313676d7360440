import Foundation
import PluginAPI

/// What an answer must know of the mail that it answers.
struct MailThread: Codable, Sendable, Hashable {
    static let maximumReferences = 20

    var messageID: String?
    var subject: String
    /// The chain before `messageID`, oldest first.
    var references: [String]

    /// The chain for the next mail: the first one, which says which thread it is, and the last ones.
    var chain: [String] {
        let all = references + (messageID.map { [$0] } ?? [])
        return all.count <= Self.maximumReferences ? all : [all[0]] + all.suffix(Self.maximumReferences - 1)
    }
}

/// The threads and tags of an instance, in its storage.
struct MailThreads: Sendable {
    static let lifetime: Duration = .seconds(180 * 86_400)
    let storage: any KeyValueStore

    /// Remembers a guest's mail before it is handed on: an answer may come at once.
    func remember(_ thread: MailThread, vendorID: String, peer: String) async throws {
        try await storage.set("mail/\(Base32.digest(vendorID))", json: thread, lifetime: Self.lifetime)
        try await storage.set("peer/\(Base32.digest(peer))", json: thread, lifetime: Self.lifetime)
    }

    /// Remembers a mail of Jack's own where it begins a thread.
    func begin(_ thread: MailThread, peer: String) async throws {
        try await storage.set("peer/\(Base32.digest(peer))", json: thread, lifetime: Self.lifetime)
    }

    /// The thread of a mail, or else the peer's last one.
    func find(vendorID: String?, peer: String) async throws -> MailThread? {
        if let vendorID, let thread = try await storage.get("mail/\(Base32.digest(vendorID))", as: MailThread.self) { return thread }
        return try await storage.get("peer/\(Base32.digest(peer))", as: MailThread.self)
    }

    /// Remembers to whom a mail of Jack's goes: whoever names it in an answer has it, or has it from them.
    func setPeer(_ peer: String, ofMail messageID: String) async throws {
        try await storage.set("sent/\(Base32.digest(messageID))", to: Array(peer.utf8), lifetime: Self.lifetime)
    }

    func peer(ofMail messageID: String) async throws -> String? {
        try await storage.get("sent/\(Base32.digest(messageID))").map { String(decoding: $0, as: UTF8.self) }
    }

    func setPeer(_ peer: String, ofTag tag: String) async throws {
        try await storage.set("tag/\(tag)", to: Array(peer.utf8), lifetime: Self.lifetime)
    }

    func peer(ofTag tag: String) async throws -> String? { try await storage.get("tag/\(tag)").map { String(decoding: $0, as: UTF8.self) } }
}
