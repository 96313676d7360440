import HTTPTypes
import PluginAPI
import Testing

@Suite struct ServerSentEventTests {
    private func events(_ text: String, pieces size: Int? = nil) throws -> [ServerSentEvent] {
        try events(Array(text.utf8), pieces: size)
    }

    private func events(_ bytes: [UInt8], pieces size: Int? = nil) throws -> [ServerSentEvent] {
        var parser = ServerSentEventParser()
        return try stride(from: 0, to: bytes.count, by: size ?? max(1, bytes.count)).flatMap { start in
            try parser.feed(bytes[start..<min(bytes.count, start + (size ?? bytes.count))])
        }
    }

    /// The examples of the specification, and the corners of its grammar.
    @Test(
        arguments: [
            ("data: YHOO\ndata: +2\ndata: 10\n\n", [ServerSentEvent(data: "YHOO\n+2\n10")]),
            (
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
                [
                    ServerSentEvent(data: "first event", id: "1"), ServerSentEvent(data: "second event"),
                    ServerSentEvent(data: " third event"),
                ]
            ),
            ("data\n\ndata\ndata\n\ndata:", [ServerSentEvent(data: ""), ServerSentEvent(data: "\n")]),
            ("data:test\n\ndata: test\n\n", [ServerSentEvent(data: "test"), ServerSentEvent(data: "test")]),
            ("event: add\ndata: 1\n\ndata: 2\n\n", [ServerSentEvent(event: "add", data: "1"), ServerSentEvent(data: "2")]),
            // A type without data is no event, and its type does not go to the next.
            ("event: lost\n\ndata: x\n\n", [ServerSentEvent(data: "x")]),
            ("id: 7\ndata: a\n\ndata: b\n\n", [ServerSentEvent(data: "a", id: "7"), ServerSentEvent(data: "b", id: "7")]),
            ("id: a\0b\ndata: x\n\n", [ServerSentEvent(data: "x")]),
            ("Data: x\nunknown: y\ndata: z\n\n", [ServerSentEvent(data: "z")]),
            ("\u{FEFF}data: x\n\n\u{FEFF}data: y\n\n", [ServerSentEvent(data: "x")]),
            ("\n\n\n", []), ("data: cut", []), ("data: cut\n", []), ("", []),
            ("data: {\"a\":\"b: c\"}\n\n", [ServerSentEvent(data: "{\"a\":\"b: c\"}")]),
        ] as [(String, [ServerSentEvent])])
    func theGrammar(_ text: String, _ expected: [ServerSentEvent]) throws {
        #expect(try events(text) == expected)
        #expect(try events(text, pieces: 1) == expected)
        #expect(try events(text.replacing("\n", with: "\r\n"), pieces: 1) == expected)
        #expect(try events(text.replacing("\n", with: "\r")) == expected)
        #expect(try events(text.replacing("\n", with: "\r"), pieces: 1) == expected)
    }

    @Test func aPieceMayEndInsideACharacterAndInsideALineBreak() throws {
        let text = "data: Zimmer früh — 早餐 👩‍👩‍👧\r\n\r\ndata: ä\r\n\r\n"
        for size in 1...9 { #expect(try events(text, pieces: size).map(\.data) == ["Zimmer früh — 早餐 👩‍👩‍👧", "ä"]) }
    }

    @Test func bytesThatAreNoTextAreReplaced() throws {
        #expect(try events(Array("data: a".utf8) + [0xFF, 0xC3] + Array("b\n\n".utf8)).map(\.data) == ["a\u{FFFD}\u{FFFD}b"])
    }

    @Test func theTimeToWaitIsRead() throws {
        for (text, wait) in [("retry: 1500\n", .milliseconds(1500)), ("retry: 1s\n", nil), ("retry: 99999999999999\n", nil)] as [(String, Duration?)]
        {
            var parser = ServerSentEventParser()
            _ = try parser.feed(text.utf8)
            #expect(parser.retry == wait)
        }
    }

    @Test(arguments: ["data: ", "", ": ", "event: ", "data: x\ndata: "])
    func anEventHasALimit(_ beginning: String) throws {
        var parser = ServerSentEventParser(maximumEventBytes: 100)
        let failure = #expect(throws: PluginFailure.self) {
            _ = try parser.feed(beginning.utf8)
            for _ in 0..<200 { _ = try parser.feed("y".utf8) }
        }
        #expect(failure?.disposition == .notReady && failure?.reason == .malformedReply)
    }

    @Test func manyLinesCountTogetherAndManyEventsDoNot() throws {
        var parser = ServerSentEventParser(maximumEventBytes: 100)
        for _ in 0..<1000 { #expect(try parser.feed("data: 0123456789\n\n".utf8).count == 1) }
        #expect(throws: PluginFailure.self) { for _ in 0..<1000 { _ = try parser.feed("data: 0123456789\n".utf8) } }
    }

    @Test func whatCameBeforeAFaultIsNotLost() async throws {
        let body = AsyncThrowingStream<[UInt8], any Error> { $0.yield(Array("data: a\n\ndata: 0123456789\n\n".utf8)) }
        var iterator = ServerSentEvents(StreamedResponse(status: .ok, headers: [:], body: body), maximumEventBytes: 10).makeAsyncIterator()
        #expect(try await iterator.next()?.data == "a")
        // Nothing more comes, and nothing more is waited for.
        await #expect(throws: PluginFailure.self) { try await iterator.next() }
        let lines = AsyncThrowingStream<[UInt8], any Error> { $0.yield(Array("1\n2\n{\n3\n".utf8)) }
        var documents = JSONLines(StreamedResponse(status: .ok, headers: [:], body: lines)).makeAsyncIterator()
        #expect(try await documents.next() == 1)
        #expect(try await documents.next() == 2)
        for _ in 0..<2 { await #expect(throws: PluginFailure.self) { try await documents.next() } }
    }

    @Test func aBodyIsReadAsItComes() async throws {
        let (body, continuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
        let sequence = ServerSentEvents(StreamedResponse(status: .ok, headers: [:], body: body))
        continuation.yield(Array("data: a\n\ndata: b\n\nda".utf8))
        var iterator = sequence.makeAsyncIterator()
        #expect(try await iterator.next()?.data == "a")
        #expect(try await iterator.next()?.data == "b")
        continuation.yield(Array("ta: c\n\n".utf8))
        #expect(try await iterator.next()?.data == "c")
        continuation.finish(throwing: PluginFailure.notReady(.unreachable, "gone"))
        await #expect(throws: PluginFailure.self) { try await iterator.next() }
    }
}

@Suite struct JSONLineTests {
    private func documents(_ text: String, pieces size: Int) throws -> [JSONValue] {
        var parser = JSONLineParser()
        let bytes = Array(text.utf8)
        var all = try stride(from: 0, to: bytes.count, by: size).flatMap { try parser.feed(bytes[$0..<min(bytes.count, $0 + size)]) }
        if let last = try parser.finish() { all.append(last) }
        return all
    }

    @Test(arguments: [1, 2, 7, 4096])
    func linesAreDocuments(_ size: Int) throws {
        #expect(
            try documents("{\"a\":\"früh 👍\"}\r\n\n  \n[1,2.5,null]\n\"last\"", pieces: size) == [["a": "früh 👍"], [1, 2.5, nil], "last"])
        #expect(try documents("", pieces: size) == [])
    }

    @Test(arguments: ["{\"a\":\n", "nonsense\n", "{\"a\":1}{\"b\":2}\n", "{\"cut\":\"of", "\u{0}\n", "[1e999]\n"])
    func whatIsNoJSONIsAMalformedReply(_ text: String) throws {
        let failure = #expect(throws: PluginFailure.self) { try documents(text, pieces: 3) }
        #expect(failure?.reason == .malformedReply && failure?.disposition == .notReady)
        #expect(failure?.description.contains("nonsense") == false)
    }

    @Test func aLineHasALimit() throws {
        var parser = JSONLineParser(maximumLineBytes: 64)
        for _ in 0..<100 { #expect(try parser.feed("{\"n\":1}\n".utf8) == [["n": 1]]) }
        let failure = #expect(throws: PluginFailure.self) { try parser.feed([UInt8](repeating: 0x20, count: 65)) }
        #expect(failure?.reason == .malformedReply)
    }

    /// What a hostile vendor may send deep, must end as a failure and not as a trap.
    @Test(arguments: [400, 600, 100_000])
    func depthIsNoTrap(_ depth: Int) async throws {
        let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        // On a task's thread, whose stack is the smaller one.
        await Task.detached { _ = try? JSONValue(json: text.utf8) }.value
        let keys = String(repeating: "{\"a\":", count: depth) + "1" + String(repeating: "}", count: depth)
        await Task.detached { _ = try? JSONValue(json: keys.utf8) }.value
    }

    @Test func jsonIsWrittenAlwaysAlike() throws {
        let value: JSONValue = ["b": 1, "a": ["/x", 0.5, nil, true], "c": 0.0]
        #expect(try value.jsonText() == #"{"a":["/x",0.5,null,true],"b":1,"c":0}"#)
        #expect(try JSONValue(json: value.jsonBytes())["a"] == value["a"])
        let failure = #expect(throws: PluginFailure.self) { try JSONValue.double(.nan).jsonBytes() }
        #expect(failure?.disposition == .permanent)
    }

    @Test func anExplanationIsReadUpToALimit() async throws {
        for (limit, expected) in [(10, "0123401234"), (100, "012340123401234"), (3, "012")] {
            let body = AsyncThrowingStream<[UInt8], any Error> { continuation in
                for _ in 0..<3 { continuation.yield(Array("01234".utf8)) }
                continuation.finish()
            }
            let response = try await StreamedResponse(status: .badRequest, headers: [:], body: body).collected(maximumBytes: limit)
            #expect(response.text == expected && response.status == .badRequest)
        }
    }
}

@Suite struct PrivateHostTests {
    @Test(
        arguments: [
            "http://127.0.0.1:11434", "http://localhost", "http://[::1]:8080/v1", "https://10.1.2.3", "http://172.16.0.1", "http://172.31.255.255",
            "http://192.168.1.9:8000/v1", "http://169.254.1.1", "http://ollama:11434", "http://gpu.local", "http://LLM.Internal:80",
            "http://a.home.arpa",
            "http://x.localhost", "http://[fd12:3456::1]", "http://[fe80::1]", "http://localhost.:80",
        ])
    func inTheHouse(_ url: String) { #expect(PrivateHost.isNamed(by: url)) }

    @Test(
        arguments: [
            "https://api.openai.com/v1", "http://8.8.8.8", "http://172.32.0.1", "http://172.15.0.1", "http://192.169.1.1", "http://11.0.0.1",
            "http://0.0.0.0",
            "https://localhost.example.com", "https://10.0.0.1.example.com", "https://127.0.0.1.nip.io", "http://[2001:db8::1]", "http://[fc::1]",
            "http://user@evil.example", "http://127.0.0.1@evil.example", "http://0x7f000001", "http://2130706433", "http://127.1", "http://999.0.0.1",
            "",
            "nonsense", "http://", "https://x.notlocal.com",
        ])
    func outside(_ url: String) { #expect(!PrivateHost.isNamed(by: url)) }
}
