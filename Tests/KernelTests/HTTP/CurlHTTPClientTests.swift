import Foundation
import HTTPTypes
import Kernel
import PluginAPI
import PluginTestKit
import Testing

/// The client against a real server on the loopback address, in its good and its bad moods.
@Suite(.timeLimit(.minutes(2))) struct CurlHTTPClientTests {
    private func run<T: Sendable>(
        limits: CurlEngine.Limits = CurlEngine.Limits(), policy: OutboundPolicy = .unrestricted, _ answer: @escaping LoopbackServer.Answer,
        use body: (CurlHTTPClient, LoopbackServer) async throws -> T
    ) async throws -> T {
        let engine = try CurlEngine(limits: limits)
        do {
            let result = try await LoopbackServer.run(answer) { try await body(CurlHTTPClient(engine: engine, policy: policy), $0) }
            await engine.shutdown()
            return result
        } catch {
            await engine.shutdown()
            throw error
        }
    }

    private func failure(_ body: () async throws -> Void, _ location: SourceLocation = #_sourceLocation) async -> PluginFailure? {
        await #expect(throws: PluginFailure.self, sourceLocation: location) { try await body() }
    }

    private func collect(_ response: StreamedResponse) async throws -> [UInt8] {
        var body: [UInt8] = []
        for try await piece in response.body { body += piece }
        return body
    }

    // MARK: What is sent and what comes back

    @Test(arguments: [
        ("GET", ""), ("HEAD", ""), ("POST", "a body"), ("POST", ""), ("PUT", "x"), ("PATCH", "x"), ("DELETE", ""), ("DELETE", "x"), ("OPTIONS", ""),
    ])
    func aRequestArrivesAsItWasMeant(_ method: String, _ body: String) async throws {
        try await run { _ in
            .status(207, headers: [("X-One", "1"), ("X-Two", "a"), ("X-Two", "b"), ("X-Empty", "")], body: method == "HEAD" ? [] : [7, 8])
        } use: { client, server in
            let headers: HTTPFields = [.accept: "application/json", HTTPField.Name("X-Empty")!: "", .authorization: "Bearer abc"]
            let method = try #require(HTTPRequest.Method(method))
            let response = try await client.send(ClientRequest(method, server.url("/p?q=%20%C3%BC#f"), headers: headers, body: Array(body.utf8)))
            #expect(response.status.code == 207 && response.body == (method == .head ? [] : [7, 8]))
            #expect(response.headers[HTTPField.Name("x-one")!] == "1" && response.headers[values: HTTPField.Name("X-Two")!] == ["a", "b"])
            #expect(response.headers[HTTPField.Name("X-Empty")!] == "")
            let request = try #require(server.requests.first)
            #expect(request.method == method.rawValue && request.text == body && request.target == "/p?q=%20%C3%BC")
            #expect(
                request.header("Authorization") == "Bearer abc" && request.header("Accept") == "application/json" && request.header("X-Empty") == "")
            #expect(request.header("Content-Type") == nil && request.header("Expect") == nil && request.header("User-Agent") == "jack")
            #expect(
                request.header("Content-Length")
                    == (body.isEmpty && !["POST", "PUT", "PATCH"].contains(method.rawValue) ? nil : "\(body.utf8.count)")
            )
        }
    }

    @Test func aLargeBodyIsSentWhole() async throws {
        try await run {
            .text("\($0.body.count) \($0.body.reduce(0) { ($0 &* 31) &+ Int($1) })")
        } use: { client, server in
            let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let response = try await client.send(ClientRequest(.post, server.url(), headers: [.contentType: "application/octet-stream"], body: body))
            #expect(response.text == "3000000 \(body.reduce(0) { ($0 &* 31) &+ Int($1) })")
        }
    }

    @Test func aRedirectIsReturnedAndNotFollowed() async throws {
        try await run { _ in
            .redirect(to: "/secret", status: 307)
        } use: { client, server in
            let response = try await client.send(ClientRequest(.get, server.url("/start")))
            #expect(response.status.code == 307 && response.headers[.location] == "/secret")
            #expect(server.requests.map(\.path) == ["/start"])
        }
    }

    @Test func headsOf1xxAndTrailersAreNoAnswer() async throws {
        let early = LoopbackReply.head(103, [("Link", "</a.css>")]), head = LoopbackReply.head(200, [("Transfer-Encoding", "chunked"), ("X-A", "1")])
        let end = Array("3\r\nabc\r\n0\r\nX-Trailer: late\r\n\r\n".utf8)
        try await run { _ in
            LoopbackReply([.send(early), .send(head), .send(end)])
        } use: { client, server in
            let response = try await client.send(ClientRequest(.get, server.url()))
            #expect(response.status == .ok && response.text == "abc" && response.headers[HTTPField.Name("X-A")!] == "1")
            #expect(response.headers[HTTPField.Name("Link")!] == nil && response.headers[HTTPField.Name("X-Trailer")!] == nil)
        }
    }

    @Test func theEnvironmentsProxyIsNotUsed() async throws {
        setenv("http_proxy", "http://127.0.0.1:1", 1)
        defer { unsetenv("http_proxy") }
        try await run { _ in
            .text("direct")
        } use: { client, server in
            let text = try await client.send(ClientRequest(.get, server.url())).text
            #expect(text == "direct")
        }
    }

    @Test func aConfiguredProxyIsUsed() async throws {
        let server = try await LoopbackServer.start { .text("proxied \($0.target)") }, engine = try CurlEngine()
        let client = CurlHTTPClient(engine: engine, policy: OutboundPolicy(allowedHosts: nil, allowsPrivateAddresses: true, proxy: server.url("")))
        #expect(try await client.send(ClientRequest(.get, "http://hotel.invalid/x")).text == "proxied http://hotel.invalid/x")
        await engine.shutdown()
        await server.shutdown()
    }

    // MARK: What goes wrong

    @Test(arguments: [
        ("/silence", PluginFailure.Reason.timeout), ("/drip", .timeout), ("/cut", .unreachable), ("/cut-head", .malformedReply),
        ("/nothing", .unreachable),
        ("/garbage", .malformedReply), ("/status", .malformedReply), ("/chunk", .unreachable), ("/fields", .responseTooLarge),
        ("/head", .responseTooLarge),
        ("/body", .responseTooLarge), ("/endless", .responseTooLarge),
    ])
    func aBadAnswerIsATypedFailure(_ path: String, _ reason: PluginFailure.Reason) async throws {
        try await run { request in
            switch request.path {
            case "/well": .text("well")
            case "/drip": .drip(Array(repeating: 65, count: 10_000), piece: 1, every: .milliseconds(5))
            case "/cut": .cut(after: [1, 2, 3], of: 100)
            case "/cut-head": LoopbackReply([.send(Array("HTTP/1.1 200 OK\r\nX-A: 1\r\n".utf8)), .close])
            case "/nothing": LoopbackReply([.close])
            case "/garbage": .garbage((0..<200).map { UInt8(truncatingIfNeeded: $0 &* 37) })
            case "/status": .garbage(Array("HTTP/1.1 9x9 Strange\r\n\r\n".utf8))
            case "/chunk": .garbage(LoopbackReply.head(200, [("Transfer-Encoding", "chunked")]) + Array("zz\r\n".utf8))
            case "/fields": .status(200, headers: (0..<300).map { ("X-\($0)", "1") })
            case "/head": .status(200, headers: (0..<50).map { ("X-\($0)", String(repeating: "v", count: 2000)) })
            case "/body": .status(200, body: Array(repeating: 65, count: 100_001))
            case "/endless": .chunked(Array(repeating: Array(repeating: 65, count: 10_000), count: 100))
            default: .silence
            }
        } use: { client, server in
            let url = server.url(path + "?token=hunter2"), start = ContinuousClock.now
            let request = ClientRequest(.get, url, timeout: reason == .timeout ? .milliseconds(300) : .seconds(20), maximumResponseBytes: 100_000)
            for streams in [false, true] {
                let failure = await failure { _ = streams ? try await collect(client.stream(request)) : try await client.send(request).body }
                #expect(failure?.reason == reason && failure?.disposition == (reason == .responseTooLarge ? .permanent : .notReady))
                #expect(failure?.message.contains("127.0.0.1:\(server.port)") == true && failure?.description.contains("hunter2") == false)
            }
            #expect(ContinuousClock.now - start < .seconds(15))
            // The engine is none the worse for it.
            let text = try await client.send(ClientRequest(.get, server.url("/well"))).text
            #expect(text == "well")
        }
    }

    @Test func aServerThatIsNotThereIsUnreachable() async throws {
        let server = try await LoopbackServer.start { _ in .silence }, url = server.url()
        await server.shutdown()
        let engine = try CurlEngine(), client = CurlHTTPClient(engine: engine, policy: .unrestricted)
        let refused = await failure { _ = try await client.send(ClientRequest(.get, url)) }
        #expect(refused?.reason == .unreachable && refused?.disposition == .notReady)
        let unknown = await failure { _ = try await client.send(ClientRequest(.get, "http://no-such-host.invalid/?key=hunter2")) }
        #expect(unknown?.reason == .unreachable && unknown?.message.contains("hunter2") == false)
        await engine.shutdown()
    }

    @Test(arguments: [
        "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "/relative", "", "http://", "http://a b/", "http://x/\u{0}",
        "http://x:99999/", "http://x/ü",
    ])
    func onlyHTTPIsAllowed(_ url: String) async throws {
        let engine = try CurlEngine(), client = CurlHTTPClient(engine: engine, policy: .unrestricted)
        let failure = await failure { _ = try await client.send(ClientRequest(.get, url)) }
        #expect(failure?.disposition == .permanent && failure?.reason == .invalidRequest)
        await engine.shutdown()
    }

    // MARK: Streams

    @Test func theHeadComesBeforeTheBody() async throws {
        let signal = LoopbackSignal()
        let head = LoopbackReply.head(200, [("Transfer-Encoding", "chunked")]), first = LoopbackReply.chunk([1]), rest = LoopbackReply.chunk([2, 3])
        try await run { _ in
            LoopbackReply([.send(head), .send(first), .wait(signal), .send(rest + LoopbackReply.chunk([]))])
        } use: { client, server in
            let response = try await client.stream(ClientRequest(.get, server.url()))
            #expect(response.status == .ok)
            var pieces = response.body.makeAsyncIterator()
            #expect(try await pieces.next() == [1])
            signal.open()
            #expect(try await pieces.next() == [2, 3])
            #expect(try await pieces.next() == nil)
        }
    }

    @Test func aSlowReaderHoldsTheServerBack() async throws {
        let size = 64 << 20
        let server = try await LoopbackServer.start { _ in
            let piece = LoopbackReply.Step.send(Array(repeating: 90, count: 1 << 20))
            return LoopbackReply([.send(LoopbackReply.head(200, [("Content-Length", "\(size)")]))] + Array(repeating: piece, count: size >> 20))
        }
        let engine = try CurlEngine(), client = CurlHTTPClient(engine: engine, policy: .unrestricted)
        let response = try await client.stream(ClientRequest(.get, server.url(), maximumResponseBytes: size))
        var pieces = response.body.makeAsyncIterator(), count = try await pieces.next()?.count ?? 0
        // The system's socket buffers and the channel take a few megabytes; then the server waits for as long as nobody reads.
        var last = -1
        while last != server.bytesSent {
            last = server.bytesSent
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(last > 0 && last < size / 2, "\(last) bytes were taken from the server")
        while let piece = try await pieces.next() { count += piece.count }
        #expect(count == size)
        await engine.shutdown()
        await server.shutdown()
    }

    @Test func leavingABodyEndsTheTransfer() async throws {
        try await run { _ in
            .chunked(Array(repeating: Array(repeating: 1, count: 100_000), count: 1000))
        } use: { client, server in
            func readOne() async throws -> Bool {
                for try await piece in try await client.stream(ClientRequest(.get, server.url(), maximumResponseBytes: 1 << 30)).body {
                    return !piece.isEmpty
                }
                return false
            }
            let hasRead = try await readOne()
            #expect(hasRead)
            #expect(await eventually { server.openConnections == 0 })
        }
    }

    // MARK: Cancellation

    @Test func aCancelledTaskEndsItsRequest() async throws {
        try await run { _ in
            .silence
        } use: { client, server in
            let url = server.url(), task = Task { try await client.send(ClientRequest(.get, url)) }
            #expect(await eventually { server.requests.count == 1 })
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(await eventually { server.openConnections == 0 })
            let early = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await client.send(ClientRequest(.get, url))
            }
            await #expect(throws: CancellationError.self) { try await early.value }
            #expect(server.requests.count == 1)
        }
    }

    @Test func aTaskIsCancelledInTheMiddleOfABody() async throws {
        let head = LoopbackReply.head(200, [("Content-Length", "10")])
        try await run { _ in
            LoopbackReply([.send(head + [1]), .hang])
        } use: { client, server in
            let url = server.url(), got = LoopbackSignal()
            let task = Task {
                for try await _ in try await client.stream(ClientRequest(.get, url)).body { got.open() }
            }
            await got.wait()
            task.cancel()
            // The loop ends at once, by an error or by itself: how depends on where the cancellation meets it.
            _ = await task.result
            #expect(await eventually { server.openConnections == 0 })
        }
    }

    // MARK: Connections

    @Test func connectionsAreUsedAgainAndLimited() async throws {
        try await run(limits: CurlEngine.Limits(connectionsPerHost: 4)) {
            .text($0.path)
        } use: { client, server in
            let url = server.url()
            let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
                for worker in 0..<64 {
                    group.addTask {
                        var wrong = 0
                        for round in 0..<157 {
                            let path = "\(worker)/\(round)"
                            if try await client.send(ClientRequest(.get, url + path)).text != "/" + path { wrong += 1 }
                        }
                        return wrong
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(wrong == 0 && server.requests.count == 64 * 157)
            #expect(server.mostOpenConnections <= 4 && server.connections <= 8)
        }
    }

    @Test func whoWaitsForAConnectionKeepsToItsTime() async throws {
        try await run(limits: CurlEngine.Limits(connectionsPerHost: 1)) {
            $0.path == "/hold" ? .silence : .text("")
        } use: { client, server in
            let url = server.url("/hold"), holder = Task { try await client.send(ClientRequest(.get, url)) }
            #expect(await eventually { server.requests.count == 1 })
            let failure = await failure { _ = try await client.send(ClientRequest(.get, server.url(), timeout: .milliseconds(300))) }
            #expect(failure?.reason == .timeout)
            holder.cancel()
            let status = try await client.send(ClientRequest(.get, server.url())).status
            #expect(status == .ok)
        }
    }

    @Test func shutdownEndsWhatRuns() async throws {
        let server = try await LoopbackServer.start { _ in .silence }, engine = try CurlEngine(),
            client = CurlHTTPClient(engine: engine, policy: .unrestricted),
            url = server.url()
        let task = Task { try await client.send(ClientRequest(.get, url)) }
        #expect(await eventually { server.requests.count == 1 })
        await engine.shutdown()
        let ended = await failure { _ = try await task.value }
        #expect(ended?.reason == .cancelled && ended?.disposition == .notReady)
        let refused = await failure { _ = try await client.send(ClientRequest(.get, url)) }
        #expect(refused?.reason == .cancelled)
        await engine.shutdown()
        await server.shutdown()
    }
}
