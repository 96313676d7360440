import Foundation
import HTTPTypes
import OllamaProviderPlugin
import PluginAPI
import PluginTestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct SettingTests {
    @Test func theDeclarationsAreSound() {
        #expect(OllamaProvider.Settings.schema.problems.isEmpty)
        #expect(OllamaProvider.Settings.schema["api_key"]?.shape.isSecret == true)
        #expect(OllamaProvider.manifest.destinations.allSatisfy { $0.classes.isSuperset(of: [.guestText, .knowledge]) })
    }

    @Test(
        arguments: [
            ([:], "“model” is missing"), (["model": "m", "api_key": "a\nb"], "api_key"),
            (["model": "m", "base_url": "http://x/api"], "leave /api or /v1 out"),
            (["model": "m", "base_url": "localhost:11434"], "not an http or https URL"),
            (["model": "m", "embedding_model": "e"], "does not know how many"),
            (["model": "m", "think": "hihg"], "did you mean “high”"), (["model": "m", "context_length": 1], "out of range"),
            (["model": "m", "base_url": "http://x?key=hunter2"], "it ends with a query"),
        ] as [(JSONValue, String)])
    func settingsAreReadStrictly(_ settings: JSONValue, _ complaint: String) {
        let error = #expect(throws: SettingsRejected.self) { try TestContext().make(OllamaProvider.self, settings) }
        #expect(error?.description.contains(complaint) == true && error?.description.contains("hunter2") == false, "\(error?.description ?? "")")
    }

    @Test(
        arguments: [
            ("http://127.0.0.1:11434", "llama3.1", true), ("http://ollama:11434", "llama3.1", true), ("http://192.168.1.7:11434/", "llama3.1", true),
            ("https://ollama.com", "gpt-oss:120b", false), ("https://llm.example.com", "llama3.1", false),
            // A server in the house passes these on to ollama.com.
            ("http://127.0.0.1:11434", "gpt-oss:120b-cloud", false), ("http://127.0.0.1:11434", "kimi:cloud", false),
        ])
    func whereDataStaysIsKnown(_ url: String, _ model: String, _ isLocal: Bool) throws {
        let provider = try TestContext().make(OllamaProvider.self, ["model": .string(model), "base_url": .string(url)])
        #expect(provider.features.isLocal == isLocal)
    }

    @Test(
        arguments: [
            (200, #"{"models":[{"name":"llama3.1:8b","model":"llama3.1:8b"},{"name":"llama3.2:latest"}]}"#, "has 2 models", nil),
            (200, #"{"models":[{"name":"llama3.2:latest"}]}"#, nil, "“llama3.1:8b”: run `ollama pull llama3.1:8b`"),
            (200, #"{"models":[]}"#, nil, "`ollama pull llama3.1:8b` and `ollama pull llama3.2`"), (200, #"{"models":1}"#, nil, "no list of models"),
            (200, "<html>", nil, "not JSON"), (401, "", nil, "401"), (503, "", nil, "503"),
        ] as [(Int, String, String?, String?)])
    func theProbeLooksForTheModels(_ status: Int, _ body: String, _ says: String?, _ fails: String?) async throws {
        try await Lab.run { request in
            FakeOllama.problem(request).map(FakeOllama.refused) ?? .json(body, status: status)
        } use: { provider, server, _ in
            var summary: String?
            let failure = await Lab.failure { summary = try await provider.probe().summary }
            #expect(says.map { summary?.contains($0) == true } ?? (summary == nil), "\(summary ?? "")")
            #expect(fails.map { failure?.message.contains($0) == true } ?? (failure == nil), "\(failure?.message ?? "")")
            #expect(failure.map { $0.disposition == (status == 401 ? .credentialsRejected : .notReady) } ?? true)
            #expect(server.requests.map(\.target) == ["/api/tags"])
        }
    }

    @Test func noKeyNoHeader() async throws {
        let http = ScriptedHTTPClient { _ in ClientResponse(status: .ok, body: Array(#"{"models":[{"name":"m:latest"}]}"#.utf8)) }
        let provider = try TestContext(http: http).make(OllamaProvider.self, ["model": "m"])
        #expect(try await provider.probe().summary == "reached 127.0.0.1, which has 1 model")
        #expect(http.requests.first?.url == "http://127.0.0.1:11434/api/tags" && http.requests.first?.headers[.authorization] == nil)
        #expect(await Lab.failure { try await provider.embed(["x"], for: .query) }?.reason == .notImplemented)
        await provider.stop()
        try await provider.start()
        await provider.stop()
        await provider.stop()
    }

    @Test func toolsThatTheModelLacksAreRefused() async throws {
        let provider = try TestContext().make(OllamaProvider.self, ["model": "m", "tools": false])
        #expect(!provider.features.tools)
        #expect(await Lab.failure { try await provider.complete(Lab.ask(tools: [Lab.towels])) }?.reason == .notImplemented)
    }
}
