import Crypto
import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing

@testable import TwilioWire

private let token = "12345"

/// A request as the gateway hands it on.
private func request(
    _ url: String, body: [UInt8] = [], signature: String?, more: [String] = [], path: String = "/myapp.php", query: String = "foo=1&bar=2"
) -> PluginRequest {
    var headers: HTTPFields = [.contentType: "application/x-www-form-urlencoded; charset=UTF-8"]
    for value in [signature].compactMap({ $0 }) + more { headers.append(HTTPField(name: .known("X-Twilio-Signature"), value: value)) }
    return PluginRequest(method: .post, path: path, query: query, headers: headers, body: body, remoteAddress: "192.0.2.9", url: url)
}

@Suite struct TwilioSignatureTests {
    /// The example of Twilio's page “Security”, whose signature is known.
    private static let form = TwilioForm([
        .init("CallSid", "CA1234567890ABCDE"), .init("Digits", "1234"), .init("From", "+14158675309"), .init("To", "+18005551212"),
        .init("Caller", "+14158675309"),
    ])
    private static let url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    private static let signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    private let signer = TwilioSignature(token: Secret(token))

    @Test func theDocumentedExampleHolds() {
        #expect(Data(signer.code(url: Self.url, fields: Self.form.fields)).base64EncodedString() == Self.signature)
        #expect(signer.isSound(request(Self.url, body: Self.form.bytes, signature: Self.signature), publicURL: nil))
    }

    @Test func aProxyMayHideWhatTwilioCalled() {
        let good = request("http://10.0.0.5:3000/myapp.php?foo=1&bar=2", body: Self.form.bytes, signature: Self.signature)
        #expect(!signer.isSound(good, publicURL: nil))
        #expect(signer.isSound(good, publicURL: "https://mycompany.com"))
        #expect(!signer.isSound(good, publicURL: "https://other.example"))
    }

    @Test(arguments: ["https://mycompany.com:443/myapp.php?foo=1&bar=2", "https://mycompany.com:8443/myapp.php?foo=1&bar=2"])
    func aPortMayBeSignedOrNot(_ url: String) {
        #expect(signer.isSound(request(url, body: Self.form.bytes, signature: Self.signature), publicURL: nil))
        let signed = WebhookSigner(secret: token, hash: .sha1).base64(
            url: "https://mycompany.com:443/myapp.php?foo=1&bar=2",
            form: Dictionary(uniqueKeysWithValues: Self.form.fields.map { ($0.name, $0.value) }))
        #expect(signer.isSound(request(Self.url, body: Self.form.bytes, signature: signed), publicURL: nil))
    }

    @Test func anAddressOfIPv6KeepsItsColons() {
        let url = "https://[2001:db8::1]/hook",
            signed = WebhookSigner(secret: token, hash: .sha1).base64(url: "https://[2001:db8::1]:443/hook", form: [:])
        #expect(signer.isSound(request(url, signature: signed, path: "/hook", query: ""), publicURL: nil))
    }

    @Test func whatIsForgedIsRefused() {
        let body = Self.form.bytes
        #expect(!signer.isSound(request(Self.url, body: body, signature: nil), publicURL: nil))
        #expect(!signer.isSound(request(Self.url, body: body, signature: ""), publicURL: nil))
        #expect(!signer.isSound(request(Self.url, body: body, signature: "not base64!"), publicURL: nil))
        #expect(!signer.isSound(request(Self.url, body: body, signature: Self.signature, more: [Self.signature]), publicURL: nil), "two headers")
        #expect(!signer.isSound(request(Self.url, body: body + Array("&Digits=4".utf8), signature: Self.signature), publicURL: nil))
        #expect(!signer.isSound(request(Self.url, body: [0xFF, 0xFE], signature: Self.signature), publicURL: nil))
        #expect(!signer.isSound(request("https://mycompany.com/myapp.php?foo=2", body: body, signature: Self.signature), publicURL: nil))
        #expect(!TwilioSignature(token: Secret("other")).isSound(request(Self.url, body: body, signature: Self.signature), publicURL: nil))
    }

    /// What helper libraries of Twilio's do with repeated names: each value once, in order.
    @Test func repeatedNamesAreSignedOnceForEachValue() {
        let form = TwilioForm([.init("MediaUrl", "b"), .init("MediaUrl", "a"), .init("MediaUrl", "b"), .init("A", "1")])
        let expected = WebhookSigner(secret: token, hash: .sha1).base64(over: Array("https://x/A1MediaUrlaMediaUrlb".utf8))
        #expect(Data(signer.code(url: "https://x/", fields: form.fields)).base64EncodedString() == expected)
    }

    @Test func aBodyThatIsNoFormIsSignedByItsHash() {
        let body = Array(#"{"event":"x"}"#.utf8), hash = Hex.text(SHA256.hash(data: body))
        let query = "bodySHA256=\(hash)", url = "https://mycompany.com/hook?\(query)"
        let signed = WebhookSigner(secret: token, hash: .sha1).base64(url: url, form: [:])
        #expect(signer.isSound(request(url, body: body, signature: signed, path: "/hook", query: query), publicURL: nil))
        #expect(!signer.isSound(request(url, body: body + [32], signature: signed, path: "/hook", query: query), publicURL: nil))
        #expect(!signer.isSound(request("https://mycompany.com/hook", body: body, signature: signed, path: "/hook", query: ""), publicURL: nil))
    }
}

@Suite struct TwilioFormTests {
    @Test(arguments: ["", "a", "Grüße & mehr = 100 %", "👩‍👩‍👧‍👦 +1", "line\r\nbreak", "a+b c"]) func aFormComesBackAsItWent(_ text: String) throws {
        let form = TwilioForm([.init("Body", text), .init(text, "x")])
        #expect(try #require(TwilioForm(form.bytes)) == form)
    }

    @Test func bytesAreReadAsTheyAreMeant() throws {
        let form = try #require(TwilioForm(Array("Body=a+b%2Bc%26&Empty=&Flag&Body=second".utf8)))
        #expect(form["Body"] == "a b+c&" && form["Empty"] == "" && form["Flag"] == "" && form.text("Empty") == nil && form["None"] == nil)
        #expect(form.fields.count == 4)
    }

    @Test(arguments: ["a=%", "a=%4", "a=%zz", "a=%FF", "a=%C3"]) func brokenBytesAreNoForm(_ text: String) {
        #expect(TwilioForm(Array(text.utf8)) == nil)
    }

    @Test func aFloodOfFieldsIsNoForm() { #expect(TwilioForm(Array(String(repeating: "a=1&", count: 5_000).utf8)) == nil) }
}

@Suite struct TwilioMeaningTests {
    private func answer(_ status: HTTPResponse.Status, _ json: String, _ headers: HTTPFields = [:]) -> PluginFailure? {
        let account = TwilioAccount(
            sid: "AC" + String(repeating: "0", count: 32), authToken: Secret("secret-token"), apiKey: nil, apiSecret: nil, baseURL: "https://x",
            timeout: .seconds(1))
        return TwilioClient(account, context: TestContext().context).failure(
            of: ClientResponse(status: status, headers: headers, body: Array(json.utf8)))
    }

    @Test func codesDecideAndStatusesWhereThereIsNone() {
        let optedOut = answer(.badRequest, #"{"code":21610,"message":"+15551234567 unsubscribed","status":400}"#)
        #expect(optedOut?.reason == .optedOut && optedOut?.disposition == .permanent)
        #expect(optedOut?.message.contains("+1555") == false, "Twilio's own words may quote a number")
        #expect(answer(.badRequest, #"{"code":21211}"#)?.reason == .unknownRecipient)
        #expect(answer(.badRequest, #"{"code":21614}"#)?.reason == .unknownRecipient)
        #expect(answer(.unauthorized, #"{"code":20003}"#)?.disposition == .credentialsRejected)
        #expect(answer(.unauthorized, "")?.disposition == .credentialsRejected)
        #expect(answer(.badRequest, #"{"code":21408}"#)?.reason == .configuration)
        #expect(answer(.badRequest, #"{"code":99999}"#)?.reason == .invalidRequest)
        #expect(answer(.serviceUnavailable, #"{"code":20503}"#)?.disposition == .notReady)
        #expect(answer(.internalServerError, "<html>")?.disposition == .notReady)
        #expect(answer(.created, "{}") == nil)
    }

    @Test func retryAfterIsPassedOn() {
        let limited = answer(.tooManyRequests, #"{"code":20429}"#, [.retryAfter: "17"])
        #expect(limited?.disposition == .notReady && limited?.reason == .rateLimited && limited?.retryAfter == .seconds(17))
    }
}

@Suite struct TwiMLTests {
    @Test func aTextCannotBecomeMarkup() {
        #expect(TwiML.escaped("</Say><Dial>+1900</Dial>&\"'") == "&lt;/Say&gt;&lt;Dial&gt;+1900&lt;/Dial&gt;&amp;&quot;&apos;")
        #expect(TwiML.escaped("a\u{0}b\u{1B}c\u{FFFE}d") == "a b c d")
        #expect(TwiML.escaped("Grüße 早 👍\n") == "Grüße 早 👍\n")
    }

    @Test func numbersAndNamesAreChecked() {
        #expect(TwilioID.isPhoneNumber("+4915123456789") && !TwilioID.isPhoneNumber("0151") && !TwilioID.isPhoneNumber("+0151234567"))
        #expect(!TwilioID.isPhoneNumber("+49 151") && !TwilioID.isPhoneNumber("") && !TwilioID.isPhoneNumber("+١٢٣٤٥٦٧٨"))
        #expect(TwilioID.isSID("SM" + String(repeating: "a", count: 32), "SM") && !TwilioID.isSID("SM1", "SM"))
    }
}
