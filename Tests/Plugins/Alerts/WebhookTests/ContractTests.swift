import PluginAPI
import PluginTestKit
import Testing
import WebhookAlertSink

@Test(.timeLimit(.minutes(2))) func theWebhookKeepsItsContract() async {
    var receiver = FakeVendor { request in request.header("X-Jack-Signature") == nil ? .status(400) : .json(#"{"id":"theirs-7"}"#, status: 202) }
    receiver.repliesMatter = false
    receiver.statuses = [
        .init(404...405, in: ["probe"], [.success], because: "a receiver that takes nothing but POST is there all the same"),
        .init(501...501, in: ["probe"], [.success], because: "a receiver that takes nothing but POST is there all the same"),
    ]
    let secret = "0123456789abcdef-hunter2", token = "Bearer a-token-of-the-receivers"
    let webhook = PluginContract(
        WebhookAlertSink.self,
        settings: { ["url": .string($0 + "/jack?token=hidden-token"), "secret": .string(secret), "headers": ["Authorization": .string(token)]] },
        secrets: [secret, token, "hidden-token"], vendor: receiver,
        exempt: [.secretSettings: "the URL may hold a token, and is shown where settings are; logs and errors name its host alone"])
    let violations = await AlertSinkContract(webhook, recipient: "night").violations()
    #expect(violations == [])
}
