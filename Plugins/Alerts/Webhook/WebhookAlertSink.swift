import Foundation
import HTTPTypes
import PluginAPI

/// Posts alerts as signed JSON to a URL of the operator's.
public struct WebhookAlertSink: AlertSink {
    public struct Settings: PluginSettings {
        @Setting(
            help: "Where to post alerts whose plan names no URL of its own.", .ifSet(.url), example: "https://alerts.example.com/jack") var url:
            String?
        @Setting(help: "The key of the signature that each request carries.", .minimumLength(16), example: "${WEBHOOK_SECRET}") var secret: Secret
        @Setting(help: "What the body looks like: Jack's own fields, or Alertmanager's webhook format, version 4.") var format: Format = .jack
        @Setting(help: "Headers that each request carries too, such as a token of the receiver's.") var headers: [String: Secret] = [:]
        @Setting(help: "How long the receiver may take to answer.", .range(.milliseconds(100) ... .seconds(60))) var timeout: Duration = .seconds(10)
        @Setting(help: "Whether a person is told at once by what stands behind the URL.") var reachesHuman: Bool = false

        public init() {}
    }

    /// The forms of the body.
    enum Format: String, SettingChoice {
        case jack, alertmanager
    }

    public static let manifest = PluginManifest(
        id: "webhook", summary: "Posts alerts as signed JSON to a URL, in Jack's format or Alertmanager's.", stability: .stable,
        destinations: [
            DataDestination("the host of url, and the hosts of the plan's recipients", purpose: "telling of alerts", classes: [.alert, .guestText])
        ],
        contacts: [
            ContactForm(.contact(type: "webhook"), recipientKeys: ["url"], .url, isSecret: true),
            ContactForm(.receiver(key: "webhook_configs"), recipientKeys: ["url"], .url, isSecret: true),
        ], reachesPeople: .setting("reaches_human"),
        quality: [
            .documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .met, .typedFailures: .met, .documentedLimits: .met,
            .probe: .met, .dataDestinations: .met, .reconnects: .met, .idempotency: .met,
            .receipts: .exempt("the receiver is the operator's own; pages are acknowledged by their link"),
            .vendorDocument: .exempt("the README is the receiver's document"),
        ])

    /// Headers that are this plugin's own, or the connection's.
    private static let reserved: Set<String> = [
        "content-type", "content-length", "transfer-encoding", "connection", "host", "idempotency-key", "x-jack-signature", "x-jack-event",
    ]

    private let settings: Settings
    private let context: PluginContext
    private let headers: HTTPFields

    public static func validate(_ settings: Settings, _ report: inout ValidationReport) {
        report.check(headers: settings.headers, reserved: reserved)
        if let url = settings.url, url.hasPrefix("http://"), !["localhost", "127.0.0.1", "[::1]"].contains(Target(url: url).host) {
            report.warning("url", "alerts are sent without encryption, and anybody on the way can read them", remedy: "use https")
        }
    }

    public init(settings: Settings, context: PluginContext) throws {
        self.settings = settings
        self.context = context
        headers = HTTPFields(settings.headers)
    }

    public var features: AlertSinkFeatures { AlertSinkFeatures() }

    /// Sends a signed OPTIONS without a body: it tells of no alert, whoever answers it.
    public func probe() async throws -> ProbeResult {
        guard let url = settings.url else { return ProbeResult("nothing to probe: each recipient of the plan is a URL of its own") }
        let target = Target(url: url)
        let response = try await send(.options, to: target, event: "probe", key: nil, body: [])
        // A receiver that takes nothing but POST says so in one of these ways.
        if [404, 405, 501].contains(response.status.code) {
            return ProbeResult("reached \(target.host), which answers \(response.status.code) to OPTIONS")
        }
        if let failure = response.failure(from: target.host, now: context.clock) { throw failure }
        return ProbeResult("reached \(target.host)")
    }

    public func page(_ page: AlertPage) async throws -> PageReceipt { try await post(page, "page") }
    public func update(_ page: AlertPage) async throws -> PageReceipt { try await post(page, "update") }
    public func resolve(_ page: AlertPage) async throws -> PageReceipt { try await post(page, "resolve") }

    private func post(_ page: AlertPage, _ event: String) async throws -> PageReceipt {
        var page = page
        let target: Target
        if let recipient = page.recipient, recipient.hasPrefix("https://") || recipient.hasPrefix("http://") {
            // The URL may hold a token, and is known to whoever is posted to.
            (target, page.recipient) = (Target(url: recipient, isOwn: false), nil)
        } else if let url = settings.url {
            target = Target(url: url)
        } else {
            throw PluginFailure.permanent(.configuration, "no URL to post to: set url, or write one into the plan's contact")
        }
        let body =
            switch settings.format {
            case .jack: try WebhookBody(event: event, page: page).bytes()
            case .alertmanager:
                try AlertmanagerBody(
                    event: event, page: page, instance: context.instance, publicURL: context.property.publicURL, now: context.clock.now
                ).bytes()
            }
        let response = try await send(.post, to: target, event: event, key: page.id, body: body)
        if let failure = response.failure(from: target.host, now: context.clock) {
            // What one recipient of many refuses says nothing of the others.
            guard failure.disposition == .credentialsRejected, !target.isOwn else { throw failure }
            throw PluginFailure.permanent(.unknownRecipient, "\(target.host) answered \(response.status.code)")
        }
        return PageReceipt(vendorID: WebhookBody.id(in: response.body))
    }

    private func send(_ method: HTTPRequest.Method, to target: Target, event: String, key: String?, body: [UInt8]) async throws -> ClientResponse {
        var headers = headers
        headers[.jackEvent] = event
        headers[.jackSignature] = WebhookSignature(secret: settings.secret).header(body, at: context.clock.now)
        headers[.idempotencyKey] = key
        if !body.isEmpty { headers[.contentType] = "application/json" }
        return try await context.http.send(
            ClientRequest(method, target.url, headers: headers, body: body, timeout: settings.timeout, maximumResponseBytes: 1 << 20))
    }

    /// Where a telling goes.
    private struct Target {
        let url: String
        /// True where the settings name it.
        var isOwn = true

        /// The URL's host, for messages: the rest of the URL may hold a token.
        var host: String { URLComponents(string: url)?.encodedHost ?? "the receiver" }
    }
}

extension HTTPField.Name {
    static let jackEvent = known("X-Jack-Event")
    static let jackSignature = known("X-Jack-Signature")
    static let idempotencyKey = known("Idempotency-Key")
}
