import PluginAPI

/// What a code of Twilio's means (“Error and warning dictionary”), in words of our own: Twilio's may quote numbers.
public struct TwilioMeaning: Sendable {
    public let disposition: PluginFailure.Disposition
    public let reason: PluginFailure.Reason
    public let message: String

    /// The meaning of a code; nil for one that is not known here, and means what its HTTP status does.
    public static func of(_ code: Int) -> TwilioMeaning? { table[code] }

    /// The failure; its message names the code.
    public func failure(_ code: Int, retryAfter: Duration? = nil) -> PluginFailure {
        let words = "\(message) (Twilio \(code))"
        if disposition == .credentialsRejected { return .credentialsRejected(words) }
        return PluginFailure(disposition, reason, words, retryAfter: retryAfter)
    }

    private static let table: [Int: TwilioMeaning] = [
        // The account.
        20003: credentials("Twilio does not take the credentials: compare account_sid, and auth_token or the API key, with its console"),
        20005: credentials("the account is not active: see Twilio's console"),
        20006: credentials("the API key may not do this: use a standard or main key"),
        20008: credentials("these are test credentials, which send nothing: use the account's own"),
        10001: credentials("the account is not active: see Twilio's console"),
        90010: credentials("the account is not active: see Twilio's console"),
        30002: permanent(.restricted, "the account is suspended: see Twilio's console"),
        20404: permanent(.notFound, "Twilio does not have what was asked for: compare account_sid with its console"),
        // Too many.
        20429: limited("too many requests at once"),
        14107: limited("too many messages in a short time"),
        10004: limited("too many calls at once"),
        21611: limited("the number has too many messages waiting"),
        30022: limited("the carrier's rate for this number is exceeded"),
        63038: limited("the account's messages of the day are used up"),
        30001: notReady(.overloaded, "Twilio's queue overflowed"),
        // Twilio's own trouble.
        20409: notReady(.vendorFault, "Twilio is busy with the same resource"),
        20500: notReady(.vendorFault, "Twilio has a fault of its own"),
        20503: notReady(.overloaded, "Twilio is not available"),
        30008: notReady(.vendorFault, "the carrier did not say why"),
        30009: notReady(.vendorFault, "a part of the message got lost"),
        30410: notReady(.timeout, "the carrier did not answer in time"),
        // The recipient.
        21211: unknown("the number is no valid phone number"),
        21214: unknown("the number cannot be reached"),
        21217: unknown("the number is no valid phone number"),
        21401: unknown("the number is no valid phone number"),
        21407: unknown("the number cannot be texted"),
        21421: unknown("the number is no valid phone number"),
        21612: unknown("the number cannot be reached from this sender"),
        21614: unknown("the number is no mobile phone's"),
        21635: unknown("the number is a landline's, and cannot be texted"),
        13223: unknown("the number is no valid phone number"),
        13224: unknown("the number cannot be called"),
        21219: unknown("a trial account reaches only numbers that are verified with Twilio"),
        21608: unknown("a trial account reaches only numbers that are verified with Twilio"),
        30003: TwilioMeaning(disposition: .permanent, reason: .unreachable, message: "the phone is off, or has no network"),
        30005: unknown("the number is not known, or not in use"),
        30006: unknown("the number is a landline's, or its carrier cannot be reached"),
        21610: permanent(.optedOut, "the recipient has answered STOP, and gets nothing until they answer START"),
        30004: permanent(.withheld, "the recipient, or their carrier, blocks messages"),
        30007: permanent(.contentFiltered, "the carrier filtered the message: see Twilio's page on filtering"),
        30010: permanent(.withheld, "the message would cost more than the account allows"),
        30036: permanent(.withheld, "the message could not be sent while it was valid"),
        21216: permanent(.restricted, "Twilio does not call this number"),
        // The sender, and what the account may do.
        21408: configuration("the account may not text this country: allow it in Twilio's console, “Geo permissions”"),
        21215: configuration("the account may not call this country: allow it in Twilio's console, “Geo permissions”"),
        13227: configuration("the account may not call this country: allow it in Twilio's console, “Geo permissions”"),
        21203: configuration("the account may not call other countries"),
        21210: configuration("the number in from is not verified with Twilio"),
        21212: configuration("the number in from is no valid phone number"),
        21213: configuration("from is missing"),
        21603: configuration("from is missing"),
        21606: configuration("the number in from cannot text this recipient, or is not the account's"),
        21659: configuration("the number in from is not one of Twilio's"),
        21660: configuration("the number in from is another account's"),
        21661: configuration("the number in from cannot text"),
        21701: configuration("there is no such messaging service"),
        21703: configuration("the messaging service has no number"),
        21704: configuration("the messaging service has no number for this country"),
        21705: configuration("there is no such messaging service"),
        21205: configuration("Twilio does not take the URL that Jack gives it: check property.public_url"),
        21609: configuration("Twilio does not take the URL for receipts: check property.public_url"),
        30032: configuration("the toll-free number is not verified yet"),
        30034: configuration("the number is not registered for messages to the United States (A2P 10DLC)"),
        // The message.
        21602: permanent(.invalidRequest, "the message is empty"),
        21604: permanent(.invalidRequest, "the recipient is missing"),
        21617: permanent(.invalidRequest, "the text is longer than 1,600 characters"),
        21619: permanent(.invalidRequest, "the message is empty"),
        21620: permanent(.invalidRequest, "Twilio cannot fetch the file from its URL"),
        21623: permanent(.invalidRequest, "the message has more than ten files"),
    ]

    private static func credentials(_ message: String) -> TwilioMeaning {
        TwilioMeaning(disposition: .credentialsRejected, reason: .unauthorized, message: message)
    }

    private static func notReady(_ reason: PluginFailure.Reason, _ message: String) -> TwilioMeaning {
        TwilioMeaning(disposition: .notReady, reason: reason, message: message)
    }

    private static func permanent(_ reason: PluginFailure.Reason, _ message: String) -> TwilioMeaning {
        TwilioMeaning(disposition: .permanent, reason: reason, message: message)
    }

    private static func limited(_ message: String) -> TwilioMeaning { notReady(.rateLimited, message) }
    private static func unknown(_ message: String) -> TwilioMeaning { permanent(.unknownRecipient, message) }
    private static func configuration(_ message: String) -> TwilioMeaning { permanent(.configuration, message) }
}

extension PluginFailure.Reason {
    /// The account, or the recipient's country, is shut off.
    public static let restricted: PluginFailure.Reason = "restricted"
    /// Held back on the way.
    public static let withheld: PluginFailure.Reason = "withheld"
}
