import Crypto
import Foundation
import PluginAPI

/// Seals and opens secrets: AES-256-GCM (NIST SP 800-38D) with a random nonce, bound to the place where a secret is kept.
public struct SecretBox: Sendable {
    /// Where a secret is kept. A row that was moved to another place does not open.
    public struct Place: Sendable, Hashable {
        public let property: String
        public let owner: String
        public let name: String

        public init(property: String, owner: String, name: String) {
            self.property = property
            self.owner = owner
            self.name = name
        }

        /// With their lengths, so that no two places give the same bytes.
        fileprivate var bytes: Data {
            Data(["jack-secret-1", property, owner, name].map { "\($0.utf8.count):\($0)" }.joined().utf8)
        }
    }

    /// A secret at rest.
    public struct Sealed: Sendable, Hashable {
        public let keyID: String
        /// Nonce (12 bytes), ciphertext, tag (16 bytes).
        public let bytes: [UInt8]

        public init(keyID: String, bytes: [UInt8]) {
            self.keyID = keyID
            self.bytes = bytes
        }
    }

    public let keys: EncryptionKeys

    public init(keys: EncryptionKeys) { self.keys = keys }

    public func seal(_ secret: Secret, for place: Place) throws -> Sealed {
        let box = try AES.GCM.seal(Data(secret.reveal().utf8), using: keys.current.key, authenticating: place.bytes)
        return Sealed(keyID: keys.current.id, bytes: [UInt8](box.nonce) + [UInt8](box.ciphertext) + [UInt8](box.tag))
    }

    /// - Throws: ``StorageError`` `.wrongKey` where the key is not among ``keys``, or the bytes were changed or moved.
    public func open(_ sealed: Sealed, from place: Place) throws -> Secret {
        guard let key = keys.key(sealed.keyID) else {
            throw StorageError(
                .wrongKey,
                """
                the secret “\(place.name)” of \(place.owner) was sealed with another ENCRYPTION_KEY (key \(sealed.keyID), the current one is \
                \(keys.currentID)): start with the key it was sealed with, as the current or a previous one, or enter the secret anew
                """)
        }
        do {
            let box = try AES.GCM.SealedBox(combined: Data(sealed.bytes))
            return Secret(String(decoding: try AES.GCM.open(box, using: key.key, authenticating: place.bytes), as: UTF8.self))
        } catch {
            throw StorageError(
                .wrongKey,
                "the secret “\(place.name)” of \(place.owner) does not open: its row was changed or comes from another place. Enter the secret anew")
        }
    }
}
