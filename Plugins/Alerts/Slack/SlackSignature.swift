import Crypto
import Foundation
import HTTPTypes
import PluginAPI

/// What Slack signs: `v0:<timestamp>:<raw body>` (“Verifying requests from Slack”). What is older than five minutes is refused.
struct SlackSignature: Sendable {
    static let header = HTTPField.Name.known("X-Slack-Signature")
    static let timestamp = HTTPField.Name.known("X-Slack-Request-Timestamp")
    static let window = 300.0

    let clock: any TimeSource

    func isSound(_ request: PluginRequest, _ secret: Secret) -> Bool {
        // Two headers would leave open which one counts.
        guard request.headers[values: Self.header].count == 1, request.headers[values: Self.timestamp].count == 1,
            let given = request.headers[Self.header], given.hasPrefix("v0="), let code = Hex.bytes(given.dropFirst(3).utf8),
            let time = request.headers[Self.timestamp], (1...12).contains(time.utf8.count), time.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let seconds = Double(time), abs(clock.now.timeIntervalSince1970 - seconds) <= Self.window
        else { return false }
        let signed = Array("v0:\(time):".utf8) + request.body
        return ConstantTime.equal(Array(HMAC<SHA256>.authenticationCode(for: signed, using: SymmetricKey(data: Array(secret.reveal().utf8)))), code)
    }
}
