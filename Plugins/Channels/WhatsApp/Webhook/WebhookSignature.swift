import Crypto
import HTTPTypes
import PluginAPI

/// What Meta signs: the raw body, with the app's secret (“Webhooks, Validating payloads”). The signature holds no time, so an old request cannot be told by it;
/// the kernel knows its events again and stores nothing.
struct WebhookSignature: Sendable {
    private static let header = HTTPField.Name("X-Hub-Signature-256")
    private static let prefix = Array("sha256=".utf8)
    private let key: SymmetricKey

    init(secret: Secret) { key = SymmetricKey(data: Array(secret.reveal().utf8)) }

    func isSound(_ request: PluginRequest) -> Bool {
        // Two headers would leave open which one counts.
        guard let name = Self.header, let given = request.headers[values: name].first, request.headers[values: name].count == 1 else { return false }
        let text = Array(given.utf8)
        guard text.starts(with: Self.prefix), let code = Hex.bytes(text.dropFirst(Self.prefix.count)), code.count == SHA256.byteCount else {
            return false
        }
        return ConstantTime.equal(Array(HMAC<SHA256>.authenticationCode(for: request.body, using: key)), code)
    }
}

/// The request by which Meta makes sure that a URL belongs to whoever entered it (“Webhooks, Verification requests”).
enum WebhookHandshake {
    static func isSound(_ request: PluginRequest, _ token: Secret) -> Bool {
        ConstantTime.equal(request.queryValue("hub.verify_token") ?? "", token.reveal())
    }

    static func answer(_ request: PluginRequest) -> PluginResponse {
        guard request.queryValue("hub.mode") == "subscribe", let challenge = request.queryValue("hub.challenge"),
            (1...1024).contains(challenge.utf8.count), challenge.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { return PluginResponse(.forbidden, text: "forbidden") }
        return PluginResponse(.ok, text: challenge)
    }
}
