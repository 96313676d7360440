import AnthropicProviderPlugin
import Foundation
import HTTPTypes
import PluginAPI
import PluginTestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct SettingTests {
    @Test func theDeclarationsAreSound() {
        #expect(AnthropicProvider.Settings.schema.problems.isEmpty)
        #expect(AnthropicProvider.Settings.schema["api_key"]?.shape.isSecret == true)
        #expect(AnthropicProvider.manifest.destinations.first?.classes.isSuperset(of: [.guestText, .knowledge]) == true)
    }

    @Test(
        arguments: [
            (["model": "m"], "“api_key” is missing"), (["api_key": "k"], "“model” is missing"), (["model": "m", "api_key": "a\nb"], "api_key"),
            (["model": "m", "api_key": "k", "version": "a\r\nx: y"], "version"), (["model": "m", "api_key": "k", "betas": ["a\nb"]], "betas"),
            (["model": "m", "api_key": "k", "base_url": "https://x.example/v1"], "leave /v1 out"),
            (["model": "m", "api_key": "k", "base_url": "https://x.example?key=hunter2"], "it ends with a query"),
            (["model": "m", "api_key": "k", "prompt_cache": "on"], "is not one of off, instructions, documents"),
        ] as [(JSONValue, String)])
    func settingsAreReadStrictly(_ settings: JSONValue, _ complaint: String) {
        let error = #expect(throws: SettingsRejected.self) { try TestContext().make(AnthropicProvider.self, settings) }
        #expect(error?.description.contains(complaint) == true && error?.description.contains("hunter2") == false, "\(error?.description ?? "")")
    }

    /// Newer models refuse a temperature.
    @Test(
        arguments: [
            ("claude-sonnet-4-5", "auto", true), ("claude-opus-4-20250514", "auto", true), ("claude-3-5-haiku-latest", "auto", true),
            ("claude-opus-4-7", "auto", false), ("claude-opus-5-5", "auto", false), ("claude-opus-4-7", "always", true),
            ("claude-3-opus", "never", false),
        ])
    func theTemperature(_ model: String, _ choice: String, _ isSent: Bool) async throws {
        let http = ScriptedHTTPClient { _ in ClientResponse(status: .ok, body: Array(#"{"content":[{"type":"text","text":"x"}]}"#.utf8)) }
        let provider = try TestContext(http: http).make(
            AnthropicProvider.self, ["model": .string(model), "api_key": .string(Lab.key), "send_temperature": .string(choice)])
        _ = try await provider.complete(Lab.ask(temperature: 0))
        let request = try #require(http.requests.first)
        let body = try JSONValue(json: request.body)
        #expect(request.url == "https://api.anthropic.com/v1/messages" && (body["temperature"] != nil) == isSent)
    }

    @Test(
        arguments: [
            (
                200, #"{"data":[{"id":"claude-sonnet-4-5-20250929","type":"model"},{"id":"claude-haiku-4-5"}],"has_more":false}"#, "lists 2 models",
                nil
            ),
            (200, #"{"data":[{"id":"claude-haiku-4-5"}]}"#, "does not list “claude-sonnet-4-5”", nil), (200, #"{"data":1}"#, nil, .notReady),
            (200, "<html>", nil, .notReady), (401, "{}", nil, .credentialsRejected), (529, "", nil, .notReady),
        ] as [(Int, String, String?, PluginFailure.Disposition?)])
    func theProbeListsModels(_ status: Int, _ body: String, _ says: String?, _ fails: PluginFailure.Disposition?) async throws {
        try await Lab.run { request in
            FakeAnthropic.problem(request).map(FakeAnthropic.refused) ?? .json(body, status: status)
        } use: { provider, server, _ in
            var summary: String?
            let failure = await Lab.failure { summary = try await provider.probe().summary }
            #expect(failure?.disposition == fails && server.requests.map(\.method) == ["GET"])
            #expect(says.map { summary?.contains($0) == true } ?? (summary == nil), "\(summary ?? "")")
        }
    }

    @Test func whatItCanDo() async throws {
        let provider = try TestContext().make(AnthropicProvider.self, ["model": "m", "api_key": .string(Lab.key)])
        let features = provider.features
        #expect(features.streaming && features.tools && features.structuredOutput && !features.isLocal && features.contextLimit == 200_000)
        #expect(features.embeddingModel == nil)
        #expect(await Lab.failure { try await provider.embed(["x"], for: .query) }?.reason == .notImplemented)
        await provider.stop()
        try await provider.start()
        await provider.stop()
        await provider.stop()
    }

    @Test func settingsPrintWithoutSecrets() throws {
        let settings = try decodeSettings(AnthropicProvider.Settings.self, ["model": "m", "api_key": .string(Lab.key)])
        #expect(!"\(settings.printed)".contains("hunter2") && !"\(settings)".contains("hunter2"))
    }
}
