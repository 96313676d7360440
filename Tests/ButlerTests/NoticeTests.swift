import Crypto
import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import PluginTestKit
import Synchronization
import Testing

@testable import Butler

@Suite struct NoticeTests {
    /// How the address answers.
    private final class Receiver: Sendable {
        private let status = Mutex<HTTPResponse.Status>(.serviceUnavailable)
        var value: HTTPResponse.Status {
            get { status.withLock { $0 } }
            set { status.withLock { $0 = newValue } }
        }
    }

    private static let secret = "0123456789abcdef0123456789abcdef"

    private func settings(_ url: String? = "https://hooks.example.com/jack", _ secret: String? = secret) -> NotifySettings {
        var settings = NotifySettings()
        settings.url = url
        settings.secret = secret.map { Secret($0) }
        return settings
    }

    private func bodies(_ http: ScriptedHTTPClient) throws -> [JSONValue] {
        try http.requests.map { try JSONDecoder().decode(JSONValue.self, from: Data($0.body)) }
    }

    @Test func eachChangeIsToldInOrderAndSigned() async throws {
        try await withHouse({
            $0.notify = settings()
            $0.http = ScriptedHTTPClient { _ in ClientResponse(status: .ok) }
        }) { house async throws in
            let http = house.parts.http
            try await house.ask("when is breakfast")
            let conversation = try await house.conversation()
            _ = try await house.butler.staff.move(conversation.id, to: .taken, by: "Ana")
            try await house.settle()
            let told = try bodies(http)
            #expect(told.map { $0["changeType"]?.stringValue } == ["created", "updated"])
            #expect(told.first?["before"] == .null && told.first?["after"]?["id"]?.stringValue == conversation.id)
            #expect(told.last?["before"]?["state"]?.stringValue == "active" && told.last?["after"]?["state"]?.stringValue == "taken")
            #expect(told.last?["after"]?["assigned_to"]?.stringValue == "Ana" && told.last?["timestamp"]?.stringValue?.hasSuffix("Z") == true)
            for request in http.requests {
                let header = try #require(HTTPField.Name("X-Jack-Signature").flatMap { request.headers[$0] })
                let parts = header.split(separator: ",").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
                let time = try #require(parts.first?.last), given = try #require(parts.last?.last)
                let code = HMAC<SHA256>.authenticationCode(
                    for: Array("\(time).".utf8) + request.body, using: SymmetricKey(data: Array(Self.secret.utf8)))
                #expect(given == code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
            }
        }
    }

    @Test func whatIsNotTakenIsSentAgainUnderTheSameNameAndNothingOvertakesIt() async throws {
        let status = Receiver()
        try await withHouse({
            $0.notify = settings()
            $0.http = ScriptedHTTPClient { _ in ClientResponse(status: status.value) }
        }) { house async throws in
            let http = house.parts.http
            try await house.write("when is breakfast")
            #expect(await eventually { http.requests.count == 1 })
            let conversation = try #require(await eventuallyConversation(house))
            _ = try await house.butler.staff.move(conversation.id, to: .taken, by: "Ana")
            status.value = .ok
            #expect(
                await eventually(within: .seconds(60)) {
                    await house.clock.advance(by: .seconds(5))
                    return http.requests.count == 3
                })
            try await house.settle()
            let ids = http.requests.map { request in HTTPField.Name("X-Jack-Delivery").flatMap { request.headers[$0] } }
            #expect(ids[0] == ids[1] && ids[1] != ids[2])
            #expect(try bodies(http).map { $0["changeType"]?.stringValue } == ["created", "created", "updated"])
        }
    }

    private func eventuallyConversation(_ house: House) async -> Conversation? {
        _ = await eventually { (try? await house.conversation()) != nil }
        return try? await house.conversation()
    }

    @Test func nobodyIsToldWhereNobodyIsNamed() async throws {
        try await withHouse { house async throws in
            try await house.ask("when is breakfast")
            #expect(house.parts.http.requests.isEmpty)
        }
    }

    @Test(arguments: [
        ("http://hooks.example.com/x", NoticeTests.secret as String?, "url"), ("https://hooks.example.com/x", "short", "secret"),
        ("https://hooks.example.com/x", nil, "secret"), ("hooks.example.com", NoticeTests.secret, "url"), ("ftp://x.example", NoticeTests.secret, "url"),
    ])
    func whatWouldNotBeSafeIsRefused(url: String, secret: String?, key: String) {
        var report = ValidationReport()
        settings(url, secret).check(&report)
        #expect(report.findings.map(\.key) == [key] && report.findings.allSatisfy { $0.severity == .error && $0.remedy != nil })
    }

    @Test func whoInsistsMaySendWithoutTLS() {
        var settings = settings("http://127.0.0.1:9/x"), report = ValidationReport()
        settings.allowInsecure = true
        settings.check(&report)
        #expect(report.findings.isEmpty)
    }
}
