import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import WebChatChannel

@Suite struct MessageTests {
    /// A socket that has said hello.
    private func greeted(_ bench: Bench, _ token: String? = nil, locale: String = "en") async throws -> FakeSocket {
        let socket = bench.open()
        try await socket.hello(token, locale: locale)
        return socket
    }

    /// The codes of all errors, once everything said so far has been handled.
    private func codes(_ socket: FakeSocket) async throws -> [String] {
        let pongs = socket.frames("pong").count
        try socket.say(["type": "ping"])
        #expect(await socket.frame("pong", pongs + 1) != nil)
        return socket.frames("error").compactMap { $0["code"]?.stringValue }
    }

    @Test func aMessageIsHandedInThenAcknowledged() async throws {
        let bench = try await Bench()
        let socket = try await greeted(bench, locale: "de_DE")
        let text = "<script>alert(1)</script> '; DROP TABLE messages; -- \u{1F9FA} \"quoted\" \\ /"
        try socket.say(["type": "message", "id": "a:b c-1", "text": .string(text), "colour": ["unknown": 1]])
        #expect(await socket.frame("ack") == ["type": "ack", "id": "a:b c-1"])
        let event = try #require(bench.test.inbound.events.first), peer = try #require(event.peer)
        #expect(peer.kind == .session && event.vendorID == "\(peer.value):a:b c-1" && event.occurredAt == bench.test.clock.now)
        #expect(bench.test.inbound.messages == [InboundMessage(text: text, locale: "de-DE")])
    }

    @Test func theSameIDIsOneMessageAndGetsItsAckAgain() async throws {
        let bench = try await Bench()
        let socket = bench.open()
        let token = try await socket.hello()?["token"]?.stringValue
        try socket.write("m1")
        try socket.write("m1")
        _ = await socket.frame("ack", 2)
        socket.vanish()
        let again = try await greeted(bench, token)
        try again.write("m1")
        #expect(await again.frame("ack")?["id"] == "m1")
        #expect(socket.frames("ack").count == 2 && bench.test.inbound.events.count == 1 && bench.test.inbound.duplicates == 2)
    }

    @Test func twoBrowsersMayChooseTheSameID() async throws {
        let bench = try await Bench()
        for _ in 0..<2 {
            let socket = try await greeted(bench)
            try socket.write("1")
            _ = await socket.frame("ack")
        }
        #expect(bench.test.inbound.events.count == 2 && bench.test.inbound.duplicates == 0)
    }

    @Test func whatTheDiskRefusesIsNotAcknowledged() async throws {
        let bench = try await Bench()
        let socket = try await greeted(bench)
        let full = PluginFailure.notReady(.overloaded, "the disk is full")
        bench.test.inbound.fail(with: full)
        try socket.write("m1")
        let error = await socket.frame("error")
        #expect(error?["code"] == "unavailable" && error?["id"] == "m1" && socket.frames("ack").isEmpty)
        #expect(bench.test.health.current == .degraded("guests' messages cannot be stored"))
        bench.test.inbound.fail(with: nil)
        // That another opens the page proves nothing about the disk.
        _ = try await greeted(bench)
        #expect(bench.test.health.current != nil)
        try socket.write("m1")
        #expect(await socket.frame("ack")?["id"] == "m1")
        #expect(bench.test.inbound.events.count == 1 && bench.test.health.reports.suffix(1) == [.recovered])
    }

    @Test func withoutASessionsRowNoMessageIsTaken() async throws {
        let bench = try await Bench()
        let socket = try await greeted(bench)
        bench.test.storage.fail(with: .notReady(.overloaded, "the disk is full"))
        try socket.write("m1")
        #expect(await socket.frame("error")?["code"] == "unavailable")
        #expect(bench.test.inbound.events.isEmpty)
        bench.test.storage.fail(with: nil)
        try socket.write("m1")
        #expect(await socket.frame("ack") != nil && bench.test.storage.contents.count == 1)
    }

    @Test(arguments: ["", String(repeating: "x", count: 129), "a\u{0}b", "line\nbreak", "a\u{200E}b", "tab\t", "a\u{2028}b", "a\u{E000}"])
    func anIDMustBePrintable(_ id: String) async throws {
        let bench = try await Bench()
        let socket = try await greeted(bench)
        try socket.write(id)
        #expect(try await codes(socket) == ["bad_id"] && bench.test.inbound.events.isEmpty)
    }

    @Test(arguments: ["x", String(repeating: "ü", count: 128), "a b", "💶-1"])
    func anyPrintableIDWillDo(_ id: String) async throws {
        let bench = try await Bench()
        let socket = try await greeted(bench)
        try socket.write(id)
        #expect(await socket.frame("ack")?["id"] == .string(id))
    }

    /// A browser writes it where a text was cut within an emoji.
    @Test func halfAnEmojiIsNoReasonToLoseAMessage() async throws {
        let bench = try await Bench()
        let socket = try await greeted(bench)
        socket.say(#"{"type":"message","id":"1","text":"towels \ud83d"}"#)
        #expect(await socket.frame("ack")?["id"] == "1")
        let texts = bench.test.inbound.events.compactMap { if case .message(let message) = $0.content { message.text } else { nil } }
        #expect(texts == ["towels \u{FFFD}"])
    }

    @Test(arguments: [
        (#"{"type":"message","text":"hi"}"#, "bad_id"), (#"{"type":"message","id":7,"text":"hi"}"#, "bad_id"),
        (#"{"type":"message","id":"1"}"#, "empty_text"), (#"{"type":"message","id":"1","text":null}"#, "empty_text"),
        (#"{"type":"message","id":"1","text":["a"]}"#, "empty_text"), (#"{"type":"message","id":"1","text":""}"#, "empty_text"),
        (#"{"type":"message","id":"1","text":" \n\t "}"#, "empty_text"), (#"{"type":"message","id":"1","text":"\u0000"}"#, "empty_text"),
        (#"{"type":"shout"}"#, "unknown_type"), ("{}", "unknown_type"), (#"{"type":3}"#, "unknown_type"), (#"{"type":"Message"}"#, "unknown_type"),
        ("", "bad_json"), ("hello", "bad_json"), ("[]", "bad_json"), ("null", "bad_json"), ("3", "bad_json"), (#"{"type":"ping""#, "bad_json"),
        (String(repeating: "[", count: 5000), "bad_json"),
        (#"{"type":"hello"}"#, "hello_twice"),
    ])
    func aFrameThatWillNotDoIsNamed(_ raw: String, _ code: String) async throws {
        let bench = try await Bench()
        let socket = try await greeted(bench)
        socket.say(raw)
        #expect(try await codes(socket) == [code])
        #expect(bench.test.inbound.events.isEmpty && socket.closed == nil)
        #expect(socket.frames("error").allSatisfy { $0["message"]?.stringValue?.isEmpty == false })
        // It goes on as if nothing had been.
        try socket.write("m1")
        #expect(await socket.frame("ack") != nil)
    }

    @Test func helloComesBeforeTheFirstMessage() async throws {
        let bench = try await Bench()
        let socket = bench.open()
        try socket.say(["type": "typing"])
        try socket.write("m1")
        #expect(try await codes(socket) == ["hello_first"] && bench.test.inbound.events.isEmpty)
        #expect(try await socket.hello() != nil)
    }

    @Test func fourThousandCharactersAndNotOneMore() async throws {
        let bench = try await Bench()
        let socket = try await greeted(bench)
        let longest = String(repeating: "🧺", count: 4000)
        try socket.write("m1", longest)
        #expect(await socket.frame("ack") != nil)
        try socket.write("m2", longest + "x")
        let error = await socket.frame("error")
        #expect(error?["code"] == "too_long" && error?["limit"] == 4000 && error?["id"] == "m2")
        #expect(bench.test.inbound.messages.map(\.text) == [longest])
        #expect(bench.socketRoute?.maximumMessageBytes == 64 << 10)
    }

    @Test func aNULIsNotStored() async throws {
        let bench = try await Bench()
        let socket = try await greeted(bench)
        try socket.write("m1", "two\u{0} towels")
        _ = await socket.frame("ack")
        #expect(bench.test.inbound.messages.map(\.text) == ["two towels"])
    }

    @Test func tenMessagesAMinuteInAllWindowsTogether() async throws {
        let bench = try await Bench()
        let first = bench.open()
        let token = try await first.hello()?["token"]?.stringValue
        for number in 1...6 { try first.write("a\(number)") }
        _ = await first.frame("ack", 6)
        await bench.test.clock.advance(by: .seconds(20))
        let second = try await greeted(bench, token)
        for number in 1...5 { try second.write("b\(number)") }
        let error = await second.frame("error")
        #expect(second.frames("ack").count == 4 && error?["code"] == "rate_limited" && error?["id"] == "b5" && error?["retry_after"] == 40)
        await bench.test.clock.advance(by: .milliseconds(39_900))
        try second.write("b5")
        #expect(await second.frame("error", 2)?["retry_after"] == 1)
        await bench.test.clock.advance(by: .milliseconds(100))
        // The six of the first window no longer count.
        for number in 5...11 { try second.write("b\(number)") }
        #expect(await second.frame("error", 3)?["id"] == "b11" && second.frames("ack").count == 10)
        #expect(bench.test.inbound.events.count == 16)
    }

    @Test func leavingAndComingBackDoesNotResetTheRate() async throws {
        let bench = try await Bench(["messages_per_minute": 2])
        let (socket, serving) = bench.connect()
        let token = try await socket.hello()?["token"]?.stringValue
        try socket.write("1")
        try socket.write("2")
        _ = await socket.frame("ack", 2)
        socket.leave()
        try await serving.value
        let again = try await greeted(bench, token)
        try again.write("3")
        #expect(await again.frame("error")?["code"] == "rate_limited")
        // What was not acknowledged for sure may be repeated all the same.
        try again.write("2")
        #expect(await again.frame("ack")?["id"] == "2")
    }

    @Test func repeatingOneMessageForeverIsLimitedToo() async throws {
        let bench = try await Bench(["messages_per_minute": 3])
        let socket = try await greeted(bench)
        for _ in 0..<40 { try socket.write("1") }
        #expect(try await codes(socket).allSatisfy { $0 == "rate_limited" })
        #expect(socket.frames("ack").count == 3 * 6 && bench.test.inbound.events.count == 1)
    }

    @Test func theRateIsTheSameWhateverItsLimit() {
        let session = ChatSession(token: "t", locale: nil, now: Date(timeIntervalSince1970: 0))
        // Ten a second against six hundred a minute: never too many; at the 600th within a minute, one more is.
        for tick in 0..<5000 {
            #expect(session.admit("\(tick)", limit: 600, now: .milliseconds(100 * tick)) == nil)
        }
        #expect(session.admit("more", limit: 600, now: .milliseconds(499_900)) == .milliseconds(100))
        #expect(session.admit("more", limit: 600, now: .milliseconds(500_000)) == nil)
    }

    @Test func sessionsAreForgottenWhenTheirRateIs() async throws {
        let test = TestContext(), hub = SocketHub()
        let service = ChatService(settings: WebChatSettings(), context: test.context, hub: hub)
        func visit(_ frames: [String]) async throws {
            let socket = FakeSocket()
            for frame in frames { socket.say(frame) }
            socket.leave()
            try await socket.run(service.open)
        }
        for _ in 0..<5 { try await visit([#"{"type":"hello"}"#, #"{"type":"message","id":"1","text":"x"}"#]) }
        #expect(hub.counts == (0, 5))
        await test.clock.advance(by: .seconds(60))
        try await visit([])
        #expect(hub.counts == (0, 0))
    }
}
