import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import WhatsAppChannel

@Suite struct InboundTests {
    private func event(_ content: String) async throws -> InboundEvent {
        let events = try await Desk.offline().take(Hook.message(content))
        #expect(events.count == 1)
        return try #require(events.first)
    }

    private func message(_ content: String) async throws -> InboundMessage {
        guard case .message(let message) = try await event(content).content else { throw PluginFailure.permanent(.notFound, "no message") }
        return message
    }

    @Test func aTextArrivesWithItsSender() async throws {
        let event = try await event(##""type":"text","text":{"body":"H\u00f6ren Sie? \ud83d\ude0a"}"##)
        #expect(event.vendorID == "wamid.IN1")
        #expect(event.peer == PeerAddress(.phone, "+16505551234"))
        #expect(event.occurredAt == Date(timeIntervalSince1970: 1_756_814_383))
        #expect(event.content == .message(InboundMessage(text: "Hören Sie? 😊", displayName: "Sheena Nelson")))
    }

    /// A program that cuts a name or a text within an emoji loses neither to Jack.
    @Test func halfAnEmojiIsNoReasonToLoseAMessage() async throws {
        let event = try await event(##""type":"text","text":{"body":"no water \ud83d"}"##)
        #expect(event.content == .message(InboundMessage(text: "no water \u{FFFD}", displayName: "Sheena Nelson")))
    }

    @Test(arguments: [
        ("image", #"{"id":"1479537139650973","mime_type":"image/jpeg","sha256":"x","caption":"Das Zimmer"}"#, MediaReference.Kind.image),
        ("video", #"{"id":"14795371396509","mime_type":"video/mp4","url":"https://lookaside.fbsbx.com/x","caption":"Das Zimmer"}"#, .video),
        (
            "document", #"{"id":"1479537139650973","mime_type":"application/pdf","filename":"../../r\u00e9servation.pdf","caption":"Das Zimmer"}"#,
            .document
        ),
    ])
    func aFileArrivesAsAReferenceWithItsCaption(_ type: String, _ media: String, _ kind: MediaReference.Kind) async throws {
        let message = try await message(#""type":"\#(type)","\#(type)":\#(media)"#)
        #expect(message.text == "Das Zimmer")
        let reference = try #require(message.media.first)
        #expect(message.media.count == 1)
        #expect(reference.kind == kind)
        #expect(reference.reference.hasPrefix("14795371396509"))
        #expect(reference.caption == "Das Zimmer")
        #expect(reference.fileName == (kind == .document ? "réservation.pdf" : nil))
    }

    @Test func soundsAndStickersHaveNoText() async throws {
        let audio = try await message(#""type":"audio","audio":{"id":"77","mime_type":"audio/ogg; codecs=opus","voice":true}"#)
        #expect(
            audio
                == InboundMessage(
                    text: nil, media: [.init(kind: .audio, reference: "77", mimeType: "audio/ogg; codecs=opus")], displayName: "Sheena Nelson"))
        let sticker = try await message(#""type":"sticker","sticker":{"id":"78","mime_type":"image/webp","animated":false}"#)
        #expect(sticker.media.map(\.kind) == [.sticker])
    }

    @Test func aFileWithAStrangeIDIsNoReference() async throws {
        let message = try await message(#""type":"image","image":{"id":"../../me?fields=","caption":"hi"}"#)
        #expect(message.media.isEmpty)
        #expect(message.text == "hi")
    }

    @Test func aPlaceArrives() async throws {
        let message = try await message(
            #""type":"location","location":{"latitude":37.44,"longitude":-122.16,"name":"Philz","address":"101 Forest Ave"}"#)
        #expect(message.location == GeoLocation(latitude: 37.44, longitude: -122.16, name: "Philz", address: "101 Forest Ave"))
        let nowhere = try await self.message(#""type":"location","location":{"latitude":1e300,"longitude":0}"#)
        #expect(nowhere.location == nil)
    }

    @Test func cardsArriveAsText() async throws {
        let cards =
            ##"[{"name":{"formatted_name":"Barbara J. Johnson","first_name":"Barbara"},"phones":[{"phone":"+1 650 555 6789","wa_id":"1"}],"emails":[{"email":"b@example.com"}]},{"name":{"formatted_name":"Ana"}},7]"##
        #expect(try await message(#""type":"contacts","contacts":\#(cards)"#).text == "Barbara J. Johnson, +1 650 555 6789, b@example.com\nAna")
    }

    @Test func chosenRepliesNameTheirIDs() async throws {
        let button = try await message(
            #""type":"interactive","context":{"from":"1","id":"wamid.Q"},"interactive":{"type":"button_reply","button_reply":{"id":"yes","title":"Yes please"}}"#
        )
        #expect((button.text, button.quickReplyID, button.inReplyTo) == ("Yes please", "yes", "wamid.Q"))
        let list = try await message(
            #""type":"interactive","interactive":{"type":"list_reply","list_reply":{"id":"l1","title":"Late","description":"After noon"}}"#)
        #expect((list.text, list.quickReplyID, list.inReplyTo) == ("Late", "l1", nil))
        let template = try await message(#""type":"button","button":{"payload":"STOP","text":"Unsubscribe"},"context":{"id":""}"#)
        #expect((template.text, template.quickReplyID, template.inReplyTo) == ("Unsubscribe", "STOP", nil))
        let form = try await message(
            #""type":"interactive","interactive":{"type":"nfm_reply","nfm_reply":{"name":"flow","body":"Sent","response_json":"{}"}}"#)
        #expect(form.text == "Sent")
    }

    @Test func aReactionArrivesAndIsTakenBack() async throws {
        let put = try await event(##""type":"reaction","reaction":{"message_id":"wamid.OUT9","emoji":"\ud83d\udc4d"}"##)
        #expect(put.content == .reaction(emoji: "👍", toVendorID: "wamid.OUT9"))
        #expect(put.vendorID == "wamid.IN1")
        for back in [#"{"message_id":"wamid.OUT9"}"#, #"{"message_id":"wamid.OUT9","emoji":""}"#] {
            #expect(try await event(#""type":"reaction","reaction":\#(back)"#).content == .reaction(emoji: "", toVendorID: "wamid.OUT9"))
        }
    }

    /// The guest wrote something, and must not wait in vain: what cannot be read arrives without words.
    @Test(arguments: [
        #""type":"unsupported","errors":[{"code":131051,"title":"Message type unknown","error_data":{"details":"Message type is currently not supported."}}],"unsupported":{"type":"poll"}"#,
        #""type":"unknown","errors":[{"code":501}]"#, #""type":"hologram","hologram":{"x":1}"#, #""type":"text""#,
        #""type":"text","text":{"body":7}"#,
        #""type":"image","image":"x""#, #""text":{"body":"typeless"}"#, #""type":"order","order":{"catalog_id":"1","product_items":[]}"#,
    ])
    func whatCannotBeReadArrivesWithoutWords(_ content: String) async throws {
        #expect(try await message(content) == InboundMessage(text: nil, displayName: "Sheena Nelson"))
    }

    @Test func theRestOfAnOrderAndOfAnAdvertisementIsLeftOut() async throws {
        #expect(try await message(#""type":"order","order":{"text":"two please","product_items":[{"quantity":2}]}"#).text == "two please")
        let referred = #""type":"text","text":{"body":"hi"},"referral":{"source_url":"https://fb.me/x","headline":"Buy"}"#
        #expect(try await message(referred) == InboundMessage(text: "hi", displayName: "Sheena Nelson"))
    }

    @Test(arguments: [
        #""type":"system","system":{"body":"User A changed from 16505551234 to 1800555987","wa_id":"1800555987","type":"user_changed_number"}"#,
        #""type":"system","system":{"type":"user_changed_user_id","user_id":"US.1"}"#, #""type":"system""#, #""type":"request_welcome""#,
        #""type":"revoke","revoke":{}"#,
        #""type":"interactive","interactive":{"type":"call_permission_reply","call_permission_reply":{"response":"accept"}}"#,
    ])
    func whatIsNoMessageOfTheGuestIsCountedAndNotStored(_ content: String) async throws {
        let test = TestContext(instance: "whatsapp")
        let plugin = try Desk.offline(test: test)
        #expect(try await plugin.take(Hook.message(content)).isEmpty)
        #expect(test.metrics.sum("jack_plugin_whatsapp_ignored_total") == 1)
        #expect(!test.logs.contains("1650555") && !test.logs.contains("1800555987"))
    }

    @Test func aGuestWithoutANumberIsKnownByTheUserID() async throws {
        let value =
            #""contacts":[{"profile":{"name":"Ana","username":"@ana"},"user_id":"BR.1502576394655843"}],"messages":[{"from_user_id":"BR.1502576394655843","id":"wamid.B","timestamp":"1756814383","type":"text","text":{"body":"oi"}}]"#
        let events = try await Desk.offline().take(Hook.body(Hook.change(value)))
        #expect(events.map(\.peer) == [PeerAddress(.handle, "BR.1502576394655843")])
        #expect(events.map(\.content) == [.message(InboundMessage(text: "oi", displayName: "Ana"))])
        // Where the number is there, it is what a stay is found by.
        let both = Hook.message(#""from_user_id":"US.1","type":"text","text":{"body":"x"}"#)
        #expect(try await Desk.offline().take(both).map(\.peer) == [Desk.guest])
    }

    @Test(arguments: [#""from":"","#, #""from":"abc","#, #""from":"0","#, #""from":"12345678901234567","#, "", #""from_user_id":"nobody","#])
    func aMessageOfNobodyIsNotStored(_ sender: String) async throws {
        let value = #""messages":[{\#(sender)"id":"wamid.N","timestamp":"1","type":"text","text":{"body":"x"}}]"#
        #expect(try await Desk.offline().take(Hook.body(Hook.change(value))).isEmpty)
    }

    @Test func aGroupIsNotAnswered() async throws {
        #expect(try await Desk.offline().take(Hook.message(#""group_id":"g1","type":"text","text":{"body":"all"}"#)).isEmpty)
    }

    @Test func aBatchKeepsItsOrderAndItsNames() async throws {
        func text(_ from: String, _ id: String) -> String {
            #"{"from":"\#(from)","id":"\#(id)","timestamp":"1756814383","type":"text","text":{"body":"\#(id)"}}"#
        }
        let two =
            #""contacts":[{"profile":{"name":"A"},"wa_id":"491700000001"},{"profile":{"name":"B"},"wa_id":"491700000002"}],"messages":[\#(text("491700000002", "m1")),\#(text("491700000001", "m2")),{"broken":true},\#(text("491700000003", "m3"))]"#
        let mixed =
            #"\#(Hook.contacts),"messages":[\#(text("16505551234", "m4"))],"statuses":[{"id":"wamid.OUT1","status":"read","timestamp":"1756814400","recipient_id":"16505551234"}]"#
        let other = #"{"id":"1","changes":[{"field":"account_update","value":{"event":"X"}},{"field":"messages"},null,7,\#(Hook.change(mixed))]}"#
        let body = #"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[\#(Hook.change(two))]},{},"x",\#(other)]}"#
        let events = try await Desk.offline().take(body)
        #expect(events.map(\.vendorID) == ["m1", "m2", "m3", "m4", "wamid.OUT1:read"])
        let names = events.map { event -> String? in if case .message(let message) = event.content { message.displayName } else { nil } }
        #expect(names == ["B", "A", nil, "Sheena Nelson", nil])
    }

    @Test func anotherNumbersMessagesAreNeverStored() async throws {
        let test = TestContext(instance: "whatsapp")
        let plugin = try Desk.offline(test: test)
        let value =
            #"\#(Hook.contacts),"messages":[{"from":"16505551234","id":"wamid.F","timestamp":"1756814383","type":"text","text":{"body":"secret words"}}]"#
        let body = Hook.body(Hook.change(value, number: "999999999999999"), Hook.change(value.replacing("wamid.F", with: "wamid.OK")))
        #expect(try await plugin.take(body).map(\.vendorID) == ["wamid.OK"])
        #expect(try await plugin.take(body).map(\.vendorID) == ["wamid.OK"])
        #expect(test.metrics.sum("jack_plugin_whatsapp_ignored_total") == 2)
        #expect(test.logs.contains("999999999999999") && !test.logs.contains("secret words"))
        #expect(test.logs.lines.count { $0.description.contains("another number") } == 1)
        let nameless = #"{"field":"messages","value":{\#(value)}}"#
        #expect(try await plugin.take(Hook.body(nameless)).isEmpty)
    }

    @Test func anotherObjectIsNotOurs() async throws {
        #expect(try await Desk.offline().take(#"{"object":"page","entry":[]}"#).isEmpty)
    }
}
