import Foundation
import HTTPTypes
import Kernel
import Logging
import NIOCore
import NIOPosix
import PluginAPI
import Synchronization
import Testing

@testable import Gateway

@Suite struct SocketTests {
    @Test func textGoesThereAndBack() async throws {
        try await TestHouse.run { house in
            try house.mountEcho()
            let socket = try await WebSocketClient.open(house.port, "/echo?x=1")
            try await socket.send("héllo")
            #expect(try await socket.next().text == "echo héllo")
            #expect(try house.server.openSockets == 1)
            #expect(house.registry.render().contains("websocket_connections 1\n"))
            // A ping is answered with its own payload.
            try await socket.raw.send(WebSocketClient.frame(9, Array("abc".utf8)))
            #expect(try await socket.next() == WebSocketClient.Frame(opcode: 10, payload: Array("abc".utf8)))
            // Fragments are one message, and a ping may stand between them.
            try await socket.raw.send(
                WebSocketClient.frame(1, Array("one ".utf8), fin: false) + WebSocketClient.frame(9, [])
                    + WebSocketClient.frame(0, Array("message".utf8)))
            #expect(try await socket.next().opcode == 10)
            #expect(try await socket.next().text == "echo one message")
            // The closing handshake returns the code.
            try await socket.raw.send(WebSocketClient.frame(8, [0x0F, 0xA0] + Array("bye".utf8)))
            #expect(try await socket.next().closeCode == 4000)
            _ = try await socket.raw.untilClosed()
            #expect(try await eventually { try house.server.openSockets == 0 })
        }
    }

    struct Fault: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        var code: Int
        var testDescription: String { name }
    }

    static let faults = [
        Fault(name: "unmasked frame", bytes: WebSocketClient.frame(1, [0x61], masked: false), code: 1002),
        Fault(name: "reserved bit", bytes: WebSocketClient.frame(1, [0x61], rsv: 4), code: 1002),
        Fault(name: "unknown opcode", bytes: WebSocketClient.frame(3, [0x61]), code: 1002),
        Fault(name: "long ping", bytes: WebSocketClient.frame(9, [UInt8](repeating: 0, count: 126)), code: 1002),
        Fault(name: "fragmented ping", bytes: WebSocketClient.frame(9, [1], fin: false), code: 1002),
        Fault(name: "continuation of nothing", bytes: WebSocketClient.frame(0, [0x61]), code: 1002),
        Fault(name: "text inside fragments", bytes: WebSocketClient.frame(1, [0x61], fin: false) + WebSocketClient.frame(1, [0x61]), code: 1002),
        Fault(name: "invalid UTF-8", bytes: WebSocketClient.frame(1, [0xC3, 0x28]), code: 1007),
        Fault(name: "surrogate in UTF-8", bytes: WebSocketClient.frame(1, [0xED, 0xA0, 0x80]), code: 1007),
        Fault(name: "binary", bytes: WebSocketClient.frame(2, [1, 2]), code: 1003),
        Fault(name: "too big", bytes: WebSocketClient.frame(1, [UInt8](repeating: 0x61, count: 1001)), code: 1009),
        Fault(
            name: "too big in pieces",
            bytes: (0..<3).flatMap { WebSocketClient.frame($0 == 0 ? 1 : 0, [UInt8](repeating: 0x61, count: 500), fin: $0 == 2) }, code: 1009),
        Fault(name: "close code that may not be sent", bytes: WebSocketClient.frame(8, [0x03, 0xED]), code: 1002),
        Fault(name: "half a close code", bytes: WebSocketClient.frame(8, [0x03]), code: 1002),
        Fault(name: "close reason that is no text", bytes: WebSocketClient.frame(8, [0x03, 0xE8, 0xFF]), code: 1007),
    ]

    @Test(arguments: faults) func whatTheProtocolForbidsEndsWithItsCode(_ fault: Fault) async throws {
        try await TestHouse.run { house in
            try house.mountEcho(maximum: 1000)
            let socket = try await WebSocketClient.open(house.port, "/echo")
            try await socket.raw.send(fault.bytes)
            #expect(try await socket.next().closeCode == fault.code)
            _ = try await socket.raw.untilClosed()
            #expect(try await eventually { try house.server.openSockets == 0 })
        }
    }

    @Test func theLongestMessageStillFits() async throws {
        try await TestHouse.run { house in
            try house.mountEcho(maximum: 1000)
            let socket = try await WebSocketClient.open(house.port, "/echo")
            try await socket.send(String(repeating: "a", count: 1000))
            #expect(try await socket.next().payload.count == 1005)
        }
    }

    @Test func halfAFrameAndThenSilenceIsClosed() async throws {
        try await TestHouse.run({ $0.pingInterval = .milliseconds(100) }) { house in
            try house.mountEcho()
            let socket = try await WebSocketClient.open(house.port, "/echo")
            try await socket.raw.send(Array(WebSocketClient.frame(1, Array("hello".utf8)).prefix(7)))
            #expect(try await socket.next(pings: true).opcode == 9)
            #expect(try await socket.next().closeCode == 1001)
            _ = try await socket.raw.untilClosed()
        }
    }

    @Test func whoAnswersPingsStays() async throws {
        try await TestHouse.run({ $0.pingInterval = .seconds(1) }) { house in
            try house.mountEcho()
            let socket = try await WebSocketClient.open(house.port, "/echo")
            for _ in 0..<2 {
                #expect(try await socket.next(pings: true).opcode == 9)
                try await socket.raw.send(WebSocketClient.frame(10, []))
            }
            try await socket.send("still here")
            #expect(try await socket.next().text == "echo still here")
        }
    }

    @Test func stoppingSaysGoingAway() async throws {
        try await TestHouse.run { house in
            try house.mountEcho()
            let socket = try await WebSocketClient.open(house.port, "/echo")
            async let stopped: Void = house.server.stop()
            #expect(try await socket.next().closeCode == 1001)
            try await socket.raw.send(WebSocketClient.frame(8, [0x03, 0xE9]))
            _ = try await socket.raw.untilClosed()
            try await stopped
        }
    }

    @Test func anInstanceThatStopsTakesItsSocketsAlongAndNoOthers() async throws {
        try await TestHouse.run { house in
            try house.mountEcho()
            try house.routes.mount(
                [.socket(SocketRoute(path: "/other") { connection in TestReceiver { try await connection.send($0) } })], of: "other")
            let gone = try await WebSocketClient.open(house.port, "/echo"), stays = try await WebSocketClient.open(house.port, "/other")
            #expect(try await eventually { try house.server.openSockets == 2 })
            try house.server.closeSockets(of: "echo")
            #expect(try await gone.next().closeCode == 1001)
            try await stays.send("x")
            #expect(try await stays.next().text == "x")
        }
    }

    @Test func aPluginMayEndTheSocketAndOneThatFailsDoes() async throws {
        struct Broken: Error {}
        try await TestHouse.run { house in
            try house.routes.mount(
                [
                    .socket(
                        SocketRoute(path: "/brief") {
                            try await $0.send("hi")
                            await $0.close(code: 1000, reason: "")
                            return TestReceiver()
                        }), .socket(SocketRoute(path: "/broken") { _ in throw Broken() }),
                    .socket(SocketRoute(path: "/fragile") { _ in TestReceiver { _ in throw Broken() } }),
                    .socket(
                        SocketRoute(path: "/own") {
                            await $0.close(code: 4321, reason: String(repeating: "ä", count: 100))
                            return TestReceiver()
                        }),
                ], of: "x")
            let brief = try await WebSocketClient.open(house.port, "/brief")
            #expect(try await brief.next().text == "hi")
            #expect(try await brief.next().closeCode == 1000)
            #expect(try await WebSocketClient.open(house.port, "/broken").next().closeCode == 1011)
            let fragile = try await WebSocketClient.open(house.port, "/fragile")
            try await fragile.send("x")
            #expect(try await fragile.next().closeCode == 1011)
            let own = try await WebSocketClient.open(house.port, "/own").next()
            #expect(own.closeCode == 4321)
            #expect(own.payload.count == 2 + 122 && String(validating: own.payload.dropFirst(2), as: UTF8.self) != nil)
        }
    }

    @Test func aPluginIsToldThatThePeerHasGone() async throws {
        let opened = Latch(), over = Latch()
        try await TestHouse.run { house in
            let route = SocketRoute(path: "/x") { _ in
                opened.open()
                return TestReceiver(over: { over.open() })
            }
            try house.routes.mount([.socket(route)], of: "x")
            let socket = try await WebSocketClient.open(house.port, "/x")
            // A plugin that has not been given the socket yet is told of no end.
            await opened.wait()
            socket.raw.close()
            await over.wait()
        }
    }

    @Test func whatAPluginDoesIsCancelledWhenItsInstanceStops() async throws {
        let began = Latch(), over = Latch()
        try await TestHouse.run { house in
            let route = SocketRoute(path: "/long") { _ in
                TestReceiver(
                    take: { _ in
                        began.open()
                        try await Task.sleep(for: .seconds(3600))
                    }, over: { over.open() })
            }
            try house.routes.mount([.socket(route)], of: "x")
            let socket = try await WebSocketClient.open(house.port, "/long")
            try await socket.send("go")
            await began.wait()
            try house.server.closeSockets(of: "x")
            #expect(try await socket.next().closeCode == 1001)
            await over.wait()
        }
    }

    @Test func aPluginThatDoesNotTakeHoldsThePeerBack() async throws {
        let go = Latch(), count = Mutex(0)
        try await TestHouse.run { house in
            try house.routes.mount(
                [
                    .socket(
                        SocketRoute(path: "/slow") { connection in
                            TestReceiver { _ in
                                await go.wait()
                                let isLast = count.withLock { count in
                                    count += 1
                                    return count == 300
                                }
                                if isLast { try await connection.send("all") }
                            }
                        })
                ], of: "x")
            let socket = try await WebSocketClient.open(house.port, "/slow")
            let frame = WebSocketClient.frame(1, [UInt8](repeating: 0x61, count: 10_000))
            for _ in 0..<300 { socket.raw.pour(frame) }
            go.open()
            #expect(try await socket.next().text == "all")
        }
    }

    @Test func aSessionSaysWhenItIsFullAndGivesOutWhatCame() async throws {
        // Any open channel will do: nothing is sent on it.
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: "127.0.0.1", port: 0).get()
        let taken = Mutex<[String]>([]), over = Latch()
        let route = SocketRoute(path: "/x") { _ in TestReceiver(take: { text in taken.withLock { $0.append(text) } }, over: { over.open() }) }
        let session = SocketSession(
            instance: "x", route: route, request: PluginRequest(method: .get, path: "/x", remoteAddress: "", url: ""), channel: channel)
        for n in 1...16 { #expect(session.deliver("\(n)") == (n == 16)) }
        session.finish()
        #expect(!session.deliver("late"))
        session.begin(Logger(label: "test"))
        await over.wait()
        #expect(taken.withLock { $0 } == (1...16).map(String.init))
        try await channel.close()
    }

    @Test(arguments: [
        ("http://jack.test", 101), ("https://jack.test", 101), ("https://desk.example", 101), ("https://evil.example", 403), ("null", 403),
        ("https://jack.test.evil.example", 403),
    ]) func onlyPagesOfTheHouseMayOpenASocket(_ origin: String, _ status: Int) async throws {
        try await TestHouse.run({ $0.corsOrigins = ["https://desk.example"] }) { house in
            try house.mountEcho()
            let client = try await house.client()
            try await client.send(WebSocketClient.handshake("/echo", headers: ["Origin: \(origin)"]))
            #expect(try await client.until("\r\n\r\n").hasPrefix("HTTP/1.1 \(status) "))
        }
    }

    @Test func badHandshakesAreAnswered() async throws {
        try await TestHouse.run { house in
            try house.mountEcho()
            let plain = try await house.request("GET", "/echo")
            #expect((plain.status, plain.errorCode) == (426, "websocket_expected"))
            let old = try await house.client()
            let version = try await old.exchange(
                WebSocketClient.handshake("/echo").replacingOccurrences(of: "Version: 13", with: "Version: 8"))
            #expect((version.status, version.headers["sec-websocket-version"]) == (426, "13"))
            let keyless = try await house.client()
            let key = try await keyless.exchange(
                WebSocketClient.handshake("/echo").replacingOccurrences(of: "dGhlIHNhbXBsZSBub25jZQ==", with: "short"))
            #expect((key.status, key.errorCode) == (400, "websocket_key"))
            let post = try await house.request("POST", "/echo", headers: ["Connection: Upgrade", "Upgrade: websocket"], body: "x")
            #expect(post.status == 426)
        }
    }

    @Test func openingIsLimitedByAddress() async throws {
        try await TestHouse.run(time: StoppedTime(), { $0.rates.sockets = RateLimits.Rate(perSecond: 1, burst: 2) }) { house in
            try house.mountEcho()
            for _ in 0..<2 { _ = try await WebSocketClient.open(house.port, "/echo") }
            let client = try await house.client()
            let refused = try await client.exchange(WebSocketClient.handshake("/echo"))
            #expect((refused.status, refused.headers["retry-after"]) == (429, "1"))
        }
    }

    @Test func staffHearWhatChanges() async throws {
        try await TestHouse.run { house in
            for asked in ["", "Sec-WebSocket-Protocol: jack.v1", "Sec-WebSocket-Protocol: jack.v1, wrong"] {
                let client = try await house.client()
                let refused = try await client.exchange(WebSocketClient.handshake("/ws", headers: asked.isEmpty ? [] : [asked]))
                #expect(refused.status == (asked.isEmpty ? 400 : 401))
            }
            let socket = try await WebSocketClient.open(house.port, "/ws", headers: ["Sec-WebSocket-Protocol: jack.v1, \(TestHouse.token)"])
            try await socket.send(#"{"type":"ping"}"#)
            #expect(try await socket.next().text == #"{"type":"pong"}"#)
            try await socket.send(#"{"type":"dance"}"#)
            #expect(try await socket.next().text.contains("unknown_type"))
            #expect(try await eventually { !house.hotel.listeners.withLock { $0.isEmpty } })
            house.hotel.announce()
            #expect(try await socket.next().text == #"{"action":"created","at":"2027-01-15T08:00:00.125Z","id":"t1","topic":"task","type":"event"}"#)
        }
    }

    @Test func aClientThatManyPeopleUseAgrees() async throws {
        try await TestHouse.run { house in
            try house.mountEcho(maximum: 100_000)
            let script = """
                import asyncio, sys, websockets
                async def main():
                    uri = sys.argv[1]
                    async with websockets.connect(uri + "/echo") as ws:
                        for n in range(50):
                            await ws.send("m%d" % n)
                            assert await ws.recv() == "echo m%d" % n
                        big = "ä" * 40000
                        await ws.send(big)
                        assert await ws.recv() == "echo " + big
                        await ws.send(["in ", "pieces"])
                        assert await ws.recv() == "echo in pieces"
                        await asyncio.wait_for(await ws.ping(), 5)
                    assert ws.close_code == 1000, ws.close_code
                    async with websockets.connect(uri + "/ws", subprotocols=["jack.v1", sys.argv[2]]) as ws:
                        assert ws.subprotocol == "jack.v1"
                    try:
                        async with websockets.connect(uri + "/nowhere"): pass
                        raise SystemExit("opened what is not there")
                    except websockets.InvalidStatus as error:
                        assert error.response.status_code == 404, error
                    print("agreed")
                asyncio.run(main())
                """
            // Subprotocols are tokens (RFC 9110, 5.6.2), so the token must be one too; the test's is.
            let (status, output) = try await runAside([python, "-c", script, "ws://127.0.0.1:\(house.port)", TestHouse.token])
            #expect(status == 0 && output == "agreed\n", "\(output)")
        }
    }
}
