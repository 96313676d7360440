import Foundation
import HTTPTypes
import Logging
import PluginAPI

/// Pages by PagerDuty: events to it (Events API v2), and what people do there back (v3 webhooks).
public struct PagerDutyAlertSink: AlertSink {
    public typealias Settings = PagerDutySettings

    public static let manifest = PluginManifest(
        id: "pagerduty", summary: "Pages by PagerDuty, and takes back what people acknowledge, resolve and escalate there.", stability: .beta,
        capabilities: ["acknowledgements", "updates"],
        destinations: ["events.pagerduty.com", "events.eu.pagerduty.com"].map {
            DataDestination($0, purpose: "telling of alerts", classes: [.alert, .guestText])
        }
            + ["api.pagerduty.com", "api.eu.pagerduty.com"].map {
                DataDestination($0, purpose: "asking which alerts an incident holds", classes: [.operational])
            },
        documentation: "https://developer.pagerduty.com/docs/events-api-v2-overview",
        contacts: [
            ContactForm(.contact(type: "pagerduty"), recipientKeys: ["service_key", "routing_key"], .text, isSecret: true),
            ContactForm(.receiver(key: "pagerduty_configs"), recipientKeys: ["routing_key", "service_key"], .text, isSecret: true),
        ], reachesPeople: .always,
        quality: [
            .documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .met, .typedFailures: .met, .documentedLimits: .met, .probe: .met,
            .dataDestinations: .met, .reconnects: .met, .idempotency: .met, .receipts: .met, .vendorDocument: .met,
        ])

    public let routes: [PluginRoute]
    private let settings: PagerDutySettings
    private let context: PluginContext

    public static func validate(_ settings: PagerDutySettings, _ report: inout ValidationReport) { settings.check(&report) }

    public init(settings: PagerDutySettings, context: PluginContext) throws {
        self.settings = settings
        self.context = context
        let reader = WebhookReader(settings: settings, context: context)
        // PagerDuty drops what is larger than 256 KB.
        let intake = WebhookRoute(
            verification: .custom(secret: settings.webhookSecret, WebhookSignature.isSound), maximumBodyBytes: 512 << 10
        ) { request in WebhookResult(try await reader.events(request.body)) }
        routes = [.webhook(intake)]
    }

    public var features: AlertSinkFeatures {
        AlertSinkFeatures(acknowledges: !(settings.webhookSecret?.isEmpty ?? true), updatesInPlace: true)
    }

    /// Asks whether the Events API is there, and whether the REST API takes the token. An integration's key cannot be tried without raising an incident.
    public func probe() async throws -> ProbeResult {
        let host = BaseURL(settings.baseURL).hostName ?? PagerDutyReply.vendor
        let response = try await context.http.send(
            ClientRequest(.get, BaseURL(settings.baseURL).with("/v2/enqueue"), timeout: settings.timeout, maximumResponseBytes: 1 << 20))
        // The API takes nothing but POST, and says so in some way of 4xx.
        if !Self.saysPostOnly(response.status.code), let failure = response.failure(from: host, now: context.clock) { throw failure }
        var details = ["keys": "not tried: that would raise an incident"]
        if let token = settings.apiToken {
            let response = try await PagerDutyREST(settings: settings, context: context).get("/abilities", token)
            if let failure = response.failure(from: "PagerDuty's REST API", now: context.clock) { throw failure }
            details["api_token"] = "taken"
        }
        return ProbeResult("reached \(host); keys of integrations are not tried, since that would raise an incident", details: details)
    }

    private static func saysPostOnly(_ status: Int) -> Bool { [400, 404, 405, 415].contains(status) }

    public func page(_ page: AlertPage) async throws -> PageReceipt { try await send(.trigger, page) }

    /// An acknowledgement is passed on as one; every other news is a further trigger, which PagerDuty adds to the open incident's log.
    public func update(_ page: AlertPage) async throws -> PageReceipt {
        let isAcknowledged = page.note?.lowercased().hasPrefix("acknowledged") ?? false
        return try await send(isAcknowledged ? .acknowledge : .trigger, page)
    }

    public func resolve(_ page: AlertPage) async throws -> PageReceipt { try await send(.resolve, page) }

    private func send(_ action: PagerDutyEvent.Action, _ page: AlertPage) async throws -> PageReceipt {
        let given = page.recipient.flatMap { $0.isEmpty ? nil : Secret($0) }
        guard let routingKey = given ?? settings.routingKey else {
            throw PluginFailure.permanent(.configuration, "no integration key: set routing_key, or write service_key into the plan's contact")
        }
        let key = DedupKey(page.groupKey)
        do {
            if action == .trigger { try await key.remember(in: context.storage) }
        } catch {
            // The page is what counts: without the entry only its answer cannot be matched.
            context.logger.warning("what a deduplication key stands for cannot be kept", metadata: ["error": "\(error)"])
        }
        let body = try PagerDutyEvent(action: action, routingKey: routingKey, key: key, page: page, property: context.property).bytes()
        let response = try await context.http.send(
            ClientRequest(
                .post, BaseURL(settings.baseURL).with("/v2/enqueue"), headers: [.contentType: "application/json"], body: body,
                timeout: settings.timeout,
                maximumResponseBytes: 1 << 20))
        try PagerDutyReply.check(response, isOwnKey: given == nil, now: context.clock)
        return PageReceipt(vendorID: key.text)
    }
}
