import PluginAPI
import TwilioWire

/// What an operator may set for one number, or one messaging service.
public struct TwilioSMSSettings: PluginSettings {
    @Setting(help: "The account's SID, from Twilio's console.", .twilioAccount, example: "AC00000000000000000000000000000000") public var accountSID:
        String
    @Setting(help: "The account's auth token: it signs what arrives, and sends where there is no API key.", example: "${TWILIO_AUTH_TOKEN}")
    public var authToken: Secret?
    @Setting(help: "An API key's SID, to send without the auth token.", .ifSet(.twilioKey), advanced: true) public var apiKey: String?
    @Setting(help: "The API key's secret.", advanced: true) public var apiSecret: Secret?
    @Setting(
        help: "The number from which Jack writes; a short code, or a name where the country has them, to which nobody can answer.",
        .ifSet(.sender), example: "\"+15550100123\"")
    public var from: String?
    @Setting(help: "A messaging service's SID, which chooses the number; with from, that number is kept.", .ifSet(.twilioService))
    public var messagingServiceSID: String?
    @Setting(help: "Whether pictures and files go out as MMS, which few countries have; else their links stand below the text.")
    public var mms: Bool = false
    @Setting(help: "Whether Twilio may replace typographic characters, so that a text needs fewer segments.") public var smartEncoding: Bool = false
    @Setting(help: "The longest text; Twilio takes 1,600 characters at once, and a longer text goes as several.", .range(160...4_800))
    public var maximumLength: Int = 1_600
    @Setting(help: "The largest file of a guest's that is fetched.", .range(.kilobytes(16) ... .megabytes(100)))
    public var maximumMedia: ByteCount = .megabytes(5)
    @Setting(help: "Hosts to which Twilio sends on for guests' files; no credentials go there.", advanced: true)
    public var mediaHosts: [String] = ["mms.twiliocdn.com", "media.twiliocdn.com", "s3-external-1.amazonaws.com"]
    @Setting(help: "How long Twilio may take to answer.", .range(.milliseconds(100) ... .seconds(120)), advanced: true)
    public var timeout: Duration = .seconds(15)
    @Setting(help: "Where Twilio's API is; another one for its other regions, a proxy or a test.", .url, advanced: true)
    public var baseURL: String = "https://api.twilio.com"

    public init() {}

    var account: TwilioAccount {
        TwilioAccount(sid: accountSID, authToken: authToken, apiKey: apiKey, apiSecret: apiSecret, baseURL: baseURL, timeout: timeout)
    }

    func check(_ report: inout ValidationReport) {
        account.check(sent: "guests' texts", &report)
        if from == nil, messagingServiceSID == nil {
            report.warning("from", "without it, or messaging_service_sid, nothing can be sent", remedy: "add from: \"+…\"", code: .missing)
        }
        if let from, from.contains(where: \.isLetter), messagingServiceSID == nil {
            report.warning("from", "nobody can answer a name", remedy: "use a number where guests are to write back")
        }
    }
}

extension SettingConstraint where Value == String {
    /// A phone number, a short code, or a name of up to eleven letters, digits and blanks.
    fileprivate static var sender: SettingConstraint {
        SettingConstraint("a phone number such as +15550100123, a short code, or a name of at most 11 letters and digits") { text in
            let isCode = (3...8).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
            let isName =
                (1...11).contains(text.utf8.count) && text.contains(where: \.isLetter)
                && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || " +-_&".contains($0)) }
            return isCode || isName || TwilioID.isPhoneNumber(text) ? nil : "“\(text)” is not a sender that Twilio knows"
        }
    }
}
