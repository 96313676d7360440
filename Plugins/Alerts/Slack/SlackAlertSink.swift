import Foundation
import HTTPTypes
import Logging
import PluginAPI

/// Writes pages to Slack: as a bot, whose message changes with the matter and has buttons, or by an incoming webhook, which can only write.
public struct SlackAlertSink: AlertSink {
    public typealias Settings = SlackSettings

    public static let manifest = PluginManifest(
        id: "slack", summary: "Writes pages to Slack as a bot with buttons, or by an incoming webhook.", stability: .beta,
        capabilities: ["acknowledgements", "updates"],
        destinations: [
            DataDestination("slack.com", purpose: "writing alerts to channels", classes: [.alert, .guestText]),
            DataDestination("hooks.slack.com", purpose: "writing alerts by incoming webhooks", classes: [.alert, .guestText]),
        ], documentation: "https://docs.slack.dev/reference/methods/chat.postMessage",
        contacts: [
            ContactForm(.contact(type: "slack"), recipientKeys: ["channel"], .text, needs: ["channel": "bot_token"]),
            // A webhook knows its channel; `channel` counts where there is none, and beside the address at which bots write.
            ContactForm(
                .receiver(key: "slack_configs"), recipientKeys: ["api_url", "channel"], .text, inherits: ["api_url": "slack_api_url"],
                placeholders: ["https://slack.com/api/chat.postMessage"], needs: ["channel": "bot_token"], isSecret: true),
        ], reachesPeople: .always,
        quality: [
            .documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .met, .typedFailures: .met, .documentedLimits: .met, .probe: .met,
            .dataDestinations: .met, .reconnects: .met,
            .idempotency: .exempt("Slack takes no idempotency key: a message whose answer was lost may stand twice"), .receipts: .met,
            .vendorDocument: .met,
        ])

    public let routes: [PluginRoute]
    private let settings: SlackSettings
    private let context: PluginContext
    private let client: SlackClient
    private let sent: SentMessages

    public static func validate(_ settings: SlackSettings, _ report: inout ValidationReport) { settings.check(&report) }

    public init(settings: SlackSettings, context: PluginContext) throws {
        self.settings = settings
        self.context = context
        client = SlackClient(settings: settings, context: context)
        sent = SentMessages(storage: context.storage)
        let signature = SlackSignature(clock: context.clock), reader = InteractionReader(context: context)
        let clicks = WebhookRoute(verification: .custom(secret: settings.signingSecret, signature.isSound)) { request in
            WebhookResult(try await reader.events(request.body))
        }
        routes = [.webhook(clicks)]
    }

    public var features: AlertSinkFeatures {
        AlertSinkFeatures(
            acknowledges: settings.hasButtons, updatesInPlace: SlackSettings.isSet(settings.botToken))
    }

    /// Asks who the bot is. An incoming webhook cannot be asked anything without writing to its channel.
    public func probe() async throws -> ProbeResult {
        guard SlackSettings.isSet(settings.botToken) else {
            return ProbeResult("an incoming webhook cannot be tried without writing to its channel; its URL has the right form")
        }
        let answer = try await client.ask("auth.test")
        guard let user = answer["user"]?.stringValue, let team = answer["team"]?.stringValue else {
            throw PluginFailure.notReady(.malformedReply, "Slack does not say who the bot is")
        }
        return ProbeResult("reached Slack as \(user.cut(to: 80)) in \(team.cut(to: 80))")
    }

    public func page(_ page: AlertPage) async throws -> PageReceipt { try await tell(page, .page) }
    public func update(_ page: AlertPage) async throws -> PageReceipt { try await tell(page, .update) }
    public func resolve(_ page: AlertPage) async throws -> PageReceipt { try await tell(page, .resolve) }

    private func tell(_ page: AlertPage, _ event: SlackMessage.Event) async throws -> PageReceipt {
        switch try SlackTarget(page.recipient, settings) {
        case .webhook(let url, let isOwn):
            try await client.post(arguments(page, event, reference: nil), to: url, isOwn: isOwn)
            return PageReceipt()
        case .channel(let name):
            return PageReceipt(vendorID: try await write(page, event, to: name))
        }
    }

    /// Writes to a channel as the bot: a page anew, so that people are notified; what follows into the same message.
    /// - Returns: the message's timestamp.
    private func write(_ page: AlertPage, _ event: SlackMessage.Event, to channel: String) async throws -> String {
        let target = SlackTarget.channel(channel)
        let reference = settings.hasButtons ? await kept("what a button carries", { try await sent.reference(to: page.groupKey) }) : nil
        // A page that is told again after its answer was lost has a message already, if Slack took it and Jack could note it.
        if let known = await kept("which message stands for a page", { try await sent.message(about: page.groupKey, at: target) }) ?? nil,
            event != .page || known.page == page.id
        {
            var known = known
            if SlackMessage.isAcknowledgement(page.note) { known.acknowledged = page.note?.cut(to: 500) }
            let arguments = arguments(page, event, reference: reference, acknowledged: known.acknowledged)
            do {
                _ = try await client.call("chat.update", arguments.adding(["channel": .string(known.channel), "ts": .string(known.ts)]))
                if known.acknowledged != nil {
                    let message = known
                    await kept("who acknowledged a page") { try await sent.keep(message, about: page.groupKey, at: target) }
                }
                return known.ts
            } catch let refusal as SlackClient.Refusal {
                guard SlackError.lostMessages.contains(refusal.code) else { throw refusal.failure }
            }
        }
        let arguments = arguments(page, event, reference: reference)
            .adding(["channel": .string(channel), "unfurl_links": false, "unfurl_media": false])
        let answer: JSONValue
        do { answer = try await client.call("chat.postMessage", arguments) } catch let refusal as SlackClient.Refusal { throw refusal.failure }
        guard let ts = answer["ts"]?.stringValue, let id = answer["channel"]?.stringValue else {
            throw PluginFailure.notReady(.malformedReply, "Slack took a message, and does not say which")
        }
        let message = SentMessages.Message(channel: id, ts: ts, page: page.id)
        await kept("which message stands for a page") { try await sent.keep(message, about: page.groupKey, at: target) }
        return ts
    }

    /// What storage says; nil where it fails: the page is what counts, not what is noted of it.
    @discardableResult
    private func kept<T: Sendable>(_ what: String, _ body: () async throws -> T) async -> T? {
        do {
            return try await body()
        } catch {
            context.logger.warning("\(what) cannot be kept or read", metadata: ["error": "\(error)"])
            return nil
        }
    }

    private func arguments(_ page: AlertPage, _ event: SlackMessage.Event, reference: String?, acknowledged: String? = nil) -> JSONValue {
        let message = SlackMessage(
            page: page, event: event, reference: reference, maximumAlerts: settings.maximumAlerts, acknowledged: acknowledged)
        return ["text": .string(message.fallback), "blocks": .array(message.blocks)]
    }
}

extension JSONValue {
    /// The object with further members.
    fileprivate func adding(_ members: [String: JSONValue]) -> JSONValue { .object((objectValue ?? [:]).merging(members) { $1 }) }
}
