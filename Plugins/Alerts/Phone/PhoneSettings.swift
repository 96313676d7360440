import PluginAPI
import TwilioWire

/// What an operator may set for calls.
public struct PhoneSettings: PluginSettings {
    @Setting(help: "The account's SID, from Twilio's console.", .twilioAccount, example: "AC00000000000000000000000000000000") public var accountSID:
        String
    @Setting(help: "The account's auth token: it signs what arrives, and calls where there is no API key.", example: "${TWILIO_AUTH_TOKEN}")
    public var authToken: Secret?
    @Setting(help: "An API key's SID, to call without the auth token.", .ifSet(.twilioKey), advanced: true) public var apiKey: String?
    @Setting(help: "The API key's secret.", advanced: true) public var apiSecret: Secret?
    @Setting(help: "The number that calls: one of the account's, or one that is verified there.", .twilioNumber, example: "\"+15550100123\"")
    public var from: String
    @Setting(
        help: "The language that is spoken, a BCP 47 tag; by default the hotel's. Jack's own words are in English, German, Spanish and French.",
        .ifSet(.language), example: "de-DE")
    public var language: String?
    @Setting(help: "One of Twilio's voices, such as Polly.Vicki; by default the language's own.", .ifSet(.voice)) public var voice: String?
    @Setting(help: "How long the phone rings; below some 25 seconds few mailboxes answer.", .range(.seconds(10) ... .seconds(120)))
    public var ring: Duration = .seconds(30)
    @Setting(help: "Whether Twilio finds out if a person answered; without it a mailbox counts as one.") public var machineDetection: Bool = true
    @Setting(help: "How long Twilio may take to answer.", .range(.milliseconds(100) ... .seconds(120)), advanced: true)
    public var timeout: Duration = .seconds(15)
    @Setting(help: "Where Twilio's API is; another one for its other regions, a proxy or a test.", .url, advanced: true)
    public var baseURL: String = "https://api.twilio.com"

    public init() {}

    var account: TwilioAccount {
        TwilioAccount(sid: accountSID, authToken: authToken, apiKey: apiKey, apiSecret: apiSecret, baseURL: baseURL, timeout: timeout)
    }

    func check(_ report: inout ValidationReport) {
        account.check(sent: "phone numbers", &report)
        if let language, SpokenWords.known(language) == nil {
            report.warning("language", "Jack has no words of its own in “\(language)”, and speaks English", remedy: "use en, de, es or fr")
        }
    }
}

extension SettingConstraint where Value == String {
    fileprivate static var language: SettingConstraint {
        SettingConstraint("a language such as de or en-GB") { text in
            text.wholeMatch(of: /[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*/) == nil ? "“\(text)” is not a language's tag" : nil
        }
    }

    fileprivate static var voice: SettingConstraint {
        SettingConstraint("the name of a voice") { text in
            text.wholeMatch(of: /[A-Za-z0-9._-]{1,60}/) == nil ? "“\(text)” is not the name of a voice" : nil
        }
    }
}
