import Foundation
import HTTPTypes
import PluginAPI

/// Answers, classifies and embeds by models that an Ollama server runs, on this machine or another.
public final class OllamaProvider: AIProvider {
    public static let manifest = PluginManifest(
        id: "ollama", summary: "Answers and embeds by models that an Ollama server runs in the house.", stability: .beta,
        capabilities: ["completion", "streaming", "tools", "structured-output", "classification", "embeddings"],
        destinations: [
            DataDestination(
                "the host of base_url, which may be this machine",
                purpose: "answering guests, and embedding the hotel's knowledge and guests' questions",
                classes: [.guestText, .guestIdentity, .reservation, .knowledge]),
            DataDestination(
                "ollama.com, where a model's name ends with cloud", purpose: "the same: the server passes such requests on",
                classes: [.guestText, .guestIdentity, .reservation, .knowledge]),
        ],
        documentation: "https://docs.ollama.com/api",
        quality: [
            .documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .met, .typedFailures: .met, .probe: .met, .dataDestinations: .met,
            .documentedLimits: .met, .reconnects: .met, .idempotency: .exempt("asking a model again changes nothing but the bill"),
            .receipts: .exempt("an answer comes with the call"), .vendorDocument: .met,
        ])

    private let settings: Settings
    private let context: PluginContext
    private let failures: OllamaFailure

    public init(settings: Settings, context: PluginContext) throws {
        self.settings = settings
        self.context = context
        failures = OllamaFailure(vendor: settings.hostName, clock: context.clock)
    }

    public var features: AIFeatures {
        AIFeatures(
            streaming: true, tools: settings.tools, structuredOutput: true,
            embeddingDimensions: settings.embeddingModel == nil ? nil : settings.embeddingDimensions,
            embeddingModel: settings.embeddingModel.map {
                EmbeddingVectors.name(
                    "ollama", model: $0, dimensions: settings.embeddingDimensions,
                    prefixes: [settings.embeddingDocumentPrefix, settings.embeddingQueryPrefix])
            },
            contextLimit: settings.contextLength, isLocal: settings.isLocal)
    }

    public func model(for purpose: AIRequest.Purpose) -> String? { settings.model(for: purpose) }

    /// Asks which models are there; loads none.
    /// - Throws: ``PluginFailure`` not ready, with the command that mends it, where a model has not been pulled.
    public func probe() async throws -> ProbeResult {
        let response = try await context.http.send(request(.get, "/api/tags", body: []))
        if let failure = failures.failure(response, model: settings.model) { throw failure }
        guard let list = try JSONValue(json: response.body)["models"]?.arrayValue else {
            throw PluginFailure.notReady(.malformedReply, "\(settings.hostName) answered with something that is no list of models")
        }
        let names = Set(list.flatMap { [$0["name"]?.stringValue, $0["model"]?.stringValue].compactMap(\.self) })
        // A name without a tag means the tag “latest”.
        let missing = settings.models.filter { !names.contains($0) && !names.contains($0 + ":latest") }
        guard missing.isEmpty else {
            throw PluginFailure.notReady(
                .notFound,
                "\(settings.hostName) has no model " + missing.map { "“\($0)”" }.joined(separator: ", ") + ": run "
                    + missing.map { "`ollama pull \($0)`" }.joined(separator: " and "))
        }
        let count = list.count == 1 ? "1 model" : "\(list.count) models"
        return ProbeResult("reached \(settings.hostName), which has \(count)", details: ["model": settings.model])
    }

    // MARK: Answers

    public func complete(_ request: AIRequest) async throws -> AIResponse {
        let prompt = AIPrompt(request), body = try OllamaRequest(request, prompt, settings, streams: false)
        let response = try await context.http.send(self.request(.post, "/api/chat", body: try body.json.jsonBytes()))
        if let failure = failures.failure(response, model: body.model) { throw failure }
        var reply = OllamaReply(request: request, reader: prompt.citations.reader, model: body.model, failures: failures)
        guard let answer = try reply.take(try JSONValue(json: response.body), { _ in }) else {
            throw PluginFailure.notReady(.malformedReply, "\(settings.hostName) sent an answer without its end")
        }
        return answer
    }

    public func stream(_ request: AIRequest) -> AsyncThrowingStream<AIStreamEvent, any Error> {
        AIStreamEvent.stream { yield in
            let prompt = AIPrompt(request), body = try OllamaRequest(request, prompt, self.settings, streams: true)
            let response = try await self.context.http.stream(self.request(.post, "/api/chat", body: try body.json.jsonBytes()))
            guard response.status.kind == .successful else {
                if let failure = self.failures.failure(try await response.collected(), model: body.model) { throw failure }
                throw PluginFailure.notReady(.malformedReply, "\(self.settings.hostName) did not answer with a stream")
            }
            var reply = OllamaReply(request: request, reader: prompt.citations.reader, model: body.model, failures: self.failures)
            for try await line in JSONLines(response) {
                if let answer = try reply.take(line, yield) { return answer }
            }
            try Task.checkCancellation()
            throw PluginFailure.notReady(.malformedReply, "the stream of \(self.settings.hostName) broke off before its end")
        }
    }

    // MARK: Embeddings

    /// Texts of one request.
    private static let batch = 64

    public func embed(_ texts: [String], for use: EmbeddingUse) async throws -> AIEmbeddings {
        guard let model = settings.embeddingModel else { throw PluginFailure.notImplemented("embedding without embedding_model") }
        let prefix = use == .query ? settings.embeddingQueryPrefix : settings.embeddingDocumentPrefix
        var vectors: [[Float]] = [], usage = AIUsage()
        for start in stride(from: 0, to: texts.count, by: Self.batch) {
            let input = texts[start..<min(texts.count, start + Self.batch)].map { prefix + $0 }.map { $0.isEmpty ? " " : $0 }
            var body: [String: JSONValue] = [
                "model": .string(model), "input": .array(input.map { .string($0) }), "truncate": true,
                "keep_alive": OllamaRequest.seconds(settings.keepAlive),
            ]
            if let dimensions = settings.embeddingDimensions { body["dimensions"] = .int(dimensions) }
            let response = try await context.http.send(request(.post, "/api/embed", body: try JSONValue.object(body).jsonBytes()))
            if let failure = failures.failure(response, model: model) { throw failure }
            let reply = try OllamaEmbeddings(response.body)
            vectors += try EmbeddingVectors.checked(reply.embeddings, count: input.count, dimensions: settings.embeddingDimensions)
            usage.inputTokens += reply.tokens
        }
        return AIEmbeddings(vectors: vectors, model: features.embeddingModel ?? model, usage: usage)
    }

    private func request(_ method: HTTPRequest.Method, _ path: String, body: [UInt8]) -> ClientRequest {
        var headers: HTTPFields = [:]
        headers[.authorization] = settings.apiKey.map { "Bearer \($0.reveal())" }
        if !body.isEmpty { headers[.contentType] = "application/json" }
        // Vectors are long; an answer is not.
        let limit = path == "/api/embed" ? 32 << 20 : 8 << 20
        return ClientRequest(method, settings.base.with(path), headers: headers, body: body, timeout: settings.timeout, maximumResponseBytes: limit)
    }
}
