import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing
import TwilioWire

@testable import TwilioSMSChannel

@Suite struct SMSTextTests {
    @Test(arguments: [
        ("", 1), (String(repeating: "a", count: 160), 1), (String(repeating: "a", count: 161), 2), (String(repeating: "a", count: 306), 2),
        (String(repeating: "a", count: 307), 3), (String(repeating: "€", count: 80), 1), (String(repeating: "€", count: 81), 2),
        // 153 septets a segment: 76 escapes with their characters, and one place that none fits into.
        (String(repeating: "€", count: 152), 2), (String(repeating: "€", count: 153), 3), (String(repeating: "ä", count: 160), 1),
        (String(repeating: "ç", count: 71), 2), (String(repeating: "早", count: 70), 1), (String(repeating: "早", count: 71), 2),
        (String(repeating: "早", count: 134), 2), (String(repeating: "早", count: 135), 3), (String(repeating: "👍", count: 35), 1),
        (String(repeating: "👍", count: 36), 2), ("a’b", 1), (String(repeating: "x", count: 69) + "’x", 2),
    ]) func segmentsAreCountedAsCarriersCountThem(_ text: String, _ segments: Int) { #expect(SMSText.segments(text) == segments) }
}

@Suite(.timeLimit(.minutes(1))) struct SMSSendTests {
    @Test func aTextGoesOutAsTheDocumentSays() async throws {
        try await Desk.run { desk async throws in
            let result = try await desk.plugin.send(.to("Grüße & „bis später“ 👍"))
            #expect(result.vendorIDs == [FakeTwilio.sid(1)] && result.state == .queued && result.billedUnits == 1)
            let form = try #require(desk.twilio.messages.first)
            #expect(
                Set(form.fields) == [
                    .init("To", "+16505551234"), .init("From", FakeTwilio.number), .init("Body", "Grüße & „bis später“ 👍"),
                    .init("StatusCallback", "https://jack.example.com/webhooks/sms/status"),
                ])
        }
    }

    @Test func anAPIKeySendsAndTheTokenOnlySigns() async throws {
        try await Desk.run(["api_key": .string(FakeTwilio.key), "api_secret": .string(FakeTwilio.keySecret)]) { desk async throws in
            _ = try await desk.plugin.send(.to("Hello"))
            let name = "\(FakeTwilio.key):\(FakeTwilio.keySecret)"
            #expect(desk.server.requests.first?.header("Authorization") == "Basic " + Data(name.utf8).base64EncodedString())
        }
    }

    @Test func aServiceChoosesTheNumberAndSegmentsAreCountedHere() async throws {
        try await Desk.run(["from": .null, "messaging_service_sid": .string(FakeTwilio.service), "smart_encoding": true]) { desk async throws in
            let result = try await desk.plugin.send(.to(String(repeating: "a", count: 200)))
            #expect(result.billedUnits == 2)
            let form = try #require(desk.twilio.messages.first)
            #expect(form["MessagingServiceSid"] == FakeTwilio.service && form["From"] == nil && form["SmartEncoded"] == "true")
        }
    }

    @Test func aLongTextGoesInPartsAndARetryGoesOnWhereItEnded() async throws {
        try await Desk.run(["maximum_length": 4_000]) { desk async throws in
            let text = (1...500).map { "word\($0)" }.joined(separator: " ")
            desk.twilio.next(nil, FakeTwilio.error(20503, status: 503))
            #expect(await desk.failure(.to(text))?.disposition == .notReady)
            let result = try await desk.plugin.send(.to(text))
            #expect(result.vendorIDs.count == 3 && Set(result.vendorIDs).count == 3)
            let bodies = desk.twilio.messages.map { $0["Body"] ?? "" }
            #expect(bodies.joined(separator: " ") == text, "each part once, cut between words")
            #expect(result.billedUnits == bodies.map(SMSText.segments).reduce(0, +))
        }
    }

    @Test func filesGoAsMMSOrAsLinks() async throws {
        let picture = MediaReference(kind: .image, reference: "https://hotel.example/map.png", caption: "The map")
        try await Desk.run(["mms": true]) { desk async throws in
            _ = try await desk.plugin.send(.to("Here", media: [picture]))
            #expect(
                desk.twilio.messages.first?["MediaUrl"] == "https://hotel.example/map.png" && desk.twilio.messages.first?["Body"] == "Here\nThe map")
            #expect(desk.plugin.features.media.contains(.image))
        }
        try await Desk.run { desk async throws in
            _ = try await desk.plugin.send(.to("Here", media: [picture]))
            #expect(desk.twilio.messages.first?["MediaUrl"] == nil)
            #expect(desk.twilio.messages.first?["Body"] == "Here\nThe map\nhttps://hotel.example/map.png")
            let inside = MediaReference(kind: .image, reference: "data:image/png;base64,AA==")
            #expect(await desk.failure(.to("x", media: [inside]))?.reason == .invalidRequest)
        }
    }

    @Test func placesAndRepliesBecomeLines() async throws {
        try await Desk.run { desk async throws in
            _ = try await desk.plugin.send(
                .to("Where?", location: GeoLocation(latitude: 38.7, longitude: -9.1, name: "Miramar"), replies: [QuickReply(id: "a", title: "Yes")]))
            #expect(desk.twilio.messages.first?["Body"] == "Where?\nMiramar\nhttps://maps.google.com/?q=38.7,-9.1\n- Yes")
        }
    }

    @Test func whatCannotBeSentIsSaidTyped() async throws {
        try await Desk.run { desk async throws in
            #expect(await desk.failure(.to(" \n"))?.reason == .invalidRequest)
            #expect(await desk.failure(.to("x", peer: PeerAddress(.email, "a@b.c")))?.reason == .unknownRecipient)
            #expect(await desk.failure(.to("x", peer: PeerAddress(.phone, "0151 1")))?.reason == .unknownRecipient)
            #expect(desk.server.requests.isEmpty)
            desk.twilio.next(
                FakeTwilio.error(21610), FakeTwilio.error(20429, status: 429),
                .json(#"{"sid":"\#(FakeTwilio.sid(9))","status":"failed","error_code":30007}"#, status: 201))
            #expect(await desk.failure(.to("x"))?.reason == .optedOut)
            #expect(await desk.failure(.to("x"))?.reason == .rateLimited)
            #expect(await desk.failure(.to("x"))?.reason == .contentFiltered)
        }
        try await Desk.run(["from": .null]) { desk async throws in #expect(await desk.failure(.to("x"))?.reason == .configuration) }
    }

    @Test func theProbeSaysWhoseNumberItIs() async throws {
        try await Desk.run { desk async throws in
            #expect(try await desk.plugin.probe().summary == "reached Twilio as \(FakeTwilio.number)")
            desk.twilio.own([])
            await #expect(throws: PluginFailure.self) { _ = try await desk.plugin.probe() }
            #expect(desk.server.requests.allSatisfy { $0.method == "GET" })
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct SMSReceiveTests {
    @Test func aTextBecomesAMessageAndTheAnswerIsEmpty() async throws {
        try await Desk.run { desk async throws in
            let result = try await desk.take("", Hook.message("Is the spa open? 👍"))
            #expect(String(decoding: result.response.body, as: UTF8.self) == #"<?xml version="1.0" encoding="UTF-8"?><Response></Response>"#)
            #expect(result.response.headers[.contentType]?.hasPrefix("text/xml") == true)
            let event = try #require(result.events.first)
            #expect(event.vendorID == FakeTwilio.sid(1_001) && event.peer == PeerAddress(.phone, "+16505551234"))
            guard case .message(let message) = event.content else { throw PluginFailure.permanent(.invalidRequest, "no message") }
            #expect(message.text == "Is the spa open? 👍" && message.media.isEmpty)
        }
    }

    @Test(arguments: [
        ("STOP", [false], false), (" stop \n", [false], false), ("Unsubscribe", [false], false), ("ARRÊT", [false], false), ("cancel", [false], true),
        ("START", [true], false), ("unstop", [true], false), ("Yes", [true], true), ("HELP", [], true), ("info", [], true), ("stop please", [], true),
        ("please cancel", [], true), ("", [], true),
    ]) func wordsOfLeavingAndComingBack(_ text: String, _ consent: [Bool], _ isMessage: Bool) async throws {
        try await Desk.run { desk async throws in
            let events = try await desk.take("", Hook.message(text)).events
            #expect(events.compactMap { if case .consent(let wanted) = $0.content { wanted } else { nil } } == consent)
            #expect(events.contains { if case .message = $0.content { true } else { false } } == isMessage)
            #expect(Set(events.map(\.vendorID)).count == events.count)
        }
    }

    @Test func aServiceSaysWhatItsOwnWordsMean() async throws {
        try await Desk.run { desk async throws in
            func consent(_ text: String, _ type: String) async throws -> [InboundEvent.Content] {
                try await desk.take("", Hook.message(text, [.init("OptOutType", type)])).events.map(\.content)
            }
            #expect(try await consent("BASTA", "STOP") == [.consent(false)])
            #expect(try await consent("ANCORA", "START") == [.consent(true)])
            #expect(try await consent("AIUTO", "HELP") == [.message(InboundMessage(text: "AIUTO"))])
        }
    }

    @Test func filesAreNamedAndFetchedWithCredentialsOnlyWhereTheyBelong() async throws {
        try await Desk.run { desk async throws in
            let base = "http://127.0.0.1:\(desk.server.port)"
            let result = try await desk.take(
                "", Hook.message("", [.init("NumMedia", "1"), .init("MediaUrl0", base + FakeTwilio.media), .init("MediaContentType0", "image/jpeg")]))
            guard case .message(let message)? = result.events.first?.content, let file = message.media.first else {
                throw PluginFailure.permanent(.invalidRequest, "no file")
            }
            #expect(file.kind == .image && file.mimeType == "image/jpeg" && message.text == nil)
            desk.twilio.keep(FakeTwilio.media, .redirect(to: base + "/files/a.jpg?Signature=x", status: 307))
            desk.twilio.keep("/files/a.jpg", .status(200, headers: [("Content-Type", "image/jpeg")], body: Array("a picture".utf8)))
            let content = try await desk.plugin.fetchMedia(file)
            #expect(content.bytes == Array("a picture".utf8) && content.mimeType == "image/jpeg")
            #expect(desk.server.requests.map { $0.header("Authorization") != nil } == [true, false])
            desk.twilio.keep(FakeTwilio.media, .status(200, headers: [("Content-Type", "image/jpeg")], body: Array("direct".utf8)))
            #expect(try await desk.plugin.fetchMedia(file).bytes == Array("direct".utf8))
        }
    }

    @Test func credentialsGoNowhereElse() async throws {
        try await Desk.run(["maximum_media": "16KB"]) { desk async throws in
            let base = "http://127.0.0.1:\(desk.server.port)"
            func failure(_ reference: String) async -> PluginFailure.Reason? {
                do {
                    _ = try await desk.plugin.fetchMedia(MediaReference(kind: .image, reference: reference))
                    return nil
                } catch { return (error as? PluginFailure)?.reason }
            }
            for reference in [
                "https://evil.example/x", base + "/other", base + FakeTwilio.media + "/../../../x", base + FakeTwilio.media + "?x=http://evil",
                "none",
                base.replacing("127.0.0.1", with: "127.0.0.1@evil.example") + FakeTwilio.media,
            ] { #expect(await failure(reference) == .invalidRequest, "\(reference)") }
            #expect(desk.server.requests.isEmpty)
            for place in ["http://evil.example/files/a", "ftp://127.0.0.1/a", "http://user:x@127.0.0.1/files/a", "//evil.example/", ""] {
                desk.twilio.keep(FakeTwilio.media, .redirect(to: place, status: 307))
                #expect(await failure(base + FakeTwilio.media) == .invalidRequest, "\(place)")
            }
            desk.twilio.keep(FakeTwilio.media, .status(200, headers: [], body: [UInt8](repeating: 1, count: 20_000)))
            #expect(await failure(base + FakeTwilio.media) != nil, "too large")
        }
    }

    @Test func receiptsSayHowFarAMessageCame() async throws {
        try await Desk.run { desk async throws in
            func receipt(_ status: String, _ error: Int? = nil) async throws -> DeliveryReceipt? {
                let result = try await desk.take("/status", Hook.status(FakeTwilio.sid(1), status, error: error))
                #expect(result.response.status == .noContent)
                guard case .receipt(let receipt)? = result.events.first?.content else { return nil }
                #expect(receipt.vendorMessageID == FakeTwilio.sid(1))
                return receipt
            }
            #expect(try await receipt("queued")?.state == .queued)
            #expect(try await receipt("sent")?.state == .sent)
            #expect(try await receipt("delivered")?.state == .delivered)
            #expect(try await receipt("undelivered", 30003)?.reason == "unreachable")
            #expect(try await receipt("failed", 30007)?.reason == "content-filtered")
            #expect(try await receipt("undelivered", 12345)?.reason == "vendor-fault")
            #expect(try await receipt("failed")?.detail == "Twilio does not say why")
            #expect(try await receipt("receiving") == nil)
        }
    }

    @Test func otherAccountsAndChannelsAreRefused() async throws {
        try await Desk.run { desk async throws in
            var foreign = Hook.message("x")
            foreign.fields = foreign.fields.map { $0.name == "AccountSid" ? .init("AccountSid", "AC" + String(repeating: "9", count: 32)) : $0 }
            await #expect(throws: PluginFailure.self) { _ = try await desk.take("", foreign) }
            var whatsapp = Hook.message("x")
            whatsapp.fields = whatsapp.fields.map { $0.name == "From" ? .init("From", "whatsapp:+16505551234") : $0 }
            await #expect(throws: PluginFailure.self) { _ = try await desk.take("", whatsapp) }
        }
    }

    @Test func withoutTheTokenNothingIsTakenAndNoReceiptPromised() throws {
        let plugin = try TestContext(instance: "sms").make(
            TwilioSMS.self, Desk.settings(["auth_token": .null, "api_key": .string(FakeTwilio.key), "api_secret": .string(FakeTwilio.keySecret)]))
        for case .webhook(let route) in plugin.routes { #expect(!route.verification.isConfigured) }
        #expect(plugin.features.receipts.isEmpty)
    }

    @Test func settingsThatCannotBeAreSaid() {
        func said(_ more: [String: JSONValue]) -> String? {
            do {
                _ = try validatedSettings(for: TwilioSMS.self, Desk.settings(more))
                return nil
            } catch { return "\(error)" }
        }
        #expect(said([:]) == nil && said(["from": "12345"]) == nil && said(["from": "Miramar"]) == nil)
        #expect(said(["from": "0151 234"])?.contains("not a sender") == true)
        #expect(said(["account_sid": "AC123"])?.contains("account SID") == true)
        #expect(said(["api_key": .string(FakeTwilio.key)])?.contains("go together") == true)
        #expect(TwilioSMSSettings.schema.problems == [])
    }
}
