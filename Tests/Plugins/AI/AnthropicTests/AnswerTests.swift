import AnthropicProviderPlugin
import Foundation
import PluginAPI
import PluginTestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct AnswerTests {
    private let marked = "Der Pool öffnet um 8 [doc:en/pool]. 🏊‍♀️ Bis bald [doc:invented]!"
    private let plain = "Der Pool öffnet um 8. 🏊‍♀️ Bis bald!"

    @Test func aStrictVendorTakesAPlainRequest() async throws {
        let marked = marked
        try await Lab.run { request in
            FakeAnthropic.problem(request, streams: false).map(FakeAnthropic.refused)
                ?? FakeAnthropic.answer([["type": "thinking", "thinking": "hm", "signature": "s"], FakeAnthropic.text(marked)])
        } use: { provider, server, _ in
            let answer = try await provider.complete(Lab.ask(temperature: 0, stop: ["END", " \n"]))
            #expect(answer.text == plain && answer.citations == ["en/pool"] && answer.finishReason == .complete)
            #expect(answer.model == "claude-sonnet-4-5-20250929" && answer.usage == FakeAnthropic.counted)
            let request = try #require(server.requests.first), body = request.jsonBody
            #expect(request.header("anthropic-version") == "2023-06-01" && request.header("anthropic-beta") == nil)
            #expect(body["temperature"]?.doubleValue == 0 && body["stop_sequences"] == ["END"] && body["max_tokens"] == 300 && body["stream"] == nil)
            #expect(body["messages"] == [["role": "user", "content": [["type": "text", "text": .string(Lab.guest)]]]])
            let system = try #require(body["system"]?.arrayValue)
            #expect(
                system.count == 3 && system[0]["text"]?.stringValue?.hasPrefix("Be kind.") == true
                    && system[0]["cache_control"] == ["type": "ephemeral"])
            #expect(system[1]["text"]?.stringValue?.contains("<document id=\"en/pool\" title=\"Pool &amp; spa\"") == true)
            #expect(system[1].objectValue?.keys.sorted() == ["text", "type"])
            #expect(system[2]["text"] == "Answer in the language German (de).")
            #expect(!"\(system)".contains("Wann"), "a guest's words are no instruction")
        }
    }

    @Test(arguments: [1, 3, 1 << 20])
    func aStreamComesTogetherHoweverItIsCut(_ size: Int) async throws {
        let text =
            FakeAnthropic.start
            + FakeAnthropic.event("content_block_start", ["index": 0, "content_block": ["type": "thinking", "thinking": ""]])
            + FakeAnthropic.event("content_block_delta", ["index": 0, "delta": ["type": "thinking_delta", "thinking": "hm [doc:en/pool]"]])
            + FakeAnthropic.event("some_day_new", ["index": 7]) + FakeAnthropic.block(1, text: marked) + FakeAnthropic.end("end_turn")
        try await Lab.run { request in
            FakeAnthropic.problem(request, streams: true).map(FakeAnthropic.refused) ?? FakeAnthropic.stream(text, pieces: size)
        } use: { provider, _, _ in
            let outcome = await Lab.read(provider.stream(Lab.ask()))
            #expect(outcome.failure == nil && outcome.text == plain && outcome.texts.count > 5)
            #expect(outcome.answer?.text == plain && outcome.answer?.citations == ["en/pool"] && outcome.answer?.finishReason == .complete)
            #expect(outcome.answer?.usage == FakeAnthropic.counted)
        }
    }

    @Test func toolsComeInPieces() async throws {
        let text =
            FakeAnthropic.start + FakeAnthropic.block(0, text: "Gern.")
            + FakeAnthropic.block(1, tool: "order_towels", id: "toolu_1", input: "{\"count\": 2, \"note\": \"früh\"}")
            + FakeAnthropic.block(2, tool: "call_taxi", id: "toolu_2", input: "") + FakeAnthropic.end("tool_use")
        let calls = [
            AIToolCall(id: "toolu_1", name: "order_towels", arguments: ["count": 2, "note": "früh"]),
            AIToolCall(id: "toolu_2", name: "call_taxi", arguments: [:]),
        ]
        for (choice, wire) in [
            (.automatic, ["type": "auto"]), (.none, ["type": "none"]), (.required, ["type": "any"]),
            (.named("order_towels"), ["type": "tool", "name": "order_towels"]),
        ] as [(AIToolChoice, JSONValue)] {
            try await Lab.run { request in
                FakeAnthropic.problem(request).map(FakeAnthropic.refused) ?? FakeAnthropic.stream(text, pieces: 5)
            } use: { provider, server, _ in
                let outcome = await Lab.read(provider.stream(Lab.ask(tools: [Lab.towels], choice: choice)))
                #expect(outcome.failure == nil && outcome.calls == calls && outcome.answer?.toolCalls == calls && outcome.text == "Gern.")
                #expect(outcome.answer?.finishReason == .toolCalls)
                let body = try #require(server.requests.first).jsonBody
                #expect(body["tool_choice"] == wire && body["tools"]?[0]?["input_schema"] == Lab.towels.parameters)
                #expect(body["tools"]?[0]?["cache_control"] == ["type": "ephemeral"])
            }
        }
    }

    @Test func aConversationInWhichToolsWereUsedEndsWithoutThem() async throws {
        let call = AIToolCall(id: "c1", name: "order_towels", arguments: ["count": 2])
        var request = Lab.ask()
        request.messages = [
            AIMessage(.user, "Handtücher bitte"), AIMessage(.assistant, parts: [.toolCall(call)]),
            AIMessage(.user, parts: [.toolResult(callID: "c1", content: "none left", isError: true)]),
        ]
        try await Lab.run { request in
            FakeAnthropic.problem(request).map(FakeAnthropic.refused) ?? FakeAnthropic.answer([FakeAnthropic.text("Leider keine.")])
        } use: { provider, server, _ in
            #expect(try await provider.complete(request).text == "Leider keine.")
            let body = try #require(server.requests.first).jsonBody
            #expect(body["tools"]?.arrayValue?.map { $0["name"] } == ["order_towels"] && body["tool_choice"] == ["type": "none"])
        }
    }

    @Test func aConversationWithToolsGoesOn() async throws {
        let call = AIToolCall(id: "c1", name: "order_towels", arguments: ["count": 2])
        var request = Lab.ask(tools: [Lab.towels])
        request.messages = [
            AIMessage(.assistant, "Willkommen!"), AIMessage(.user, "Hallo"), AIMessage(.user, " "), AIMessage(.user, "Handtücher bitte"),
            AIMessage(.assistant, parts: [.text(""), .toolCall(call)]),
            AIMessage(.user, parts: [.text("Danke"), .toolResult(callID: "c1", content: "none left", isError: true)]),
            AIMessage(.user, parts: [.image(bytes: [1, 2, 3], mimeType: "image/png")]),
        ]
        try await Lab.run { request in
            FakeAnthropic.problem(request).map(FakeAnthropic.refused) ?? FakeAnthropic.answer([FakeAnthropic.text("Leider keine.")])
        } use: { provider, server, _ in
            #expect(try await provider.complete(request).text == "Leider keine.")
            let messages = try #require(server.requests.first?.jsonBody["messages"])
            #expect(messages.arrayValue?.map { $0["role"] } == ["user", "assistant", "user", "assistant", "user"])
            #expect(messages[2]?["content"]?.arrayValue?.map { $0["text"] } == ["Hallo", "Handtücher bitte"])
            #expect(messages[4]?["content"]?[0] == ["type": "tool_result", "tool_use_id": "c1", "content": "none left", "is_error": true])
            #expect(messages[4]?["content"]?[2]?["source"] == ["type": "base64", "media_type": "image/png", "data": "AQID"])
            let bmp = AIMessage(.user, parts: [.image(bytes: [1], mimeType: "image/bmp")])
            request.messages = [bmp]
            let broken = request
            #expect(await Lab.failure { try await provider.complete(broken) }?.reason == .invalidRequest)
        }
    }

    @Test(arguments: [true, false])
    func jsonComesByATool(_ streams: Bool) async throws {
        try await Lab.run { request in
            if let problem = FakeAnthropic.problem(request) { return FakeAnthropic.refused(problem) }
            return streams
                ? FakeAnthropic.stream(
                    FakeAnthropic.start + FakeAnthropic.block(0, tool: "my_form", id: "t", input: "{\"label\":\"a\"}")
                        + FakeAnthropic.end("tool_use"), pieces: 1)
                : FakeAnthropic.answer([["type": "tool_use", "id": "t", "name": "my_form", "input": ["label": "a"]]], stop: "tool_use")
        } use: { provider, server, _ in
            let request = Lab.ask(format: .json(name: "my form", schema: Lab.form), purpose: .extraction)
            let answer = streams ? await Lab.read(provider.stream(request)).answer : try await provider.complete(request)
            #expect(answer?.json == ["label": "a"] && answer?.toolCalls == [] && answer?.finishReason == .complete)
            let body = try #require(server.requests.first).jsonBody
            #expect(body["model"] == "claude-haiku-4-5" && body["tool_choice"] == ["type": "tool", "name": "my_form"])
            #expect(body["tools"]?.arrayValue?.count == 1 && body["tools"]?[0]?["input_schema"] == Lab.form)
        }
    }

    @Test func aListIsWrappedForTheTool() async throws {
        let schema: JSONValue = ["type": "array", "items": ["type": "string"]]
        try await Lab.run { request in
            FakeAnthropic.problem(request).map(FakeAnthropic.refused)
                ?? FakeAnthropic.answer([["type": "tool_use", "id": "t", "name": "list", "input": ["value": ["a", "b"]]]], stop: "tool_use")
        } use: { provider, server, _ in
            let answer = try await provider.complete(Lab.ask(format: .json(name: "list", schema: schema)))
            #expect(answer.json == ["a", "b"])
            #expect(server.requests.first?.jsonBody["tools"]?[0]?["input_schema"]?["properties"]?["value"] == schema)
        }
    }

    @Test func jsonBesideToolsLeavesTheChoiceToTheModel() async throws {
        try await Lab.run { request in
            FakeAnthropic.problem(request).map(FakeAnthropic.refused)
                ?? FakeAnthropic.answer([["type": "tool_use", "id": "t", "name": "order_towels", "input": ["count": 1]]], stop: "tool_use")
        } use: { provider, server, _ in
            let answer = try await provider.complete(Lab.ask(tools: [Lab.towels], format: .json(name: "order_towels", schema: Lab.form)))
            #expect(answer.toolCalls.map(\.name) == ["order_towels"] && answer.finishReason == .toolCalls)
            let body = try #require(server.requests.first).jsonBody
            #expect(body["tools"]?.arrayValue?.map { $0["name"] } == ["order_towels", "_order_towels"] && body["tool_choice"] == ["type": "any"])
        }
    }

    @Test func jsonBySchema() async throws {
        try await Lab.run(["structured_output": "json_schema"]) { request in
            FakeAnthropic.problem(request).map(FakeAnthropic.refused) ?? FakeAnthropic.answer([FakeAnthropic.text("{\"label\":\"b\"}")])
        } use: { provider, server, _ in
            let answer = try await provider.complete(Lab.ask(format: .json(name: "x", schema: Lab.form)))
            #expect(answer.json == ["label": "b"])
            #expect(server.requests.first?.jsonBody["output_config"] == ["format": ["type": "json_schema", "schema": Lab.form]])
        }
    }

    @Test func classificationGoesThroughTheSmallModel() async throws {
        try await Lab.run { request in
            FakeAnthropic.problem(request).map(FakeAnthropic.refused)
                ?? FakeAnthropic.answer(
                    [["type": "tool_use", "id": "t", "name": "classification", "input": ["label": "towels", "confidence": 0.8]]], stop: "tool_use")
        } use: { provider, server, _ in
            let request = ClassificationRequest(
                text: Lab.guest, labels: [.init(id: "towels", description: "Wants towels."), .init(id: "other", description: "Else.")], labelSet: "s")
            let result = try await provider.classify(request)
            #expect(result.best == Classification.Score(label: "towels", confidence: 0.8) && result.usage.inputTokens == 150)
            #expect(server.requests.first?.jsonBody["model"] == "claude-haiku-4-5")
        }
    }

    @Test(arguments: [("off", 0, 0), ("instructions", 1, 1), ("documents", 2, 1)])
    func theCacheIsMarked(_ cache: String, _ system: Int, _ tools: Int) async throws {
        try await Lab.run([
            "prompt_cache": .string(cache), "cache_lifetime": "1h", "betas": ["a-2025-01-01", "b-2025-02-02"], "version": "2099-01-01",
        ]) { request in
            FakeAnthropic.problem(request).map(FakeAnthropic.refused) ?? FakeAnthropic.answer([FakeAnthropic.text("x")])
        } use: { provider, server, _ in
            _ = try await provider.complete(Lab.ask(tools: [Lab.towels, Lab.towels]))
            let request = try #require(server.requests.first)
            let marked = { (blocks: JSONValue?) in
                (blocks?.arrayValue ?? []).filter { $0["cache_control"] == ["type": "ephemeral", "ttl": "1h"] }.count
            }
            #expect(marked(request.jsonBody["system"]) == system && marked(request.jsonBody["tools"]) == tools)
            #expect(request.header("anthropic-beta") == "a-2025-01-01,b-2025-02-02" && request.header("anthropic-version") == "2099-01-01")
        }
    }

    @Test(
        arguments: [
            ("end_turn", .complete), ("max_tokens", .length), ("model_context_window_exceeded", .length), ("stop_sequence", .stopSequence),
            ("pause_turn", .other), ("some_day_new", .other),
        ] as [(String, AIResponse.FinishReason)])
    func whyItEnded(_ reason: String, _ expected: AIResponse.FinishReason) async throws {
        try await Lab.run { request in
            request.jsonBody["stream"] == true
                ? FakeAnthropic.stream(FakeAnthropic.start + FakeAnthropic.block(0, text: "Hallo") + FakeAnthropic.end(reason))
                : FakeAnthropic.answer([FakeAnthropic.text("Hallo")], stop: reason)
        } use: { provider, _, _ in
            let answer = try await provider.complete(Lab.ask())
            #expect(answer.finishReason == expected)
            let outcome = await Lab.read(provider.stream(Lab.ask()))
            #expect(outcome.answer?.finishReason == expected && outcome.text == "Hallo")
        }
    }

    @Test func aCallThatGrewTooLongIsNone() async throws {
        let text =
            FakeAnthropic.start + FakeAnthropic.block(0, tool: "order_towels", id: "a", input: "{\"count\":1}")
            + FakeAnthropic.block(1, tool: "order_towels", id: "b", input: "{\"cou") + FakeAnthropic.end("max_tokens")
        try await Lab.run { _ in
            FakeAnthropic.stream(text)
        } use: { provider, _, _ in
            let outcome = await Lab.read(provider.stream(Lab.ask()))
            #expect(outcome.answer?.finishReason == .length && outcome.calls.map(\.id) == ["a"])
        }
    }

    @Test func manyAtOnceDoNotMix() async throws {
        try await Lab.run { request in
            let question = request.jsonBody["messages"]?[0]?["content"]?[0]?["text"]?.stringValue ?? ""
            return request.jsonBody["stream"] == true
                ? FakeAnthropic.stream(
                    FakeAnthropic.start + FakeAnthropic.block(0, text: "Antwort auf \(question) [doc:en/pool]") + FakeAnthropic.end("end_turn"),
                    pieces: 7)
                : FakeAnthropic.answer([FakeAnthropic.text("Antwort auf \(question)")])
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
