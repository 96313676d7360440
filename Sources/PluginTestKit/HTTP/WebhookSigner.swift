import Crypto
import Foundation
import PluginAPI

/// Signs webhooks as vendors do: the forms of it that are in use. Which header carries the result, and what exactly is signed, is the vendor's.
public struct WebhookSigner: Sendable {
    /// The hash under the code.
    public enum Hash: Sendable { case sha1, sha256, sha512 }

    private let secret: String
    private let hash: Hash

    public init(secret: String, hash: Hash = .sha256) {
        self.secret = secret
        self.hash = hash
    }

    /// The authentication code (HMAC) over bytes.
    public func code(over bytes: [UInt8]) -> [UInt8] {
        let key = SymmetricKey(data: Array(secret.utf8))
        return switch hash {
        case .sha1: Array(HMAC<Insecure.SHA1>.authenticationCode(for: bytes, using: key))
        case .sha256: Array(HMAC<SHA256>.authenticationCode(for: bytes, using: key))
        case .sha512: Array(HMAC<SHA512>.authenticationCode(for: bytes, using: key))
        }
    }

    /// The code in lower-case hexadecimal.
    public func hex(over bytes: [UInt8]) -> String { Hex.text(code(over: bytes)) }

    /// The code in Base64.
    public func base64(over bytes: [UInt8]) -> String { Data(code(over: bytes)).base64EncodedString() }

    /// `t=<unix seconds>,v1=<hex over "<t>.<body>">`: a signature that also says when.
    public func timestamped(_ body: [UInt8], at date: Date) -> String {
        let time = "\(Int64(date.timeIntervalSince1970.rounded(.down)))"
        return "t=\(time),v1=" + hex(over: Array("\(time).".utf8) + body)
    }

    /// The code over a URL followed by the sorted parameters of a form, in Base64.
    public func base64(url: String, form: [String: String]) -> String {
        base64(over: Array((url + form.sorted { $0.key < $1.key }.map { $0.key + $0.value }.joined()).utf8))
    }
}
