import Foundation
import PluginAPI

/// What an operator may set for one Slack workspace.
public struct SlackSettings: PluginSettings {
    @Setting(
        help: "The bot's token of a Slack app with the scope chat:write; without it only incoming webhooks can be written to.",
        example: "${SLACK_BOT_TOKEN}")
    public var botToken: Secret?
    @Setting(
        help: "The app's signing secret; without it messages have no buttons, and nothing comes back.", example: "${SLACK_SIGNING_SECRET}")
    public var signingSecret: Secret?
    @Setting(
        help: "Where the bot writes pages whose plan names no channel: an id such as C0123456789, or a name.", .ifSet(.notEmpty),
        example: "\"#jack-alerts\"")
    public var channel: String?
    @Setting(
        help: "The URL of an incoming webhook, for pages whose plan names nobody; used where the bot has no channel.", example: "${SLACK_WEBHOOK_URL}"
    )
    public var webhookURL: Secret?
    @Setting(help: "Alerts of one page that are written out; the others are counted.", .range(1...20)) public var maximumAlerts: Int = 10
    @Setting(help: "Where Slack's Web API is; another one only for a proxy or a test.", .url, advanced: true)
    public var baseURL: String = "https://slack.com"
    @Setting(help: "How long Slack may take to answer.", .range(.milliseconds(100) ... .seconds(60)), advanced: true)
    public var timeout: Duration = .seconds(10)

    public init() {}

    /// True where messages carry buttons whose clicks come back.
    var hasButtons: Bool { Self.isSet(botToken) && Self.isSet(signingSecret) }

    /// What concerns several settings at once, or what then does not work.
    func check(_ report: inout ValidationReport) {
        BaseURL(baseURL).check(sent: "the token, and what alerts say,", &report)
        if let webhookURL {
            let url = webhookURL.reveal()
            if URLComponents(string: url)?.encodedHost?.isEmpty ?? true || !(url.hasPrefix("https://") || url.hasPrefix("http://")) {
                report.error("webhook_url", "it is not an https URL", remedy: "copy it from the app's page “Incoming Webhooks”")
            } else if url.hasPrefix("http://"), !PrivateHost.isNamed(by: url) {
                report.error("webhook_url", "whoever reads it on the way could write to the channel", remedy: "use https", code: .insecure)
            }
        }
        if !Self.isSet(botToken), channel != nil {
            report.error("channel", "only a bot writes to channels by their name", remedy: "set bot_token too")
        }
        if Self.isSet(botToken), !Self.isSet(signingSecret) {
            report.warning(
                "signing_secret", "without it messages have no buttons: nobody can acknowledge in Slack",
                remedy: "copy it from the app's page “Basic Information”", code: .missing)
        }
        if !Self.isSet(botToken), Self.isSet(signingSecret) {
            report.warning("signing_secret", "without bot_token messages have no buttons, and nothing comes back", code: .missing)
        }
        if let token = botToken?.reveal(), !token.hasPrefix("xox") {
            report.warning("bot_token", "it does not look like a token of Slack's, which begins with xoxb-")
        }
    }

    static func isSet(_ secret: Secret?) -> Bool { !(secret?.isEmpty ?? true) }
}
