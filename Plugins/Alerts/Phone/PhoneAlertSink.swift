import PluginAPI
import TwilioWire

/// Calls people and speaks to them, by Twilio's voice.
public struct PhoneAlertSink: AlertSink {
    public typealias Settings = PhoneSettings

    public static let manifest = PluginManifest(
        id: "phone", summary: "Calls people and speaks the alert, by Twilio: key 4 acknowledges, 6 escalates.", stability: .beta,
        capabilities: ["acknowledge", "escalate", "receipts"],
        destinations: [DataDestination("api.twilio.com", purpose: "calling people on call, and speaking alerts", classes: [.alert])],
        documentation: "https://www.twilio.com/docs/voice/api/call-resource",
        contacts: [ContactForm(.contact(type: "phone"), recipientKeys: ["number"], .phoneNumber)], reachesPeople: .always,
        quality: [
            .documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .met, .typedFailures: .met, .probe: .met, .dataDestinations: .met,
            .documentedLimits: .met, .reconnects: .met, .idempotency: .exempt("Twilio takes no idempotency key for a call"), .receipts: .met,
            .vendorDocument: .met,
        ])

    /// How long it is kept what a call says: longer than a call can wait.
    private static let memory = Duration.seconds(86_400)

    public let routes: [PluginRoute]
    private let settings: PhoneSettings
    private let client: TwilioClient
    private let webhook: TwilioWebhook
    private let storage: any KeyValueStore

    public static func validate(_ settings: PhoneSettings, _ report: inout ValidationReport) { settings.check(&report) }

    public init(settings: PhoneSettings, context: PluginContext) throws {
        self.settings = settings
        let account = settings.account, webhook = TwilioWebhook(account, context: context)
        client = TwilioClient(account, context: context)
        self.webhook = webhook
        storage = context.storage
        let words = SpokenWords.of(settings.language ?? context.property.locale)
        let reader = CallReader(
            settings: settings, script: CallScript(words: words, voice: settings.voice, hotel: context.property.name), storage: context.storage,
            webhook: webhook, pages: context.pages)
        routes = [
            webhook.route("/speak") { try await reader.speak($0, $1) }, webhook.route("/key") { try await reader.key($0, $1) },
            webhook.route("/status") { form, _ in try await reader.status(form) },
        ]
    }

    public var features: AlertSinkFeatures { AlertSinkFeatures(acknowledges: true) }

    /// Asks whether the number that calls is the account's.
    public func probe() async throws -> ProbeResult {
        // A number of somebody else's may be verified with Twilio, and is not in this list.
        guard let found = try await client.number(settings.from) else {
            return ProbeResult("reached Twilio; \(settings.from) is not a number of the account's, and must be a verified one")
        }
        guard found.canSpeak else {
            throw PluginFailure.permanent(.configuration, "\(settings.from) cannot call: see the number's capabilities in Twilio's console")
        }
        return ProbeResult("reached Twilio as \(settings.from)", details: found.name.map { ["name": $0] } ?? [:])
    }

    /// Calls. That Twilio takes the call says nothing of the person: a receipt tells later whether somebody answered.
    public func page(_ page: AlertPage) async throws -> PageReceipt {
        guard let number = page.recipient, TwilioID.isPhoneNumber(number) else {
            throw PluginFailure.permanent(.unknownRecipient, "the recipient is not a phone number in international form")
        }
        let query = CallReader.query(page.id)
        guard client.account.authToken != nil, let url = webhook.url("/speak", query: query), let status = webhook.url("/status", query: query) else {
            throw PluginFailure.permanent(
                .configuration, "Twilio must be able to ask what to say: set property.public_url, and auth_token of this instance")
        }
        // Kept first: Twilio may ask before its answer is here.
        try await storage.set(CallReader.storageKey + page.id, json: SpokenPage(page), lifetime: Self.memory)
        var form = TwilioForm([
            .init("To", number), .init("From", settings.from), .init("Url", url), .init("Method", "POST"),
            .init("Timeout", "\(Int(settings.ring.seconds))"), .init("StatusCallback", status), .init("StatusCallbackMethod", "POST"),
            .init("StatusCallbackEvent", "completed"),
        ])
        if settings.machineDetection { form.add("MachineDetection", "Enable") }
        let call = try await client.create("Calls.json", form)
        return PageReceipt(vendorID: call["sid"]?.stringValue)
    }

    /// Nobody is called to hear that an alert has changed.
    public func update(_ page: AlertPage) async throws -> PageReceipt { .nothing }

    /// Nobody is called to hear that an alert is over.
    public func resolve(_ page: AlertPage) async throws -> PageReceipt { .nothing }
}
