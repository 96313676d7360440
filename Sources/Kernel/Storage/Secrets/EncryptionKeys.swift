import Crypto
import Foundation
import PluginAPI

/// The keys that secrets at rest are sealed with: the current one, and those that older rows may still need.
///
/// A key is derived (HKDF-SHA256, RFC 5869) from what the operator gives as `ENCRYPTION_KEY`: 32 random characters or more. Deriving is no defence
/// for a word that can be guessed.
public struct EncryptionKeys: Sendable {
    struct Key: Sendable {
        /// Says which key a row needs, and nothing about the key itself.
        let id: String
        let key: SymmetricKey

        init(_ secret: Secret) {
            let material = SymmetricKey(data: Data(secret.reveal().utf8))
            let salt = Data("jack".utf8)
            key = HKDF<SHA256>.deriveKey(inputKeyMaterial: material, salt: salt, info: Data("secret/aes-256-gcm/1".utf8), outputByteCount: 32)
            let name = HKDF<SHA256>.deriveKey(inputKeyMaterial: material, salt: salt, info: Data("secret/key-id/1".utf8), outputByteCount: 8)
            id = name.withUnsafeBytes { Hex.text($0) }
        }
    }

    let current: Key
    private let all: [String: Key]

    /// - Parameters:
    ///   - secret: what new secrets are sealed with.
    ///   - previous: what `secret` was before, as long as rows remain that were sealed with it (``EncryptedSecretStore/rotate(in:to:clock:)``).
    public init(secret: Secret, previous: [Secret] = []) {
        current = Key(secret)
        all = Dictionary((previous + [secret]).map { Key($0) }.map { ($0.id, $0) }) { first, _ in first }
    }

    /// The id that new rows carry.
    public var currentID: String { current.id }

    /// A key of its own for another purpose, of 32 bytes, from which this one cannot be found.
    public func derived(_ purpose: String) -> [UInt8] {
        let key = HKDF<SHA256>.deriveKey(inputKeyMaterial: current.key, salt: Data("jack".utf8), info: Data(purpose.utf8), outputByteCount: 32)
        return key.withUnsafeBytes { Array($0) }
    }

    func key(_ id: String) -> Key? { all[id] }

    /// Whether rows of this key can be opened.
    public func has(_ id: String) -> Bool { all[id] != nil }
}
