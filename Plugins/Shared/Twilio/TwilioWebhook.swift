import HTTPTypes
import PluginAPI

/// What Twilio posts to an instance: signed forms of one account.
public struct TwilioWebhook: Sendable {
    private let account: TwilioAccount
    private let publicURL: String?
    private let instance: String

    public init(_ account: TwilioAccount, context: PluginContext) {
        self.account = account
        publicURL = context.property.publicURL
        instance = context.instance
    }

    /// A route that takes what is rightly signed, and of the account. Not mounted without the auth token.
    /// - Parameter read: what a form means; throws ``PluginFailure`` permanent for one that makes no sense.
    public func route(
        _ tail: String = "", _ read: @escaping @Sendable (_ form: TwilioForm, _ request: PluginRequest) async throws -> WebhookResult
    ) -> PluginRoute {
        let signature = account.authToken.map { TwilioSignature(token: $0) }, publicURL = publicURL, sid = account.sid
        return .webhook(
            WebhookRoute(
                .post, tail: tail,
                verification: .custom(secret: account.authToken) { request, _ in signature?.isSound(request, publicURL: publicURL) ?? false },
                maximumBodyBytes: 256 << 10
            ) { request in
                guard let form = TwilioForm(request.body) else { throw PluginFailure.permanent(.invalidRequest, "the body is no form") }
                // The signature does not say where a name ends and its value begins; what must be there, and as it must be, leaves nothing to shift.
                guard form["AccountSid"] == sid else { throw PluginFailure.permanent(.invalidRequest, "the form is not of this account") }
                return try await read(form, request)
            })
    }

    /// The URL of a route of this instance, for Twilio to call; nil where Jack does not know under which URL vendors reach it.
    public func url(_ tail: String = "", query: TwilioForm = TwilioForm()) -> String? {
        publicURL.map { base in
            let parameters = query.fields.isEmpty ? "" : "?" + String(decoding: query.bytes, as: UTF8.self)
            return "\(base)/webhooks/\(instance)\(tail)\(parameters)"
        }
    }
}

/// Twilio's markup for what it is to do.
public enum TwiML {
    /// Nothing.
    public static var nothing: PluginResponse { response("") }

    /// A document with verbs.
    public static func response(_ verbs: String) -> PluginResponse {
        PluginResponse(.ok, text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>\(verbs)</Response>", contentType: "text/xml; charset=utf-8")
    }

    /// A text between tags or within quotes. Characters that XML 1.0 cannot hold become spaces.
    public static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&apos;"
            case "\t", "\n", "\r", "\u{20}"..."\u{7E}", "\u{A0}"..."\u{D7FF}", "\u{E000}"..."\u{FFFD}", "\u{10000}"..."\u{10FFFF}":
                out.unicodeScalars.append(scalar)
            default: out += " "
            }
        }
        return out
    }
}
