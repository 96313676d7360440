import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

@Suite struct InstanceNetworkTests {
    private struct Caller: AlertSink {
        struct Settings: PluginSettings {
            @Setting(help: "Where to.", .url) var url: String = "https://api.example.com/v1"
            @Setting(help: "More.") var mirrors: [String] = []
            init() {}
        }

        static let manifest = PluginManifest(
            id: "caller", summary: "Calls", stability: .experimental,
            destinations: [
                DataDestination("media.example.net", purpose: "files", classes: [.guestText]),
                DataDestination("the host of url", purpose: "alerts", classes: [.alert]),
            ])
        init(settings: Settings, context: PluginContext) {}
        var features: AlertSinkFeatures { AlertSinkFeatures() }
        func page(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
        func update(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
        func resolve(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
    }

    private func policy(_ settings: JSONValue = [:], _ change: (inout NetworkSettings) -> Void = { _ in }) throws -> OutboundPolicy {
        var network = NetworkSettings()
        change(&network)
        return OutboundPolicy(
            for: InstanceSpec(
                name: "c", registration: PluginRegistration(Caller.self), settings: try decodeSettings(Caller.Settings.self, settings),
                network: network)
        )
    }

    @Test func whatSettingsAndManifestNameMayBeCalledAndNothingElse() throws {
        let policy = try policy(["mirrors": ["https://m1.example.org:8443/x", "no url"]])
        for host in ["api.example.com", "API.example.com.", "media.example.net", "m1.example.org"] { #expect(policy.allows(host: host), "\(host)") }
        for host in ["evil.example", "example.com", "xapi.example.com", "no url", "the host of url"] {
            #expect(!policy.allows(host: host), "\(host)")
        }
        #expect(!policy.allowsPrivateAddresses && policy.privateHosts.isEmpty)
    }

    @Test(arguments: [
        "http://127.0.0.1:11434", "http://localhost:11434", "http://[::1]:9", "http://10.1.2.3/x", "http://192.168.1.5", "http://ollama:11434",
    ])
    func whoNamesThisMachineOrTheHouseMeansItAndNothingElse(url: String) throws {
        let policy = try policy(["url": .string(url), "mirrors": ["https://api.vendor.example/v1"]])
        let host = try OutboundURL(url).host
        #expect(policy.allows(host: host) && policy.allowsPrivateAddress(of: host))
        for other in ["api.vendor.example", "media.example.net", "169.254.169.254", "10.0.0.1", "router"] {
            #expect(!policy.allowsPrivateAddress(of: other), "\(other)")
        }
        // A vendor's answer that sends the plugin on to the metadata service sends it nowhere.
        #expect(policy.allows(host: "api.vendor.example") && !policy.allows(host: "169.254.169.254"))
    }

    /// The name is not one of the house, and what it leads to is: by the resolver, in whatever spelling, and after a redirect.
    @Test func anotherNameOfTheSameInstanceLeadsNowherePrivate() async throws {
        let engine = try CurlEngine()
        try await LoopbackServer.run { request in
            request.target == "/on" ? .redirect(to: "http://localhost:1/secret") : .text("secret")
        } use: { server in
            // Two names of one address, of which the settings give one as private: `localhost` stands for a vendor's name that was led astray.
            let strict = CurlHTTPClient(
                engine: engine,
                policy: OutboundPolicy(allowedHosts: ["127.0.0.1", "localhost"], allowsPrivateAddresses: false, privateHosts: ["127.0.0.1"]))
            let refused = await #expect(throws: PluginFailure.self) {
                try await strict.send(ClientRequest(.get, "http://localhost:\(server.port)/"))
            }
            #expect(refused?.disposition == .permanent && refused?.message.contains("not public") == true, "\(refused?.message ?? "")")
            #expect(server.connections == 0)
            #expect(try await strict.send(ClientRequest(.get, server.url())).text == "secret")
            // The connection that is open by now belongs to the other name: it is no way around either.
            await #expect(throws: PluginFailure.self) { try await strict.send(ClientRequest(.get, "http://localhost:\(server.port)/")) }
            // A redirect is handed over and not followed; who follows it by hand is asked again.
            let answer = try await strict.send(ClientRequest(.get, server.url("/on")))
            let next = try #require(answer.headers[.location])
            #expect(answer.status == .found)
            let led = await #expect(throws: PluginFailure.self) { try await strict.send(ClientRequest(.get, next)) }
            #expect(led?.message.contains("not public") == true)
            #expect(server.requests.count == 2)
        }
        await engine.shutdown()
    }

    @Test func whomAPlanNamesMayBeTold() throws {
        let plain = InstanceSpec(
            name: "c", registration: PluginRegistration(Caller.self), settings: try decodeSettings(Caller.Settings.self, [:]), fingerprint: "f")
        let told = plain.reaching(["http://tickets:8080/hook?key=secret", "https://pages.example.org"])
        let policy = OutboundPolicy(for: told)
        #expect(policy.allows(host: "tickets") && policy.allows(host: "pages.example.org") && policy.allows(host: "api.example.com"))
        #expect(policy.allowsPrivateAddress(of: "tickets") && !policy.allowsPrivateAddress(of: "pages.example.org"))
        #expect(!policy.allows(host: "evil.example"))
        // By this a reload knows what to restart.
        #expect(plain.reaching([]).fingerprint == "f" && told.fingerprint != "f" && !told.fingerprint.contains("secret"))
        #expect(told.fingerprint == plain.reaching(["https://pages.example.org", "http://tickets:8080/hook?key=secret"]).fingerprint)
    }

    private struct MailCaller: AlertSink {
        struct Server: PluginSettings {
            @Setting(help: "The server's name.") var host: String = ""
            @Setting(help: "Something else.") var user: String = "mail.user.example"
            init() {}
        }
        struct Settings: PluginSettings {
            @Setting(help: "Out.") var smtp: Server = Server()
            @Setting(help: "In.") var boxes: [Server] = []
            init() {}
        }

        static let manifest = PluginManifest(id: "mail-caller", summary: "Calls", stability: .experimental)
        init(settings: Settings, context: PluginContext) {}
        var features: AlertSinkFeatures { AlertSinkFeatures() }
        func page(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
        func update(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
        func resolve(_ page: AlertPage) async throws -> PageReceipt { PageReceipt() }
    }

    private func mail(_ settings: JSONValue, _ allowsPrivate: Bool? = nil) throws -> OutboundPolicy {
        var network = NetworkSettings()
        network.allowPrivate = allowsPrivate
        return OutboundPolicy(
            for: InstanceSpec(
                name: "m", registration: PluginRegistration(MailCaller.self), settings: try decodeSettings(MailCaller.Settings.self, settings),
                network: network))
    }

    @Test func serversThatAreNoURLsAreNamedByTheKeyHost() throws {
        let policy = try mail(["smtp": ["host": "smtp.hotel.example"], "boxes": [["host": "imap.hotel.example"]]])
        #expect(policy.allows(host: "SMTP.hotel.example") && policy.allows(host: "imap.hotel.example"))
        for host in ["hotel.example", "mail.user.example", "127.0.0.1", ""] { #expect(!policy.allows(host: host), "\(host)") }
        #expect(!policy.allowsPrivateAddress(of: "smtp.hotel.example"))
    }

    @Test(arguments: ["localhost", "127.0.0.1", "::1", "192.168.4.2", "mailserver", "post.internal"]) func aMailServerOfTheHouseIsMeant(
        _ host: String
    ) throws {
        let policy = try mail(["smtp": ["host": .string(host)], "boxes": [["host": "imap.hotel.example"]]])
        #expect(policy.allows(host: host) && policy.allowsPrivateAddress(of: host))
        #expect(policy.allows(host: "imap.hotel.example") && !policy.allowsPrivateAddress(of: "imap.hotel.example"))
        #expect(try !mail(["smtp": ["host": .string(host)]], false).allowsPrivateAddress(of: host))
    }

    @Test(arguments: ["", "*.example", "*", "a b", "smtp://x.example/"]) func whatIsNoNameOfAServerAllowsNothing(_ host: String) throws {
        let policy = try mail(["smtp": ["host": .string(host)]])
        for other in ["x.example", "a b", "a", "", host] { #expect(!policy.allows(host: other), "\(other)") }
    }

    @Test func theOperatorsWordStandsOverBoth() throws {
        let outside = try policy(["url": "https://ai.example.org"]), told = try policy(["url": "https://ai.example.org"]) { $0.allowPrivate = true }
        let forbidden = try policy(["url": "http://127.0.0.1"]) { $0.allowPrivate = false }, wide = try policy { $0.hosts = ["*.example.org"] }
        #expect(!outside.allowsPrivateAddress(of: "ai.example.org") && told.allowsPrivateAddress(of: "ai.example.org"))
        #expect(!forbidden.allowsPrivateAddress(of: "127.0.0.1"))
        #expect(wide.allows(host: "a.b.example.org") && !wide.allowsPrivateAddress(of: "a.b.example.org"))
    }

    /// A public name that leads into the house, told so, opens the house to no other name.
    @Test func hostsThatTheOperatorNamesBesideTheSwitchAreThoseItMeans() throws {
        let policy = try policy(["url": "https://api.vendor.example", "mirrors": ["http://pms:8080"]]) {
            $0.hosts = ["pms.hotel.example", "*.house.example"]
            $0.allowPrivate = true
        }
        for host in ["pms.hotel.example", "PMS.hotel.example.", "a.house.example", "pms"] {
            #expect(policy.allows(host: host) && policy.allowsPrivateAddress(of: host), "\(host)")
        }
        #expect(policy.allows(host: "api.vendor.example") && !policy.allowsPrivateAddress(of: "api.vendor.example"))
    }

    @Test func aHostThatNobodyNamedIsRefusedBeforeAnyLineIsOpened() async throws {
        let engine = try CurlEngine()
        let client = CurlHTTPClient(engine: engine, policy: try policy(["url": "http://127.0.0.1:9"]))
        let failure = await #expect(throws: PluginFailure.self) {
            try await client.send(ClientRequest(.get, "http://169.254.169.254/latest/meta-data"))
        }
        #expect(failure?.disposition == .permanent)
        await engine.shutdown()
    }
}
