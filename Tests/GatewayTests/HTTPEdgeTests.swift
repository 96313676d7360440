import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import Synchronization
import Testing

@testable import Gateway

/// What a careless or hostile peer does on the wire.
@Suite struct HTTPEdgeTests {
    @Test func aHeaderThatNeverEndsGets408() async throws {
        try await TestHouse.run({ $0.headerTimeout = .milliseconds(200) }) { house in
            let client = try await house.client()
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            let answer = try await client.until("\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 408 "))
            // A drop now and then does not move the limit.
            for _ in 0..<3 { client.pour([0x61]) }
            #expect(RawResponse(Array(try await client.untilClosed().utf8))?.errorCode == "header_timeout")
        }
    }

    @Test func aBodyThatNeverEndsGets408() async throws {
        try await TestHouse.run({ $0.bodyTimeout = .milliseconds(200) }) { house in
            try house.mountHook()
            let client = try await house.client()
            try await client.send("POST /webhooks/hook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
            let answer = try await client.untilClosed()
            #expect(RawResponse(Array(answer.utf8))?.status == 408)
            #expect(RawResponse(Array(answer.utf8))?.errorCode == "body_timeout")
            #expect(house.stored.withLock { $0.isEmpty })
        }
    }

    @Test(arguments: [true, false]) func aBodyOf9MegabytesGets413(isChunked: Bool) async throws {
        try await TestHouse.run({ $0.lingerTimeout = .seconds(5) }) { house in
            let client = try await house.client()
            let size = 9 << 20, bytes = [UInt8](repeating: 0x61, count: size)
            let framing = isChunked ? "Transfer-Encoding: chunked\r\n\r\n\(String(size, radix: 16))\r\n" : "Content-Length: \(size)\r\n\r\n"
            try await client.send(
                "POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(TestHouse.token)\r\n\(framing)")
            client.pour(bytes)
            let answer = try #require(RawResponse(Array(try await client.untilClosed().utf8)))
            #expect(answer.status == 413)
            #expect(answer.errorCode == "body_too_large")
            #expect(answer.headers["connection"] == "close")
        }
    }

    @Test func aRouteHasItsOwnBodyLimit() async throws {
        try await TestHouse.run { house in
            try house.mountHook(maximum: 10)
            let answer = try await house.request("POST", "/webhooks/hook", headers: ["Authorization: s"], body: "longer than ten")
            #expect(answer.status == 413)
            let client = try await house.client()
            try await client.send("POST /webhooks/hook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n")
            #expect(try await client.response().status == 413)
        }
    }

    @Test func aHugeHeaderGets431() async throws {
        try await TestHouse.run({ $0.maximumHeaderBytes = 4096 }) { house in
            let client = try await house.client()
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n")
            client.pour(Array("X-Big: \(String(repeating: "a", count: 100_000))\r\n\r\n".utf8))
            let answer = try #require(RawResponse(Array(try await client.untilClosed().utf8)))
            #expect(answer.status == 431)
            #expect(answer.errorCode == "header_too_large")
        }
    }

    @Test(arguments: [
        "NONSENSE\r\n\r\n", "GET / HTTP/1.1\r\nHost x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}",
    ]) func whatIsNotHTTPGets400(_ text: String) async throws {
        try await TestHouse.run({ $0.headerTimeout = .milliseconds(300) }) { house in
            let client = try await house.client()
            try await client.send(text)
            let answer = try #require(RawResponse(Array(try await client.untilClosed().utf8)))
            #expect(answer.status == 400)
            #expect(answer.errorCode == "malformed_request")
            // And the house stands.
            #expect(try await house.request("GET", "/healthz").status == 200)
        }
    }

    @Test func upgradesThatNobodyTakesAreOrdinaryRequests() async throws {
        try await TestHouse.run { house in
            let h2c = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"]
            #expect(try await house.request("GET", "/healthz", headers: h2c).status == 200)
            let client = try await house.client()
            try await client.send(WebSocketClient.handshake("/nowhere"))
            let answer = try #require(RawResponse(Array(try await client.untilClosed().utf8)))
            #expect((answer.status, answer.errorCode) == (404, "not_found"))
            #expect(answer.headers["connection"] == "close")
        }
    }

    @Test func keepAliveAndPipelining() async throws {
        try await TestHouse.run { house in
            let client = try await house.client()
            for _ in 0..<3 { #expect(try await client.exchange("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status == 200) }
            let before = client.received.count
            try await client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            let both = String(decoding: Array(try await client.untilClosed().utf8).dropFirst(before), as: UTF8.self)
            let ok = try #require(both.range(of: "HTTP/1.1 200")), missing = try #require(both.range(of: "HTTP/1.1 404"))
            #expect(ok.lowerBound < missing.lowerBound)
        }
    }

    @Test func anOldClientGetsItsAnswerAndTheEnd() async throws {
        try await TestHouse.run { house in
            let client = try await house.client()
            try await client.send("GET /healthz HTTP/1.0\r\nHost: x\r\n\r\n")
            let answer = try await client.untilClosed()
            #expect(answer.contains(" 200 "))
            #expect(answer.hasSuffix("ok\n"))
        }
    }

    @Test func expectContinueIsAnswered() async throws {
        try await TestHouse.run { house in
            try house.mountHook()
            let client = try await house.client()
            try await client.send(
                "POST /webhooks/hook HTTP/1.1\r\nHost: x\r\nAuthorization: s\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            try await client.until("100 Continue\r\n\r\n")
            try await client.send("e1")
            try await client.until("202 Accepted")
        }
    }

    @Test func idleConnectionsAreClosedQuietly() async throws {
        try await TestHouse.run({ $0.idleTimeout = .seconds(1) }) { house in
            let silent = try await house.client(), used = try await house.client()
            #expect(try await used.exchange("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status == 200)
            #expect(try await silent.untilClosed() == "")
            _ = try await used.untilClosed()
            #expect(try await eventually { try house.server.openConnections == 0 })
        }
    }

    @Test func aConnectionTooManyGets503() async throws {
        try await TestHouse.run({ ($0.maximumConnections, $0.maximumConnectionsPerAddress) = (2, 2) }) { house in
            let first = try await house.client(), second = try await house.client()
            #expect(try await first.exchange("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status == 200)
            #expect(try await second.exchange("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status == 200)
            let third = try await house.client()
            let answer = try #require(RawResponse(Array(try await third.untilClosed().utf8)))
            #expect(answer.status == 503)
            #expect(answer.errorCode == "too_many_connections")
            first.close()
            #expect(try await eventually { try house.server.openConnections == 1 })
            #expect(try await house.request("GET", "/healthz").status == 200)
        }
    }

    @Test func oneAddressCannotHaveAllConnections() async throws {
        try await TestHouse.run({ ($0.maximumConnections, $0.maximumConnectionsPerAddress) = (8000, 2) }) { house in
            let first = try await house.client(), second = try await house.client()
            for client in [first, second] { #expect(try await client.exchange("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status == 200) }
            let answer = try #require(RawResponse(Array(try await house.client().untilClosed().utf8)))
            #expect(answer.status == 503 && answer.errorCode == "too_many_connections")
            #expect(answer.body.contains("this address"))
            first.close()
            #expect(try await eventually { try house.server.openConnections == 1 })
            #expect(try await house.request("GET", "/healthz").status == 200)
        }
        // Where nothing is said it is half of all…
        try await TestHouse.run({ $0.maximumConnections = 2 }) { house in
            let client = try await house.client()
            #expect(try await client.exchange("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status == 200)
            #expect(try await RawResponse(Array(house.client().untilClosed().utf8))?.status == 503)
        }
        // …but a proxy brings everybody's.
        let proxy = try #require(AddressRange("127.0.0.1"))
        try await TestHouse.run({ ($0.maximumConnectionsPerAddress, $0.trustedProxies) = (1, [proxy]) }) { house in
            let clients = [try await house.client(), try await house.client()]
            for client in clients { #expect(try await client.exchange("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status == 200) }
        }
    }

    @Test func thousandsOfIdleConnectionsDoNotDisturbAnybody() async throws {
        try await TestHouse.run { house in
            let port = try house.port
            var idle: [RawClient] = []
            for _ in 0..<30 {
                idle += try await withThrowingTaskGroup(of: RawClient.self) { group in
                    for _ in 0..<100 { group.addTask { try await RawClient.connect(port) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
            }
            #expect(try await eventually { try house.server.openConnections == 3000 })
            #expect(try await house.request("GET", "/healthz").status == 200)
            for client in idle { client.close() }
            #expect(try await eventually { try house.server.openConnections == 0 })
        }
    }

    @Test func stoppingLetsARunningRequestEnd() async throws {
        let begun = Latch(), go = Latch()
        try await TestHouse.run { house in
            try house.routes.mount(
                [
                    .page(
                        PageRoute(path: "/slow") { _ in
                            begun.open()
                            await go.wait()
                            return PluginResponse(.ok, text: "done")
                        })
                ], of: "slow")
            let client = try await house.client(), idle = try await house.client()
            try await client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            await begun.wait()
            let server = try house.server, port = try house.port
            async let stopped: Void = server.stop()
            // Who has nothing to wait for is let go at once, and nobody new comes in.
            _ = try await idle.untilClosed()
            #expect(await (try? RawClient.connect(port)) == nil)
            go.open()
            let answer = try await client.untilClosed()
            #expect(answer.hasSuffix("done"))
            #expect(answer.lowercased().contains("connection: close"))
            await stopped
        }
    }

    @Test func stoppingDoesNotWaitForEver() async throws {
        let begun = Latch(), never = Latch()
        try await TestHouse.run({ $0.drainDeadline = .milliseconds(200) }) { house in
            try house.routes.mount(
                [
                    .page(
                        PageRoute(path: "/stuck") { _ in
                            begun.open()
                            await never.wait()
                            return PluginResponse(.ok)
                        })
                ], of: "stuck")
            let client = try await house.client()
            try await client.send("GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n")
            await begun.wait()
            async let stopped: Void = house.server.stop()
            _ = try await client.untilClosed()
            never.open()
            try await stopped
        }
    }
}
