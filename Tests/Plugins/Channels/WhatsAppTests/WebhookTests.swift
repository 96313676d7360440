import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing

@testable import WhatsAppChannel

@Suite struct WebhookTests {
    /// What Meta gets; nil where the gateway refuses it, and counts it as a guess.
    private func answer(_ query: String) async throws -> PluginResponse? {
        let route = try #require(try Desk.offline().route(.get)), request = Hook.handshake(query)
        guard route.verification.verify(request) else { return nil }
        let result = try await route.parse(request)
        #expect(result.events.isEmpty)
        return result.response
    }

    @Test func theHandshakeRepeatsTheChallenge() async throws {
        let response = try #require(try await answer("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify-0123456789"))
        #expect(response.status == .ok)
        #expect(String(decoding: response.body, as: UTF8.self) == "1158201444")
        #expect(response.headers[.contentType]?.hasPrefix("text/plain") == true)
    }

    @Test(arguments: [
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=verify-0123456780", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=verify",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=", "hub.mode=subscribe&hub.challenge=1", "", "%ff=%ff&&&=",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=verify-0123456789x",
    ])
    func anotherTokenIsNotVerified(_ query: String) async throws { #expect(try await answer(query) == nil) }

    @Test(arguments: [
        "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=verify-0123456789", "hub.challenge=1&hub.verify_token=verify-0123456789",
        "hub.mode=subscribe&hub.verify_token=verify-0123456789", "hub.mode=subscribe&hub.challenge=&hub.verify_token=verify-0123456789",
        "hub.mode=subscribe&hub.challenge=a%0D%0Ab&hub.verify_token=verify-0123456789",
        "hub.mode=subscribe&hub.challenge=a%20b&hub.verify_token=verify-0123456789",
    ])
    func anythingElseIsForbidden(_ query: String) async throws {
        let response = try #require(try await answer(query))
        #expect(response.status == .forbidden)
        #expect(!String(decoding: response.body, as: UTF8.self).contains("verify"))
    }

    @Test func aSignatureIsCheckedOverTheRawBody() throws {
        let verify = try #require(try Desk.offline().route(.post)).verification.verify
        let body = Array(#"{"object": "x",  "é": "\u00e9"}"#.utf8), good = Hook.signature(body)
        #expect(verify(Hook.request(body)))
        #expect(verify(Hook.request(body, signatures: ["sha256=" + good.dropFirst(7).uppercased()])))
        #expect(verify(Hook.request([], signatures: [Hook.signature([])])))
        var changed = body
        changed[3] ^= 1
        #expect(!verify(Hook.request(changed, signatures: [good])))
        #expect(!verify(Hook.request(body + [10], signatures: [good])))
    }

    @Test func aWrongSignatureIsRefused() throws {
        let verify = try #require(try Desk.offline().route(.post)).verification.verify
        let body = Array("{}".utf8), good = Hook.signature(body)
        let bad: [[String]] = [
            [], [""], ["sha256="], [String(good.dropFirst(7))], ["sha1=" + good.dropFirst(7)], [String(good.dropLast())], [String(good.dropLast(2))],
            [good + "00"], [good + "0"], ["sha256=" + String(repeating: "0", count: 64)], ["sha256=" + String(repeating: "g", count: 64)],
            [Hook.signature(body, secret: "another-secret")], [Hook.signature(body, secret: "")], [good, good], [good, "sha256=00"],
            ["SHA256=" + good.dropFirst(7)],
            [good.replacing("sha256=", with: "sha256= ")],
        ]
        for signatures in bad { #expect(!verify(Hook.request(body, signatures: signatures)), "\(signatures)") }
    }
}
