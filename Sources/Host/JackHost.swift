import ArgumentParser
import BuiltInPMS
import EmailChannel
import EmbeddedAI
import LogAlertSink
import PluginAPI
import Synchronization
import WebChatChannel
import WebhookAlertSink

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
        PluginRegistration(WebChat.self), PluginRegistration(Email.self), PluginRegistration(EmbeddedProvider.self),
        PluginRegistration(BuiltInPMS.self),
        PluginRegistration(LogAlertSink.self), PluginRegistration(WebhookAlertSink.self),
    ]

    private static let added = Mutex<[PluginRegistration]>([])

    /// All plugins of this program.
    static var registrations: [PluginRegistration] { builtIn + added.withLock { $0 } }

    /// Runs the command line with the built-in plugins and `plugins`. Ends the process where the arguments or the command fail.
    public static func main(plugins: [PluginRegistration] = [], arguments: [String]? = nil) async {
        added.withLock { $0 = plugins }
        await JackCommand.main(arguments)
    }
}
