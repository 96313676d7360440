import Foundation
import HTTPTypes
import PluginAPI

/// An account at Twilio, as an instance's settings say it.
public struct TwilioAccount: Sendable {
    /// `AC` and 32 hexadecimal digits.
    public var sid: String
    /// Signs what arrives; sends too, where there is no API key.
    public var authToken: Secret?
    /// `SK` and 32 hexadecimal digits.
    public var apiKey: String?
    public var apiSecret: Secret?
    public var baseURL: BaseURL
    public var timeout: Duration

    public init(sid: String, authToken: Secret?, apiKey: String?, apiSecret: Secret?, baseURL: String, timeout: Duration) {
        self.sid = sid
        self.authToken = authToken.flatMap { $0.isEmpty ? nil : $0 }
        self.apiKey = apiKey
        self.apiSecret = apiSecret.flatMap { $0.isEmpty ? nil : $0 }
        self.baseURL = BaseURL(baseURL)
        self.timeout = timeout
    }

    /// Finds what is wrong with it. Pure.
    /// - Parameter sent: what goes to Twilio, for the warning that it is not encrypted.
    public func check(sent: String, _ report: inout ValidationReport) {
        if authToken == nil {
            report.warning(
                "auth_token", "without it nothing that Twilio sends is taken in: the webhooks stay closed", remedy: "copy it from Twilio's console",
                code: .missing)
        }
        if (apiKey == nil) != (apiSecret == nil) {
            report.error(apiKey == nil ? "api_secret" : "api_key", "api_key and api_secret go together", remedy: "set both, or neither")
        } else if apiKey == nil, authToken == nil {
            report.warning("api_key", "without an API key or an auth token nothing can be sent", remedy: "set auth_token", code: .missing)
        }
        baseURL.check(sent: "the credentials and \(sent)", &report)
    }

    /// - Throws: ``PluginFailure`` where there is nothing to authenticate with.
    func authorization() throws -> String {
        let name: String, secret: Secret
        if let apiKey, let apiSecret {
            (name, secret) = (apiKey, apiSecret)
        } else if let authToken {
            (name, secret) = (sid, authToken)
        } else {
            throw PluginFailure.permanent(.configuration, "neither auth_token nor an API key is set: nothing can be asked of Twilio")
        }
        return "Basic " + Data("\(name):\(secret.reveal())".utf8).base64EncodedString()
    }
}

/// What Twilio's names look like.
public enum TwilioID {
    /// Two letters and 32 hexadecimal digits.
    public static func isSID(_ text: String, _ prefix: String) -> Bool {
        text.utf8.count == 34 && text.hasPrefix(prefix) && text.utf8.dropFirst(2).allSatisfy(isHex)
    }

    /// Two letters that are not known, and 32 hexadecimal digits.
    public static func isSID(_ text: String) -> Bool {
        isSID(text, String(text.prefix(2))) && text.prefix(2).allSatisfy { $0.isASCII && $0.isUppercase }
    }

    /// A number in the form of E.164: `+`, no zero, and 7 to 15 digits in all.
    public static func isPhoneNumber(_ text: String) -> Bool {
        let digits = text.utf8.dropFirst()
        return text.utf8.first == UInt8(ascii: "+") && (7...15).contains(digits.count) && digits.first != UInt8(ascii: "0")
            && digits.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }
}

extension SettingConstraint where Value == String {
    /// The name of an account: `AC…`.
    public static var twilioAccount: SettingConstraint { sid("AC", "an account SID: AC and 32 hexadecimal digits") }
    /// The name of an API key: `SK…`.
    public static var twilioKey: SettingConstraint { sid("SK", "an API key's SID: SK and 32 hexadecimal digits") }
    /// The name of a messaging service: `MG…`.
    public static var twilioService: SettingConstraint { sid("MG", "a messaging service's SID: MG and 32 hexadecimal digits") }

    /// A phone number in the form of E.164.
    public static var twilioNumber: SettingConstraint {
        SettingConstraint("a phone number such as +15550100123", schema: ["pattern": "^(\\+[1-9][0-9]{6,14}|\\$\\{.*)$"]) {
            TwilioID.isPhoneNumber($0) ? nil : "“\($0)” is not a phone number with + and its country's code"
        }
    }

    private static func sid(_ prefix: String, _ words: String) -> SettingConstraint {
        SettingConstraint(words, schema: ["pattern": .string("^(\(prefix)[0-9a-fA-F]{32}|\\$\\{.*)$")]) {
            TwilioID.isSID($0, prefix) ? nil : "“\($0)” is no SID of that kind"
        }
    }
}
