import Foundation
import HTTPTypes
@testable import Kernel
import PluginAPI
import PluginTestKit
import Testing

@Suite struct OutboundPolicyTests {
    @Test func hostsAreAllowedByNameOrBelowOne() {
        let policy = OutboundPolicy(allowedHosts: ["api.example.com", "*.vendor.test"], allowsPrivateAddresses: true)
        for host in ["api.example.com", "API.Example.COM", "api.example.com.", "eu.vendor.test", "a.b.vendor.test"] {
            #expect(policy.allows(host: host))
        }
        for host in ["example.com", "xapi.example.com", "api.example.com.evil.test", "vendor.test", "evilvendor.test", ""] {
            #expect(!policy.allows(host: host))
        }
        #expect(
            OutboundPolicy.unrestricted.allows(host: "anything")
                && !OutboundPolicy(allowedHosts: [], allowsPrivateAddresses: false).allows(host: "anything"))
    }

    @Test(arguments: [
        ("8.8.8.8", true), ("127.0.0.1", false), ("10.1.2.3", false), ("172.15.0.1", true), ("172.16.0.1", false), ("172.32.0.1", true),
        ("192.168.1.1", false), ("169.254.169.254", false), ("100.63.0.1", true), ("100.64.0.1", false), ("0.0.0.0", false), ("224.0.0.1", false),
        ("255.255.255.255", false), ("198.18.0.1", false), ("::", false), ("::1", false), ("fe80::1%lo", false), ("fc00::1", false),
        ("fd12::1", false),
        ("ff02::1", false), ("2606:4700::1111", true), ("::ffff:10.0.0.1", false), ("::ffff:8.8.8.8", true), ("64:ff9b::7f00:1", false),
        ("64:ff9b::808:808", true), ("2002:a00:1::1", false), ("2001:db8::1", false), ("2001:0:1::1", false), ("2001:4860::8888", true),
        ("3fff::1", false), ("3fff:fff::1", false), ("3fff:1000::1", true),
    ])
    func addressesArePublicOrNot(_ text: String, _ isPublic: Bool) throws {
        #expect(try #require(InternetAddress(text)).isPublic == isPublic)
    }

    @Test func whatIsNoAddressIsNone() {
        for text in ["", "1.2.3", "example.com", "1.2.3.4.5", "::g"] { #expect(InternetAddress(text) == nil) }
    }

    @Test func aURLShowsOnlyItsOrigin() throws {
        let url = try OutboundURL("https://user:pass@Example.com:8443/path?token=hunter2")
        #expect(url.origin.lowercased() == "https://example.com:8443" && url.host.lowercased() == "example.com")
        #expect(try OutboundURL("http://[::1]:80/").host == "::1")
    }

    @Test func aHostThatIsNotAllowedIsNotCalled() async throws {
        let engine = try CurlEngine()
        try await LoopbackServer.run { _ in
            .text("secret")
        } use: { server in
            let client = CurlHTTPClient(engine: engine, policy: OutboundPolicy(allowedHosts: ["api.example.com"], allowsPrivateAddresses: true))
            let failure = await #expect(throws: PluginFailure.self) { try await client.send(ClientRequest(.get, server.url())) }
            #expect(failure?.disposition == .permanent && server.connections == 0)
        }
        await engine.shutdown()
    }

    /// `localhost` is resolved first: it is the address that counts, not the name.
    @Test(arguments: ["127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"])
    func aPrivateAddressIsNotCalledWhereForbidden(_ host: String) async throws {
        let engine = try CurlEngine()
        try await LoopbackServer.run { _ in
            .text("secret")
        } use: { server in
            let client = CurlHTTPClient(engine: engine, policy: OutboundPolicy(allowedHosts: nil, allowsPrivateAddresses: false))
            let failure = await #expect(throws: PluginFailure.self) { try await client.send(ClientRequest(.get, "http://\(host):\(server.port)/")) }
            #expect(failure?.disposition == .permanent && failure?.message.contains("not public") == true, "\(failure?.message ?? "")")
            #expect(server.connections == 0)
        }
        await engine.shutdown()
    }

    @Test func aConnectionOfAnotherInstanceIsNoWayAround() async throws {
        let engine = try CurlEngine()
        try await LoopbackServer.run { _ in
            .text("secret")
        } use: { server in
            let text = try await CurlHTTPClient(engine: engine, policy: .unrestricted).send(ClientRequest(.get, server.url())).text
            #expect(text == "secret")
            let strict = CurlHTTPClient(engine: engine, policy: OutboundPolicy(allowedHosts: nil, allowsPrivateAddresses: false))
            await #expect(throws: PluginFailure.self) { try await strict.send(ClientRequest(.get, server.url())) }
            #expect(server.requests.count == 1 && server.connections == 1)
        }
        await engine.shutdown()
    }
}
