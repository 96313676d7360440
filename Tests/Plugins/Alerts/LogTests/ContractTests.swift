import LogAlertSink
import PluginAPI
import PluginTestKit
import Testing

@Test func theLogKeepsItsContract() async {
    let log = PluginContract(LogAlertSink.self, settings: { _ in [:] })
    let violations = await AlertSinkContract(log, recipient: "+4915112345678").violations()
    #expect(violations == [])
}
