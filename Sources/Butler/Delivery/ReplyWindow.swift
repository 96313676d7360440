import Foundation
import PluginAPI

/// Some channels take free text only for a while after a guest's last message (``PluginAPI/ChannelFeatures/replyWindow``); after that an approved
/// template alone.
struct ReplyWindow: Sendable {
    let templates: [String: ClosedWindowSettings]
    let property: PropertyInfo
    let clock: any TimeSource

    /// Whether a channel of these features takes no free text in a conversation any more. A channel of which nothing is known yet is asked when the
    /// reply leaves.
    func isClosed(for conversation: Conversation, _ features: ChannelFeatures?) -> Bool {
        guard let window = features?.replyWindow else { return false }
        guard let last = conversation.lastGuestAt else { return true }
        return clock.now.timeIntervalSince(last) >= window.seconds
    }

    /// What goes in place of a text; nil where the configuration names nothing, or the channel has no templates.
    func template(for text: String, through instance: String, _ features: ChannelFeatures?) -> MessageTemplate? {
        guard features?.templates == true, let settings = templates[instance] else { return nil }
        // The text last: what it holds is not replaced.
        let parameters = settings.parameters.map { $0.replacing("{hotel}", with: property.name).replacing("{text}", with: text) }
        return MessageTemplate(name: settings.template, locale: settings.locale ?? property.locale, parameters: parameters)
    }

    /// Why a reply cannot leave, and what can be done.
    func refusal(through instance: String, _ features: ChannelFeatures?) -> String {
        let hours = Int((features?.replyWindow?.seconds ?? 0) / 3600)
        return "the guest's last message is more than \(hours) hours old, and “\(instance)” takes no free text after that: "
            + "reach the guest another way, or name a template in butler.closed_window.\(instance)"
    }
}
