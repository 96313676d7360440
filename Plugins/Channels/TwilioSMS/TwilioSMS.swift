import HTTPTypes
import PluginAPI
import TwilioWire

/// SMS, and MMS where there is such a thing, by Twilio: one instance for each number or messaging service.
public struct TwilioSMS: ChannelPlugin {
    public typealias Settings = TwilioSMSSettings

    public static let manifest = PluginManifest(
        id: "twilio-sms", summary: "SMS and MMS by Twilio: texts, files, receipts, STOP and START.", stability: .beta,
        capabilities: ["text", "media", "receipts", "opt-out"],
        destinations: [
            DataDestination("api.twilio.com", purpose: "sending messages, fetching guests' files", classes: [.guestText, .guestIdentity]),
            DataDestination("mms.twiliocdn.com", purpose: "fetching guests' files", classes: [.operational]),
        ], documentation: "https://www.twilio.com/docs/messaging/api/message-resource",
        contacts: [ContactForm(.contact(type: "sms"), recipientKeys: ["number"], .phoneNumber)],
        quality: [
            .documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .met, .typedFailures: .met, .probe: .met, .dataDestinations: .met,
            .documentedLimits: .met, .reconnects: .met, .idempotency: .exempt("Twilio takes no idempotency key for a message"), .receipts: .met,
            .vendorDocument: .met,
        ])

    public let features: ChannelFeatures
    public let routes: [PluginRoute]
    private let settings: TwilioSMSSettings
    private let client: TwilioClient
    private let sender: SMSSender
    private let media: SMSMedia

    public static func validate(_ settings: TwilioSMSSettings, _ report: inout ValidationReport) { settings.check(&report) }

    public init(settings: TwilioSMSSettings, context: PluginContext) throws {
        self.settings = settings
        let account = settings.account, webhook = TwilioWebhook(account, context: context), reader = SMSReader(context: context)
        client = TwilioClient(account, context: context)
        // Without the token what Twilio reports could not be believed.
        let statusURL = account.authToken == nil ? nil : webhook.url("/status")
        sender = SMSSender(settings: settings, client: client, storage: context.storage, statusURL: statusURL)
        media = SMSMedia(settings: settings, client: client, http: context.http, clock: context.clock)
        features = ChannelFeatures(
            maximumTextLength: settings.maximumLength, media: settings.mms ? [.image, .audio, .video, .document] : [],
            receipts: statusURL == nil ? [] : [.sent, .delivered, .failed],
            // A message whose answer was lost, and that is sent again, reaches the guest twice.
            isIdempotent: false)
        routes = [
            webhook.route { form, _ in WebhookResult(try reader.message(form), response: TwiML.nothing) },
            webhook.route("/status") { form, _ in WebhookResult(try reader.status(form), response: PluginResponse(.noContent)) },
        ]
    }

    /// Asks whether the number is the account's.
    public func probe() async throws -> ProbeResult {
        // Names and short codes are not in the list of numbers.
        let wanted = settings.from.flatMap { TwilioID.isPhoneNumber($0) ? $0 : nil }
        guard let found = try await client.number(wanted) else {
            guard let wanted else { return ProbeResult("reached Twilio; the account has no number of its own") }
            throw PluginFailure.permanent(.configuration, "\(wanted) is not a number of this account: see Twilio's console")
        }
        guard wanted != nil else { return ProbeResult("reached Twilio") }
        guard found.canText else { throw PluginFailure.permanent(.configuration, "\(wanted ?? "") cannot text: see the number's capabilities") }
        return ProbeResult("reached Twilio as \(wanted ?? "")", details: found.name.map { ["name": $0] } ?? [:])
    }

    public func send(_ message: OutboundMessage) async throws -> SendResult { try await sender.send(message) }

    public func fetchMedia(_ media: MediaReference) async throws -> MediaContent { try await self.media.fetch(media) }
}
