import Foundation
import PluginAPI

/// Where a page goes.
enum SlackTarget: Sendable, Hashable {
    /// By the bot, to a channel's id or name, or a person's id.
    case channel(String)
    /// By an incoming webhook.
    case webhook(Secret, isOwn: Bool)

    /// - Throws: ``PluginFailure`` permanent where neither the page nor the settings name a place that can be written to.
    init(_ recipient: String?, _ settings: SlackSettings) throws {
        if let recipient, !recipient.isEmpty, !Self.isWebAPI(recipient) {
            if recipient.hasPrefix("https://") || recipient.hasPrefix("http://") {
                self = .webhook(Secret(recipient), isOwn: false)
            } else if SlackSettings.isSet(settings.botToken) {
                self = .channel(recipient)
            } else {
                throw PluginFailure.permanent(.configuration, "to write to a channel by its name, bot_token is needed")
            }
        } else if SlackSettings.isSet(settings.botToken), let channel = settings.channel {
            self = .channel(channel)
        } else if let url = settings.webhookURL, !url.isEmpty {
            self = .webhook(url, isOwn: true)
        } else {
            throw PluginFailure.permanent(.configuration, "no place to write to: set channel or webhook_url, or name one in the plan")
        }
    }

    /// Alertmanager's `api_url` may be the method that a bot calls; the channel is then the settings' own.
    private static func isWebAPI(_ url: String) -> Bool { url.hasPrefix("https://slack.com/api/") }

    /// The same for the same place; shows nothing of it.
    var key: String {
        switch self {
        case .channel(let name): "channel \(name)"
        case .webhook(let url, _): "webhook \(url.reveal())"
        }
    }
}
