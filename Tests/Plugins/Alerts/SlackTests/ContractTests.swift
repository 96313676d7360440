import PluginAPI
import PluginTestKit
import SlackAlertSink
import Testing

@Test(.timeLimit(.minutes(3))) func slackKeepsItsContract() async {
    let slack = FakeSlack()
    var vendor = FakeVendor { slack.answer($0) }
    vendor.texts = { request in request.json.map { FakeSlack.texts($0) } ?? [] }
    func error(_ code: String) -> LoopbackReply { .json(#"{"ok":false,"error":"\#(code)"}"#) }
    vendor.errors = [
        .init("a token that was revoked", error("token_revoked"), .credentialsRejected, .unauthorized),
        .init("a scope is missing", error("missing_scope"), .credentialsRejected, .unauthorized),
        .init("no such channel", error("channel_not_found"), .permanent, .unknownRecipient),
        .init("the app is not in the channel", error("not_in_channel"), .permanent, .unknownRecipient),
        .init("too many", error("ratelimited"), .notReady, .rateLimited),
        .init("too long", error("msg_blocks_too_long"), .permanent, "message-too-long"),
        .init("Slack's own fault", error("internal_error"), .notReady, .vendorFault),
        .init("a code that is new", error("some_code_of_the_future"), .permanent, .invalidRequest),
    ]
    let sink = PluginContract(
        SlackAlertSink.self,
        settings: {
            [
                "bot_token": .string(FakeSlack.token), "signing_secret": .string(FakeSlack.signingSecret), "channel": "#alerts",
                "base_url": .string($0),
            ]
        }, secrets: [FakeSlack.token, FakeSlack.signingSecret], vendor: vendor,
        webhooks: [
            Click.sample("an acknowledgement", Click.payload(), events: 1),
            Click.sample("an escalation", Click.payload("jack_escalate", ts: "1756814402.000100"), events: 1),
            Click.sample("another app's button", Click.payload("approve", ts: "1756814403.000100"), events: 0),
        ])
    let violations = await AlertSinkContract(sink, recipient: "#front-desk").violations()
    #expect(violations == [])
}
