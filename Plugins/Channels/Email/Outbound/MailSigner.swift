import Crypto
import Foundation
import PluginAPI

/// Names that only this instance can make: Message-IDs of what Jack wrote, and tags of addresses. A key of the instance's own signs them, so that a mail that
/// names one answers a mail of Jack's and no other.
struct MailSigner: Sendable {
    private let key: SymmetricKey
    private static let secretName = "mail-signing-key"

    init(key: [UInt8]) { self.key = SymmetricKey(data: key) }

    /// The instance's signer; its key is made the first time.
    static func load(_ secrets: any SecretStore) async throws -> MailSigner {
        if let known = try await secrets.get(secretName), let bytes = Data(base64Encoded: known.reveal()) { return MailSigner(key: [UInt8](bytes)) }
        let key = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
        try await secrets.set(secretName, to: Secret(Data(key).base64EncodedString()))
        return MailSigner(key: key)
    }

    /// The Message-ID of an outbound message: the same for the same id, with its brackets.
    func messageID(for id: String, domain: String) -> String {
        let plain = !id.isEmpty && id.utf8.count <= 80 && id.utf8.allSatisfy { Self.isPlain($0) }
        let name = plain ? id : Base32.encode(SHA256.hash(data: Data(id.utf8)).prefix(20))
        let domain = domain.utf8.allSatisfy { Self.isPlain($0) || $0 == 46 } && !domain.isEmpty ? domain : "localhost"
        return "<jack.\(name).\(mark("id:\(name)"))@\(domain)>"
    }

    /// Whether a Message-ID is one of this instance's.
    func isOwn(_ messageID: String) -> Bool {
        guard messageID.hasPrefix("<jack."), let at = messageID.lastIndex(of: "@") else { return false }
        let parts = messageID[messageID.index(messageID.startIndex, offsetBy: 6)..<at].split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 2 && isMark(String(parts[1]), of: "id:\(parts[0])")
    }

    /// The outbound message's id in a Message-ID of this instance's; nil where it is none, or holds no id but its hash.
    func outboundID(of messageID: String) -> String? {
        guard isOwn(messageID), let name = messageID.dropFirst(6).split(separator: ".").first.map(String.init) else { return nil }
        let isHash = name.utf8.count == 32 && Base32.decode(name) != nil
        return isHash ? nil : name
    }

    /// The tag of a peer's conversation. Says nothing of the peer.
    func tag(for peer: String) -> String { mark("peer:\(peer)") }

    /// `local+tag.mark@domain`; nil where the local part would become longer than the 64 bytes that are allowed.
    func tagged(_ address: MailAddress, tag: String) -> String? {
        let local = "\(address.local)+\(tag).\(mark("tag:\(tag)"))"
        return local.utf8.count <= 64 ? "\(local)@\(address.domain)" : nil
    }

    /// The tag in an address that ``tagged(_:tag:)`` made for `own`; nil for any other.
    func tag(in address: MailAddress, of own: MailAddress) -> String? {
        guard address.domain == own.domain, address.local.lowercased().hasPrefix(own.local.lowercased() + "+") else { return nil }
        let parts = address.local.dropFirst(own.local.count + 1).lowercased().split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 2 && isMark(String(parts[1]), of: "tag:\(parts[0])") ? String(parts[0]) : nil
    }

    private func mark(_ text: String) -> String { Base32.encode(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: key).prefix(10)) }

    private func isMark(_ mark: String, of text: String) -> Bool {
        guard let bytes = Base32.decode(mark), bytes.count == 10 else { return false }
        let real = HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: key).prefix(10)
        return zip(bytes, real).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 45 || byte == 95
    }
}

/// RFC 4648's base 32 in lower case: it survives programs that change a local part's case.
enum Base32 {
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var result: [UInt8] = [], value: UInt32 = 0, bits = 0
        for byte in bytes {
            value = value << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                result.append(alphabet[Int(value >> UInt32(bits - 5)) & 31])
                bits -= 5
            }
            value &= 0xff
        }
        if bits > 0 { result.append(alphabet[Int(value << UInt32(5 - bits)) & 31]) }
        return String(decoding: result, as: UTF8.self)
    }

    static func decode(_ text: String) -> [UInt8]? {
        var result: [UInt8] = [], value: UInt32 = 0, bits = 0
        for byte in text.utf8 {
            guard let digit = alphabet.firstIndex(of: byte) else { return nil }
            value = (value << 5 | UInt32(digit)) & 0xfff
            bits += 5
            if bits >= 8 {
                result.append(UInt8(truncatingIfNeeded: value >> UInt32(bits - 8)))
                bits -= 8
            }
        }
        return result
    }

    /// A short name of a text, for keys of storage.
    static func digest(_ text: String, bytes: Int = 20) -> String { encode(SHA256.hash(data: Data(text.utf8)).prefix(bytes)) }
}
