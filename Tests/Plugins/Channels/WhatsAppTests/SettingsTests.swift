import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing

@testable import WhatsAppChannel

@Suite struct SettingsTests {
    private func findings(_ more: [String: JSONValue]) throws -> [ValidationReport.Finding] {
        var report = ValidationReport()
        WhatsApp.validate(try decodeSettings(WhatsAppSettings.self, Desk.settings(more)), &report)
        return report.findings
    }

    @Test func theDeclarationsAreSound() {
        #expect(WhatsAppSettings.schema.problems == [])
        #expect(WhatsApp.manifest.id == "whatsapp")
    }

    @Test func wholeSettingsRaiseNothing() throws { #expect(try findings([:]).isEmpty) }

    @Test(arguments: ["", "12", "1065 4035", "+15550783881", "10654035224292a", "１０６５４０", "../106540352242922", String(repeating: "1", count: 21)])
    func aPhoneNumberIDIsDigits(_ id: String) {
        #expect(throws: SettingsRejected.self) { try decodeSettings(WhatsAppSettings.self, Desk.settings(["phone_number_id": .string(id)])) }
    }

    @Test(arguments: [
        ("v26.0", true), ("v9.0", true), ("26.0", false), ("v26", false), ("v26.1", false), ("v.0", false), ("v2six.0", false), ("v1234.0", false),
    ])
    func aVersionHasItsForm(_ version: String, _ isGood: Bool) {
        let settings = try? decodeSettings(WhatsAppSettings.self, Desk.settings(["graph_version": .string(version)]))
        #expect((settings != nil) == isGood)
    }

    @Test(arguments: ["access_token", "app_secret", "verify_token"])
    func aMissingSecretIsAWarningThatSaysWhatThenDoesNotWork(_ key: String) throws {
        guard case .object(var values) = Desk.settings() else { return }
        values[key] = nil
        var report = ValidationReport()
        WhatsApp.validate(try decodeSettings(WhatsAppSettings.self, .object(values)), &report)
        #expect(report.findings.map(\.key) == [key])
        #expect(report.findings.map(\.severity) == [.warning])
        #expect(report.findings.first?.message.contains("without it") == true)
    }

    @Test func whatCannotWorkIsAnError() throws {
        #expect(try findings(["media_hosts": ["lookaside.fbsbx.com/x"]]).map(\.key) == ["media_hosts"])
        #expect(try findings(["media_hosts": ["*.fbsbx.com", "::1"]]).isEmpty)
        #expect(try findings(["list_button": ["it": "Più di venti caratteri qui"]]).map(\.key) == ["list_button.it"])
        #expect(try findings(["base_url": "http://graph.example.com"]).map(\.code) == [.insecure])
        #expect(try findings(["base_url": "http://127.0.0.1:8080"]).isEmpty)
    }

    @Test func theManifestNamesTheHostsThatAreCalled() throws {
        let settings = try decodeSettings(WhatsAppSettings.self, ["phone_number_id": "106540352242922"])
        let hosts = WhatsApp.manifest.destinations.map(\.recipient)
        #expect(hosts == [GraphURL.host(of: settings.baseURL)] + settings.mediaHosts)
        #expect(GraphURL.host(of: "http://[::1]:80/x") == "::1" && GraphURL.host(of: "https://") == nil)
    }

    @Test func withoutSecretsTheRoutesAreNotConfigured() throws {
        let bare = try TestContext().make(WhatsApp.self, ["phone_number_id": "106540352242922"])
        #expect(bare.route(.post)?.verification.isConfigured == false)
        #expect(bare.route(.get)?.verification.isConfigured == false)
        #expect(bare.route(.post)?.verification.verify(Hook.request(Array("{}".utf8))) == false)
        let whole = try Desk.offline()
        #expect(whole.route(.post)?.verification.isConfigured == true)
        #expect(whole.route(.get)?.verification.isConfigured == true)
    }

    @Test func theFeaturesSayTheTruth() throws {
        let features = try Desk.offline().features
        #expect(features.maximumTextLength == 4096)
        #expect(features.replyWindow == .seconds(86_400))
        #expect(features.quickReplies == 10)
        #expect(!features.isIdempotent)
    }
}
