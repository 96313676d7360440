import Kernel
import PluginAPI
import Testing

/// Instances whose settings name others.
struct InstanceReferenceTests {
    private struct Pages: Plugin {
        struct Settings: PluginSettings {
            @Setting(help: "The channel.") var channel: String
            @Setting(help: "The AI.") var ai: String?
            init() {}
        }
        static let manifest = PluginManifest(id: "pages", summary: "Pages by a channel.", stability: .stable)
        static let kind = PluginKind.alert
        static func references(in settings: Settings) -> [InstanceReference] {
            [InstanceReference(key: "channel", name: settings.channel, kind: .channel)]
                + (settings.ai.map { [InstanceReference(key: "ai", name: $0, kind: .ai)] } ?? [])
        }
        init(settings: Settings, context: PluginContext) {}
    }

    private func said(_ yaml: String) -> [String] {
        var loader = ConfigurationFixtures.loader(ConfigurationFixtures.hotel + yaml)
        loader.registrations.append(PluginRegistration(Pages.self))
        return loader.load().diagnostics.sorted.map { $0.description.replacing("conf/jack.yaml:", with: "") }
    }

    @Test func whatIsThereIsFound() {
        #expect(said("alerts: {pages: {settings: {channel: webchat, ai: embedded}}}\nchannels: {webchat: }\nai: {embedded: }\n") == [])
    }

    @Test func aNameThatNobodyHasIsAnErrorAtItsPlace() {
        let yaml = """
            alerts:
              pages:
                settings:
                  channel: webchta
                  ai: webchat
            channels:
              webchat:

            """
        #expect(
            said(yaml) == [
                "7:16: error: there is no instance “webchta” under channels; did you mean “webchat”?",
                "8:11: error: there is no instance “webchat” under ai",
            ])
    }

    @Test func oneThatIsSwitchedOffIsAWarningAndOneThatNamesNothingWhileOffIsSilent() {
        #expect(
            said("alerts: {pages: {settings: {channel: webchat}}}\nchannels: {webchat: {enabled: false}}\n") == [
                "4:38: warning: the instance “webchat” is switched off; set channels.webchat.enabled: true"
            ])
        #expect(said("alerts: {pages: {enabled: false, settings: {channel: gone}}}\n") == [])
    }
}
