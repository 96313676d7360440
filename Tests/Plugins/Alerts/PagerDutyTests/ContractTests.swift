import PagerDutyAlertSink
import PluginAPI
import PluginTestKit
import Testing

@Test(.timeLimit(.minutes(3))) func pagerDutyKeepsItsContract() async {
    let duty = FakePagerDuty()
    duty.hold(["group-2", "group-3"], in: "PTWO")
    var vendor = FakeVendor { duty.answer($0) }
    vendor.statuses = [
        .init(400...400, in: ["probe"], [.success], because: "the Events API takes nothing but POST, and is there all the same"),
        .init(404...405, in: ["probe"], [.success], because: "the Events API takes nothing but POST, and is there all the same"),
        .init(415...415, in: ["probe"], [.success], because: "the Events API takes nothing but POST, and is there all the same"),
    ]
    let unknown = #"{"status":"invalid event","message":"Event object is invalid","errors":["Invalid routing key"]}"#
    vendor.errors = [
        .init("a key that is the recipient's alone", .json(unknown, status: 400), .permanent, .unknownRecipient),
        .init("too many", .text("", status: 429), .notReady, .rateLimited),
    ]
    let sink = PluginContract(
        PagerDutyAlertSink.self,
        settings: {
            [
                "routing_key": .string(FakePagerDuty.routingKey), "webhook_secret": .string(FakePagerDuty.webhookSecret),
                "api_token": .string(FakePagerDuty.apiToken), "base_url": .string($0), "api_url": .string($0),
            ]
        }, secrets: [FakePagerDuty.routingKey, FakePagerDuty.webhookSecret, FakePagerDuty.apiToken, FakePagerDuty.otherKey], vendor: vendor,
        webhooks: [
            Hook.sample("an acknowledgement", Hook.body(), events: 1),
            Hook.sample("the end of an incident of two alerts", Hook.body("incident.resolved", id: "01E2", incident: "PTWO"), events: 2),
            Hook.sample("a deed of Jack's own", Hook.body(id: "01E3", agent: Hook.robot), events: 0),
        ])
    let violations = await AlertSinkContract(sink, recipient: FakePagerDuty.otherKey).violations()
    #expect(violations == [])
}
