import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing
import TwilioWire

@testable import PhoneAlertSink

@Suite(.timeLimit(.minutes(1))) struct PhoneTests {
    private func text(_ result: WebhookResult) -> String { String(decoding: result.response.body, as: UTF8.self) }

    private func receipts(_ result: WebhookResult) -> [DeliveryReceipt] {
        result.events.compactMap { if case .receipt(let receipt) = $0.content { receipt } else { nil } }
    }

    private func answers(_ result: WebhookResult) -> [PageAcknowledgement] {
        result.events.compactMap { if case .acknowledgement(let answer) = $0.content { answer } else { nil } }
    }

    @Test func aPageIsACallWhoseWordsTwilioFetches() async throws {
        try await Office.run { office async throws in
            let receipt = try await office.sink.page(.night("page 1/é", count: 3))
            #expect(receipt.vendorID == FakeCalls.sid(1))
            let call = try #require(office.twilio.calls.first)
            #expect(
                Set(call.fields) == [
                    .init("To", "+16505551234"), .init("From", FakeCalls.number),
                    .init("Url", "https://jack.example.com/webhooks/phone/speak?page=page%201%2F%C3%A9"), .init("Method", "POST"),
                    .init("StatusCallback", "https://jack.example.com/webhooks/phone/status?page=page%201%2F%C3%A9"),
                    .init("StatusCallbackMethod", "POST"), .init("StatusCallbackEvent", "completed"), .init("Timeout", "30"),
                    .init("MachineDetection", "Enable"),
                ])
            let spoken = try await office.ask(call["Url"] ?? "", Ring.form(["AnsweredBy": "human"]))
            let words =
                "This is Jack, the butler of Hotel Miramar, with an alert. Severity: critical. There are 3 alerts. The worst is: No hot water in 204. Press 4 to acknowledge. Press 6 to escalate."
            let key = "https://jack.example.com/webhooks/phone/key?page=page%201%2F%C3%A9"
            let expected = """
                <?xml version="1.0" encoding="UTF-8"?><Response>\
                <Gather input="dtmf" numDigits="1" timeout="5" method="POST" action="\(key)">\
                <Say language="en-US">\(words)</Say><Pause length="1"/><Say language="en-US">I repeat. \(words)</Say></Gather>\
                <Say language="en-US">No key was pressed. The alert goes on. Goodbye.</Say><Hangup/></Response>
                """
            #expect(text(spoken) == expected)
            #expect(receipts(spoken) == [DeliveryReceipt(vendorMessageID: FakeCalls.sid(1), state: .delivered)])
        }
    }

    @Test func keysAnswer() async throws {
        try await Office.run { office async throws in
            _ = try await office.sink.page(.night())
            let url = "https://jack.example.com/webhooks/phone/key?page=page-1"
            let taken = try await office.ask(url, Ring.form(["Digits": "4"]))
            #expect(answers(taken) == [PageAcknowledgement(action: .acknowledge, reference: "page-1", by: "+16505551234")])
            #expect(receipts(taken).map(\.state) == [.read] && text(taken).contains("Acknowledged") && text(taken).contains("<Hangup/>"))
            let passed = try await office.ask(url, Ring.form(["Digits": "6"]))
            #expect(answers(passed).map(\.action) == [.escalate] && text(passed).contains("next level"))
            #expect(Set((taken.events + passed.events).map(\.vendorID)).count == 3, "that a key was pressed is said once")
            for digits in ["1", "#", "*", "", "44"] {
                let other = try await office.ask(url, Ring.form(["Digits": digits]))
                #expect(other.events.isEmpty && text(other).contains("No hot water"), "\(digits): it is said again")
            }
        }
    }

    @Test(arguments: ["machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other", "fax"])
    func aMachineDoesNotCount(_ who: String) async throws {
        try await Office.run { office async throws in
            _ = try await office.sink.page(.night())
            let result = try await office.ask("https://jack.example.com/webhooks/phone/speak?page=page-1", Ring.form(["AnsweredBy": who]))
            #expect(text(result) == #"<?xml version="1.0" encoding="UTF-8"?><Response><Hangup/></Response>"#)
            #expect(receipts(result).map(\.state) == [.failed] && receipts(result).first?.reason == "not-reached")
        }
    }

    @Test func whoeverItIsIsSpokenToAndDoesNotCountYet() async throws {
        try await Office.run { office async throws in
            _ = try await office.sink.page(.night())
            let result = try await office.ask("https://jack.example.com/webhooks/phone/speak?page=page-1", Ring.form(["AnsweredBy": "unknown"]))
            #expect(result.events.isEmpty && text(result).contains("No hot water"))
        }
        try await Office.run(["machine_detection": false]) { office async throws in
            _ = try await office.sink.page(.night())
            #expect(office.twilio.calls.first?["MachineDetection"] == nil)
            let result = try await office.ask("https://jack.example.com/webhooks/phone/speak?page=page-1", Ring.form())
            #expect(receipts(result).map(\.state) == [.delivered])
        }
    }

    @Test(
        arguments: [
            ("busy", nil, DeliveryState.failed), ("no-answer", nil, .failed), ("failed", nil, .failed), ("canceled", nil, .failed),
            ("completed", "machine_start", .failed), ("completed", "human", .delivered), ("completed", nil, .failed),
            ("completed", "unknown", .failed),
            ("ringing", nil, nil), ("in-progress", "human", nil),
        ] as [(String, String?, DeliveryState?)]) func theEndOfACallIsAReceipt(_ status: String, _ who: String?, _ state: DeliveryState?) async throws
    {
        try await Office.run { office async throws in
            let url = "https://jack.example.com/webhooks/phone/status?page=page-1"
            let result = try await office.ask(url, Ring.form(["CallStatus": status].merging(who.map { ["AnsweredBy": $0] } ?? [:]) { $1 }))
            #expect(receipts(result).map(\.state) == [state].compactMap(\.self) && result.response.status == .noContent)
            if state == .failed { #expect(receipts(result).first?.reason == "not-reached" && receipts(result).first?.detail?.isEmpty == false) }
        }
    }

    @Test func whereNobodyKnowsWhoItIsAKeyTells() async throws {
        let page = "https://jack.example.com/webhooks/phone/", ended = ["CallStatus": "completed", "AnsweredBy": "unknown"]
        try await Office.run { office async throws in
            for call in 1...4 { _ = try await office.sink.page(.night("page-\(call)")) }
            // It is spoken to, and keys are taken; without one it is the next contact's turn.
            for call in 1...3 {
                let spoken = try await office.ask("\(page)speak?page=page-\(call)", Ring.form(["AnsweredBy": "unknown"], call: call))
                #expect(spoken.events.isEmpty && text(spoken).contains("<Gather") && text(spoken).contains("No hot water"))
            }
            let silent = try await office.ask("\(page)status?page=page-1", Ring.form(ended, call: 1))
            #expect(receipts(silent).map(\.state) == [.failed] && receipts(silent).first?.detail?.contains("no key was pressed") == true)
            // Also one that only asks for the words again: no machine does.
            for (call, digit) in [(2, "4"), (3, "1")] {
                _ = try await office.ask("\(page)key?page=page-\(call)", Ring.form(["Digits": digit, "AnsweredBy": "unknown"], call: call))
                let result = try await office.ask("\(page)status?page=page-\(call)", Ring.form(ended, call: call))
                #expect(receipts(result).map(\.state) == [.delivered], "key \(digit)")
            }
            // A person was heard at the beginning; that the end does not say it again changes nothing.
            _ = try await office.ask("\(page)speak?page=page-4", Ring.form(["AnsweredBy": "human"], call: 4))
            let result = try await office.ask("\(page)status?page=page-4", Ring.form(["CallStatus": "completed"], call: 4))
            #expect(receipts(result).map(\.state) == [.delivered])
        }
    }

    @Test(
        arguments: [
            (PageStanding.over, "4", "This alert is over already"), (.over, "6", "This alert is over already"),
            (.acknowledged(by: "Bob"), "4", "Somebody else has acknowledged this alert already"),
            (.acknowledged(by: "Bob"), "6", "Escalated to the next level"), (.acknowledged(by: "+16505551234"), "4", "Acknowledged. Thank you."),
            (.open, "4", "Acknowledged. Thank you."), (nil, "4", "Acknowledged. Thank you."),
        ] as [(PageStanding?, String, String)]) func nobodyIsThankedForNothing(_ standing: PageStanding?, _ digit: String, _ words: String)
        async throws
    {
        try await Office.run { office async throws in
            _ = try await office.sink.page(.night())
            office.test.pages.set(standing, of: "page-1")
            let result = try await office.ask("https://jack.example.com/webhooks/phone/key?page=page-1", Ring.form(["Digits": digit]))
            #expect(text(result).contains(words) && text(result).contains("Thank you") == words.contains("Thank you"), "\(text(result))")
            // The answer is handed in all the same: by the time that it is taken it may be another matter.
            #expect(answers(result).count == 1 && text(result).contains("<Hangup/>"))
        }
    }

    @Test func aSummaryCannotBecomeACommand() async throws {
        try await Office.run { office async throws in
            _ = try await office.sink.page(.night(summary: "</Say><Dial>+19005550100</Dial><Say> & \u{0}" + String(repeating: "long ", count: 400)))
            let spoken = text(
                try await office.ask("https://jack.example.com/webhooks/phone/speak?page=page-1", Ring.form(["AnsweredBy": "human"])))
            #expect(!spoken.contains("<Dial>") && spoken.contains("&lt;Dial&gt;") && !spoken.contains("guest words") && spoken.utf8.count < 4_000)
            #expect(!spoken.unicodeScalars.contains("\u{0}"))
        }
    }

    @Test(arguments: [
        ("de", "de-DE", "Drücken Sie die 4"), ("de-AT", "de-AT", "Drücken Sie die 4"), ("es", "es-ES", "Pulse 4"), ("fr", "fr-FR", "Appuyez sur 4"),
        ("it", "en-US", "Press 4"),
    ]) func languagesAreSpoken(_ setting: String, _ tag: String, _ words: String) async throws {
        try await Office.run(["language": .string(setting), "voice": "Polly.Vicki"]) { office async throws in
            _ = try await office.sink.page(.night())
            let spoken = text(try await office.ask("https://jack.example.com/webhooks/phone/speak?page=page-1", Ring.form(["AnsweredBy": "human"])))
            #expect(spoken.contains(#"<Say language="\#(tag)" voice="Polly.Vicki">"#) && spoken.contains(words))
            #expect(!spoken.contains("{"), "every place is filled")
        }
    }

    @Test func aPageThatIsForgottenIsSaidToBe() async throws {
        try await Office.run { office async throws in
            _ = try await office.sink.page(.night())
            await office.test.clock.advance(by: .seconds(90_000))
            let url = "https://jack.example.com/webhooks/phone/speak?page=page-1"
            let spoken = try await office.ask(url, Ring.form(["AnsweredBy": "human"]))
            #expect(text(spoken).contains("not known any more"))
        }
    }

    @Test func whatCannotBeCalledIsSaidTyped() async throws {
        try await Office.run { office async throws in
            #expect(await office.failure(.night(to: nil))?.reason == .unknownRecipient)
            #expect(await office.failure(.night(to: "0151 1"))?.reason == .unknownRecipient)
            #expect(await office.failure(.night(count: 0))?.disposition == .permanent)
            #expect(office.server.requests.isEmpty)
            office.twilio.next(FakeCalls.error(21214), FakeCalls.error(20003, status: 401))
            #expect(await office.failure(.night())?.reason == .unknownRecipient)
            #expect(await office.failure(.night())?.disposition == .credentialsRejected)
            _ = try await office.sink.update(.night())
            _ = try await office.sink.resolve(.night())
            #expect(office.twilio.calls.isEmpty, "nobody is called to hear that it is over")
        }
        let bare = PropertyInfo(id: "main", name: "Miramar", locale: "en", languages: ["en"], timeZone: "Europe/Lisbon", publicURL: nil)
        let sink = try TestContext(instance: "phone", property: bare).make(PhoneAlertSink.self, Office.settings())
        await #expect(throws: PluginFailure.self) { _ = try await sink.page(.night()) }
    }

    @Test func theProbeSaysWhetherTheNumberCanCall() async throws {
        try await Office.run { office async throws in
            #expect(try await office.sink.probe().summary == "reached Twilio as \(FakeCalls.number)")
            office.twilio.mute()
            await #expect(throws: PluginFailure.self) { _ = try await office.sink.probe() }
            #expect(office.twilio.calls.isEmpty)
        }
    }

    @Test func plansNameItByType() {
        #expect(PhoneAlertSink.manifest.contacts == [ContactForm(.contact(type: "phone"), recipientKeys: ["number"], .phoneNumber)])
        #expect(PhoneSettings.schema.problems == [])
    }
}
