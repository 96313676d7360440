import Foundation
import HTTPTypes
import OpenAIProviderPlugin
import PluginAPI
import PluginTestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct EmbeddingTests {
    private static func vectors(_ request: LoopbackServer.Request, reversed: Bool = true) -> LoopbackReply {
        let texts = request.jsonBody["input"]?.arrayValue ?? []
        // Each text gets a vector that tells its length, and the answer's order is not the texts'.
        let items = texts.enumerated().map { place, text in
            #"{"object":"embedding","index":\#(place),"embedding":[\#(Double(text.stringValue?.count ?? 0)),4.0]}"#
        }
        return .json(
            #"{"object":"list","data":[\#((reversed ? items.reversed() : items).joined(separator: ","))],"model":"m","usage":{"prompt_tokens":7,"total_tokens":7}}"#
        )
    }

    private let more: [String: JSONValue] = ["embedding_model": "text-embedding-3-small", "embedding_dimensions": 2]

    @Test func vectorsComeInOrderAndOfLengthOne() async throws {
        try await Lab.run(more) { request in
            FakeOpenAI.problem(request).map(FakeOpenAI.refused) ?? Self.vectors(request)
        } use: { provider, server, _ in
            let texts = ["abc"] + (0..<99).map { String(repeating: "ü", count: $0) }
            let result = try await provider.embed(texts, for: .document)
            #expect(result.vectors.count == 100 && result.vectors[0] == [0.6, 0.8])
            for (place, vector) in result.vectors.enumerated().dropFirst(2) {
                let length = Double(place - 1)
                #expect(abs(Double(vector[0]) - length / (length * length + 16).squareRoot()) < 1e-6)
            }
            #expect(result.usage.inputTokens == 14 && result.model == provider.features.embeddingModel)
            #expect(server.requests.map { $0.jsonBody["input"]?.arrayValue?.count } == [64, 36])
            #expect(server.requests.allSatisfy { $0.jsonBody["dimensions"] == 2 && $0.jsonBody["encoding_format"] == "float" })
            #expect(try await provider.embed([], for: .query).vectors.isEmpty && server.requests.count == 2)
        }
    }

    @Test func aServerOfOnesOwn() async throws {
        let more: [String: JSONValue] = [
            "embedding_model": "e5", "embedding_dimensions": 2, "embedding_query_prefix": "query: ", "embedding_document_prefix": "passage: ",
        ]
        try await Lab.run(more) { request in
            FakeOpenAI.problem(request).map(FakeOpenAI.refused) ?? .json(#"{"data":[{"embedding":[0,2]}]}"#)
        } use: { provider, server, _ in
            let query = try await provider.embed(["x"], for: .query), document = try await provider.embed([""], for: .document)
            #expect(query.vectors == [[0, 1]] && document.usage == AIUsage())
            #expect(
                server.requests.map { $0.jsonBody["input"] } == [["query: x"], ["passage: "]]
                    && server.requests.allSatisfy { $0.jsonBody["dimensions"] == nil })
            #expect(provider.features.embeddingDimensions == 2 && provider.features.embeddingModel?.hasPrefix("openai:e5:2:") == true)
        }
    }

    @Test(
        arguments: [
            (#"{"data":[]}"#, .notReady), (#"{"data":[{"embedding":[1,2,3]}]}"#, .permanent), (#"{"data":[{"embedding":[0,0]}]}"#, .notReady),
            (#"{"data":[{"embedding":[1e39,1]}]}"#, .notReady), (#"{"data":[{"embedding":"AAAA"}]}"#, .notReady), (#"{"data":{}}"#, .notReady),
            (#"{"data":[{"index":5,"embedding":[1,2]}]}"#, .notReady), ("", .notReady), (#"{"data":[{"index":-1,"embedding":[1,2]}]}"#, .notReady),
        ] as [(String, PluginFailure.Disposition)])
    func whatIsNoVectorIsAFailure(_ body: String, _ disposition: PluginFailure.Disposition) async throws {
        try await Lab.run(more) { _ in
            .json(body)
        } use: { provider, _, _ in
            #expect(await Lab.failure { try await provider.embed(["x"], for: .query) }?.disposition == disposition)
        }
    }

    @Test func withoutAModelThereIsNone() async throws {
        let provider = try TestContext().make(OpenAIProvider.self, ["api_key": .string(Lab.key), "model": "m"])
        #expect(provider.features.embeddingModel == nil && provider.features.embeddingDimensions == nil)
        #expect(await Lab.failure { try await provider.embed(["x"], for: .query) }?.reason == .notImplemented)
    }
}

@Suite(.timeLimit(.minutes(1))) struct SettingTests {
    @Test func theDeclarationsAreSound() {
        #expect(OpenAIProvider.Settings.schema.problems.isEmpty)
        #expect(["api_key", "headers"].allSatisfy { OpenAIProvider.Settings.schema[$0]?.shape.isSecret == true })
        #expect(OpenAIProvider.manifest.destinations.first?.classes.isSuperset(of: [.guestText, .knowledge]) == true)
    }

    @Test(
        arguments: [
            ([:], "“model” is missing"), (["model": ""], "it is empty"),
            (["model": "m", "api_key": "a\nb"], "api_key"), (["model": "m", "api_key": "k", "base_url": "ftp://x"], "not an http or https URL"),
            (["model": "m", "api_key": "k", "base_url": "https://x.example/v1?key=hunter2"], "it ends with a query"),
            (["model": "m", "api_key": "k", "embedding_model": "own"], "does not know how many numbers"),
            (["model": "m", "api_key": "k", "headers": ["Authorization": "x"]], "is set by Jack"),
            (["model": "m", "api_key": "k", "headers": ["X-A": "a\r\nb"]], "line break"),
            (["model": "m", "api_key": "k", "max_tokens_field": "auot"], "did you mean “auto”"),
            (["model": "m", "api_key": "k", "timeout": "1h"], "out of range"),
        ] as [(JSONValue, String)])
    func settingsAreReadStrictly(_ settings: JSONValue, _ complaint: String) {
        let error = #expect(throws: SettingsRejected.self) { try TestContext().make(OpenAIProvider.self, settings) }
        #expect(error?.description.contains(complaint) == true && error?.description.contains("hunter2") == false, "\(error?.description ?? "")")
    }

    /// Not an error: a server of one's own may take requests without one, and the generated sample must be sound.
    @Test func aMissingKeyIsSaid() throws {
        var report = ValidationReport()
        OpenAIProvider.validate(try decodeSettings(OpenAIProvider.Settings.self, ["model": "m"]), &report)
        #expect(report.findings.map(\.severity) == [.warning] && report.findings.first?.key == "api_key")
    }

    @Test(
        arguments: [
            ("https://api.openai.com/v1", false, 0), ("http://127.0.0.1:8000/v1/", true, 0), ("http://vllm:8000/v1", true, 0),
            ("http://llm.example.com/v1", false, 1), ("https://openrouter.ai/api/v1", false, 0),
        ])
    func whereDataGoesIsKnown(_ url: String, _ isLocal: Bool, _ warnings: Int) throws {
        let settings: JSONValue = ["model": "m", "api_key": .string(Lab.key), "base_url": .string(url)]
        #expect(try TestContext().make(OpenAIProvider.self, settings).features.isLocal == isLocal)
        var report = ValidationReport()
        OpenAIProvider.validate(try decodeSettings(OpenAIProvider.Settings.self, settings), &report)
        #expect(report.findings.count == warnings && report.findings.allSatisfy { $0.severity == .warning })
    }

    /// OpenAI itself takes the newer field, and its reasoning models neither a temperature nor stops.
    @Test(arguments: [("gpt-4.1", true), ("gpt-5-mini", false), ("o3", false), ("chatgpt-4o-latest", true), ("ft:gpt-4.1:org", true)])
    func openAIsOwnModels(_ model: String, _ takesSampling: Bool) async throws {
        let http = ScriptedHTTPClient { _ in ClientResponse(status: .ok, body: Array(#"{"choices":[{"message":{"content":"x"}}]}"#.utf8)) }
        let test = TestContext(http: http)
        let provider = try test.make(OpenAIProvider.self, ["model": .string(model), "api_key": .string(Lab.key)])
        _ = try await provider.complete(Lab.ask(temperature: 0, stop: ["x"]))
        let request = try #require(http.requests.first)
        #expect(request.url == "https://api.openai.com/v1/chat/completions")
        let body = try JSONValue(json: request.body)
        #expect(body["max_completion_tokens"] == 300 && body["max_tokens"] == nil)
        #expect((body["temperature"] != nil) == takesSampling && (body["stop"] != nil) == takesSampling)
    }

    @Test func noKeyNoHeader() async throws {
        let http = ScriptedHTTPClient { _ in ClientResponse(status: .ok, body: Array(#"{"data":[{"id":"m"}]}"#.utf8)) }
        let provider = try TestContext(http: http).make(OpenAIProvider.self, ["model": "m", "base_url": "http://localhost:8000/v1"])
        #expect(try await provider.probe().summary == "reached localhost, which lists 1 model")
        #expect(http.requests.first?.headers[.authorization] == nil)
    }

    @Test(
        arguments: [
            (200, #"{"data":[{"id":"gpt-4.1"},{"id":"gpt-4.1-mini"}]}"#, "lists 2 models", nil),
            (200, #"{"data":[{"id":"gpt-4.1"},{"x":1}]}"#, "does not list “gpt-4.1-mini”", nil), (404, "", "lists no models", nil),
            (200, #"{"data":"hunter2"}"#, nil, .notReady), (200, "<html>", nil, .notReady), (401, "{}", nil, .credentialsRejected),
            (500, "", nil, .notReady),
        ] as [(Int, String, String?, PluginFailure.Disposition?)])
    func theProbeListsModels(_ status: Int, _ body: String, _ says: String?, _ fails: PluginFailure.Disposition?) async throws {
        try await Lab.run { request in
            FakeOpenAI.problem(request).map(FakeOpenAI.refused) ?? .json(body, status: status)
        } use: { provider, server, _ in
            var summary: String?
            let failure = await Lab.failure { summary = try await provider.probe().summary }
            #expect(failure?.disposition == fails && server.requests.map(\.method) == ["GET"])
            #expect(says.map { summary?.contains($0) == true } ?? (summary == nil), "\(summary ?? "")")
            #expect(failure?.description.contains("hunter2") != true)
        }
    }

    @Test func settingsPrintWithoutSecrets() throws {
        let settings = try decodeSettings(
            OpenAIProvider.Settings.self, ["model": "m", "api_key": .string(Lab.key), "headers": ["X-A": "hunter2"]])
        #expect(!"\(settings.printed)".contains("hunter2") && !"\(settings)".contains("hunter2"))
    }

    @Test func toolsThatTheModelLacksAreRefused() async throws {
        let provider = try TestContext().make(OpenAIProvider.self, ["model": "m", "api_key": .string(Lab.key), "tools": false])
        #expect(!provider.features.tools)
        #expect(await Lab.failure { try await provider.complete(Lab.ask(tools: [Lab.towels])) }?.reason == .notImplemented)
    }

    @Test func stopIsSafeAtAnyTime() async throws {
        let provider = try TestContext().make(OpenAIProvider.self, ["model": "m", "api_key": .string(Lab.key)])
        await provider.stop()
        try await provider.start()
        await provider.stop()
        await provider.stop()
    }
}
