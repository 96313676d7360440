import Foundation
import PluginAPI

/// What an operator may set for one WhatsApp number.
public struct WhatsAppSettings: PluginSettings {
    @Setting(
        help: "The phone number's id, from the app's page “WhatsApp, API setup”; not the number itself.", .digits, example: "\"106540352242922\"")
    public var phoneNumberID: String
    @Setting(help: "A system user's token with whatsapp_business_messaging; without it nothing can be sent.", example: "${WHATSAPP_TOKEN}")
    public var accessToken: Secret?
    @Setting(help: "The app's secret, which signs what arrives; without it nothing is taken in.", example: "${WHATSAPP_APP_SECRET}")
    public var appSecret: Secret?
    @Setting(help: "A text of your own that Meta repeats when you enter the webhook's URL there.", example: "${WHATSAPP_VERIFY_TOKEN}")
    public var verifyToken: Secret?
    @Setting(help: "The Graph API's version.", .graphVersion) public var graphVersion: String = "v26.0"
    @Setting(help: "The largest file that is fetched or sent; Meta's own limits for each kind hold too.", .range(.kilobytes(16) ... .megabytes(100)))
    public var maximumMedia: ByteCount = .megabytes(25)
    @Setting(help: "Whether a link in a text is shown with a preview.") public var linkPreviews: Bool = true
    @Setting(
        help: "What stands on the button that opens a list of more than three replies, by language; English, German, Spanish and French have one.",
        example: "{ it: Opzioni }", advanced: true)
    public var listButton: [String: String] = [:]
    @Setting(help: "How long Meta may take to answer.", .range(.milliseconds(100) ... .seconds(120)), advanced: true)
    public var timeout: Duration = .seconds(20)
    @Setting(help: "Signs each request with the app's secret too, as Meta asks of apps that “require app secret”.", advanced: true)
    public var appSecretProof: Bool = false
    @Setting(help: "Where the Graph API is; another one only for a proxy or a test.", .url, advanced: true)
    public var baseURL: String = "https://graph.facebook.com"
    @Setting(help: "Hosts that hold the files guests send; the token is sent to no other. *.example.com takes all below it.", advanced: true)
    public var mediaHosts: [String] = ["lookaside.fbsbx.com"]

    public init() {}

    /// What concerns several settings at once, or what then does not work.
    func check(_ report: inout ValidationReport) {
        func missing(_ key: String, _ message: String, _ remedy: String) { report.warning(key, message, remedy: remedy, code: .missing) }
        if Self.isBlank(accessToken) {
            missing("access_token", "without it nothing can be sent and no file fetched", "make a system user's token in Meta's business settings")
        }
        if Self.isBlank(appSecret) {
            missing("app_secret", "without it nothing is taken in: the webhook stays closed", "copy it from the app's page “Settings, Basic”")
            if appSecretProof { report.error("app_secret_proof", "it needs app_secret") }
        }
        if Self.isBlank(verifyToken) {
            missing("verify_token", "without it Meta cannot verify the webhook's URL", "make one up: openssl rand -hex 16")
        }
        if baseURL.hasPrefix("http://"), !["localhost", "127.0.0.1", "::1"].contains(GraphURL.host(of: baseURL) ?? "") {
            report.warning("base_url", "the token and guests' texts are sent without encryption", remedy: "use https", code: .insecure)
        }
        if GraphURL.host(of: baseURL) == nil { report.error("base_url", "it names no host") }
        for host in mediaHosts where !GraphURL.isHostPattern(host) {
            report.error("media_hosts", "“\(host)” is not a host's name", remedy: "write for example lookaside.fbsbx.com or *.fbsbx.com")
        }
        for (language, label) in listButton.sorted(by: { $0.key < $1.key }) where label.isEmpty || label.utf16.count > QuickReplyMenu.buttonLimit {
            report.error("list_button.\(language)", "“\(label)” has not 1 to 20 characters")
        }
    }

    static func isBlank(_ secret: Secret?) -> Bool { secret?.isEmpty ?? true }
}

extension SettingConstraint where Value == String {
    fileprivate static var digits: SettingConstraint {
        SettingConstraint("digits alone", schema: ["pattern": "^([0-9]{5,20}|\\$\\{.*)$"]) { text in
            (5...20).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
                ? nil : "“\(text)” is not an id of 5 to 20 digits"
        }
    }

    fileprivate static var graphVersion: SettingConstraint {
        SettingConstraint("a version such as v26.0", schema: ["pattern": "^(v[0-9]{1,3}\\.0|\\$\\{.*)$"]) { text in
            let number = text.dropFirst().dropLast(2)
            return text.hasPrefix("v") && text.hasSuffix(".0") && text.utf8.count == number.utf8.count + 3 && (1...3).contains(number.utf8.count)
                && number.utf8.allSatisfy { (0x30...0x39).contains($0) }
                ? nil : "“\(text)” is not a version of the Graph API"
        }
    }
}
