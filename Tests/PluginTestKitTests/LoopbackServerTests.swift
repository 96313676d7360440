import Foundation
import PluginTestKit
import Testing

/// The server is looked at through a plain socket: `curl` on the command line, so that no client of ours hides a fault of the server's.
@Suite struct LoopbackServerTests {
    /// Runs on a thread of its own: waiting for a process on a thread of Swift's pool would keep the server from answering it.
    private func curl(_ arguments: String...) async throws -> (status: Int32, output: String) {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        let process = Process(), pipe = Pipe()
                        process.executableURL = URL(filePath: "/usr/bin/curl")
                        process.arguments = ["-s", "--max-time", "10", "--noproxy", "*"] + arguments
                        process.standardOutput = pipe
                        try process.run()
                        let output = pipe.fileHandleForReading.readDataToEndOfFile()
                        process.waitUntilExit()
                        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
                    })
            }
        }
    }

    @Test func requestsAreRecordedAndAnswered() async throws {
        try await LoopbackServer.run { request in
            .json(#"{"path":"\#(request.path)"}"#, status: request.method == "PUT" ? 201 : 200)
        } use: { server in
            let got = try await curl("-i", "-X", "PUT", "-H", "X-One: 1", "--data-binary", "body", server.url("/a?b=c"))
            #expect(got.output.hasPrefix("HTTP/1.1 201") && got.output.hasSuffix(#"{"path":"/a"}"#))
            let request = try #require(server.requests.first)
            #expect(request.target == "/a?b=c" && request.text == "body" && request.header("x-one") == "1" && request.connection == 1)
            #expect(try await curl(server.url(), server.url()).status == 0)
            #expect(server.requests.map(\.connection) == [1, 2, 2], "a connection is kept open")
        }
    }

    @Test(
        arguments: [
            ("/cut", 18, "abc"), ("/garbage", 1, ""), ("/chunked", 0, "onetwo"), ("/drip", 0, "0123456789"), ("/redirect", 0, ""),
        ] as [(String, Int32, String)])
    func badAnswersAreSentAsAskedFor(_ path: String, _ status: Int32, _ output: String) async throws {
        try await LoopbackServer.run { request in
            switch request.path {
            case "/cut": .cut(after: Array("abc".utf8), of: 9)
            case "/garbage": .garbage([0, 255, 13, 10, 13, 10, 7])
            case "/chunked": .chunked([Array("one".utf8), Array("two".utf8)])
            case "/drip": .drip(Array("0123456789".utf8), piece: 3, every: .milliseconds(2))
            default: .redirect(to: "/elsewhere")
            }
        } use: { server in
            let got = try await curl(server.url(path))
            #expect(got.status == status && got.output == output)
        }
    }

    @Test func anAnswerWaitsForItsSignal() async throws {
        let signal = LoopbackSignal()
        try await LoopbackServer.run { _ in
            .text("at last").after(signal)
        } use: { server in
            let url = server.url()
            async let got = curl(url)
            #expect(await eventually { server.requests.count == 1 && server.openConnections == 1 })
            signal.open()
            let output = try await got.output
            #expect(output == "at last")
            #expect(await eventually { server.openConnections == 0 })
        }
    }

    @Test func anAnswerWaitsForTheTestsClock() async throws {
        let clock = VirtualClock()
        try await LoopbackServer.run { _ in
            .text("next day").after(.seconds(86_400), on: clock)
        } use: { server in
            let url = server.url()
            async let got = curl(url)
            #expect(await clock.waitForSleepers(1))
            await clock.advance(by: .seconds(86_400))
            let output = try await got.output
            #expect(output == "next day")
        }
    }

    @Test func repliesComeInTheOrderOfTheScript() async throws {
        try await LoopbackServer.run(LoopbackServer.inOrder([.text("one"), .text("two", status: 503)])) { server in
            let first = try await curl(server.url()), second = try await curl("-w", "%{http_code}", server.url())
            #expect(first.output == "one" && second.output == "two503")
            #expect(try await curl("-o", "/dev/null", "-w", "%{http_code}", server.url()).output == "599")
        }
    }

    @Test func theEndCutsWhoeverWaits() async throws {
        let server = try await LoopbackServer.start { _ in .silence }
        let url = server.url()
        async let got = curl(url)
        #expect(await eventually { server.requests.count == 1 })
        await server.shutdown()
        let status = try await got.status
        #expect(status != 0)
        #expect(try await curl(url).status == 7, "the port refuses")
    }
}
