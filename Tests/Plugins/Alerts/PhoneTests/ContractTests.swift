import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing
import TwilioWire

@testable import PhoneAlertSink

@Test(.timeLimit(.minutes(5))) func thePhoneKeepsItsContract() async {
    let twilio = FakeCalls()
    var vendor = FakeVendor { twilio.answer($0) }
    vendor.errors = [
        .init("no number", FakeCalls.error(21211), .permanent, .unknownRecipient),
        .init("country", FakeCalls.error(21215), .permanent, .configuration),
        .init("credentials", FakeCalls.error(20003, status: 401), .credentialsRejected, .unauthorized),
        .init("too many", FakeCalls.error(20429, status: 429), .notReady, .rateLimited),
        .init("not ours", FakeCalls.error(21210), .permanent, .configuration),
    ]
    func post(_ name: String, tail: String, _ more: [String: String], call: Int, events: Int) -> WebhookSample {
        WebhookSample(
            name, tail: tail, query: "page=page-1", headers: [.contentType: "application/x-www-form-urlencoded"],
            body: Ring.form(more, call: call).bytes, events: events
        ) { request, _ in Ring.sign(&request) }
    }
    let phone = PluginContract(
        PhoneAlertSink.self, settings: { Office.settings(["base_url": .string($0)]) }, secrets: [FakeCalls.token], vendor: vendor,
        webhooks: [
            post("a person", tail: "/speak", ["AnsweredBy": "human"], call: 1, events: 1),
            post("a machine", tail: "/speak", ["AnsweredBy": "machine_start"], call: 2, events: 1),
            post("key 4", tail: "/key", ["Digits": "4", "msg": "Gather End"], call: 3, events: 2),
            post("the end", tail: "/status", ["CallStatus": "no-answer"], call: 4, events: 1),
        ], exempt: [.unicode: "a call fetches its words by a webhook, which a test of its own looks at"])
    let violations = await AlertSinkContract(phone, recipient: "+16505551234").violations()
    #expect(violations == [])
}
