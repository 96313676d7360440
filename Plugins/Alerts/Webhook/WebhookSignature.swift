import Crypto
import Foundation
import PluginAPI

/// Signs a request: `t=<unix seconds>,v1=<hex of HMAC-SHA256 over "<t>.<raw body>">`.
///
/// The time is part of what is signed, so that a receiver can refuse what is old; the prefix leaves room for another scheme beside this one.
struct WebhookSignature {
    let secret: Secret

    func header(_ body: [UInt8], at date: Date) -> String {
        let time = "\(Int64(date.timeIntervalSince1970.rounded(.down)))"
        let code = HMAC<SHA256>.authenticationCode(for: Array("\(time).".utf8) + body, using: SymmetricKey(data: Array(secret.reveal().utf8)))
        return "t=\(time),v1=" + Hex.text(code)
    }
}
