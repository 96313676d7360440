import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import WebChatChannel

@Suite struct SessionTests {
    @Test func aNewBrowserGetsATokenAndNothingIsWritten() async throws {
        let bench = try await Bench()
        let socket = bench.open()
        let session = try await socket.hello()
        #expect(session?["restored"] == false && session?["history"] == [])
        #expect(session?["token"]?.stringValue.map(Token.isSound) == true)
        #expect(bench.test.storage.contents.isEmpty)
    }

    @Test func visitorsWhoSayNothingLeaveNothingBehind() async throws {
        let test = TestContext(), hub = SocketHub()
        let service = ChatService(settings: WebChatSettings(), context: test.context, hub: hub)
        for _ in 0..<1000 {
            let socket = FakeSocket()
            socket.say(#"{"type":"hello","token":null}"#)
            socket.leave()
            try await socket.run(service.open)
            #expect(socket.frames("session").count == 1)
        }
        #expect(test.storage.contents.isEmpty)
        #expect(hub.counts == (0, 0))
    }

    @Test func theTokenIsStoredOnlyAsItsHash() async throws {
        let bench = try await Bench()
        let socket = bench.open()
        let token = try #require(try await socket.hello(locale: "de-DE")?["token"]?.stringValue)
        try socket.write("m1")
        #expect(await socket.frame("ack")?["id"] == "m1")
        let contents = bench.test.storage.contents
        let key = try #require(contents.keys.first)
        #expect(contents.count == 1 && key == ChatSession.key(for: token) && key.hasPrefix("session/") && key.count == 8 + 64)
        let row = try JSONDecoder().decode(JSONValue.self, from: Data(contents[key] ?? []))
        #expect(row["id"]?.stringValue == bench.peer?.value && row["locale"] == "de-DE" && row["created"]?.intValue == 1_756_814_400_000)
        #expect(!contents.contains { $0.key.contains(token) || String(decoding: $0.value, as: UTF8.self).contains(token) })
        #expect(bench.peer?.value != token && !bench.test.logs.contains(token))
    }

    @Test func theHashIsSHA256() {
        #expect(ChatSession.key(for: "abc") == "session/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func aTokenComesBackAfterARestart() async throws {
        let first = try await Bench()
        let socket = first.open()
        let token = try #require(try await socket.hello()?["token"]?.stringValue)
        try socket.write("m1")
        _ = await socket.frame("ack")
        let second = try await Bench(test: first.test)
        let again = second.open()
        let session = try await again.hello(token)
        #expect(session?["restored"] == true && session?["token"]?.stringValue == token)
        try again.write("m2")
        _ = await again.frame("ack")
        #expect(Set(first.test.inbound.events.map(\.peer)).count == 1)
    }

    @Test(arguments: [
        "never-seen", "", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "../../../../../../../../../../../../../etc/pass",
        "'; DROP TABLE sessions; --",
        String(repeating: "x", count: 20_000),
    ])
    func anUnknownTokenOpensANewSession(_ token: String) async throws {
        let bench = try await Bench()
        let session = try await bench.open().hello(token)
        #expect(session?["restored"] == false && session?["token"]?.stringValue != token)
    }

    @Test func anExpiredTokenOpensANewSession() async throws {
        let bench = try await Bench(["session_lifetime": "2d"])
        let (socket, serving) = bench.connect()
        let token = try #require(try await socket.hello()?["token"]?.stringValue)
        try socket.write("m1")
        _ = await socket.frame("ack")
        socket.leave()
        try await serving.value
        await bench.test.clock.advance(by: .seconds(2 * 86_400))
        // Another visitor's going is when the memory is swept.
        let (other, otherServing) = bench.connect()
        try await other.hello()
        other.leave()
        try await otherServing.value
        let session = try await bench.open().hello(token)
        #expect(session?["restored"] == false && session?["token"]?.stringValue != token)
    }

    @Test func aShorterLifetimeHoldsForOldSessionsToo() async throws {
        let first = try await Bench()
        let socket = first.open()
        let token = try #require(try await socket.hello()?["token"]?.stringValue)
        try socket.write("m1")
        _ = await socket.frame("ack")
        await first.test.clock.advance(by: .seconds(86_400 + 1))
        let second = try await Bench(["session_lifetime": "1d"], test: first.test)
        #expect(try await second.open().hello(token)?["restored"] == false)
    }

    @Test func useMovesTheEndAwayAtOneWriteADay() async throws {
        let bench = try await Bench(["session_lifetime": "3d"])
        let (socket, serving) = bench.connect()
        let token = try #require(try await socket.hello()?["token"]?.stringValue)
        try socket.write("m1")
        _ = await socket.frame("ack")
        let written = bench.test.storage.contents
        await bench.test.clock.advance(by: .seconds(86_399))
        let second = bench.connect()
        #expect(try await second.socket.hello(token)?["restored"] == true)
        try second.socket.say(["type": "ping"])
        _ = await second.socket.frame("pong")
        #expect(bench.test.storage.contents == written)
        await bench.test.clock.advance(by: .seconds(1))
        try second.socket.say(["type": "ping"])
        try second.socket.say(["type": "ping"])
        _ = await second.socket.frame("pong", 3)
        #expect(bench.test.storage.contents != written)
        for open in [(socket, serving), second] {
            open.0.leave()
            try await open.1.value
        }
        // Four days after the first message, three after the last ping.
        await bench.test.clock.advance(by: .seconds(3 * 86_400 - 1))
        #expect(try await bench.open().hello(token)?["restored"] == true)
    }

    @Test func aSecondWindowJoinsASessionThatHasNotSpokenYet() async throws {
        let bench = try await Bench()
        let first = bench.open(), second = bench.open()
        let token = try #require(try await first.hello()?["token"]?.stringValue)
        #expect(try await second.hello(token)?["restored"] == true)
        try first.write("m1")
        try second.write("m2")
        _ = await first.frame("ack")
        _ = await second.frame("ack")
        #expect(Set(bench.test.inbound.events.map(\.peer)).count == 1 && bench.test.storage.contents.count == 1)
        // What one window writes is not shown in the other.
        #expect(first.frames("message").isEmpty && second.frames("message").isEmpty)
    }

    @Test func aSessionHasSoManySocketsAndNoMore() async throws {
        let bench = try await Bench(["sockets_per_session": 2])
        let first = bench.connect()
        let token = try #require(try await first.socket.hello()?["token"]?.stringValue)
        #expect(try await bench.open().hello(token)?["restored"] == true)
        let (third, serving) = bench.connect()
        try third.say(["type": "hello", "token": .string(token)])
        let error = await third.frame("error")
        try await serving.value
        #expect(error?["code"] == "too_many_sockets" && error?["limit"] == 2 && third.closed == 1008 && third.frames("session").isEmpty)
        // A window that is closed makes room.
        first.socket.leave()
        try await first.serving.value
        #expect(try await bench.open().hello(token)?["restored"] == true)
    }

    @Test func historyIsTheGuestsOwnWithItsIDs() async throws {
        let inbox = GatedInbox(), bench = try await Bench(["history": 7], inbound: inbox)
        let first = bench.open()
        let token = try #require(try await first.hello()?["token"]?.stringValue)
        try first.write("m1", "<b>towels</b>")
        _ = await first.frame("ack")
        let row = try #require(bench.test.storage.contents.values.first)
        let id = try #require(try JSONDecoder().decode(JSONValue.self, from: Data(row))["id"]?.stringValue)
        let now = bench.test.clock.now
        inbox.set([
            TranscriptEntry(id: "j1", vendorID: "\(id):m1", author: .guest, text: "<b>towels</b>", sentAt: now),
            TranscriptEntry(
                id: "j2", vendorID: "j2", author: .jack, text: "At once.", sentAt: now, inReplyTo: "\(id):m1",
                quickReplies: [QuickReply(id: "q", title: "Thanks")], sources: [SourceReference(id: "s", title: "Housekeeping")]),
            TranscriptEntry(id: "j3", vendorID: nil, author: .staff, text: "They are at your door.", sentAt: now),
            TranscriptEntry(id: "j4", vendorID: nil, author: .system, text: "Closed.", sentAt: now),
        ])
        let session = try await bench.open().hello(token)
        let at: JSONValue = "2025-09-02T12:00:00.000Z"
        #expect(
            session?["history"] == [
                ["id": "m1", "from": "guest", "text": "<b>towels</b>", "at": at],
                [
                    "id": "j2", "in_reply_to": "m1", "from": "jack", "text": "At once.", "at": at, "quick_replies": [["id": "q", "title": "Thanks"]],
                    "sources": [["id": "s", "title": "Housekeeping"]],
                ],
                ["id": "j3", "from": "staff", "text": "They are at your door.", "at": at],
                ["id": "j4", "from": "jack", "text": "Closed.", "at": at],
            ])
        #expect(inbox.asked.map(\.0) == [PeerAddress(.session, id)] && inbox.asked.map(\.1) == [7])
    }

    @Test func aConversationThatCannotBeReadIsNotShownEmpty() async throws {
        let bench = try await Bench()
        let socket = bench.open()
        let token = try #require(try await socket.hello()?["token"]?.stringValue)
        try socket.write("m1")
        _ = await socket.frame("ack")
        bench.test.inbound.fail(with: .notReady(.overloaded, "the disk is away"))
        let (second, serving) = bench.connect()
        try second.say(["type": "hello", "token": .string(token)])
        try await serving.value
        #expect(second.frames.map { $0["code"] } == ["unavailable"] && second.closed == 1013)
        #expect(bench.test.health.current == .degraded("guests' conversations cannot be read"))
        bench.test.inbound.fail(with: nil)
        #expect(try await bench.open().hello(token)?["restored"] == true)
        #expect(bench.test.health.current == nil)
    }

    @Test func stopSaysThatJackGoesAway() async throws {
        let bench = try await Bench()
        let greeted = bench.connect(), silent = bench.connect()
        try await greeted.socket.hello()
        silent.socket.say("{}")
        _ = await silent.socket.frame("error")
        await bench.chat.stop()
        await bench.chat.stop()
        try await greeted.serving.value
        try await silent.serving.value
        #expect(greeted.socket.closed == 1001 && silent.socket.closed == 1001)
        let (late, serving) = bench.connect()
        try await serving.value
        #expect(late.closed == 1001)
        try await bench.chat.start()
        #expect(try await bench.open().hello() != nil)
    }

    @Test func stopIsSafeWithoutStart() async throws {
        let chat: WebChat = try TestContext().make()
        await chat.stop()
    }
}
