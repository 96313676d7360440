import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import WhatsAppChannel

@Suite(.timeLimit(.minutes(1))) struct SendTests {
    private func sent(_ message: OutboundMessage, _ more: [String: JSONValue] = [:]) async throws -> [JSONValue] {
        try await Desk.run(more) { (desk: Desk) async throws in
            let result = try await desk.plugin.send(message)
            #expect(result.state == .sent)
            #expect(result.vendorIDs == (1...max(1, desk.meta.messages.count)).map { "wamid.OUT\($0)" })
            return desk.meta.messages
        }
    }

    @Test func aTextGoesOutWithItsContextAndJacksID() async throws {
        let bodies = try await sent(.to("Frühstück ab 7 😊", inReplyTo: "wamid.IN1"))
        #expect(
            bodies == [
                [
                    "messaging_product": "whatsapp", "recipient_type": "individual", "to": "16505551234", "type": "text",
                    "text": ["body": "Frühstück ab 7 😊", "preview_url": false], "context": ["message_id": "wamid.IN1"],
                    "biz_opaque_callback_data": "msg-1",
                ]
            ])
    }

    @Test func aLinkHasAPreviewUnlessTheHotelWantsNone() async throws {
        #expect(try await sent(.to("https://example.com")).first?["text"]?["preview_url"] == true)
        #expect(try await sent(.to("https://example.com"), ["link_previews": false]).first?["text"]?["preview_url"] == false)
    }

    @Test func anIDThatIsNotMetasIsNoContext() async throws {
        #expect(try await sent(.to("x", inReplyTo: "msg-of-another-channel")).first?["context"] == nil)
    }

    @Test func aGuestWithoutANumberIsWrittenToByTheUserID() async throws {
        let body = try await sent(.to("hi", peer: PeerAddress(.handle, "US.13491208655302741918"))).first
        #expect(body?["recipient"] == "US.13491208655302741918" && body?["to"] == nil)
    }

    @Test(arguments: [PeerAddress(.email, "a@b.c"), PeerAddress(.session, "x4711"), PeerAddress(.phone, "0170"), PeerAddress(.handle, "@ana")])
    func whoHasNoAddressHereIsUnknown(_ peer: PeerAddress) async throws {
        try await Desk.run { (desk: Desk) async throws in
            let failure = await desk.failure(.to("hi", peer: peer))
            #expect(failure?.reason == .unknownRecipient && failure?.disposition == .permanent)
            #expect(desk.server.requests.isEmpty)
            #expect(failure?.description.contains(peer.value) == false)
        }
    }

    @Test func upToThreeShortRepliesAreButtons() async throws {
        let replies = (1...3).map { QuickReply(id: "r\($0)", title: "Answer \($0)") }
        let interactive = try await sent(.to("Which?", replies: replies)).first?["interactive"]
        #expect(interactive?["type"] == "button" && interactive?["body"]?["text"] == "Which?")
        let buttons = interactive?["action"]?["buttons"]?.arrayValue
        #expect(buttons?.compactMap { $0["reply"]?["id"]?.stringValue } == ["r1", "r2", "r3"])
    }

    @Test(arguments: [4, 10]) func upToTenAreAList(_ count: Int) async throws {
        let replies = (1...count).map { QuickReply(id: "r\($0)", title: "Answer \($0)") }
        let interactive = try await sent(.to("Welche?", replies: replies, locale: "de-AT")).first?["interactive"]
        #expect(interactive?["type"] == "list" && interactive?["action"]?["button"] == "Auswahl")
        #expect(interactive?["action"]?["sections"]?.arrayValue?.first?["rows"]?.arrayValue?.count == count)
    }

    @Test func moreAreWrittenOut() async throws {
        let replies = (1...11).map { QuickReply(id: "r\($0)", title: "Answer \($0)") }
        let body = try await sent(.to("Which?", replies: replies)).first
        #expect(body?["type"] == "text")
        #expect(body?["text"]?["body"]?.stringValue?.hasPrefix("Which?\n\n1. Answer 1\n2. Answer 2") == true)
        #expect(body?["text"]?["body"]?.stringValue?.hasSuffix("11. Answer 11") == true)
    }

    @Test func aLongTitleStandsWholeInAList() async throws {
        let long = "Please have somebody bring two more pillows up"
        let interactive = try await sent(.to("Which?", replies: [.init(id: "a", title: long), .init(id: "b", title: "No")])).first?["interactive"]
        let row = interactive?["action"]?["sections"]?.arrayValue?.first?["rows"]?.arrayValue?.first
        #expect(row?["title"]?.stringValue?.utf16.count == 24 && row?["description"] == .string(long))
    }

    @Test(arguments: [
        [QuickReply(id: "a", title: "Yes"), QuickReply(id: "a", title: "No")], [QuickReply(id: "", title: "Yes")],
        [QuickReply(id: "a", title: " "), QuickReply(id: "b", title: "No")],
        [QuickReply(id: String(repeating: "x", count: 300), title: "Yes")],
    ])
    func repliesThatMetaWouldRefuseAreWrittenOut(_ replies: [QuickReply]) async throws {
        #expect(try await sent(.to("Which?", replies: replies)).map { $0["type"] } == ["text"])
    }

    @Test func aLongTextBeforeButtonsGoesAhead() async throws {
        let text = String(repeating: "Breakfast is from seven to ten. ", count: 60)
        let bodies = try await sent(.to(text, replies: [.init(id: "a", title: "Yes")], inReplyTo: "wamid.IN1"))
        #expect(bodies.map { $0["type"] } == ["text", "interactive"])
        #expect(bodies.map { $0["context"] != nil } == [true, false])
        let words = bodies.compactMap { $0["text"]?["body"]?.stringValue ?? $0["interactive"]?["body"]?["text"]?.stringValue }.joined(separator: " ")
        #expect(words.split(whereSeparator: \.isWhitespace) == text.split(whereSeparator: \.isWhitespace))
    }

    @Test func aTextBeyondTheLimitIsSplit() async throws {
        let bodies = try await sent(.to(String(repeating: "Breakfast is from seven to ten. ", count: 400)))
        #expect(bodies.count == 4 && bodies.allSatisfy { $0["text"]?["body"]?.stringValue?.hasSuffix("ten.") == true })
    }

    @Test func aPlaceGoesOut() async throws {
        let place = GeoLocation(latitude: 38.7, longitude: -9.1, name: "Hotel", address: "Rua 1")
        let bodies = try await sent(.to("Here", location: place))
        #expect(bodies.map { $0["type"] } == ["location", "text"])
        #expect(bodies.first?["location"] == ["latitude": 38.7, "longitude": -9.1, "name": "Hotel", "address": "Rua 1"])
    }

    @Test func whatCannotBeSentIsRefusedBeforeMetaIsAsked() async throws {
        try await Desk.run { (desk: Desk) async throws in
            for message: OutboundMessage in [
                .to(""), .to(" \n"), .to("x", location: GeoLocation(latitude: .nan, longitude: 0)),
                .to("x", location: GeoLocation(latitude: 91, longitude: 0)),
                .to("x", media: [.init(kind: .image, reference: "http://example.com/a.png")]),
                .to("x", media: [.init(kind: .image, reference: "../x")]),
                .to("x", media: [.init(kind: .image, reference: "data:image/png,notbase64")]),
                .to("x", media: [.init(kind: .image, reference: "https://")]),
            ] {
                let failure = await desk.failure(message)
                #expect(failure?.disposition == .permanent && failure?.reason == .invalidRequest, "\(message)")
            }
            #expect(desk.server.requests.isEmpty)
        }
    }

    @Test func aTemplateGoesOutInPlaceOfTheText() async throws {
        let template = MessageTemplate(name: "checkin_ready", locale: "pt-BR", parameters: ["Ana\nMaria", "204"])
        let bodies = try await sent(.to("free text", template: template, inReplyTo: "wamid.IN1"))
        #expect(
            bodies.first?["template"] == [
                "name": "checkin_ready", "language": ["code": "pt_BR"],
                "components": [["type": "body", "parameters": [["type": "text", "text": "Ana Maria"], ["type": "text", "text": "204"]]]],
            ])
        #expect(bodies.count == 1 && bodies.first?["context"] == nil)
        let bare = try await sent(.to(template: MessageTemplate(name: "hello_world", locale: "en_US")))
        #expect(bare.first?["template"] == ["name": "hello_world", "language": ["code": "en_US"]])
    }

    /// A message of several parts whose second failed: the retry goes on with the second.
    @Test func aRetryDoesNotRepeatWhatHasLeft() async throws {
        try await Desk.run { (desk: Desk) async throws in
            desk.meta.next(nil, FakeMeta.error(131_000, status: 500))
            let message = OutboundMessage.to(String(repeating: "Breakfast is from seven to ten. ", count: 300))
            #expect(await desk.failure(message)?.disposition == .notReady)
            #expect(desk.meta.messages.count == 1)
            let ids = try await desk.plugin.send(message).vendorIDs
            #expect(ids.first == "wamid.OUT1" && ids.count == 3 && Set(ids).count == 3)
            #expect(desk.meta.messages.count == 3)
            // The process died before the kernel wrote down that it had left.
            #expect(try await desk.plugin.send(message).vendorIDs == ids)
            #expect(desk.meta.messages.count == 3)
            // What gives the id back says that all has left.
            #expect(desk.meta.messages.map { $0["biz_opaque_callback_data"]?.stringValue ?? "" } == ["", "", "msg-1"])
        }
    }

    @Test func readingAndTypingAreTold() async throws {
        try await Desk.run { (desk: Desk) async throws in
            try await desk.plugin.indicateTyping(to: Desk.guest)
            #expect(desk.server.requests.isEmpty)
            _ = try await desk.plugin.take(Hook.text("hi", id: "wamid.LAST"))
            _ = try await desk.plugin.take(Hook.status(status: "read"))
            try await desk.plugin.indicateTyping(to: Desk.guest)
            try await desk.plugin.markRead("wamid.IN7", from: Desk.guest)
            #expect(
                desk.meta.messages == [
                    ["messaging_product": "whatsapp", "status": "read", "message_id": "wamid.LAST", "typing_indicator": ["type": "text"]],
                    ["messaging_product": "whatsapp", "status": "read", "message_id": "wamid.IN7"],
                ])
        }
    }

    @Test(arguments: ["", "{}", "x", #"{"success":false}"#]) func aNoticeThatIsNotConfirmedIsNoSuccess(_ body: String) async throws {
        try await Desk.run([:], answer: { _ in .json(body) }) { (desk: Desk) async throws in
            await #expect {
                try await desk.plugin.markRead("wamid.IN7", from: Desk.guest)
            } throws: {
                ($0 as? PluginFailure)?.reason == .malformedReply
            }
        }
    }

    @Test func theLastMessagesDoNotGrowWithoutEnd() throws {
        let last = LastMessages()
        for number in 0..<10_000 {
            last.note([InboundEvent(vendorID: "m\(number)", peer: PeerAddress(.phone, "+\(number)"), .message(InboundMessage(text: "x")))])
        }
        #expect(last.id(of: PeerAddress(.phone, "+9999")) == "m9999")
        #expect(last.id(of: PeerAddress(.phone, "+0")) == nil)
        #expect((0..<10_000).count { last.id(of: PeerAddress(.phone, "+\($0)")) != nil } <= 2 * LastMessages.capacity)
    }

    @Test func requestsAreSignedWithTheSecretWhereMetaAsksForIt() async throws {
        try await Desk.run(["app_secret_proof": true]) { (desk: Desk) async throws in
            _ = try await desk.plugin.send(.to("x"))
            let proof = Hook.signature(Array(FakeMeta.token.utf8)).dropFirst(7)
            #expect(desk.server.requests.first?.target.hasSuffix("?appsecret_proof=\(proof)") == true)
        }
    }

    @Test func withoutATokenNothingIsSentAndTheInstanceLivesOn() async throws {
        let plugin = try TestContext().make(WhatsApp.self, ["phone_number_id": "106540352242922"])
        await #expect { try await plugin.send(.to("x")) } throws: { error in
            (error as? PluginFailure)?.disposition == .permanent && (error as? PluginFailure)?.reason == .configuration
        }
    }

    @Test func manySendsAtOnceKeepApart() async throws {
        try await Desk.run { (desk: Desk) async throws in
            let ids = try await withThrowingTaskGroup(of: [String].self) { group in
                for number in 0..<50 { group.addTask { try await desk.plugin.send(.to("text \(number)", id: "m\(number)")).vendorIDs } }
                return try await group.reduce(into: [String]()) { $0 += $1 }
            }
            #expect(Set(ids).count == 50)
            #expect(Set(desk.meta.messages.compactMap { $0["text"]?["body"]?.stringValue }).count == 50)
        }
    }

    @Test func stopIsSafeAtAnyTime() async throws {
        let plugin = try Desk.offline()
        await plugin.stop()
        try await plugin.start()
        await plugin.stop()
        await plugin.stop()
    }
}
