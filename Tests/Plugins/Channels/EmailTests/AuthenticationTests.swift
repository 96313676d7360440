import Foundation
import PluginAPI
import Testing

@testable import EmailChannel

/// Whose word on a sender counts. What a forger can write stands in these mails as a forger would write it.
@Suite struct AuthenticationTests {
    private let trusted = "Authentication-Results: mx.hotel.example; dmarc=pass (p=none dis=none) header.from=guest.example"
    private let received = "Received: from mail.guest.example by mx.hotel.example with ESMTPS; Tue, 1 Sep 2026 08:00:00 +0000"

    private func assurance(
        _ fields: [String], from: String = "From: Anna <anna@guest.example>", receivedAbove: Int = 0, peer: String = "anna@guest.example"
    ) throws -> SenderAssurance {
        var settings = AuthenticationSettings()
        settings.server = "MX.hotel.example"
        settings.receivedAbove = receivedAbove
        let head = MIMEParser.parse(Array((fields + [from, "Subject: x", "", "hello"]).joined(separator: "\r\n").utf8)).head
        return MailAuthentication(settings).assurance(of: peer, in: head)
    }

    private func isProven(_ fields: [String], from: String = "From: Anna <anna@guest.example>", receivedAbove: Int = 0) throws -> Bool {
        try assurance(fields, from: from, receivedAbove: receivedAbove).level == .proven
    }

    // MARK: Where it stands

    @Test func whatTheServerWroteAboveItsReceivedCounts() throws {
        let found = try assurance(["Return-Path: <anna@guest.example>", trusted, received])
        #expect(found == .proven("mx.hotel.example says dmarc=pass"))
    }

    @Test func whatStandsBelowTheFirstReceivedIsTheSenders() throws {
        let found = try assurance([received, trusted])
        #expect(found.level == .claimed && found.reason.contains("nobody else can write"))
        #expect(try !isProven([received, "X-Other: y", trusted, "Received: from x by y; z"]))
        // A field of another server above does not carry it up.
        #expect(try !isProven(["Authentication-Results: other.example; dmarc=none", received, trusted]))
        // Nor does a name that only begins alike, or another header of the same kind.
        for name in ["mx.hotel.example.evil.example", "x-mx.hotel.example", "\"mx.hotel.example;\""] {
            #expect(try !isProven(["Authentication-Results: \(name); dmarc=pass header.from=guest.example", received]))
        }
        #expect(try !isProven(["ARC-" + trusted, "X-" + trusted, received]))
    }

    @Test func withoutAnyReceivedNobodyKnowsWhoWroteIt() throws { #expect(try !isProven([trusted])) }

    /// A field of the sender's stands right below the server's own, and says the opposite.
    @Test func theServersOwnWordStandsOverAForgedOneBelow() throws {
        let failed = "Authentication-Results: mx.hotel.example; dmarc=fail header.from=guest.example"
        #expect(try !isProven([failed, received, trusted]))
        #expect(try !isProven([received, failed, trusted], receivedAbove: 1))
        #expect(try assurance([failed, received, trusted]).reason == "mx.hotel.example says dmarc=fail")
        let silent = "Authentication-Results: mx.hotel.example; none"
        #expect(try !isProven([silent, received, trusted], receivedAbove: 1))
        #expect(try !isProven([received, silent, trusted], receivedAbove: 1), "only the topmost counts there")
    }

    @Test func serversOfTheHotelsOwnMayPutReceivedFieldsAboveIt() throws {
        let inner = "Received: from mx.hotel.example by imap.hotel.example with LMTP; x"
        #expect(try isProven([inner, trusted, received], receivedAbove: 1))
        #expect(try isProven([trusted, inner, received], receivedAbove: 1))
        #expect(try !isProven([inner, received, trusted], receivedAbove: 1))
        #expect(try isProven([inner, received, trusted], receivedAbove: 2))
    }

    @Test func severalFieldsOfTheServerAreOne() throws {
        let signed = "Authentication-Results: mx.hotel.example; dkim=pass header.d=guest.example header.b=\"a=b\""
        let none = "Authentication-Results: mx.hotel.example; dmarc=none header.from=guest.example"
        #expect(try isProven([signed, none, received]))
        #expect(try !isProven([signed, "Authentication-Results: mx.hotel.example; dmarc=fail header.from=guest.example", received]))
        #expect(try !isProven([signed, "Authentication-Results: mx.hotel.example; dmarc=\"", received]), "what cannot be read may say no")
    }

    // MARK: What it says

    @Test(arguments: [
        "dmarc=pass header.from=guest.example", "dmarc = pass (p=reject) header.from=GUEST.example.",
        "spf=pass (mx: domain of anna@guest.example permits) smtp.mailfrom=anna@guest.example", "spf=pass smtp.mailfrom=guest.example",
        "dkim=pass header.i=@guest.example header.s=s1 header.b=abc=; spf=fail smtp.mailfrom=x@list.example",
        "dkim/1=fail header.d=other.example; dkim=pass reason=\"good; signature\" header.d=guest.example; dmarc=none",
        "spf=pass smtp.helo=mail.guest.example; dkim=pass header.d=guest.example;",
    ])
    func provesTheDomain(_ results: String) throws { #expect(try isProven(["Authentication-Results: mx.hotel.example 1; \(results)", received])) }

    @Test(arguments: [
        "none", "", "dmarc=fail header.from=guest.example; dkim=pass header.d=guest.example", "dmarc=temperror; spf=pass smtp.mailfrom=guest.example",
        // Of another domain than the one that the guest reads.
        "dmarc=pass header.from=evil.example", "dmarc=pass", "dmarc=pass header.from=evil.example; dkim=pass header.d=guest.example",
        "dkim=pass header.d=evil.example", "spf=pass smtp.mailfrom=anna@evil.example", "spf=pass smtp.mailfrom=anna@guest.example.evil.example",
        "dkim=pass header.d=example", "dkim=pass header.d=bounce.guest.example", "dkim=pass header.d=evilguest.example",
        // An identity that proves no sender.
        "spf=pass smtp.helo=guest.example", "spf=neutral smtp.mailfrom=guest.example", "iprev=pass policy.iprev=192.0.2.1",
        "spf=pass smtp.mailfrom=anna@guest.example; spf=fail smtp.mailfrom=anna@guest.example",
        // Both at once.
        "dmarc=pass header.from=guest.example; dmarc=none header.from=guest.example",
        // Words of a sender's that a server repeats: in a comment, in quotes, in a local part.
        "spf=fail (from dmarc=pass header.from=guest.example) smtp.mailfrom=x@evil.example",
        "spf=fail smtp.mailfrom=\"x; dmarc=pass header.from=guest.example\"@evil.example",
        "spf=pass smtp.mailfrom=\"anna@guest.example \"@evil.example", "spf=fail reason=\"; dmarc=pass header.from=guest.example\"",
        "spf=fail (\\); dmarc=pass header.from=guest.example", "spf=fail smtp.mailfrom=\"x ; dmarc=pass header.from=guest.example",
        "\"dmarc=pass\" header.from=guest.example", "dmarc=pass header.from=guest.example header.from=evil.example",
        "dmarc=pass guest.example header.from=guest.example", "dmarc/2=pass header.from=guest.example",
    ])
    func provesNothing(_ results: String) throws { #expect(try !isProven(["Authentication-Results: mx.hotel.example; \(results)", received])) }

    @Test func anotherVersionOrNoServerIsNoResult() throws {
        #expect(try !isProven(["Authentication-Results: mx.hotel.example 2; dmarc=pass header.from=guest.example", received]))
        #expect(try !isProven(["Authentication-Results: dmarc=pass header.from=guest.example", received]))
    }

    /// The domain above vouches for the one below it, and not the other way round.
    @Test func aDomainVouchesForThoseBelowIt() throws {
        let signed = "Authentication-Results: mx.hotel.example; dkim=pass header.d=guest.example"
        var settings = AuthenticationSettings()
        settings.server = "mx.hotel.example"
        let head = MIMEParser.parse(Array("\(signed)\r\n\(received)\r\nFrom: anna@mail.guest.example\r\n\r\nx".utf8)).head
        #expect(MailAuthentication(settings).assurance(of: "anna@mail.guest.example", in: head).level == .proven)
    }

    // MARK: From

    @Test(arguments: [
        "From: Eve <eve@guest.example>", "From: anna@guest.example, eve@guest.example", "From: anna@guest.example\r\nFrom: eve@guest.example",
        "From: (x) anna@guest.example", "From: <eve@guest.example> <anna@guest.example>", "From: \"anna\"@guest.example",
        "From: team: anna@guest.example;", "From: <anna@guest.example> eve@guest.example", "From: Anna <anna@guest.example", "X-From: y",
        "From: <@evil.example:anna@guest.example>", "From: <an na@guest.example>", "From: \"Anna <anna@guest.example>",
    ])
    func aSenderThatCanBeReadDifferentlyIsNotProven(_ from: String) throws { #expect(try !isProven([trusted, received], from: from)) }

    @Test(arguments: [
        "From: anna@guest.example", "From: <Anna@Guest.Example>", "From: \"Lovelace, Anna (Ms.)\" <anna@guest.example>",
        "From: =?utf-8?Q?J=C3=B6rg?= <anna@guest.example> ", "From: anna@home.example <anna@guest.example>",
    ])
    func aPlainSenderIs(_ from: String) throws { #expect(try isProven([trusted, received], from: from)) }

    @Test func theReasonHoldsNoWordOfTheSenders() throws {
        for results in ["dmarc=room204 header.from=guest.example", "dkim=pass header.d=evil.example", "dmarc=pass header.from=evil.example"] {
            let reason = try assurance(["Authentication-Results: mx.hotel.example; \(results)", received]).reason
            #expect(!reason.contains("evil") && !reason.contains("204") && !reason.contains("anna") && !reason.contains("guest.example"))
        }
    }

    @Test func junkIsReadInTime() throws {
        for piece in ["(", "\"", ";", "=", "a=b;", "\\", "((", "a = "] {
            let junk = String(repeating: piece, count: 60_000 / piece.utf8.count)
            #expect(try !isProven(["Authentication-Results: mx.hotel.example; \(junk)", received]))
            #expect(try !isProven(["Authentication-Results: \(junk)", received]))
        }
    }
}
