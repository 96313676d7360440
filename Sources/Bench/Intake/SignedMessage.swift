import Crypto
import Foundation
import HTTPTypes
import PluginAPI

/// The signature that both routes of the measurement check: HMAC-SHA256 over the raw body, in hex, in a header.
enum Signature {
    static let header = "X-Hub-Signature-256"
    private static let field = HTTPField.Name(header)

    static func isSound(_ request: PluginRequest, key: SymmetricKey) -> Bool {
        guard let field, let given = request.headers[field] else { return false }
        return ConstantTime.equal(Array(given.utf8), make(request.body, key: key))
    }

    static func make(_ body: some Sequence<UInt8>, key: SymmetricKey) -> [UInt8] {
        Array(("sha256=" + Hex.text(HMAC<SHA256>.authenticationCode(for: Array(body), using: key))).utf8)
    }
}

extension SignedMessage {
    /// The whole request, signed. Every number has an id of its own, and one of 5,000 guests, some of whom write again and again.
    static func request(_ number: Int, to path: String, key: SymmetricKey) -> [UInt8] {
        let body = body(number: number, guest: number % 5_000)
        let signature = String(decoding: Signature.make(body, key: key), as: UTF8.self)
        return Load.head(path, bytes: body.count, [("User-Agent", "facebookexternalua"), (Signature.header, signature)]).utf8 + body
    }
}

/// A notification of a message as WhatsApp's Cloud API posts it (“messages webhook reference”).
enum SignedMessage {
    /// The number that the notifications are for.
    static let phoneNumberID = "106540352242922"
    /// What is older than a week is not taken in.
    private static let sent = Int(Date().timeIntervalSince1970)

    /// The JSON of one message: about 600 bytes.
    /// - Parameters:
    ///   - number: tells it from every other.
    ///   - guest: below 10,000; who writes.
    static func body(number: Int, guest: Int) -> [UInt8] {
        let id = "wamid.HBgLMTY1MDU1NTEyMzQVAgASGBQz" + String(1_000_000_000_000 + number) + "QUZGODBBRkQ0OTYA"
        let phone = "1650555" + String(10_000 + guest).dropFirst()
        let text = """
            {"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[{"value":{"messaging_product":"whatsapp",\
            "metadata":{"display_phone_number":"15550783881","phone_number_id":"\(phoneNumberID)"},"contacts":[{"profile":{"name":"Sheena Nelson"},\
            "wa_id":"\(phone)"}],"messages":[{"from":"\(phone)","id":"\(id)","timestamp":"\(sent)","type":"text","text":{"body":"Good evening! \
            We arrive a little later than planned, around half past ten. Could somebody still give us the key then, and is there anything to eat at \
            that hour?"}}]},"field":"messages"}]}]}
            """
        return Array(text.utf8)
    }
}
