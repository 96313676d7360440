import Foundation
import HTTPTypes
import PluginAPI

/// Answers and classifies by Anthropic's Messages API.
public final class AnthropicProvider: AIProvider {
    public static let manifest = PluginManifest(
        id: "anthropic", summary: "Answers and classifies by Anthropic's Messages API.", stability: .beta,
        capabilities: ["completion", "streaming", "tools", "structured-output", "classification", "prompt-cache"],
        destinations: [
            DataDestination(
                "the host of base_url", purpose: "answering guests from the hotel's knowledge",
                classes: [.guestText, .guestIdentity, .reservation, .knowledge])
        ],
        documentation: "https://platform.claude.com/docs/en/api/messages",
        quality: [
            .documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .met, .typedFailures: .met, .probe: .met, .dataDestinations: .met,
            .documentedLimits: .met, .reconnects: .met, .idempotency: .exempt("asking a model again changes nothing but the bill"),
            .receipts: .exempt("an answer comes with the call"), .vendorDocument: .met,
        ])

    private let settings: Settings
    private let context: PluginContext
    private let headers: HTTPFields
    private let failures: AnthropicFailure
    private let credit: CreditHealth

    public init(settings: Settings, context: PluginContext) throws {
        self.settings = settings
        self.context = context
        credit = CreditHealth(context.health)
        var headers: HTTPFields = [.apiKey: settings.apiKey.reveal(), .anthropicVersion: settings.version]
        if !settings.betas.isEmpty { headers[.anthropicBeta] = settings.betas.joined(separator: ",") }
        self.headers = headers
        failures = AnthropicFailure(vendor: settings.hostName, clock: context.clock)
    }

    public var features: AIFeatures {
        AIFeatures(
            streaming: true, tools: true, structuredOutput: true, contextLimit: settings.contextLimit,
            isLocal: settings.base.isPrivate)
    }

    public func model(for purpose: AIRequest.Purpose) -> String? { settings.model(for: purpose) }

    /// Lists the models, which costs nothing.
    public func probe() async throws -> ProbeResult {
        let response = try await context.http.send(request(.get, "/v1/models?limit=1000", body: []))
        try check(response, model: settings.model)
        let reply = try JSONValue(json: response.body)
        guard let models = reply["data"]?.arrayValue?.compactMap({ $0["id"]?.stringValue }) else {
            throw PluginFailure.notReady(.malformedReply, "\(settings.hostName) answered with something that is no list of models")
        }
        // An alias stands for the model whose name goes on with its date.
        let missing = [settings.model, settings.smallModel].compactMap(\.self).filter { name in
            !models.contains { $0 == name || $0.hasPrefix(name.replacing("-latest", with: "") + "-") }
        }
        let note = missing.isEmpty ? "" : "; it does not list " + missing.map { "“\($0)”" }.joined(separator: ", ")
        let count = models.count == 1 ? "1 model" : "\(models.count) models"
        return ProbeResult("reached \(settings.hostName), which lists \(count)\(note)", details: ["model": settings.model])
    }

    public func complete(_ request: AIRequest) async throws -> AIResponse {
        let prompt = AIPrompt(request), body = try AnthropicRequest(request, prompt, settings, streams: false)
        let response = try await context.http.send(self.request(.post, "/v1/messages", body: try body.json.jsonBytes()))
        try check(response, model: body.model)
        do {
            var reply = AnthropicReply(body, reader: prompt.citations.reader, failures: failures)
            let answer = try reply.whole(try JSONValue(json: response.body))
            credit.isWell()
            return answer
        } catch let failure as PluginFailure {
            throw credit.noting(failure)
        }
    }

    public func stream(_ request: AIRequest) -> AsyncThrowingStream<AIStreamEvent, any Error> {
        AIStreamEvent.stream { yield in
            let prompt = AIPrompt(request), body = try AnthropicRequest(request, prompt, self.settings, streams: true)
            let response = try await self.context.http.stream(self.request(.post, "/v1/messages", body: try body.json.jsonBytes()))
            guard response.status.kind == .successful else {
                try self.check(await response.collected(), model: body.model)
                throw PluginFailure.notReady(.malformedReply, "\(self.settings.hostName) did not answer with a stream")
            }
            var reply = AnthropicReply(body, reader: prompt.citations.reader, failures: self.failures)
            for try await event in ServerSentEvents(response) {
                do {
                    if let answer = try reply.take(event: try JSONValue(json: event.data.utf8), yield) {
                        self.credit.isWell()
                        return answer
                    }
                } catch let failure as PluginFailure {
                    throw self.credit.noting(failure)
                }
            }
            try Task.checkCancellation()
            throw PluginFailure.notReady(.malformedReply, "the stream of \(self.settings.hostName) broke off before its end")
        }
    }

    // MARK: The wire

    private func request(_ method: HTTPRequest.Method, _ path: String, body: [UInt8]) -> ClientRequest {
        var headers = headers
        if !body.isEmpty { headers[.contentType] = "application/json" }
        return ClientRequest(method, settings.base.with(path), headers: headers, body: body, timeout: settings.timeout)
    }

    private func check(_ response: ClientResponse, model: String) throws {
        if let failure = failures.failure(response, model: model) { throw credit.noting(failure) }
    }

}

extension HTTPField.Name {
    static let apiKey = known("x-api-key")
    static let anthropicVersion = known("anthropic-version")
    static let anthropicBeta = known("anthropic-beta")
    /// For each limit: what is left of it, and when it is whole again.
    static let anthropicLimits = ["requests", "tokens", "input-tokens", "output-tokens"].map {
        (remaining: known("anthropic-ratelimit-\($0)-remaining"), reset: known("anthropic-ratelimit-\($0)-reset"))
    }
}
