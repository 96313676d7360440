import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import EmailChannel

/// Who is believed to have written a mail.
extension EmailTests {
    private static let received = "Received: from mail.guest.example by mx.hotel.example; Tue, 1 Sep 2026 08:00:00 +0000\n"
    private static let passed = "Authentication-Results: mx.hotel.example; dmarc=pass header.from=guest.example\n"

    private func senders(_ test: TestContext) -> [SenderAssurance.Level?] { test.inbound.events.map { $0.sender?.level } }

    @Test func withoutASettingAMailProvesNothing() async throws {
        try await running { test, _ in
            test.mail.deliver(Self.passed + Self.received + mail("1"))
            #expect(await eventually { test.inbound.events.count == 1 })
            #expect(senders(test) == [.claimed])
            #expect(test.inbound.events.first?.sender?.reason.contains("authentication is not set") == true)
        }
    }

    @Test func theHotelsOwnServerProvesIt() async throws {
        try await running(TestContext(), Self.settings(["authentication": ["server": "mx.hotel.example"]])) { test, _ in
            test.mail.deliver(Self.passed + Self.received + mail("genuine"))
            test.mail.deliver(Self.received + Self.passed + mail("forged"))
            // The answer would go elsewhere: the peer is not who was proven.
            test.mail.deliver(Self.passed + Self.received + mail("elsewhere", "Reply-To: eve@evil.example\n"))
            #expect(await eventually { test.inbound.events.count == 3 })
            #expect(senders(test) == [.proven, .claimed, .claimed])
            #expect(test.inbound.events.map(\.peer?.value) == ["anna@guest.example", "anna@guest.example", "eve@evil.example"])
        }
    }

    @Test func whoAnswersJacksMailHasGotIt() async throws {
        try await running { test, email in
            let toAnna = try await email.send(outbound("msg_1")).vendorIDs[0]
            let toEve = try await email.send(outbound("msg_2", to: "eve@evil.example")).vendorIDs[0]
            test.mail.deliver(mail("1", "In-Reply-To: \(toAnna)\n"))
            test.mail.deliver(mail("2", "References: <0@guest.example> \(toAnna) <x@guest.example>\nIn-Reply-To: <x@guest.example>\n"))
            // Eve has a mail of Jack's, too, and writes in Anna's name.
            test.mail.deliver(mail("3", "In-Reply-To: \(toEve)\n"))
            test.mail.deliver(mail("4", "In-Reply-To: \(toAnna.replacing("msg_1", with: "msg_3"))\n"))
            test.mail.deliver(mail("5", "In-Reply-To: \(toEve)\n", body: "x").replacing("anna@guest.example", with: "eve@evil.example"))
            #expect(await eventually { test.inbound.events.count == 5 })
            #expect(senders(test) == [.proven, .proven, .claimed, .claimed, .proven])
            #expect(test.inbound.events.allSatisfy { !($0.sender?.reason.contains("@") ?? true) })
        }
    }

    @Test func aMailToATagProvesItsPeerAndNoOther() async throws {
        try await running(TestContext(), Self.settings(["reply_tags": true])) { test, email in
            _ = try await email.send(outbound())
            let field = try #require(try sent(test).head.value("reply-to")), address = try #require(MailAddress.parse(field).first)
            test.mail.deliver("From: phone@other.example\nTo: \(address.address)\nMessage-ID: <t@other.example>\n\nfrom my phone\n")
            test.mail.deliver("From: anna@guest.example\nTo: desk+aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb@hotel.example\nMessage-ID: <e@x.example>\n\nx\n")
            #expect(await eventually { test.inbound.events.count == 2 })
            #expect(senders(test) == [.proven, .claimed])
            #expect(test.inbound.events.map(\.peer?.value) == ["anna@guest.example", "anna@guest.example"])
        }
    }

    @Test func proofIsForgottenWithTheThread() async throws {
        try await running { test, email in
            let id = try await email.send(outbound()).vendorIDs[0]
            await test.clock.advance(by: MailThreads.lifetime + .seconds(1))
            test.mail.deliver(mail("1", "In-Reply-To: \(id)\n"))
            #expect(await eventually { test.inbound.events.count == 1 })
            #expect(senders(test) == [.claimed])
        }
    }

    @Test func checkSaysWhatTheSettingGains() throws {
        func findings(_ changes: [String: JSONValue]) throws -> [ValidationReport.Finding] {
            var report = ValidationReport()
            Email.validate(try decodeSettings(EmailSettings.self, Self.settings(changes)), &report)
            return report.findings
        }
        let warned = try findings([:])
        #expect(warned.map(\.severity) == [.warning] && warned.first?.code == .insecure && warned.first?.message.contains("booking number") == true)
        #expect(try findings(["authentication": ["server": "mx.hotel.example"]]).isEmpty)
        for server in ["mx.hotel.example; dmarc=pass", "Authentication-Results: x"] {
            #expect(try findings(["authentication": ["server": .string(server)]]).map(\.key) == ["authentication.server"])
        }
    }

    @Test func theAuthenticationIsDeclaredSoundly() { #expect(AuthenticationSettings.schema.problems == []) }

    // MARK: Failures of Jack's own mails

    @Test func aBounceNamesJacksOwnMessage() async throws {
        let signer = MailSigner(key: [UInt8](repeating: 7, count: 32))
        #expect(signer.outboundID(of: signer.messageID(for: "msg_01J", domain: "hotel.example")) == "msg_01J")
        #expect(signer.outboundID(of: signer.messageID(for: "a message/with signs", domain: "hotel.example")) == nil)
        #expect(signer.outboundID(of: "<jack.msg_01J.aaaaaaaaaaaaaaaa@hotel.example>") == nil)
        try await running { test, email in
            let id = try await email.send(outbound()).vendorIDs[0]
            test.mail.deliver("Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nSubject: failure notice\n\nMessage-ID: \(id)\n")
            #expect(await eventually { test.inbound.events.count == 1 })
            guard case .receipt(let receipt)? = test.inbound.events.first?.content else { Issue.record("no receipt"); return }
            #expect(receipt.vendorMessageID == id && receipt.messageID == "msg_1" && receipt.state == .failed)
        }
    }
}
