import Foundation
import OllamaProviderPlugin
import PluginAPI
import PluginTestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct AnswerTests {
    private let marked = "Der Pool öffnet um 8 [doc:en/pool]. 🏊‍♀️ Bis bald [doc:invented]!"
    private let plain = "Der Pool öffnet um 8. 🏊‍♀️ Bis bald!"

    @Test func aStrictServerTakesAPlainRequest() async throws {
        let marked = marked
        try await Lab.run { request in
            FakeOllama.problem(request, streams: false).map(FakeOllama.refused) ?? FakeOllama.answer(marked)
        } use: { provider, server, _ in
            let answer = try await provider.complete(Lab.ask(temperature: 0, stop: ["END"]))
            #expect(answer.text == plain && answer.citations == ["en/pool"] && answer.finishReason == .complete)
            #expect(answer.model == "llama3.1:8b" && answer.usage == FakeOllama.counted)
            let body = try #require(server.requests.first).jsonBody
            #expect(body["options"] == ["num_ctx": 8192, "num_predict": 300, "temperature": 0, "stop": ["END"]], "an explicit 0 is sent")
            #expect(body["truncate"] == false && body["shift"] == false && body["think"] == false && body["keep_alive"] == 1800)
            #expect(body["messages"]?.arrayValue?.count == 2 && body["messages"]?[1] == ["role": "user", "content": .string(Lab.guest)])
            let system = body["messages"]?[0]?["content"]?.stringValue ?? ""
            #expect(system.hasPrefix("Be kind.") && system.contains("<document id=\"en/pool\" title=\"Pool &amp; spa\"") && !system.contains("Wann"))
            _ = try await provider.complete(Lab.ask())
            #expect(server.requests.last?.jsonBody["options"]?["temperature"] == nil, "and none where none is asked for")
        }
    }

    @Test(arguments: [1, 3, 1 << 20])
    func aStreamComesTogetherHoweverItIsCut(_ size: Int) async throws {
        let text =
            FakeOllama.line(["role": "assistant", "content": "", "thinking": "hm [doc:en/pool]"]) + FakeOllama.words(marked) + FakeOllama.end()
        try await Lab.run { request in
            FakeOllama.problem(request, streams: true).map(FakeOllama.refused) ?? FakeOllama.stream(text, pieces: size)
        } use: { provider, _, _ in
            let outcome = await Lab.read(provider.stream(Lab.ask()))
            #expect(outcome.failure == nil && outcome.text == plain && outcome.texts.count > 5)
            #expect(outcome.answer?.text == plain && outcome.answer?.citations == ["en/pool"] && outcome.answer?.usage == FakeOllama.counted)
        }
    }

    @Test(arguments: [true, false])
    func toolsAreCalled(_ streams: Bool) async throws {
        // Older servers give no ids; newer ones do.
        let calls: JSONValue = [
            ["function": ["name": "order_towels", "arguments": ["count": 2]]],
            ["id": "call_x", "function": ["index": 1, "name": "call_taxi", "arguments": [:]]],
        ]
        try await Lab.run { request in
            if let problem = FakeOllama.problem(request) { return FakeOllama.refused(problem) }
            return streams
                ? FakeOllama.stream(FakeOllama.line(["role": "assistant", "content": "", "tool_calls": calls]) + FakeOllama.end(), pieces: 4)
                : FakeOllama.answer("", calls: calls)
        } use: { provider, server, _ in
            var request = Lab.ask(tools: [Lab.towels])
            request.messages += [
                AIMessage(.assistant, parts: [.toolCall(AIToolCall(id: "call-1", name: "order_towels", arguments: ["count": 1]))]),
                AIMessage(
                    .user, parts: [.toolResult(callID: "call-1", content: "done", isError: false), .image(bytes: [1, 2, 3], mimeType: "image/png")]),
            ]
            let answer = streams ? await Lab.read(provider.stream(request)).answer : try await provider.complete(request)
            #expect(
                answer?.toolCalls == [
                    AIToolCall(id: "call-2", name: "order_towels", arguments: ["count": 2]),
                    AIToolCall(id: "call_x", name: "call_taxi", arguments: [:]),
                ])
            #expect(answer?.finishReason == .toolCalls)
            let body = try #require(server.requests.first).jsonBody
            #expect(body["messages"]?[2]?["tool_calls"]?[0] == ["id": "call-1", "function": ["name": "order_towels", "arguments": ["count": 1]]])
            #expect(body["messages"]?[3] == ["role": "tool", "content": "done", "tool_call_id": "call-1", "tool_name": "order_towels"])
            #expect(body["messages"]?[4] == ["role": "user", "content": "", "images": ["AQID"]])
        }
    }

    /// The API cannot be told which tool to use, only which there are.
    @Test(arguments: [(.automatic, 2), (.required, 2), (.none, nil), (.named("order_towels"), 1)] as [(AIToolChoice, Int?)])
    func whatMayNotBeUsedIsNotOffered(_ choice: AIToolChoice, _ offered: Int?) async throws {
        var other = Lab.towels
        other.name = "call_taxi"
        let tools = [Lab.towels, other]
        try await Lab.run { request in
            FakeOllama.problem(request).map(FakeOllama.refused) ?? FakeOllama.answer("x")
        } use: { provider, server, _ in
            _ = try await provider.complete(Lab.ask(tools: tools, choice: choice))
            #expect(server.requests.first?.jsonBody["tools"]?.arrayValue?.count == offered)
        }
    }

    @Test(arguments: [true, false])
    func jsonFollowsItsSchema(_ streams: Bool) async throws {
        let json = "{\"label\":\"a\"}"
        try await Lab.run { request in
            if let problem = FakeOllama.problem(request) { return FakeOllama.refused(problem) }
            return streams ? FakeOllama.stream(FakeOllama.words(json) + FakeOllama.end(), pieces: 1) : FakeOllama.answer("\n" + json)
        } use: { provider, server, _ in
            let request = Lab.ask(format: .json(name: "x", schema: Lab.form), purpose: .extraction)
            let answer = streams ? await Lab.read(provider.stream(request)).answer : try await provider.complete(request)
            #expect(answer?.text == json && answer?.citations == [])
            #expect(server.requests.first?.jsonBody["format"] == Lab.form && server.requests.first?.jsonBody["model"] == "llama3.2")
        }
    }

    @Test func classificationGoesThroughTheSmallModel() async throws {
        try await Lab.run { request in
            FakeOllama.problem(request).map(FakeOllama.refused) ?? FakeOllama.answer("{\"label\":\"towels\",\"confidence\":0.8}")
        } use: { provider, server, _ in
            let request = ClassificationRequest(
                text: Lab.guest, labels: [.init(id: "towels", description: "Wants towels."), .init(id: "other", description: "Else.")], labelSet: "s")
            let best = try await provider.classify(request).best
            #expect(best == Classification.Score(label: "towels", confidence: 0.8))
            #expect(server.requests.first?.jsonBody["model"] == "llama3.2" && server.requests.first?.jsonBody["options"]?["temperature"] == 0)
        }
    }

    @Test(
        arguments: [("stop", .complete), ("length", .length), (nil, .complete), ("some_day_new", .other)] as [(String?, AIResponse.FinishReason)])
    func whyItEnded(_ reason: String?, _ expected: AIResponse.FinishReason) async throws {
        try await Lab.run { request in
            request.jsonBody["stream"] == true
                ? FakeOllama.stream(FakeOllama.words("Hallo") + FakeOllama.end(reason)) : FakeOllama.answer("Hallo", reason: reason)
        } use: { provider, _, _ in
            let answer = try await provider.complete(Lab.ask())
            #expect(answer.finishReason == expected)
            #expect(await Lab.read(provider.stream(Lab.ask())).answer?.finishReason == expected)
        }
    }

    @Test(arguments: [("off", false), ("on", true), ("high", "high"), ("model", nil)] as [(String, JSONValue?)])
    func thinkingIsASetting(_ choice: String, _ wire: JSONValue?) async throws {
        try await Lab.run(["think": .string(choice), "context_length": 16384, "keep_alive": "2h"]) { request in
            FakeOllama.problem(request).map(FakeOllama.refused) ?? FakeOllama.answer("x")
        } use: { provider, server, _ in
            _ = try await provider.complete(Lab.ask())
            let body = try #require(server.requests.first).jsonBody
            #expect(body["think"] == wire && body["options"]?["num_ctx"] == 16384 && body["keep_alive"] == 7200)
            #expect(provider.features.contextLimit == 16384)
        }
    }

    @Test func manyAtOnceDoNotMix() async throws {
        try await Lab.run { request in
            let question = request.jsonBody["messages"]?[1]?["content"]?.stringValue ?? ""
            return request.jsonBody["stream"] == true
                ? FakeOllama.stream(FakeOllama.words("Antwort auf \(question) [doc:en/pool]") + FakeOllama.end(), pieces: 7)
                : FakeOllama.answer("Antwort auf \(question)")
        } use: { provider, server, _ in
            await withTaskGroup(of: Bool.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        if number.isMultiple(of: 2) {
                            return (try? await provider.complete(Lab.ask("Frage \(number)")).text) == "Antwort auf Frage \(number)"
                        }
                        let outcome = await Lab.read(provider.stream(Lab.ask("Frage \(number)")))
                        return outcome.text == "Antwort auf Frage \(number)" && outcome.answer?.citations == ["en/pool"]
                    }
                }
                for await isRight in group { #expect(isRight) }
            }
            #expect(server.requests.count == 40)
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct EmbeddingTests {
    private let more: [String: JSONValue] = [
        "embedding_model": "nomic-embed-text", "embedding_dimensions": 2, "embedding_query_prefix": "search_query: ",
        "embedding_document_prefix": "search_document: ",
    ]

    @Test func vectorsComeInOrderAndOfLengthOne() async throws {
        try await Lab.run(more) { request in
            if let problem = FakeOllama.problem(request) { return FakeOllama.refused(problem) }
            let vectors = (request.jsonBody["input"]?.arrayValue ?? []).map { "[\($0.stringValue?.count ?? 0),20]" }
            return .json(#"{"model":"nomic-embed-text","embeddings":[\#(vectors.joined(separator: ","))],"prompt_eval_count":7}"#)
        } use: { provider, server, _ in
            let result = try await provider.embed(
                [String(repeating: "x", count: 4)] + (0..<99).map { String(repeating: "ü", count: $0) }, for: .document)
            // «search_document: xxxx» has 21 letters.
            #expect(result.vectors.count == 100 && abs(result.vectors[0][0] - 21 / 29) < 1e-6 && result.usage.inputTokens == 14)
            #expect(result.vectors.allSatisfy { abs($0.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5 })
            #expect(server.requests.map { $0.jsonBody["input"]?.arrayValue?.count } == [64, 36] && server.requests[0].jsonBody["dimensions"] == 2)
            #expect(provider.features.embeddingDimensions == 2 && provider.features.embeddingModel == result.model)
            _ = try await provider.embed(["x"], for: .query)
            #expect(server.requests.last?.jsonBody["input"] == ["search_query: x"])
            #expect(try await provider.embed([], for: .query).vectors.isEmpty && server.requests.count == 3)
        }
    }

    @Test(
        arguments: [
            (200, #"{"embeddings":[]}"#, .notReady), (200, #"{"embeddings":[[1,2,3]]}"#, .permanent), (200, #"{"embeddings":[[0,0]]}"#, .notReady),
            (200, #"{"embeddings":[[1e39,1]]}"#, .notReady), (200, #"{"embeddings":"x"}"#, .notReady), (200, "", .notReady),
            (404, #"{"error":"model \"nomic-embed-text\" not found, try pulling it first"}"#, .notReady),
            (400, #"{"error":"the input length exceeds the context length"}"#, .permanent),
        ] as [(Int, String, PluginFailure.Disposition)])
    func whatIsNoVectorIsAFailure(_ status: Int, _ body: String, _ disposition: PluginFailure.Disposition) async throws {
        try await Lab.run(more) { _ in
            .json(body, status: status)
        } use: { provider, _, _ in
            #expect(await Lab.failure { try await provider.embed(["x"], for: .query) }?.disposition == disposition)
        }
    }
}
