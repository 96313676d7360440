import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import WhatsAppChannel

/// A signature shows who posts, not that what is posted is sane: a bug of Meta's or a proxy's must neither trap nor lose the rest.
@Suite struct HostileTests {
    private func refusal(_ body: [UInt8]) async throws -> PluginFailure? {
        let plugin = try Desk.offline()
        do {
            _ = try await plugin.take(body)
            return nil
        } catch { return error as? PluginFailure }
    }

    @Test(arguments: [
        "", "null", "[]", "7", "\"x\"", "{", "{}", #"{"object":"whatsapp_business_account"}"#, #"{"object":7,"entry":[]}"#,
        #"{"object":"whatsapp_business_account","entry":{}}"#, #"{"object":"whatsapp_business_account","entry":"x"}"#, "\u{0}\u{0}\u{0}",
        "<html></html>",
    ])
    func whatIsNoNotificationIsRefusedForGood(_ body: String) async throws {
        let failure = try #require(try await refusal(Array(body.utf8)))
        #expect(failure.disposition == .permanent && failure.reason == .invalidRequest)
        #expect(failure.cause == nil)
    }

    @Test func invalidUTF8IsRefused() async throws {
        var body = Array(Hook.text("Xsecret").utf8)
        let mark = try #require(body.firstIndex(of: UInt8(ascii: "X")))
        for bytes in [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]] as [[UInt8]] {
            body.replaceSubrange(mark...mark, with: bytes)
            // Refused, or repaired; never trusted as it is, and never a trap.
            if let failure = try await refusal(body) { #expect(!failure.description.contains("secret")) }
            body = Array(Hook.text("Xsecret").utf8)
        }
    }

    @Test(arguments: [100, 1000, 100_000])
    func deepNestingIsSurvived(_ depth: Int) async throws {
        let deep = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        let objects = String(repeating: #"{"a":"#, count: depth) + "1" + String(repeating: "}", count: depth)
        for nest in [deep, objects] {
            _ = try await refusal(Array(nest.utf8))
            _ = try await refusal(Array(Hook.message(#""type":"text","text":{"body":\#(nest)}"#).utf8))
            _ = try await refusal(Array(Hook.message(#""type":"text","text":{"body":"x"},"extra":\#(nest)"#).utf8))
        }
    }

    @Test(arguments: ["1e999", "-1e999", "99999999999999999999999999", "0.1", "-0", "1E-400", "9223372036854775808"])
    func hugeNumbersAreSurvived(_ number: String) async throws {
        let plugin = try Desk.offline()
        for content in [
            #""type":"location","location":{"latitude":\#(number),"longitude":\#(number)}"#,
            #""type":"image","image":{"id":"1","file_size":\#(number)}"#, #""type":"text","text":{"body":"x"},"errors":[{"code":\#(number)}]"#,
        ] {
            _ = try? await plugin.take(Hook.message(content))
        }
        for timestamp in [number, "\"\(number)\""] {
            let value = #""messages":[{"from":"16505551234","id":"wamid.T","timestamp":\#(timestamp),"type":"text","text":{"body":"x"}}]"#
            // A number that no JSON reader can hold may spoil the whole; one that is only no time may not.
            if let events = try? await plugin.take(Hook.body(Hook.change(value))) {
                #expect(events.allSatisfy { $0.occurredAt == nil && $0.vendorID == "wamid.T" })
            }
            _ = try? await plugin.take(Hook.status(#","errors":[{"code":\#(timestamp)}]"#, status: "failed"))
        }
    }

    /// Whatever is left out or of another type: the rest of the batch arrives.
    @Test func oneStrangeMessageTakesNoOtherWithIt() async throws {
        let plugin = try Desk.offline()
        let good = #"{"from":"16505551234","id":"wamid.GOOD","timestamp":"1756814383","type":"text","text":{"body":"x"}}"#
        let odd = [
            "null", "7", "[]", "{}", #"{"id":7}"#, #"{"id":""}"#, #"{"id":"x","from":7}"#, #"{"id":"x","from":"1","type":[]}"#,
            #"{"id":"x","from":"16505551234","type":"image","image":{}}"#, #"{"id":"x","from":"16505551234","type":"contacts","contacts":{}}"#,
            #"{"id":"x","from":"16505551234","type":"interactive","interactive":[]}"#,
            #"{"id":"x","from":"16505551234","type":"reaction","reaction":{}}"#,
            #"{"id":"x","from":"16505551234","type":"text","text":{"body":"x"},"context":"y","timestamp":{}}"#,
        ]
        for message in odd {
            for list in ["\(message),\(good)", "\(good),\(message)"] {
                let ids = try await plugin.take(Hook.body(Hook.change(#""contacts":"none","messages":[\#(list)]"#))).map(\.vendorID)
                #expect(ids.contains("wamid.GOOD"), "\(message)")
            }
        }
        for value in [#""messages":{}"#, #""messages":"x""#, #""statuses":7"#, #""contacts":7"#, #""errors":{}"#] {
            #expect(try await plugin.take(Hook.body(Hook.change(value))).isEmpty)
        }
    }

    @Test func everyScriptAndEveryEmojiArrivesAsItWas() async throws {
        let texts = [
            "مرحبا، متى الإفطار؟", "שלום \u{202e}abc\u{202c}", "👩‍👩‍👧‍👦🏳️‍🌈", "e\u{301}\u{301}\u{301}", "ไม่มีช่องว่าง", "\\u0000", "\u{feff}x",
            "a\\\\b \\\"c\\\"",
        ]
        let plugin = try Desk.offline()
        for text in texts {
            let expected = try JSONDecoder().decode([String].self, from: Data("[\"\(text)\"]".utf8)).first
            guard case .message(let message)? = try await plugin.take(Hook.text(text)).first?.content else {
                Issue.record("\(text) did not arrive")
                continue
            }
            #expect(message.text == expected)
        }
    }

    @Test func manyAtOnceAreReadQuickly() async throws {
        let message = #"{"from":"16505551234","id":"wamid.X","timestamp":"1756814383","type":"text","text":{"body":"x"}}"#
        let many = Array(repeating: message, count: 1000).joined(separator: ",")
        let contacts = Array(repeating: #"{"profile":{"name":"A"},"wa_id":"1"}"#, count: 1000).joined(separator: ",")
        let events = try await Desk.offline().take(Hook.body(Hook.change(#""contacts":[\#(contacts)],"messages":[\#(many)]"#)))
        #expect(events.count == 1000)
    }

    /// Every beginning of a whole notification is refused, and none traps.
    @Test func everyTruncationIsRefused() async throws {
        let whole = Array(Hook.text("Grüße 😊").utf8), plugin = try Desk.offline()
        for length in 0..<whole.count {
            await #expect(throws: PluginFailure.self, "\(length)") { try await plugin.take(Array(whole[..<length])) }
        }
    }

    @Test func oneByteElseTrapsNothing() async throws {
        let whole = Array(Hook.message(#""type":"interactive","interactive":{"type":"button_reply","button_reply":{"id":"a","title":"b"}}"#).utf8)
        let plugin = try Desk.offline()
        for index in whole.indices {
            for byte: UInt8 in [0, 0x22, 0x5b, 0x7d, 0x30, 0xff] {
                var changed = whole
                changed[index] = byte
                for event in (try? await plugin.take(changed)) ?? [] { #expect(!event.vendorID.isEmpty) }
            }
        }
    }

    /// Meta signs no time: a notification that somebody kept is taken again by its signature alone, and deduplication does not remember it for ever.
    @Test func whatIsOlderThanMetaWouldTryIsNotTakenAgain() async throws {
        let test = TestContext(instance: "whatsapp"), plugin = try Desk.offline(test: test)
        let now = Int(test.clock.now.timeIntervalSince1970), week = 7 * 86_400
        func take(_ moment: Int) async throws -> Int {
            try await Hook.$sent.withValue("\(moment)") { () async throws in
                try await plugin.take(Hook.text("hello")).count
                    + plugin.take(Hook.message(#""type":"reaction","reaction":{"message_id":"wamid.OUT1","emoji":"x"}"#)).count
            }
        }
        #expect(try await take(now) == 2)
        #expect(try await take(now - week) == 2)
        // A vendor's clock that is ahead is no repetition.
        #expect(try await take(now + 3600) == 2)
        #expect(test.metrics.sum("jack_plugin_whatsapp_ignored_total") == 0)
        #expect(try await take(now - week - 1) == 0)
        #expect(try await take(1_500_000_000) == 0)
        #expect(test.metrics.sum("jack_plugin_whatsapp_ignored_total", ["what": "old"]) == 4)
        // A status that is late only says how far a message has come.
        #expect(try await plugin.take(Hook.status(status: "read", at: "1500000000")).count == 1)
        // The others of a batch are taken.
        let old = #"{"from":"16505551234","id":"wamid.OLD","timestamp":"1500000000","type":"text","text":{"body":"x"}}"#
        let new = #"{"from":"16505551234","id":"wamid.NEW","timestamp":"\#(now)","type":"text","text":{"body":"x"}}"#
        #expect(try await plugin.take(Hook.body(Hook.change(#""messages":[\#(old),\#(new)]"#))).map(\.vendorID) == ["wamid.NEW"])
    }
}
