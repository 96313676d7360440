import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing
import TwilioWire

@testable import TwilioSMSChannel

@Test(.timeLimit(.minutes(5))) func twilioSMSKeepsItsContract() async {
    let twilio = FakeTwilio()
    var vendor = FakeVendor { twilio.answer($0) }
    vendor.errors = [
        .init("STOP", FakeTwilio.error(21610), .permanent, .optedOut), .init("no number", FakeTwilio.error(21211), .permanent, .unknownRecipient),
        .init("a landline", FakeTwilio.error(21614), .permanent, .unknownRecipient),
        .init("credentials", FakeTwilio.error(20003, status: 401), .credentialsRejected, .unauthorized),
        .init("too many", FakeTwilio.error(20429, status: 429), .notReady, .rateLimited),
        .init("queue full", FakeTwilio.error(21611), .notReady, .rateLimited),
        .init("country", FakeTwilio.error(21408), .permanent, .configuration),
    ]
    @Sendable func post(_ name: String, tail: String = "", _ form: TwilioForm, events: Int) -> WebhookSample {
        WebhookSample(name, tail: tail, headers: [.contentType: "application/x-www-form-urlencoded"], body: form.bytes, events: events) {
            request, _ in
            Hook.sign(&request)
        }
    }
    let sms = PluginContract(
        TwilioSMS.self, settings: { Desk.settings(["base_url": .string($0)]) }, secrets: [FakeTwilio.token], vendor: vendor,
        webhooks: [
            post("a text", Hook.message("Is the spa open?"), events: 1), post("STOP", Hook.message("STOP", id: 2), events: 1),
            post("YES", Hook.message("Yes", id: 3), events: 2),
            post("a receipt", tail: "/status", Hook.status(FakeTwilio.sid(77), "delivered"), events: 1),
        ])
    let contract = ChannelContract(sms, message: .to("Good evening!", id: "out-1")) { id, state in
        post(
            "a receipt", tail: "/status",
            Hook.status(id, state == .failed ? "undelivered" : state.rawValue, error: state == .failed ? 30003 : nil), events: 1)
    }
    let violations = await contract.violations()
    #expect(violations == [])
}
