import Crypto
import Foundation
import PluginAPI

/// Links by which people answer: whoever holds one may do what it says, until it expires, and nothing else.
///
/// A token is what it says in base64url, a dot, and the HMAC-SHA256 of that. A link that is opened twice changes nothing the second time.
/// Programs open links too (previews, virus scanners): what a link says must happen on a POST, never on a GET.
public struct AnswerLinks: Sendable {
    /// What a link says.
    public struct Claims: Sendable, Hashable, Codable {
        public var action: PageAcknowledgement.Action
        /// ``PluginAPI/AlertPage/groupKey``.
        public var matter: String
        /// To whom it was sent: ``Contact/label``.
        public var recipient: String
        /// Seconds since 1970.
        public var expires: Int64

        public init(action: PageAcknowledgement.Action, matter: String, recipient: String, expires: Int64) {
            self.action = action
            self.matter = matter
            self.recipient = recipient
            self.expires = expires
        }
    }

    public enum Refusal: String, Error, Sendable, Hashable {
        case forged = "the link is not one of ours, or was changed"
        case expired = "the link has expired"
    }

    private let key: SymmetricKey

    /// - Parameter key: at least 32 random bytes that only this installation knows.
    public init(key: [UInt8]) { self.key = SymmetricKey(data: key) }

    public func token(_ claims: Claims) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = Self.base64(try encoder.encode(claims))
        return "\(text).\(Self.base64(Data(code(text))))"
    }

    /// - Throws: ``Refusal``.
    public func verify(_ token: String, at now: Date) throws -> Claims {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard token.utf8.count <= 4096, parts.count == 2, let mac = Self.data(parts[1]),
            HMAC<SHA256>.isValidAuthenticationCode(mac, authenticating: Data(parts[0].utf8), using: key),
            let text = Self.data(parts[0]), let claims = try? JSONDecoder().decode(Claims.self, from: text)
        else { throw Refusal.forged }
        guard now.timeIntervalSince1970 < Double(claims.expires) else { throw Refusal.expired }
        return claims
    }

    private func code(_ text: String) -> HMAC<SHA256>.MAC { HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: key) }

    private static func base64(_ data: Data) -> String {
        data.base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
    }

    private static func data(_ text: Substring) -> Data? {
        let plain = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        return Data(base64Encoded: plain + String(repeating: "=", count: (4 - plain.count % 4) % 4))
    }
}
