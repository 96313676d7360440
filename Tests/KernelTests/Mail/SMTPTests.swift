import Foundation
import Kernel
import PluginAPI
import PluginTestKit
import Testing

@Suite(.timeLimit(.minutes(2))) struct SMTPTests {
    private static let mail = MailSubmission(
        sender: "desk@hotel.example", recipient: "anna@guest.example", bytes: Array("Subject: x\r\n\r\nHello\r\n".utf8))

    private func submit(
        _ answers: [String: String], mail: MailSubmission = mail, user: String? = nil, auth: String = "235 in"
    ) async throws -> PluginFailure? {
        try await MailFixture.run(smtpScript(answers, auth: auth)) { fixture in
            await fixture.failure { try await fixture.service.submit(mail, to: fixture.address(user: user)) }
        }
    }

    @Test func aMailArrivesAsItWas() async throws {
        try await MailFixture.run(smtpScript()) { fixture in
            let bytes = Array("Subject: x\r\n\r\n.begins with a dot\r\n..two\r\n.\r\nbare\nfeed\rreturn\n.\nMAIL FROM:<evil@x>\r\nend".utf8)
            try await fixture.service.submit(
                MailSubmission(sender: "desk@hotel.example", recipient: "anna@guest.example", bytes: bytes), to: fixture.address(user: "desk"))
            let lines = fixture.server.lines
            #expect(lines.first == "EHLO hotel.example" && lines.contains { $0.hasPrefix("AUTH PLAIN") })
            let begin = try #require(lines.firstIndex(of: "DATA")), end = try #require(lines.firstIndex(of: "."))
            #expect(lines[..<begin].suffix(2) == ["MAIL FROM:<desk@hotel.example>", "RCPT TO:<anna@guest.example>"])
            #expect(
                Array(lines[(begin + 1)..<end]) == [
                    "Subject: x", "", "..begins with a dot", "...two", "..", "bare", "feed", "return", "..", "MAIL FROM:<evil@x>", "end",
                ])
            #expect(lines.filter { $0.hasPrefix("MAIL FROM:<desk") }.count == 1)
        }
    }

    @Test func aCheckSendsNothing() async throws {
        try await MailFixture.run(smtpScript()) { fixture in
            try await fixture.service.check(submission: fixture.address(user: "desk"))
            #expect(await eventually { fixture.server.openConnections == 0 })
            #expect(!fixture.server.lines.contains { $0.hasPrefix("MAIL") || $0.hasPrefix("RCPT") || $0 == "DATA" })
        }
    }

    @Test(arguments: [
        ("MAIL", "550 5.1.8 no\r\n", "permanent", "configuration"), ("MAIL", "451 4.3.0 later\r\n", "not ready", "overloaded"),
        ("MAIL", "530 5.7.0 login first\r\n", "credentials rejected", "unauthorized"),
        ("RCPT", "550 5.1.1 no such user\r\n", "permanent", "unknown-recipient"),
        ("RCPT", "554 5.7.1 relaying denied\r\n", "permanent", "invalid-request"),
        ("RCPT", "450 4.2.0 greylisted\r\n", "not ready", "recipient-limited"), ("RCPT", "450 busy\r\n", "not ready", "recipient-limited"),
        ("RCPT", "452 4.2.2 full\r\n", "not ready", "recipient-limited"), ("RCPT", "451 4.3.0 later\r\n", "not ready", "overloaded"),
        ("MAIL", "450 4.2.0 later\r\n", "not ready", "overloaded"),
        ("RCPT", "421 4.7.0 too many\r\n", "not ready", "rate-limited"),
        ("RCPT", "550-5.1.1 many\r\n550 5.1.1 lines\r\n", "permanent", "unknown-recipient"),
        ("DATA", "451 4.3.0 later\r\n", "not ready", "overloaded"), (".", "554 5.7.1 spam\r\n", "permanent", "content-filtered"),
        (".", "552 5.3.4 too big\r\n", "permanent", "invalid-request"), (".", "452 4.3.1 full\r\n", "not ready", "overloaded"),
        ("RCPT", "garbage\r\n", "not ready", "malformed-reply"), ("RCPT", "999 no code\r\n", "not ready", "malformed-reply"),
        ("RCPT", "", "not ready", "unreachable"), ("greeting", "554 go away\r\n", "not ready", "malformed-reply"),
    ])
    func answersHaveTheirMeaning(_ word: String, _ answer: String, _ disposition: String, _ reason: String) async throws {
        let found = try await submit([word: answer]), failure = try #require(found)
        #expect("\(failure.disposition)" == disposition && failure.reason.rawValue == reason, "\(failure)")
        #expect(!"\(failure)".contains("anna"))
    }

    @Test(arguments: [("535 5.7.8 wrong", "credentials rejected"), ("454 4.7.0 not now", "not ready")])
    func loginsThatFail(_ answer: String, _ disposition: String) async throws {
        let found = try await submit([:], user: "desk", auth: answer), failure = try #require(found)
        #expect("\(failure.disposition)" == disposition && !"\(failure)".contains("a-secret-password"), "\(failure)")
    }

    @Test(arguments: ["a@b.example>\r\nDATA", "a b@c.example", "a@b.example\nRCPT TO:<x@y>", "<a@b.example>"])
    func anAddressCannotEndItsLine(_ address: String) async throws {
        try await MailFixture.run(smtpScript()) { fixture in
            let failure = await fixture.failure {
                try await fixture.service.submit(MailSubmission(sender: "desk@hotel.example", recipient: address, bytes: []), to: fixture.address())
            }
            #expect(failure?.reason == .unknownRecipient && !fixture.server.lines.contains { $0.hasPrefix("RCPT") || $0.hasPrefix("MAIL") })
        }
    }

    @Test func internationalAddressesNeedAServerThatCarriesThem() async throws {
        let mail = MailSubmission(sender: "desk@hotel.example", recipient: "jürgen@bücher.example", bytes: [])
        try await MailFixture.run(smtpScript()) { fixture in
            try await fixture.service.submit(mail, to: fixture.address())
            #expect(fixture.server.lines.contains("MAIL FROM:<desk@hotel.example> SMTPUTF8"))
        }
        let failure = try await submit(["EHLO": "250 fake\r\n"], mail: mail)
        #expect(failure?.reason == .unknownRecipient)
    }

    @Test func aServerThatDripsIsGivenUp() async throws {
        try await MailFixture.run({ client in
            try await client.send("220 x\r\n")
            while await client.line() != nil {
                for _ in 0..<1000 {
                    try await client.send("2")
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
        }) { fixture in
            let failure = await fixture.failure { try await fixture.service.submit(Self.mail, to: fixture.address(timeout: .milliseconds(300))) }
            #expect(failure?.reason == .timeout)
            #expect(await eventually { fixture.server.openConnections == 0 })
        }
    }

    @Test func anAnswerWithoutEndIsCutOff() async throws {
        try await MailFixture.run(smtpScript(["MAIL": String(repeating: "2", count: 200_000)])) { fixture in
            let failure = await fixture.failure { try await fixture.service.submit(Self.mail, to: fixture.address()) }
            #expect(failure?.reason == .malformedReply)
        }
    }

    @Test func aCancelledTaskEndsTheConnection() async throws {
        try await MailFixture.run({ client in
            try await client.send("220 x\r\n")
            while await client.line() != nil {}
        }) { fixture in
            let (service, address) = (fixture.service, fixture.address(timeout: .seconds(60)))
            let task = Task { try await service.submit(Self.mail, to: address) }
            #expect(await eventually { fixture.server.lines.count == 1 })
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(await eventually { fixture.server.openConnections == 0 })
        }
    }

    @Test func aStoppedEngineTakesNothing() async throws {
        try await MailFixture.run(smtpScript()) { fixture in
            await fixture.engine.shutdown()
            await fixture.engine.shutdown()
            let failure = await fixture.failure { try await fixture.service.submit(Self.mail, to: fixture.address()) }
            #expect(failure?.reason == .cancelled)
        }
    }

    @Test func thePolicyHolds() async throws {
        try await MailFixture.run(policy: OutboundPolicy(allowedHosts: nil, allowsPrivateAddresses: false), smtpScript()) { fixture in
            let failure = await fixture.failure { try await fixture.service.submit(Self.mail, to: fixture.address()) }
            #expect(failure?.disposition == .permanent && fixture.server.connections == 0)
        }
        try await MailFixture.run(policy: OutboundPolicy(allowedHosts: ["mail.example"], allowsPrivateAddresses: true), smtpScript()) { fixture in
            let failure = await fixture.failure { try await fixture.service.submit(Self.mail, to: fixture.address()) }
            #expect(failure?.disposition == .permanent && fixture.server.connections == 0)
        }
    }

    @Test func noPasswordGoesOutInClear() async throws {
        try await MailFixture.run(smtpScript()) { fixture in
            let far = MailServer(host: "mail.example", port: 25, security: .none, user: "u", password: Secret("p"))
            let refused = await fixture.failure { try await fixture.service.check(submission: far) }
            #expect(refused?.reason == .configuration)
            var plain = fixture.address(user: "desk")
            plain.security = .starttls
            let failure = await fixture.failure { try await fixture.service.check(submission: plain) }
            #expect(failure?.reason == .untrustedCertificate && !fixture.server.lines.contains { $0.hasPrefix("AUTH") })
        }
    }
}
