import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import ChannelAlertSink

@Suite struct TypedAnswerTests {
    @Test(
        arguments: [
            ("ACK 481516", PageAcknowledgement.Action.acknowledge, false), ("ack 481516", .acknowledge, false), ("481516", .acknowledge, true),
            (" 481516. ", .acknowledge, true), ("#481516", .acknowledge, true), ("RESOLVE 481516", .resolve, false),
            ("Done: 481516", .resolve, false),
            ("ESCALATE 481516!", .escalate, false), ("481516 ack", .acknowledge, false),
            ("\n\nAck #481516, on my way\nAna\n\n> older", .acknowledge, false),
            ("481516\n\nSent from my phone", .acknowledge, true),
            ("ack 481516 I am on my way, shall be there in ten minutes, and have called the plumber, who needs half an hour", .acknowledge, false),
            ("ack 481516 " + String(repeating: "word ", count: 200_000), .acknowledge, false),
        ] as [(String, PageAcknowledgement.Action, Bool)]) func answersAreRead(_ text: String, _ action: PageAcknowledgement.Action, _ isBare: Bool)
    {
        let answer = TypedAnswer(text)
        #expect(answer?.action == action && answer?.code == "481516" && answer?.isBare == isBare)
    }

    @Test(arguments: [
        "", "  \n", "done", "Resolved.", "ack it", "resolve what?", "123", "1234567890123", "my booking is 481516", "481516 is my booking",
        "ACK the alert 481516", "ACK 48x516",
        "ACK -481516",
        "room 481516 ack", "ACK ٤٨١٥١٦", String(repeating: "9", count: 1_000_000),
    ]) func whatIsNoneIsNot(_ text: String) { #expect(TypedAnswer(text) == nil) }

    @Test(arguments: [("ACK", PageAcknowledgement.Action.acknowledge), (" ack!\n\n> [CRITICAL]", .acknowledge), ("Escalate.", .escalate)])
    func aWordAloneIsAnAnswerWithoutACode(_ text: String, _ action: PageAcknowledgement.Action) {
        let answer = TypedAnswer(text)
        #expect(answer?.action == action && answer?.code == nil)
    }
}

@Suite struct ChannelSinkTests {
    private let test = TestContext(instance: "sms-pages")
    private let ana = PeerAddress(.phone, "+16505551234")

    private func page(_ id: String = "page-1", code: String? = "481516", to recipient: String? = "+1 650 555-1234", count: Int = 1) -> AlertPage {
        let alerts = (0..<count).map {
            Alert(
                fingerprint: "f\($0)", name: "HotWater", severity: $0 == 0 ? .critical : .warning, summary: $0 == 0 ? "No hot water\nin 204" : "less",
                detail: "guest words", startsAt: Date(timeIntervalSince1970: 1_756_814_000))
        }
        return AlertPage(
            id: id, groupKey: "g", alerts: alerts, recipient: recipient, reason: "oncall.yaml:9", url: "https://jack.example.com/a/1", code: code)
    }

    private func read(
        _ sink: ChannelAlertSink, _ text: String, from peer: PeerAddress? = nil, through channel: String = "sms", id: String = "in-1"
    ) async throws -> AnswerReading {
        try await sink.read(InboundEvent(vendorID: id, peer: peer ?? ana, .message(InboundMessage(text: text))), through: channel)
    }

    @Test func aPageIsOneText() async throws {
        let sink = try test.make(ChannelAlertSink.self, ["channel": "sms"])
        let receipt = try await sink.page(page(count: 3))
        let sent = try #require(test.channels.sent.first)
        #expect(receipt.vendorID == "sent-1" && sent.channel == "sms" && sent.message.id == "page-1" && sent.message.peer == ana)
        #expect(sent.message.author == .system)
        #expect(
            sent.message.text == """
                [CRITICAL] No hot water in 204 (and 2 more)
                https://jack.example.com/a/1
                Answer ACK 481516 to take it, ESCALATE 481516 to pass it on, RESOLVE 481516 when it is done.
                """)
        var again = page(code: nil)
        again.mayRepeat = true
        again.note = "acknowledged by Ben"
        _ = try await sink.update(again)
        #expect(
            test.channels.sent.last?.message.text == """
                [UPDATE] No hot water in 204
                acknowledged by Ben
                You may have had this message before.
                https://jack.example.com/a/1
                """)
        _ = try await sink.resolve(page())
        #expect(test.channels.sent.last?.message.text == "[RESOLVED] No hot water in 204\nhttps://jack.example.com/a/1")
    }

    @Test(arguments: [
        ("ana@hotel.example", PeerAddress(.email, "ana@hotel.example")), ("+49 (151) 234-5678", PeerAddress(.phone, "+491512345678")),
        ("US.1234abc", PeerAddress(.handle, "US.1234abc")),
    ]) func aRecipientIsToldByItsForm(_ recipient: String, _ peer: PeerAddress) async throws {
        let sink = try test.make(ChannelAlertSink.self, ["channel": "any"])
        _ = try await sink.page(page(to: recipient))
        #expect(test.channels.sent.first?.message.peer == peer)
    }

    @Test func aTemplateCarriesTheSame() async throws {
        let sink = try test.make(
            ChannelAlertSink.self, ["channel": "whatsapp", "template": "on_call", "template_parameters": ["severity", "summary", "code", "url"]])
        _ = try await sink.page(page())
        #expect(
            test.channels.sent.first?.message.template
                == MessageTemplate(
                    name: "on_call", locale: "en", parameters: ["critical", "No hot water in 204", "481516", "https://jack.example.com/a/1"]))
        _ = try await sink.page(page("page-2", code: nil))
        #expect(test.channels.sent.last?.message.template?.parameters[2] == "-", "a place is never empty")
    }

    @Test func answersOfThePersonCount() async throws {
        let sink = try test.make(ChannelAlertSink.self, ["channel": "sms"])
        _ = try await sink.page(page())
        for (text, action) in [("ACK 481516", .acknowledge), ("481516", .acknowledge), ("Resolve 481516", .resolve), ("escalate 481516", .escalate)]
            as [(String, PageAcknowledgement.Action)]
        {
            let reading = try await read(sink, text)
            #expect(reading == .answer(PageAcknowledgement(action: action, reference: "481516", by: "+16505551234")))
        }
        #expect(test.channels.sent.count == 1)
    }

    @Test func addressesOfMailDifferInCaseAlone() async throws {
        let sink = try test.make(ChannelAlertSink.self, ["channel": "email"])
        _ = try await sink.page(page(to: "Ana@Hotel.example"))
        let reading = try await read(sink, "ack 481516\r\n\r\n> [CRITICAL]", from: PeerAddress(.email, "ana@hotel.EXAMPLE"), through: "email")
        #expect(reading == .answer(PageAcknowledgement(action: .acknowledge, reference: "481516", by: "ana@hotel.EXAMPLE")))
    }

    @Test func nothingIsTakenFromOthers() async throws {
        let sink = try test.make(ChannelAlertSink.self, ["channel": "sms"])
        _ = try await sink.page(page())
        let guest = PeerAddress(.phone, "+4915100000")
        for text in ["481516", "ACK 481516", "123456", "ACK 123456"] { #expect(try await read(sink, text, from: guest) == .guestMessage) }
        #expect(try await read(sink, "ACK 481516", through: "other") == .guestMessage)
        #expect(try await read(sink, "There is no hot water, room 2041") == .guestMessage, "a person on call may write too")
        #expect(test.channels.sent.count == 1, "nobody was told anything")
    }

    @Test func aWrongCodeOfSomebodyOnCallIsSaidAndGuessingEnds() async throws {
        let sink = try test.make(ChannelAlertSink.self, ["channel": "sms"])
        _ = try await sink.page(page())
        guard case .refused = try await read(sink, "ACK 481517", id: "in-7") else {
            Issue.record("a wrong code is refused")
            return
        }
        let hint = try #require(test.channels.sent.last?.message)
        #expect(hint.peer == ana && hint.text.contains("481517") && hint.id == "answer-in-7" && hint.inReplyTo == "in-7")
        test.channels.fail(with: .notReady(.unreachable, "down"))
        for guess in 2...PagedPeople.mostGuesses { _ = try await read(sink, "ACK \(900_000 + guess)") }
        guard case .refused(let reason) = try await read(sink, "ACK 481516") else {
            Issue.record("after ten wrong codes nothing is taken")
            return
        }
        #expect(reason.contains("too many"))
        await test.clock.advance(by: .seconds(3_700))
        #expect(try await read(sink, "ACK 481516") == .answer(PageAcknowledgement(action: .acknowledge, reference: "481516", by: "+16505551234")))
    }

    @Test func whoWritesTheWordAloneIsToldThatTheCodeIsMissing() async throws {
        let sink = try test.make(ChannelAlertSink.self, ["channel": "sms"])
        #expect(try await read(sink, "ACK") == .guestMessage, "of somebody who was never paged it is a guest's word")
        _ = try await sink.page(page())
        #expect(try await read(sink, "ACK", id: "in-3") == .refused(reason: "the answer names no code"))
        let hint = try #require(test.channels.sent.last?.message)
        #expect(hint.peer == ana && hint.id == "answer-in-3" && hint.text.contains("code"))
        for _ in 0...PagedPeople.mostGuesses { _ = try await read(sink, "ack") }
        #expect(
            try await read(sink, "ACK 481516") == .answer(PageAcknowledgement(action: .acknowledge, reference: "481516", by: "+16505551234")),
            "no code is no wrong code")
    }

    @Test func aCodeGrowsOld() async throws {
        let sink = try test.make(ChannelAlertSink.self, ["channel": "sms", "code_life": "2h"])
        _ = try await sink.page(page())
        await test.clock.advance(by: .seconds(7_300))
        #expect(try await read(sink, "ACK 481516") == .guestMessage, "nobody is on call by this sink any more")
    }

    @Test func failuresOfTheChannelAreTheSinks() async throws {
        let sink = try test.make(ChannelAlertSink.self, ["channel": "sms"])
        test.channels.fail(with: .permanent(.optedOut, "STOP"))
        await #expect { _ = try await sink.page(page()) } throws: { ($0 as? PluginFailure)?.reason == .optedOut }
        await #expect { _ = try await sink.page(page(to: nil)) } throws: { ($0 as? PluginFailure)?.reason == .unknownRecipient }
        await #expect { _ = try await sink.page(page(count: 0)) } throws: { ($0 as? PluginFailure)?.disposition == .permanent }
    }

    @Test func itSaysWhichChannelItNames() throws {
        let settings = try decodeSettings(ChannelSinkSettings.self, ["channel": "sms"])
        #expect(ChannelAlertSink.references(in: settings) == [InstanceReference(key: "channel", name: "sms", kind: .channel)])
        #expect(
            ChannelAlertSink.manifest.contacts.isEmpty && ChannelAlertSink.manifest.sendsThrough == .channel
                && ChannelSinkSettings.schema.problems == [])
    }
}
