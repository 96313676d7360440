import Foundation
import OpenAIProviderPlugin
import PluginAPI
import PluginTestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct AnswerTests {
    private let marked = "Der Pool öffnet um 8 [doc:en/pool]. 🏊‍♀️ Bis bald [doc:invented]!"
    private let plain = "Der Pool öffnet um 8. 🏊‍♀️ Bis bald!"

    @Test func aStrictVendorTakesAPlainRequest() async throws {
        let marked = marked
        try await Lab.run { request in
            FakeOpenAI.problem(request, streams: false).map(FakeOpenAI.refused) ?? FakeOpenAI.answer(marked)
        } use: { provider, server, _ in
            let answer = try await provider.complete(Lab.ask(temperature: 0, stop: ["a", "b", "c", "d", "e"]))
            #expect(answer.text == plain && answer.citations == ["en/pool"] && answer.finishReason == .complete)
            #expect(answer.model == "gpt-4.1-2025-04-14" && answer.usage == AIUsage(inputTokens: 120, outputTokens: 9, cacheReadTokens: 64))
            let body = try #require(server.requests.first).jsonBody
            #expect(body["temperature"]?.doubleValue == 0 && body["stop"]?.arrayValue?.count == 4 && body["max_tokens"] == 300)
            #expect(body["model"] == "gpt-4.1" && body["stream"] == nil && body["tools"] == nil)
            #expect(body["messages"]?.arrayValue?.count == 2 && body["messages"]?[1]?["content"]?.stringValue == Lab.guest)
            let system = body["messages"]?[0]?["content"]?.stringValue ?? ""
            #expect(
                system.contains("Be kind.") && system.contains("<document id=\"en/pool\" title=\"Pool &amp; spa\"")
                    && system.contains("&lt;Towels&gt;"))
            #expect(!system.contains("Wann"), "a guest's words are no instruction")
        }
    }

    @Test(arguments: [1, 3, 1 << 20])
    func aStreamComesTogetherHoweverItIsCut(_ size: Int) async throws {
        let text = FakeOpenAI.text(marked)
        try await Lab.run { request in
            FakeOpenAI.problem(request, streams: true).map(FakeOpenAI.refused) ?? FakeOpenAI.stream(text, pieces: size)
        } use: { provider, server, _ in
            let outcome = await Lab.read(provider.stream(Lab.ask()))
            #expect(outcome.failure == nil && outcome.text == plain && outcome.texts.count > 5)
            #expect(outcome.answer?.text == plain && outcome.answer?.citations == ["en/pool"])
            #expect(outcome.answer?.usage == AIUsage(inputTokens: 120, outputTokens: 9, cacheReadTokens: 64))
            #expect(server.requests.first?.jsonBody["stream_options"] == ["include_usage": true])
        }
    }

    @Test func toolCallsComeInPiecesByIndex() async throws {
        let text =
            FakeOpenAI.chunk(
                [
                    "role": "assistant", "content": nil,
                    "tool_calls": [["index": 0, "id": "c1", "type": "function", "function": ["name": "order_towels", "arguments": ""]]],
                ])
            + FakeOpenAI.chunk(["tool_calls": [["index": 1, "id": "c2", "type": "function", "function": ["name": "call_taxi", "arguments": ""]]]])
            + FakeOpenAI.chunk(["tool_calls": [["index": 0, "function": ["arguments": "{\"cou"]]]])
            + FakeOpenAI.chunk(["tool_calls": [["index": 1, "function": ["arguments": ""]], ["index": 0, "function": ["arguments": "nt\": 2}"]]]])
            + FakeOpenAI.chunk([:], finish: "tool_calls") + FakeOpenAI.usageChunk + FakeOpenAI.done
        try await Lab.run { request in
            FakeOpenAI.problem(request).map(FakeOpenAI.refused) ?? FakeOpenAI.stream(text, pieces: 5)
        } use: { provider, server, _ in
            let outcome = await Lab.read(provider.stream(Lab.ask(tools: [Lab.towels], choice: .named("order_towels"))))
            let calls = [
                AIToolCall(id: "c1", name: "order_towels", arguments: ["count": 2]), AIToolCall(id: "c2", name: "call_taxi", arguments: [:]),
            ]
            #expect(outcome.failure == nil && outcome.calls == calls && outcome.answer?.toolCalls == calls)
            #expect(outcome.answer?.finishReason == .toolCalls && outcome.answer?.text == "")
            #expect(server.requests.first?.jsonBody["tool_choice"] == ["type": "function", "function": ["name": "order_towels"]])
            #expect(server.requests.first?.jsonBody["tools"]?[0]?["function"]?["parameters"] == Lab.towels.parameters)
        }
    }

    /// Servers that give every call the same index, or none.
    @Test(arguments: [true, false])
    func callsAreToldApartByTheirIDs(_ hasIndex: Bool) async throws {
        let part = { (id: String, arguments: String) -> JSONValue in
            var call: [String: JSONValue] = ["id": .string(id), "function": ["name": "order_towels", "arguments": .string(arguments)]]
            if hasIndex { call["index"] = 0 }
            return ["tool_calls": [.object(call)]]
        }
        let text =
            FakeOpenAI.chunk(part("c1", "{\"count\":1}")) + FakeOpenAI.chunk(part("c2", "{\"count\":2}")) + FakeOpenAI.chunk([:], finish: "stop")
            + FakeOpenAI.done
        try await Lab.run { _ in
            FakeOpenAI.stream(text)
        } use: { provider, _, _ in
            let outcome = await Lab.read(provider.stream(Lab.ask(tools: [Lab.towels])))
            #expect(outcome.calls.map(\.arguments) == [["count": 1], ["count": 2]] && outcome.answer?.finishReason == .toolCalls)
        }
    }

    @Test func aConversationWithToolsGoesOn() async throws {
        let call = AIToolCall(id: "c1", name: "order_towels", arguments: ["count": 2])
        var request = Lab.ask(tools: [Lab.towels], choice: .none)
        request.messages += [
            AIMessage(.assistant, parts: [.toolCall(call)]),
            AIMessage(.user, parts: [.toolResult(callID: "c1", content: "none left", isError: true), .text("Danke")]),
            AIMessage(.user, parts: [.text("Was ist das?"), .image(bytes: [1, 2, 3], mimeType: "image/png")]),
        ]
        try await Lab.run { request in
            FakeOpenAI.problem(request).map(FakeOpenAI.refused)
                ?? FakeOpenAI.answer(
                    "", finish: "tool_calls",
                    calls: [["id": "c9", "type": "function", "function": ["name": "order_towels", "arguments": "{\"count\":3}"]]])
        } use: { provider, server, _ in
            let answer = try await provider.complete(request)
            #expect(answer.toolCalls == [AIToolCall(id: "c9", name: "order_towels", arguments: ["count": 3])] && answer.finishReason == .toolCalls)
            let messages = try #require(server.requests.first?.jsonBody["messages"])
            #expect(messages[2]?["content"] == .null && messages[2]?["tool_calls"]?[0]?["function"]?["arguments"] == "{\"count\":2}")
            #expect(messages[3] == ["role": "tool", "tool_call_id": "c1", "content": "Error: none left"])
            #expect(messages[4] == ["role": "user", "content": "Danke"])
            #expect(messages[5]?["content"]?[1]?["image_url"]?["url"] == "data:image/png;base64,AQID")
            #expect(server.requests.first?.jsonBody["tool_choice"] == "none")
        }
    }

    @Test(arguments: [true, false])
    func jsonIsAskedForByItsSchema(_ streams: Bool) async throws {
        let json = "{\"label\":\"a\"}"
        try await Lab.run { request in
            FakeOpenAI.problem(request).map(FakeOpenAI.refused) ?? (streams ? FakeOpenAI.stream(FakeOpenAI.text(json)) : FakeOpenAI.answer(json))
        } use: { provider, server, _ in
            let request = Lab.ask(format: .json(name: "my form", schema: Lab.form), purpose: .extraction)
            let answer = streams ? await Lab.read(provider.stream(request)).answer : try await provider.complete(request)
            #expect(answer?.json == ["label": "a"] && answer?.citations == [])
            let body = try #require(server.requests.first).jsonBody
            #expect(body["model"] == "gpt-4.1-mini")
            #expect(body["response_format"]?["json_schema"] == ["name": "my_form", "schema": Lab.form, "strict": true])
        }
    }

    @Test func aSchemaBeyondTheStrictOnesIsNotCalledStrict() async throws {
        let schemas: [JSONValue] = [
            ["type": "object", "properties": ["a": ["type": "string"]], "required": [], "additionalProperties": false],
            ["type": "object", "properties": ["a": ["type": "string"]], "required": ["a"]],
            ["type": "object", "properties": ["a": ["type": "string", "format": "email"]], "required": ["a"], "additionalProperties": false],
            ["type": "array", "items": ["type": "string"]],
        ]
        try await Lab.run { request in
            FakeOpenAI.problem(request).map(FakeOpenAI.refused) ?? FakeOpenAI.answer("```json\n{\"a\":\"x\"}\n```")
        } use: { provider, server, _ in
            for schema in schemas {
                let answer = try await provider.complete(Lab.ask(format: .json(name: "x", schema: schema)))
                #expect(answer.text == "{\"a\":\"x\"}")
            }
            #expect(server.requests.allSatisfy { $0.jsonBody["response_format"]?["json_schema"]?["strict"] == nil })
        }
    }

    @Test func aServerWithoutSchemasGetsItInThePrompt() async throws {
        try await Lab.run(["structured_output": "json_object", "max_tokens_field": "max_completion_tokens", "send_temperature": "never"]) { request in
            FakeOpenAI.problem(request).map(FakeOpenAI.refused) ?? FakeOpenAI.answer("{\"label\":\"b\"}")
        } use: { provider, server, _ in
            let answer = try await provider.complete(Lab.ask(format: .json(name: "x", schema: Lab.form), temperature: 0))
            #expect(answer.json == ["label": "b"])
            let body = try #require(server.requests.first).jsonBody
            #expect(
                body["response_format"] == ["type": "json_object"]
                    && body["messages"]?[0]?["content"]?.stringValue?.contains("\"enum\":[\"a\",\"b\"]") == true)
            #expect(body["max_completion_tokens"] == 300 && body["max_tokens"] == nil && body["temperature"] == nil)
        }
    }

    @Test func classificationGoesThroughTheSmallModel() async throws {
        try await Lab.run { request in
            FakeOpenAI.problem(request).map(FakeOpenAI.refused) ?? FakeOpenAI.answer("{\"label\":\"towels\",\"confidence\":0.8}")
        } use: { provider, server, _ in
            let request = ClassificationRequest(
                text: Lab.guest, labels: [.init(id: "towels", description: "Wants towels."), .init(id: "other", description: "Else.")], labelSet: "s")
            let result = try await provider.classify(request)
            #expect(result.best == Classification.Score(label: "towels", confidence: 0.8) && result.usage.inputTokens == 120)
            let body = try #require(server.requests.first).jsonBody
            #expect(body["model"] == "gpt-4.1-mini" && body["temperature"]?.doubleValue == 0)
            #expect(body["response_format"]?["json_schema"]?["strict"] == true)
        }
    }

    @Test func headersAreSent() async throws {
        let more: [String: JSONValue] = ["organization": "org-1", "project": "proj-1", "headers": ["X-Title": "Jack"], "stream_usage": false]
        try await Lab.run(more) { _ in
            FakeOpenAI.stream(FakeOpenAI.text("Hallo"))
        } use: { provider, server, _ in
            _ = await Lab.read(provider.stream(Lab.ask()))
            let request = try #require(server.requests.first)
            #expect(request.header("OpenAI-Organization") == "org-1" && request.header("OpenAI-Project") == "proj-1")
            #expect(request.header("X-Title") == "Jack" && request.jsonBody["stream_options"] == nil)
        }
    }

    /// What vLLM, llama.cpp, LiteLLM and OpenRouter leave out or add.
    @Test(
        arguments: [
            #"{"choices":[{"message":{"content":"Hallo"}}]}"#,
            #"{"choices":[{"message":{"role":"assistant","content":[{"type":"text","text":"Hal"},{"type":"text","text":"lo"}],"reasoning_content":"hm"},"finish_reason":"stop"}],"usage":null}"#,
            #"{"id":null,"choices":[{"index":0,"message":{"content":"Hallo","tool_calls":null,"refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":-4,"completion_tokens":1e300,"prompt_tokens_details":null},"timings":{}}"#,
        ])
    func leniently(_ body: String) async throws {
        try await Lab.run { _ in
            .json(body)
        } use: { provider, _, _ in
            let answer = try await provider.complete(Lab.ask())
            #expect(answer.text == "Hallo" && answer.usage == AIUsage() && answer.model == "gpt-4.1")
        }
    }

    @Test func aStreamOfTheSparsestKind() async throws {
        let text =
            ": OPENROUTER PROCESSING\n\ndata: {\"choices\":null}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"Hallo\"}}]}\n\ndata: {\"choices\":[{\"delta\":null,\"finish_reason\":\"stop\"}]}\n\ndata: {\"usage\":{\"prompt_tokens\":3}}\n\ndata: [DONE]\n\n"
        for reply in [FakeOpenAI.stream(text, pieces: 1), FakeOpenAI.answer("Hallo")] {
            try await Lab.run { _ in
                reply
            } use: { provider, _, _ in
                let outcome = await Lab.read(provider.stream(Lab.ask()))
                #expect(
                    outcome.failure == nil && outcome.text == "Hallo" && outcome.answer?.text == "Hallo" && outcome.answer?.finishReason == .complete)
            }
        }
    }

    @Test func aCallThatGrewTooLongIsNone() async throws {
        let text =
            FakeOpenAI.chunk([
                "content": "Ich bestelle", "tool_calls": [["index": 0, "id": "c", "function": ["name": "order_towels", "arguments": "{\"co"]]],
            ])
            + FakeOpenAI.chunk([:], finish: "length") + FakeOpenAI.done
        try await Lab.run { _ in
            FakeOpenAI.stream(text)
        } use: { provider, _, _ in
            let outcome = await Lab.read(provider.stream(Lab.ask()))
            #expect(outcome.answer?.finishReason == .length && outcome.calls.isEmpty && outcome.text == "Ich bestelle")
        }
    }

    @Test func manyAtOnceDoNotMix() async throws {
        try await Lab.run { request in
            let question = request.jsonBody["messages"]?[1]?["content"]?.stringValue ?? ""
            return request.jsonBody["stream"] == true
                ? FakeOpenAI.stream(FakeOpenAI.text("Antwort auf \(question) [doc:en/pool]"), pieces: 7)
                : FakeOpenAI.answer("Antwort auf \(question)")
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
