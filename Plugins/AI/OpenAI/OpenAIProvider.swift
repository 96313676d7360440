import Foundation
import HTTPTypes
import PluginAPI

/// Answers, classifies and embeds by OpenAI's Chat Completions and Embeddings, or by a server that speaks the same protocol.
public final class OpenAIProvider: AIProvider {
    public static let manifest = PluginManifest(
        id: "openai", summary: "Answers and embeds by OpenAI's API, or by a compatible server such as vLLM, llama.cpp, LiteLLM or OpenRouter.",
        stability: .beta, capabilities: ["completion", "streaming", "tools", "structured-output", "classification", "embeddings"],
        destinations: [
            DataDestination(
                "the host of base_url", purpose: "answering guests, and embedding the hotel's knowledge and guests' questions",
                classes: [.guestText, .guestIdentity, .reservation, .knowledge])
        ],
        documentation: "https://platform.openai.com/docs/api-reference/chat",
        quality: [
            .documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .met, .typedFailures: .met, .probe: .met, .dataDestinations: .met,
            .documentedLimits: .met, .reconnects: .met, .idempotency: .exempt("asking a model again changes nothing but the bill"),
            .receipts: .exempt("an answer comes with the call"), .vendorDocument: .met,
        ])

    private let settings: Settings
    private let context: PluginContext
    private let headers: HTTPFields
    private let failures: OpenAIFailure
    private let credit: CreditHealth

    public init(settings: Settings, context: PluginContext) throws {
        self.settings = settings
        self.context = context
        credit = CreditHealth(context.health)
        var headers = HTTPFields(settings.headers)
        headers[.authorization] = settings.apiKey.map { "Bearer \($0.reveal())" }
        headers[.openAIOrganization] = settings.organization
        headers[.openAIProject] = settings.project
        self.headers = headers
        failures = OpenAIFailure(vendor: settings.hostName, clock: context.clock)
    }

    public var features: AIFeatures {
        let embeds = settings.embeddingModel != nil
        return AIFeatures(
            streaming: true, tools: settings.tools, structuredOutput: true, embeddingDimensions: embeds ? settings.dimensions : nil,
            embeddingModel: settings.embeddingModel.map {
                EmbeddingVectors.name(
                    "openai", model: $0, dimensions: settings.dimensions,
                    prefixes: [settings.embeddingDocumentPrefix, settings.embeddingQueryPrefix])
            },
            contextLimit: settings.contextLimit, isLocal: settings.base.isPrivate)
    }

    public func model(for purpose: AIRequest.Purpose) -> String? { settings.model(for: purpose) }

    /// Lists the models, which costs nothing.
    public func probe() async throws -> ProbeResult {
        let response = try await send(.get, "/models", body: [])
        if [404, 405].contains(response.status.code) {
            return ProbeResult("reached \(settings.hostName), which lists no models")
        }
        try check(response, model: settings.model)
        guard let models = try JSONValue(json: response.body)["data"]?.arrayValue?.compactMap({ $0["id"]?.stringValue }) else {
            throw PluginFailure.notReady(.malformedReply, "\(settings.hostName) answered with something that is no list of models")
        }
        let missing = [settings.model, settings.smallModel, settings.embeddingModel].compactMap(\.self).filter { !models.contains($0) }
        let note = missing.isEmpty ? "" : "; it does not list " + missing.map { "“\($0)”" }.joined(separator: ", ")
        let count = models.count == 1 ? "1 model" : "\(models.count) models"
        return ProbeResult("reached \(settings.hostName), which lists \(count)\(note)", details: ["model": settings.model])
    }

    // MARK: Answers

    public func complete(_ request: AIRequest) async throws -> AIResponse {
        let prompt = AIPrompt(request), body = try OpenAIRequest(request, prompt, settings, streams: false)
        let response = try await send(.post, "/chat/completions", body: try body.json.jsonBytes())
        try check(response, model: body.model)
        return try whole(response.body, request, prompt, body.model)
    }

    public func stream(_ request: AIRequest) -> AsyncThrowingStream<AIStreamEvent, any Error> {
        AIStreamEvent.stream { yield in
            let prompt = AIPrompt(request), body = try OpenAIRequest(request, prompt, self.settings, streams: true)
            let response = try await self.context.http.stream(self.request(.post, "/chat/completions", body: try body.json.jsonBytes()))
            guard response.status.kind == .successful else {
                try self.check(await response.collected(), model: body.model)
                throw PluginFailure.notReady(.malformedReply, "\(self.settings.hostName) did not answer with a stream")
            }
            // A server that does not stream answers whole.
            if response.headers[.contentType]?.lowercased().hasPrefix("application/json") ?? false {
                let answer = try self.whole(await response.collected(maximumBytes: 8 << 20).body, request, prompt, body.model)
                Self.tell(answer, yield)
                return answer
            }
            var reply = OpenAIReply(request: request, reader: prompt.citations.reader, model: body.model, failures: self.failures)
            for try await event in ServerSentEvents(response) {
                if event.data.hasPrefix("[DONE]") {
                    let answer = try reply.finished(yield)
                    self.credit.isWell()
                    return answer
                }
                do {
                    try reply.take(chunk: try JSONValue(json: event.data.utf8), yield)
                } catch let failure as PluginFailure {
                    throw self.credit.noting(failure)
                }
            }
            try Task.checkCancellation()
            throw PluginFailure.notReady(.malformedReply, "the stream of \(self.settings.hostName) broke off before its end")
        }
    }

    private func whole(_ bytes: [UInt8], _ request: AIRequest, _ prompt: AIPrompt, _ model: String) throws -> AIResponse {
        do {
            var reply = OpenAIReply(request: request, reader: prompt.citations.reader, model: model, failures: failures)
            let answer = try reply.whole(try JSONValue(json: bytes))
            credit.isWell()
            return answer
        } catch let failure as PluginFailure {
            throw credit.noting(failure)
        }
    }

    private static func tell(_ answer: AIResponse, _ yield: (AIStreamEvent) -> Void) {
        if !answer.text.isEmpty { yield(.text(answer.text)) }
        for call in answer.toolCalls { yield(.toolCall(call)) }
    }

    // MARK: Embeddings

    /// Texts of one request; OpenAI takes 2,048 of them and 300,000 tokens in all.
    private static let batch = 64

    public func embed(_ texts: [String], for use: EmbeddingUse) async throws -> AIEmbeddings {
        guard let model = settings.embeddingModel else { throw PluginFailure.notImplemented("embedding without embedding_model") }
        let prefix = use == .query ? settings.embeddingQueryPrefix : settings.embeddingDocumentPrefix
        var vectors: [[Float]] = [], usage = AIUsage()
        for start in stride(from: 0, to: texts.count, by: Self.batch) {
            // An empty text is refused.
            let input = texts[start..<min(texts.count, start + Self.batch)].map { prefix + $0 }.map { $0.isEmpty ? " " : $0 }
            var body: [String: JSONValue] = ["model": .string(model), "input": .array(input.map { .string($0) }), "encoding_format": "float"]
            if settings.asksForDimensions, let dimensions = settings.embeddingDimensions { body["dimensions"] = .int(dimensions) }
            let response = try await send(.post, "/embeddings", body: try JSONValue.object(body).jsonBytes())
            try check(response, model: model)
            let reply = try OpenAIEmbeddings(response.body)
            vectors += try EmbeddingVectors.checked(try reply.vectors, count: input.count, dimensions: settings.dimensions)
            usage.inputTokens += reply.tokens
            credit.isWell()
        }
        return AIEmbeddings(vectors: vectors, model: features.embeddingModel ?? model, usage: usage)
    }

    // MARK: The wire

    private func request(_ method: HTTPRequest.Method, _ path: String, body: [UInt8]) -> ClientRequest {
        var headers = headers
        if !body.isEmpty { headers[.contentType] = "application/json" }
        // Vectors are long; an answer is not.
        let limit = path == "/embeddings" ? 32 << 20 : 8 << 20
        return ClientRequest(method, settings.base.with(path), headers: headers, body: body, timeout: settings.timeout, maximumResponseBytes: limit)
    }

    private func send(_ method: HTTPRequest.Method, _ path: String, body: [UInt8]) async throws -> ClientResponse {
        try await context.http.send(request(method, path, body: body))
    }

    private func check(_ response: ClientResponse, model: String) throws {
        if let failure = failures.failure(response, model: model) { throw credit.noting(failure) }
    }

}

extension HTTPField.Name {
    static let openAIOrganization = known("OpenAI-Organization")
    static let openAIProject = known("OpenAI-Project")
    static let retryAfterMilliseconds = known("retry-after-ms")
    static let rateLimitReset = known("x-ratelimit-reset")
    static let rateLimitRemainingRequests = known("x-ratelimit-remaining-requests")
    static let rateLimitResetRequests = known("x-ratelimit-reset-requests")
    static let rateLimitRemainingTokens = known("x-ratelimit-remaining-tokens")
    static let rateLimitResetTokens = known("x-ratelimit-reset-tokens")
}
