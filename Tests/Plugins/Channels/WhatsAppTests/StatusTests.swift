import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import WhatsAppChannel

@Suite struct StatusTests {
    private func event(_ body: String, test: TestContext = TestContext(instance: "whatsapp")) async throws -> InboundEvent {
        try #require(try await Desk.offline(test: test).take(body).first)
    }

    @Test(arguments: [("sent", DeliveryState.sent), ("delivered", .delivered), ("read", .read), ("played", .read)])
    func aStatusIsAReceiptOfItsMessage(_ status: String, _ state: DeliveryState) async throws {
        let body = Hook.status(#","pricing":{"billable":true},"biz_opaque_callback_data":"msg-1""#, status: status)
        let event = try await event(body)
        #expect(event.content == .receipt(DeliveryReceipt(vendorMessageID: "wamid.OUT1", messageID: "msg-1", state: state)))
        #expect(event.vendorID == "wamid.OUT1:\(status)")
        #expect(event.peer == Desk.guest)
        #expect(event.occurredAt == Date(timeIntervalSince1970: 1_756_814_400))
    }

    @Test(arguments: ["", ",\"biz_opaque_callback_data\":\"\"", #","biz_opaque_callback_data":7"#, #","biz_opaque_callback_data":null"#])
    func whatGivesNoIDBackNamesNone(_ more: String) async throws {
        let event = try await event(Hook.status(more, status: "sent"))
        #expect(event.content == .receipt(DeliveryReceipt(vendorMessageID: "wamid.OUT1", state: .sent)))
    }

    @Test func eachStatusOfAMessageHasAnIDOfItsOwnAndARepetitionHasTheSame() async throws {
        var seen: Set<String> = []
        for status in ["sent", "delivered", "read", "played", "failed"] {
            for message in ["wamid.A", "wamid.B"] { seen.insert(try await event(Hook.status("", id: message, status: status)).vendorID) }
        }
        #expect(seen.count == 10)
        let again = try await event(Hook.status("", status: "sent"))
        let once = try await event(Hook.status("", status: "sent"))
        #expect(again.vendorID == once.vendorID)
    }

    @Test(arguments: [
        (131_047, PluginFailure.Reason.windowClosed), (131_026, .unknownRecipient), (131_049, .withheld), (131_042, .outOfCredit),
        (132_015, .templateRejected),
        (131_000, .vendorFault), (999_999, .invalidRequest),
    ])
    func aFailureSaysWhyInJacksWords(_ code: Int, _ reason: PluginFailure.Reason) async throws {
        let errors =
            #","errors":[{"code":\#(code),"title":"Re-engagement message","message":"x","error_data":{"details":"Message failed to send to +49 170 1234567 because 24 hours have passed."},"href":"https://developers.facebook.com/"}]"#
        guard case .receipt(let receipt) = try await event(Hook.status(errors, status: "failed")).content else {
            throw PluginFailure.permanent(.notFound, "none")
        }
        #expect(receipt.state == .failed)
        #expect(receipt.reason == reason.rawValue)
        let detail = try #require(receipt.detail)
        #expect(detail.hasPrefix("\(code): Re-engagement message: Message failed to send"))
        #expect(!detail.contains("170") && !detail.contains("1234567"))
    }

    @Test func aFailureWithoutAReasonIsStillOne() async throws {
        for errors in ["", #","errors":[]"#, #","errors":"odd""#, #","errors":[{"title":"no code"}]"#] {
            guard case .receipt(let receipt) = try await event(Hook.status(errors, status: "failed")).content else { continue }
            #expect(receipt.reason == "vendor-fault" && receipt.state == .failed)
        }
    }

    @Test func aReceiptOfAGuestWithoutANumberNamesTheUserID() async throws {
        let value = #""statuses":[{"id":"wamid.OUT1","status":"sent","timestamp":1756814400,"recipient_user_id":"US.13491208655302741918"}]"#
        let event = try await event(Hook.body(Hook.change(value)))
        #expect(event.peer == PeerAddress(.handle, "US.13491208655302741918"))
        #expect(event.occurredAt == Date(timeIntervalSince1970: 1_756_814_400))
    }

    @Test func whatIsNoStatusIsCounted() async throws {
        let test = TestContext(instance: "whatsapp")
        let plugin = try Desk.offline(test: test)
        for status in ["warning", "deleted", ""] { #expect(try await plugin.take(Hook.status("", status: status)).isEmpty) }
        #expect(try await plugin.take(Hook.status(#","recipient_type":"group""#, status: "sent")).isEmpty)
        #expect(try await plugin.take(Hook.body(Hook.change(#""statuses":[{"status":"sent"},7]"#))).isEmpty)
        #expect(test.metrics.sum("jack_plugin_whatsapp_ignored_total") == 6)
    }

    @Test func anErrorOfTheWholeAccountIsToldAndHasNoEvent() async throws {
        let test = TestContext(instance: "whatsapp")
        let plugin = try Desk.offline(test: test)
        #expect(try await plugin.take(Hook.body(Hook.change(#""errors":[{"code":130429,"title":"Rate limit hit"}]"#))).isEmpty)
        #expect(test.logs.contains("130429"))
        let unpaid = #","errors":[{"code":131042,"title":"Business eligibility payment issue"}]"#
        _ = try await plugin.take(Hook.status(unpaid, status: "failed"))
        #expect(test.health.reports.count == 1)
    }
}
