import ChannelAlertSink
import PluginAPI
import PluginTestKit
import Testing

@Test(.timeLimit(.minutes(2))) func pagesByAChannelKeepTheContract() async {
    let channel = PluginContract(ChannelAlertSink.self, settings: { _ in ["channel": "sms"] })
    let violations = await AlertSinkContract(channel, recipient: "+16505551234").violations()
    #expect(violations == [])
}
