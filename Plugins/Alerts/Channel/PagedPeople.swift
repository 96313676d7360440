import Foundation
import PluginAPI

/// Who was paged, and by which codes they may answer: durable, for a person may answer after a restart.
struct PagedPeople: Sendable {
    /// Wrong codes of one person within an hour before nothing of theirs is taken any more: six digits are not to be guessed.
    static let mostGuesses = 10
    private static let hour = Duration.seconds(3_600)

    private struct Guesses: Codable {
        var count = 0
    }

    let storage: any KeyValueStore
    let codeLife: Duration

    /// Whom a plan's recipient means.
    static func address(_ recipient: String) -> PeerAddress {
        if recipient.contains("@") { return PeerAddress(.email, recipient) }
        let digits = recipient.filter { !" -().".contains($0) }
        let isNumber = digits.hasPrefix("+") && digits.dropFirst().allSatisfy { $0.isASCII && $0.isNumber }
        return isNumber ? PeerAddress(.phone, digits) : PeerAddress(.handle, recipient)
    }

    /// A page goes to a person. Written down before it leaves: an answer may be quick.
    func note(_ peer: PeerAddress, code: String?) async throws {
        try await storage.set(key("person", peer), to: [1], lifetime: codeLife)
        guard let code else { return }
        try await storage.set(key("code/\(code)", peer), to: [1], lifetime: codeLife)
    }

    func isKnown(_ peer: PeerAddress) async throws -> Bool { try await storage.get(key("person", peer)) != nil }

    func has(_ peer: PeerAddress, code: String) async throws -> Bool { try await storage.get(key("code/\(code)", peer)) != nil }

    /// How many wrong codes a person has written lately.
    func guesses(of peer: PeerAddress) async throws -> Int { try await storage.get(key("wrong", peer), as: Guesses.self)?.count ?? 0 }

    func noteGuess(of peer: PeerAddress) async throws {
        let count = try await guesses(of: peer) + 1
        try await storage.set(key("wrong", peer), json: Guesses(count: count), lifetime: Self.hour)
    }

    /// Addresses of mail differ by nothing but case where they are the same.
    private func key(_ name: String, _ peer: PeerAddress) -> String { "\(name)/\(peer.kind.rawValue):\(peer.value.lowercased())" }
}
