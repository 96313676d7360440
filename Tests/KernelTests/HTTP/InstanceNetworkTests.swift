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
        #expect(!policy.allowsPrivateAddresses)
    }

    @Test(arguments: [
        "http://127.0.0.1:11434", "http://localhost:11434", "http://[::1]:9", "http://10.1.2.3/x", "http://192.168.1.5", "http://ollama:11434",
    ])
    func whoNamesThisMachineOrTheHouseMeansIt(url: String) throws {
        let policy = try policy(["url": .string(url)])
        #expect(policy.allowsPrivateAddresses)
    }

    @Test func whomAPlanNamesMayBeTold() throws {
        let plain = InstanceSpec(
            name: "c", registration: PluginRegistration(Caller.self), settings: try decodeSettings(Caller.Settings.self, [:]), fingerprint: "f")
        let told = plain.reaching(["http://tickets:8080/hook?key=secret", "https://pages.example.org"])
        let policy = OutboundPolicy(for: told)
        #expect(policy.allows(host: "tickets") && policy.allows(host: "pages.example.org") && policy.allows(host: "api.example.com"))
        #expect(policy.allowsPrivateAddresses && !policy.allows(host: "evil.example"))
        // By this a reload knows what to restart.
        #expect(plain.reaching([]).fingerprint == "f" && told.fingerprint != "f" && !told.fingerprint.contains("secret"))
        #expect(told.fingerprint == plain.reaching(["https://pages.example.org", "http://tickets:8080/hook?key=secret"]).fingerprint)
    }

    @Test func theOperatorsWordStandsOverBoth() throws {
        let outside = try policy(["url": "https://ai.example.org"]), told = try policy(["url": "https://ai.example.org"]) { $0.allowPrivate = true }
        let forbidden = try policy(["url": "http://127.0.0.1"]) { $0.allowPrivate = false }, wide = try policy { $0.hosts = ["*.example.org"] }
        #expect(!outside.allowsPrivateAddresses && told.allowsPrivateAddresses && !forbidden.allowsPrivateAddresses)
        #expect(wide.allows(host: "a.b.example.org"))
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
