import AnthropicProviderPlugin
import ArgumentParser
import BuiltInPMS
import ChannelAlertSink
import EmailChannel
import EmbeddedAI
import LogAlertSink
import OllamaProviderPlugin
import OpenAIProviderPlugin
import PagerDutyAlertSink
import PhoneAlertSink
import PluginAPI
import SlackAlertSink
import Synchronization
import TwilioSMSChannel
import WebChatChannel
import WebhookAlertSink
import WhatsAppChannel

/// The entry point of Jack, and of every program that is Jack with plugins of its own:
///
/// ```swift
/// import Host
/// await JackHost.main(plugins: [PluginRegistration(Carrier.self)])
/// ```
public enum JackHost {
    /// The program's version.
    public static let version = "0.1.0"

    /// The one list of the plugins that come with Jack.
    public static let builtIn: [PluginRegistration] = [
        PluginRegistration(WebChat.self),
        PluginRegistration(WhatsApp.self),
        PluginRegistration(Email.self),
        PluginRegistration(EmbeddedProvider.self),
        PluginRegistration(OpenAIProvider.self),
        PluginRegistration(AnthropicProvider.self),
        PluginRegistration(OllamaProvider.self),
        PluginRegistration(BuiltInPMS.self),
        PluginRegistration(LogAlertSink.self),
        PluginRegistration(WebhookAlertSink.self),
        PluginRegistration(PagerDutyAlertSink.self),
        PluginRegistration(SlackAlertSink.self),
        PluginRegistration(TwilioSMS.self),
        PluginRegistration(PhoneAlertSink.self),
        PluginRegistration(ChannelAlertSink.self),
        // jack plugins new: registrations
    ]

    private static let added = Mutex<[PluginRegistration]>([])

    /// All plugins of this program.
    static var registrations: [PluginRegistration] { builtIn + added.withLock { $0 } }

    /// Runs the command line with the built-in plugins and `plugins`. Ends the process where the arguments or the command fail.
    public static func main(plugins: [PluginRegistration] = [], arguments: [String]? = nil) async {
        ProcessMemory.configure()
        added.withLock { $0 = plugins }
        await JackCommand.main(arguments)
    }
}
