import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing

@Suite struct GoldenRequestTests {
    private let golden = """
        POST /v1/messages?b=2&a=1
        Authorization: Bearer <any>
        Content-Type: application/json
        X-Debug: <none>

        {"to": "+49", "n": 1.0, "id": "<any>", "parts": [{"text": "Hi <any>!"}]}
        """

    private func request(
        _ method: HTTPRequest.Method = .post, _ target: String = "/v1/messages?a=1&b=2", _ headers: HTTPFields = [:], _ body: String
    ) -> ClientRequest {
        var all: HTTPFields = [.authorization: "Bearer t", .contentType: "application/json"]
        all.append(contentsOf: headers)
        return ClientRequest(method, "https://api.example.com" + target, headers: all, body: Array(body.utf8))
    }

    @Test func theOrderOfKeysAndParametersDoesNotMatter() throws {
        let sent = request(.post, "/v1/messages?a=1&b=2", [:], #"{"parts":[{"text":"Hi Ana!"}],"n":1,"id":{"x":1},"to":"+49"}"#)
        #expect(try GoldenRequest(golden).mismatches(sent) == [])
    }

    @Test func eachDifferenceIsALine() throws {
        let sent = request(
            .put, "/v2/messages?a=1", [HTTPField.Name("X-Debug")!: "1"], #"{"parts":[{"text":"Hi Ana"},{}],"n":2,"id":7,"more":true}"#)
        #expect(
            try GoldenRequest(golden).mismatches(sent) == [
                "method: expected POST, found PUT", "path: expected /v1/messages, found /v2/messages",
                #"query: expected ["a=1", "b=2"], found ["a=1"]"#,
                "header X-Debug: expected none, found “1”", "$.more: expected nothing, found true", "$.n: expected 1, found 2",
                "$.parts: expected 1 elements, found 2", #"$.parts[0].text: expected "Hi <any>!", found "Hi Ana""#,
                #"$.to: expected "+49", found nothing"#,
            ])
    }

    @Test func aBodyThatIsNoJSONIsSaidToBe() throws {
        #expect(try GoldenRequest(golden).mismatches(request(.post, "/v1/messages?a=1&b=2", [:], "to=49")) == ["body: expected JSON, found “to=49”"])
        #expect(try GoldenRequest("GET /a\n\n").mismatches(ClientRequest(.get, "https://api.example.com/a")) == [])
        #expect(throws: GoldenRequest.Malformed.self) { try GoldenRequest("nonsense") }
    }
}

@Suite struct WebhookSignerTests {
    /// RFC 4231, test case 2, and RFC 2202's for SHA-1.
    @Test func codesAreThoseOfTheStandards() {
        let text = Array("what do ya want for nothing?".utf8)
        #expect(WebhookSigner(secret: "Jefe").hex(over: text) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(WebhookSigner(secret: "Jefe", hash: .sha1).hex(over: text) == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
        #expect(WebhookSigner(secret: "Jefe", hash: .sha1).base64(over: text) == "7/zfauXrL6LSdBbV8YTfnCWafHk=")
        let stamped = WebhookSigner(secret: "k").timestamped([1], at: .init(timeIntervalSince1970: 7.9))
        #expect(stamped.hasPrefix("t=7,v1=") && stamped.count == 7 + 64)
    }
}
