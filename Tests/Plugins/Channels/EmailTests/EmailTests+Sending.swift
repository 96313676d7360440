import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import EmailChannel

/// What leaves, and what comes back of it.
extension EmailTests {
    // MARK: Bounces

    private func report(_ id: String, action: String = "failed", status: String = "5.1.1") -> String {
        """
        Return-Path: <>
        From: MAILER-DAEMON@mx.example
        Message-ID: <report-\(action)@mx.example>
        Content-Type: multipart/report; report-type=delivery-status; boundary=b

        --b

        Sorry.
        --b
        Content-Type: message/delivery-status

        Reporting-MTA: dns; mx.example

        Final-Recipient: rfc822; anna@guest.example
        Action: \(action)
        Status: \(status) (no such user)

        --b
        Content-Type: text/rfc822-headers

        Message-ID: \(id)

        --b--

        """
    }

    @Test func aBounceIsAReceiptOfTheMailThatItNames() async throws {
        try await running { test, email in
            let result = try await email.send(outbound()), id = result.vendorIDs[0]
            test.mail.deliver(report(id, action: "delayed", status: "4.4.1"))
            test.mail.deliver(report("<foreign@hotel.example>"))
            test.mail.deliver(report(id))
            #expect(await eventually { test.inbound.events.count == 1 })
            await look(test)
            #expect(test.inbound.events.count == 1)
            guard case .receipt(let receipt)? = test.inbound.events.first?.content else { Issue.record("no receipt"); return }
            #expect(receipt.vendorMessageID == id && receipt.state == .failed && receipt.reason == "unknown-recipient")
            #expect(receipt.detail?.contains("5.1.1") == true && receipt.detail?.contains("anna") == false)
        }
    }

    @Test func anOldServersBounceIsFoundInItsText() async throws {
        try await running { test, email in
            let result = try await email.send(outbound()), id = result.vendorIDs[0]
            test.mail.deliver(
                "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nSubject: failure notice\n\nHi. This is qmail.\n--- Below is a copy\n\nMessage-ID: \(id)\n"
            )
            #expect(await eventually { test.inbound.events.count == 1 })
        }
    }

    // MARK: Out

    @Test func anAnswerGoesIntoTheGuestsThread() async throws {
        try await running { test, email in
            test.mail.deliver(mail("1", "References: <0@guest.example>\nIn-Reply-To: <0@guest.example>\n"))
            test.mail.deliver(mail("2", body: "and a pillow"))
            #expect(await eventually { test.inbound.events.count == 2 })
            let result = try await email.send(outbound(inReplyTo: test.inbound.events[0].vendorID))
            let head = try sent(test).head
            #expect(head.text("in-reply-to") == "<1@guest.example>" && head.text("references") == "<0@guest.example> <1@guest.example>")
            #expect(head.text("subject") == "Re: Room 12" && head.text("auto-submitted") == "auto-replied")
            #expect(result.vendorIDs == [head.text("message-id")] && result.state == .sent)
            #expect(test.mail.submissions.last?.sender == "desk@hotel.example" && test.mail.submissions.last?.recipient == "anna@guest.example")
            // Without a message that it answers, the guest's last thread.
            _ = try await email.send(outbound("msg_2", author: .staff))
            let next = try sent(test).head
            #expect(next.text("in-reply-to") == "<2@guest.example>" && next.value("auto-submitted") == nil)
            // What the guest answers is known by its Message-ID.
            test.mail.deliver(mail("3", "In-Reply-To: \(result.vendorIDs[0])\n", body: "Thanks"))
            #expect(await eventually { test.inbound.messages.last?.inReplyTo == result.vendorIDs[0] })
            #expect(test.inbound.messages.last?.text == "Thanks", "the subject of a reply says nothing new")
        }
    }

    @Test func theSameMessageIsTheSameMail() async throws {
        try await running { test, email in
            let first = try await email.send(outbound()), again = try await email.send(outbound())
            #expect(first == again)
            let heads = test.mail.submissions.map { MIMEParser.parse($0.bytes).head }
            #expect(heads.map { $0.text("subject") } == ["A message from Hotel Miramar", "A message from Hotel Miramar"])
            #expect(heads[1].value("in-reply-to") == nil, "a mail does not answer itself")
            _ = try await email.send(outbound("msg_2"))
            #expect(try sent(test).head.text("in-reply-to") == first.vendorIDs[0])
        }
    }

    @Test func aTagLeadsBackToItsPeer() async throws {
        try await running(TestContext(), Self.settings(["reply_tags": true])) { test, email in
            _ = try await email.send(outbound())
            let head = try sent(test).head, field = try #require(head.value("reply-to")), address = try #require(MailAddress.parse(field).first)
            #expect(address.local.hasPrefix("desk+") && !address.address.contains("anna"))
            test.mail.deliver("From: anna.private@other.example\nTo: \(address.address)\nMessage-ID: <t@other.example>\n\nfrom my phone\n")
            test.mail.deliver(
                "From: eve@other.example\nTo: desk+aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb@hotel.example\nMessage-ID: <e@other.example>\n\nx\n")
            #expect(await eventually { test.inbound.events.count == 2 })
            #expect(test.inbound.events.map(\.peer?.value) == ["anna@guest.example", "eve@other.example"])
        }
    }

    @Test(arguments: [
        PeerAddress(.phone, "+4930123"), PeerAddress(.email, "no address"), PeerAddress(.email, "a@b.example, c@d.example"),
        PeerAddress(.email, "a@b.example\r\nX: y"),
    ])
    func aPeerThatIsNoAddressIsUnknown(_ peer: PeerAddress) async throws {
        try await running { test, email in
            let failure = await #expect(throws: PluginFailure.self) {
                try await email.send(OutboundMessage(id: "1", peer: peer, author: .jack, text: "x"))
            }
            #expect(failure?.reason == .unknownRecipient && failure?.disposition == .permanent && test.mail.submissions.isEmpty)
        }
    }

    @Test func failuresComeThroughAsTheyAre() async throws {
        try await running { test, email in
            test.mail.failSubmissions(with: .credentialsRejected("no"))
            let failure = await #expect(throws: PluginFailure.self) { try await email.send(outbound()) }
            #expect(failure?.disposition == .credentialsRejected)
        }
    }
}
