import Crypto
import HTTPTypes
import PluginAPI

/// What PagerDuty signs: the raw body, once with each secret of a subscription, so that a secret can be changed without a gap (“Verifying
/// Signatures”). The signature holds no time; an event that is replayed is known by its id.
struct WebhookSignature: Sendable {
    static let header = HTTPField.Name.known("X-PagerDuty-Signature")
    /// More than a rotation needs; a header of a thousand signatures is a guess.
    private static let maximumValues = 8

    static func isSound(_ request: PluginRequest, _ secret: Secret) -> Bool {
        let values = (request.headers[header] ?? "").split(separator: ",", omittingEmptySubsequences: false)
        guard values.count <= maximumValues else { return false }
        let code = Array(HMAC<SHA256>.authenticationCode(for: request.body, using: SymmetricKey(data: Array(secret.reveal().utf8))))
        var isSound = false
        for value in values {
            let value = value.drop { $0 == " " }
            guard value.hasPrefix("v1="), let given = Hex.bytes(value.dropFirst(3).utf8) else { continue }
            if ConstantTime.equal(given, code) { isSound = true }
        }
        return isSound
    }
}
