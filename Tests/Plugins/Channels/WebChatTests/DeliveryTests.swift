import Foundation
import PluginAPI
import PluginTestKit
import Testing

@testable import WebChatChannel

@Suite struct DeliveryTests {
    private func reply(_ id: String, to peer: PeerAddress, _ text: String = "From 7 to 11.") -> OutboundMessage {
        OutboundMessage(id: id, peer: peer, author: .jack, text: text)
    }

    /// The session of a socket that has said hello.
    private func peer(_ token: JSONValue?, _ bench: Bench) async throws -> PeerAddress {
        let row = try #require(bench.test.storage.contents[ChatSession.key(for: token?.stringValue ?? "")])
        return PeerAddress(.session, try #require(try JSONDecoder().decode(JSONValue.self, from: Data(row))["id"]?.stringValue))
    }

    /// A socket whose session has spoken.
    private func speaking(_ bench: Bench) async throws -> (socket: FakeSocket, token: String, peer: PeerAddress) {
        let socket = bench.open()
        let token = try await socket.hello()?["token"]
        try socket.write("m1")
        _ = await socket.frame("ack")
        return (socket, token?.stringValue ?? "", try await peer(token, bench))
    }

    @Test func aReplyReachesEveryWindowOfItsSessionOnly() async throws {
        let bench = try await Bench()
        let (first, token, peer) = try await speaking(bench)
        let second = bench.open(), stranger = bench.open()
        try await second.hello(token)
        try await stranger.hello()
        let message = OutboundMessage(
            id: "o1", peer: peer, author: .jack, text: "<b>From 7</b>\nto 11 / 🍳", quickReplies: [QuickReply(id: "q1", title: "Menu")],
            inReplyTo: "\(peer.value):m1", sources: [SourceReference(id: "breakfast", title: "Breakfast & <more>")])
        let result = try await bench.chat.send(message)
        #expect(result == SendResult(vendorIDs: ["o1"], state: .delivered))
        let expected: JSONValue = [
            "type": "message", "id": "o1", "in_reply_to": "m1", "from": "jack", "text": "<b>From 7</b>\nto 11 / 🍳",
            "quick_replies": [["id": "q1", "title": "Menu"]], "sources": [["id": "breakfast", "title": "Breakfast & <more>"]],
        ]
        #expect(first.frames("message") == [expected] && second.frames("message") == [expected] && stranger.frames("message").isEmpty)
        #expect(first.raw.last == second.raw.last)
    }

    @Test func staffIsNamedAndEmptyListsAreLists() async throws {
        let bench = try await Bench()
        let (socket, _, peer) = try await speaking(bench)
        _ = try await bench.chat.send(OutboundMessage(id: "o1", peer: peer, author: .staff, text: "Good evening."))
        let expected: JSONValue = ["type": "message", "id": "o1", "from": "staff", "text": "Good evening.", "quick_replies": [], "sources": []]
        #expect(socket.frames("message") == [expected])
    }

    @Test func aGuestWhoIsAwayIsNotAFailure() async throws {
        let bench = try await Bench()
        #expect(try await bench.chat.send(reply("o1", to: PeerAddress(.session, "nobody"))) == SendResult(vendorIDs: ["o1"], state: .sent))
        let (socket, _, peer) = try await speaking(bench)
        socket.breakOff()
        #expect(try await bench.chat.send(reply("o2", to: peer)).state == .sent)
        let error = await #expect(throws: PluginFailure.self) { try await bench.chat.send(reply("o3", to: PeerAddress(.phone, "+4930123456"))) }
        #expect(error?.reason == .unknownRecipient && error?.disposition == .permanent)
    }

    @Test func typingIsShown() async throws {
        let bench = try await Bench()
        let (socket, _, peer) = try await speaking(bench)
        try await bench.chat.indicateTyping(to: peer)
        #expect(socket.frames("typing") == [["type": "typing"]])
        try await bench.chat.indicateTyping(to: PeerAddress(.session, "nobody"))
    }

    @Test func aMessageThatIsSentTwiceArrivesOnce() async throws {
        let bench = try await Bench()
        let (socket, _, peer) = try await speaking(bench)
        #expect(try await bench.chat.send(reply("o1", to: peer)).state == .delivered)
        #expect(try await bench.chat.send(reply("o1", to: peer)).state == .delivered)
        #expect(socket.frames("message").count == 1 && bench.chat.features.isIdempotent)
    }

    @Test func whatIsSentWhileTheHistoryIsReadIsNeitherLostNorDoubled() async throws {
        let inbox = GatedInbox(), bench = try await Bench(inbound: inbox)
        let (_, token, peer) = try await speaking(bench)
        func entry(_ id: String) -> TranscriptEntry { TranscriptEntry(id: id, vendorID: nil, author: .jack, text: id, sentAt: bench.test.clock.now) }
        inbox.set([entry("o1"), entry("o2")])
        inbox.shut()
        let second = bench.open()
        try second.say(["type": "hello", "token": .string(token)])
        #expect(await eventually { inbox.waiting == 1 })
        // The history holds o2, which is on its way, and not o3 and o4, which were decided later.
        for id in ["o2", "o3", "o4"] { _ = try await bench.chat.send(reply(id, to: peer, id)) }
        #expect(second.raw.isEmpty)
        inbox.open()
        #expect(await second.frame("message", 2) != nil)
        // o1 was decided before the history was read and is handed in only now.
        _ = try await bench.chat.send(reply("o1", to: peer, "o1"))
        _ = try await bench.chat.send(reply("o5", to: peer, "o5"))
        #expect(second.frames.map { $0["type"] } == ["session", "message", "message", "message"])
        #expect(second.frames.first?["history"]?.arrayValue?.map { $0["id"] } == ["o1", "o2"])
        #expect(second.frames("message").map { $0["id"] } == ["o3", "o4", "o5"])
    }

    @Test func framesLeaveInOrderThoughOneIsSlow() async throws {
        let bench = try await Bench()
        let (socket, _, peer) = try await speaking(bench)
        socket.stall()
        async let first = bench.chat.send(reply("o1", to: peer))
        #expect(await socket.frame("message") != nil)
        // The second does not wait for the first: it is queued behind it.
        #expect(try await bench.chat.send(reply("o2", to: peer)).state == .delivered)
        try socket.write("m2")
        #expect(await eventually { bench.test.inbound.events.count == 2 })
        #expect(socket.frames.count == 3)
        socket.resume()
        #expect(try await first.state == .delivered)
        _ = await socket.frame("ack", 2)
        #expect(socket.frames.suffix(3).map { $0["id"] } == ["o1", "o2", "m2"])
    }

    @Test func aWindowThatDoesNotReadIsClosedAndHoldsNobodyUp() async throws {
        let bench = try await Bench()
        let (slow, token, peer) = try await speaking(bench)
        let quick = bench.open()
        try await quick.hello(token)
        slow.stall()
        let stuck = Task { try await bench.chat.send(reply("o0", to: peer)) }
        #expect(await slow.frame("message") != nil)
        #expect(await quick.frame("message") != nil)
        for number in 1...65 { #expect(try await bench.chat.send(reply("o\(number)", to: peer)).state == .delivered) }
        #expect(slow.closed == 1013 && quick.closed == nil && quick.frames("message").count == 66)
        slow.resume()
        #expect(try await stuck.value.state == .delivered)
        #expect(slow.frames("message").count == 1)
    }

    @Test func aHundredGuestsAtOnce() async throws {
        let bench = try await Bench()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for guest in 0..<100 {
                group.addTask {
                    let (socket, serving) = bench.connect()
                    let token = try await socket.hello()?["token"]
                    for number in 1...5 { try socket.write("m\(number)", "\(guest)/\(number)") }
                    #expect(await socket.frame("ack", 5)?["id"] == "m5")
                    let peer = try await peer(token, bench)
                    async let replies = withThrowingTaskGroup(of: DeliveryState.self) { replies in
                        for number in 1...5 {
                            replies.addTask { try await bench.chat.send(reply("\(guest)-\(number)", to: peer, "\(guest)")).state }
                        }
                        return try await replies.reduce(into: []) { $0.append($1) }
                    }
                    try socket.say(["type": "ping"])
                    #expect(try await replies == Array(repeating: DeliveryState.delivered, count: 5))
                    #expect(await socket.frame("message", 5) != nil)
                    #expect(await socket.frame("pong") != nil)
                    #expect(Set(socket.frames("message").compactMap { $0["text"]?.stringValue }) == ["\(guest)"])
                    #expect(Set(socket.frames("message").compactMap { $0["id"]?.stringValue }).count == 5)
                    socket.leave()
                    try await serving.value
                }
            }
            try await group.waitForAll()
        }
        #expect(bench.test.inbound.events.count == 500 && Set(bench.test.inbound.events.map(\.peer)).count == 100)
        #expect(bench.test.storage.contents.count == 100)
    }
}
