import Foundation
import HTTPTypes
import PluginAPI

/// Posts alerts as signed JSON to a URL of the operator's.
public struct WebhookAlertSink: AlertSink {
    public struct Settings: PluginSettings {
        @Setting(help: "Where to post alerts.", .url, example: "https://alerts.example.com/jack") var url: String
        @Setting(help: "The key of the signature that each request carries.", .minimumLength(16), example: "${WEBHOOK_SECRET}") var secret: Secret
        @Setting(help: "Headers that each request carries too, such as a token of the receiver's.") var headers: [String: Secret] = [:]
        @Setting(help: "How long the receiver may take to answer.", .range(.milliseconds(100) ... .seconds(60))) var timeout: Duration = .seconds(10)
        @Setting(help: "Whether a person is told at once by what stands behind the URL.") var reachesHuman: Bool = false

        public init() {}
    }

    public static let manifest = PluginManifest(
        id: "webhook", summary: "Posts alerts as signed JSON to a URL.", stability: .stable,
        destinations: [DataDestination("the host of url", purpose: "telling of alerts", classes: [.alert, .guestText])],
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
        if settings.url.hasPrefix("http://"), !["localhost", "127.0.0.1", "[::1]"].contains(settings.hostName) {
            report.warning("url", "alerts are sent without encryption, and anybody on the way can read them", remedy: "use https")
        }
    }

    public init(settings: Settings, context: PluginContext) throws {
        self.settings = settings
        self.context = context
        headers = HTTPFields(settings.headers)
    }

    public var features: AlertSinkFeatures { AlertSinkFeatures(reachesHuman: settings.reachesHuman) }

    /// Sends a signed OPTIONS without a body: it tells of no alert, whoever answers it.
    public func probe() async throws -> ProbeResult {
        let response = try await send(.options, event: "probe", key: nil, body: [])
        // A receiver that takes nothing but POST says so in one of these ways.
        if [404, 405, 501].contains(response.status.code) {
            return ProbeResult("reached \(settings.hostName), which answers \(response.status.code) to OPTIONS")
        }
        if let failure = response.failure(from: settings.hostName, now: context.clock) { throw failure }
        return ProbeResult("reached \(settings.hostName)")
    }

    public func page(_ page: AlertPage) async throws -> PageReceipt { try await post(page, "page") }
    public func update(_ page: AlertPage) async throws -> PageReceipt { try await post(page, "update") }
    public func resolve(_ page: AlertPage) async throws -> PageReceipt { try await post(page, "resolve") }

    private func post(_ page: AlertPage, _ event: String) async throws -> PageReceipt {
        let response = try await send(.post, event: event, key: page.id, body: try WebhookBody(event: event, page: page).bytes())
        if let failure = response.failure(from: settings.hostName, now: context.clock) { throw failure }
        return PageReceipt(vendorID: WebhookBody.id(in: response.body))
    }

    private func send(_ method: HTTPRequest.Method, event: String, key: String?, body: [UInt8]) async throws -> ClientResponse {
        var headers = headers
        headers[.jackEvent] = event
        headers[.jackSignature] = WebhookSignature(secret: settings.secret).header(body, at: context.clock.now)
        headers[.idempotencyKey] = key
        if !body.isEmpty { headers[.contentType] = "application/json" }
        return try await context.http.send(
            ClientRequest(method, settings.url, headers: headers, body: body, timeout: settings.timeout, maximumResponseBytes: 1 << 20))
    }
}

extension WebhookAlertSink.Settings {
    /// The URL's host, for messages: the rest of the URL may hold a token.
    var hostName: String { URLComponents(string: url)?.encodedHost ?? "the receiver" }
}

extension HTTPField.Name {
    static let jackEvent = known("X-Jack-Event")
    static let jackSignature = known("X-Jack-Signature")
    static let idempotencyKey = known("Idempotency-Key")
}
