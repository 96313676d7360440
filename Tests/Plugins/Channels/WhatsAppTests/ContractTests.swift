import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing

@testable import WhatsAppChannel

@Test(.timeLimit(.minutes(5))) func whatsAppKeepsItsContract() async {
    let meta = FakeMeta()
    meta.keep("1479537139650973", .init(bytes: Array("a picture".utf8), mimeType: "image/png"))
    var vendor = FakeVendor { meta.answer($0) }
    vendor.statuses = [
        .init(404...404, [.permanent], because: "what is asked for is not there")
    ]
    vendor.errors = [
        .init("token expired", FakeMeta.error(190, status: 401, subcode: 463), .credentialsRejected, .unauthorized),
        .init("window closed", FakeMeta.error(131_047), .permanent, .windowClosed),
        .init("no account", FakeMeta.error(131_026), .permanent, .unknownRecipient),
        .init("pair limit", FakeMeta.error(131_056), .notReady, .recipientLimited),
        .init("template paused", FakeMeta.error(132_015), .permanent, "template-rejected"),
        .init("unpaid", FakeMeta.error(131_042), .permanent, .outOfCredit),
    ]
    let sign: @Sendable (inout PluginRequest, Date) -> Void = { request, _ in
        if let name = HTTPField.Name(Hook.header) { request.headers[name] = Hook.signature(request.body) }
    }
    func post(_ name: String, _ body: String, events: Int) -> WebhookSample {
        WebhookSample(name, headers: [.contentType: "application/json"], body: Array(body.utf8), events: events, sign: sign)
    }
    let batch = Hook.body(
        Hook.change(
            #"\#(Hook.contacts),"messages":[{"from":"16505551234","id":"wamid.C2","timestamp":"1756814383","type":"text","text":{"body":"a"}},{"from":"16505551234","id":"wamid.C3","timestamp":"1756814384","type":"reaction","reaction":{"message_id":"wamid.OUT1","emoji":"x"}}]"#
        ), Hook.change(#""statuses":[{"id":"wamid.OUT7","status":"read","timestamp":"1756814400","recipient_id":"16505551234"}]"#))
    let handshake = WebhookSample("the handshake", .get, query: "hub.mode=subscribe&hub.challenge=1158201444", events: 0, coversBody: false) {
        request, _ in
        request.query += "&hub.verify_token=\(Desk.verifyToken)"
    }
    let whatsapp = PluginContract(
        WhatsApp.self, settings: { Desk.settings(["base_url": .string($0)]) }, secrets: [FakeMeta.token, Desk.appSecret, Desk.verifyToken],
        vendor: vendor,
        webhooks: [post("a text", Hook.text("Is the spa open?", id: "wamid.C1"), events: 1), post("a batch", batch, events: 3), handshake])
    var contract = ChannelContract(
        whatsapp, message: .to("Good evening!", id: "out-1"), media: MediaReference(kind: .image, reference: "1479537139650973")
    ) { id, state in
        let errors = state == .failed ? #","errors":[{"code":131026,"title":"Message undeliverable"}]"# : ""
        return WebhookSample("a receipt", body: Array(Hook.status(errors, id: id, status: state.rawValue).utf8), sign: sign)
    }
    contract.echo = { id, message, state in
        let body = Hook.status(#","biz_opaque_callback_data":"\#(message)""#, id: id, status: state.rawValue)
        return WebhookSample("an echo", body: Array(body.utf8), sign: sign)
    }
    let violations = await contract.violations()
    #expect(violations == [])
}
