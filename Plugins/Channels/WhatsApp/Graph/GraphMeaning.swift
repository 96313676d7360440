import PluginAPI

extension PluginFailure.Reason {
    /// The template does not exist, is paused, or its parameters do not fit.
    static let templateRejected: PluginFailure.Reason = "template-rejected"
    /// Meta keeps the message back by a policy of its own.
    static let withheld: PluginFailure.Reason = "withheld"
    /// The account or the number is restricted by Meta.
    static let restricted: PluginFailure.Reason = "restricted"
    /// A file is larger than the channel or the settings allow.
    static let mediaTooLarge: PluginFailure.Reason = "media-too-large"
}

/// What one of Meta's error codes means to Jack (“WhatsApp Business Platform, Error codes”).
struct GraphMeaning: Sendable {
    var disposition: PluginFailure.Disposition
    var reason: PluginFailure.Reason
    /// What to do; holds nothing of the request.
    var message: String
    var wait: Duration?
    /// Whether Meta's details, redacted, help: they name a parameter.
    var showsDetails = false

    /// Nil for a code that is not in the table.
    static func of(_ error: GraphError, _ request: GraphError.Request) -> GraphMeaning? {
        if let meaning = table[error.code] { return meaning }
        switch (error.code, error.subcode) {
        case (100, 33), (33, _):
            // “Object does not exist, or permissions are missing”: what does not exist depends on what was asked for.
            return request == .media
                ? permanent(.notFound, "the file is not there any more; Meta keeps a guest's file for 7 days and an uploaded one for 30")
                : credentials(
                    "this token knows no such phone_number_id: check phone_number_id, and that the system user may use the WhatsApp account")
        case (100, _): return permanent(.invalidRequest, "Meta does not accept a parameter of the request", details: true)
        case (190, 463), (190, 460), (190, 467):
            return credentials("the access token has expired or was withdrawn: make a new one for the system user and reload")
        case (190, _): return credentials("the access token is not valid: make a new one for the system user and reload")
        case (200...299, _): return credentials(permission)
        case (132_000...132_999, _): return template("Meta refuses the template: look at it in WhatsApp Manager", details: true)
        default: return nil
        }
    }

    private static let permission =
        "a permission is missing: the system user needs whatsapp_business_messaging and whatsapp_business_management on this WhatsApp account"

    private static let table: [Int: GraphMeaning] = [
        // Access.
        0: credentials("Meta cannot authenticate the token: make a new one for the system user and reload"),
        3: credentials(permission),
        10: credentials(permission),
        131_005: credentials(permission),
        131_031: GraphMeaning(
            disposition: .credentialsRejected, reason: .restricted,
            message: "Meta has locked the account: see what it says in Business Support Home, mend it, and reload"),
        131_045: credentials("the phone number's registration is broken: register it again in WhatsApp Manager and reload"),
        133_010: credentials("the phone number is not registered with the Cloud API: register it in WhatsApp Manager and reload"),
        // Limits.
        4: limited("the app has made too many calls: fewer, or wait", .seconds(300)),
        80_007: limited("the WhatsApp account has made too many calls: fewer, or wait", .seconds(300)),
        130_429: limited("more messages a second than this number may carry: set limits.rate of the instance lower", .seconds(1)),
        131_048: limited("Meta slows this number down because guests blocked or reported it: look at its quality in WhatsApp Manager", .seconds(900)),
        131_056: notReady(.recipientLimited, "too many messages to one guest in a short time: Meta allows about one in six seconds", .seconds(6)),
        133_016: limited("too many registrations of this number: wait", .seconds(3600)),
        // The vendor's own trouble.
        1: fault, 2: fault, 131_000: fault, 131_016: fault, 133_004: fault, 133_000: fault,
        131_057: notReady(.vendorFault, "Meta is changing the number's throughput: it takes a minute", .seconds(60)),
        // The guest.
        131_021: permanent(.unknownRecipient, "the recipient is the hotel's own number"),
        131_026: permanent(.unknownRecipient, "the guest cannot be reached by WhatsApp: no account there, an old app, or its terms not accepted"),
        131_030: permanent(
            .unknownRecipient, "a test number only writes to the recipients that are listed with it: add this one, or use a real number"),
        131_047: permanent(.windowClosed, "the guest wrote last more than 24 hours ago: only a template may be sent"),
        131_050: permanent(.optedOut, "the guest does not want marketing messages from this number"),
        130_472: permanent(.withheld, "Meta withholds this marketing message from the guest for an experiment: use another way"),
        131_049: permanent(.withheld, "Meta withholds this marketing message, because the guest got many: try another day, or use another way"),
        // The account.
        368: permanent(.restricted, "Meta has blocked the account for a while for a breach of its policies: see Business Support Home"),
        130_497: permanent(.restricted, "Meta does not let this account write to guests of that country"),
        131_037: permanent(.configuration, "the number's display name is not approved yet: see WhatsApp Manager"),
        131_042: permanent(.outOfCredit, "Meta cannot bill the account: mend the payment method in the billing settings"),
        134_011: permanent(.outOfCredit, "WhatsApp's payment terms are not accepted yet: accept them in WhatsApp Manager"),
        // Templates.
        132_000: template("the template has another number of parameters", details: true),
        132_001: template("there is no such approved template in that language: compare name and language with WhatsApp Manager"),
        132_005: template("the template with these parameters is too long: shorten them"),
        132_007: template("a parameter holds characters that the template's policy forbids"),
        132_012: template("a parameter has another format than the template's", details: true),
        132_015: template("the template is paused for its low quality: mend it in WhatsApp Manager"),
        132_016: template("the template is disabled for good: make another one"),
        // The request.
        131_008: permanent(.invalidRequest, "Meta misses a parameter of the request", details: true),
        131_009: permanent(.invalidRequest, "Meta does not accept a parameter of the request", details: true),
        131_051: permanent(.invalidRequest, "Meta does not know this type of message"),
        131_052: permanent(.invalidRequest, "Meta could not get the file that the guest sent"),
        131_053: permanent(.invalidRequest, "Meta could not take the file: its type is not supported, it is too large, or its URL cannot be reached"),
        131_055: permanent(.invalidRequest, "Meta does not allow this method here"),
        131_062: permanent(.invalidRequest, "Meta does not take this template for a guest without a phone number"),
        135_000: permanent(.invalidRequest, "Meta does not accept the request, and does not say why"),
    ]

    private static let fault = notReady(.vendorFault, "Meta has a fault of its own: see metastatus.com if it lasts", nil)

    private static func credentials(_ message: String) -> GraphMeaning {
        GraphMeaning(disposition: .credentialsRejected, reason: .unauthorized, message: message)
    }

    private static func limited(_ message: String, _ wait: Duration) -> GraphMeaning { notReady(.rateLimited, message, wait) }

    private static func notReady(_ reason: PluginFailure.Reason, _ message: String, _ wait: Duration?) -> GraphMeaning {
        GraphMeaning(disposition: .notReady, reason: reason, message: message, wait: wait)
    }

    private static func permanent(_ reason: PluginFailure.Reason, _ message: String, details: Bool = false) -> GraphMeaning {
        GraphMeaning(disposition: .permanent, reason: reason, message: message, showsDetails: details)
    }

    private static func template(_ message: String, details: Bool = false) -> GraphMeaning { permanent(.templateRejected, message, details: details) }
}
