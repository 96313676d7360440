import Logging
import PluginAPI
import Synchronization

/// Classifies, embeds and answers by quotation, on this machine, without a model file and without a network.
public final class EmbeddedProvider: AIProvider {
    /// What the operator sets.
    public struct Settings: PluginSettings {
        @Setting(
            help: "A YAML file with the hotel's own synonyms and translations (`groups`, `translations`), beside those that the plugin brings.",
            example: "hotel/synonyms.yaml")
        public var lexicon: String?

        public init() {}
    }

    public static let manifest = PluginManifest(
        id: "embedded", summary: "Classifies intents, embeds texts and answers by quoting the hotel's knowledge; needs no network and no model",
        stability: .stable, capabilities: ["classification", "embeddings", "extraction"],
        quality: [
            .documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .met, .typedFailures: .met, .documentedLimits: .met,
            .probe: .exempt("there is no vendor to ask"), .dataDestinations: .exempt("nothing leaves the machine"),
            .reconnects: .exempt("there is nobody to lose"), .idempotency: .exempt("answers change nothing"),
            .receipts: .exempt("answers are returned, not delivered"), .vendorDocument: .exempt("there is no vendor"),
        ])

    /// What `start` may replace.
    private struct State: Sendable {
        var embedder: TextEmbedder
        var extractor: Extractor
        init(_ lexicon: Lexicon) {
            embedder = TextEmbedder(lexicon: lexicon, identifier: .builtIn)
            extractor = Extractor(embedder: embedder)
        }
    }

    /// Label sets kept at a time; a reload of the configuration brings a new one.
    private static let keptModels = 4

    /// What was learnt, the least recently begun first. The same for every instance: what is learnt follows from the examples and the lexicon alone, and two
    /// instances, or the one before a reload and the one after, need not learn it twice.
    private static let models = Mutex<[(name: String, model: Task<IntentModel, Never>)]>([])

    private let settings: Settings
    private let context: PluginContext
    private let state: Mutex<State>

    public init(settings: Settings, context: PluginContext) throws {
        self.settings = settings
        self.context = context
        state = Mutex(State(.builtIn))
    }

    public func probe() async throws -> ProbeResult { ProbeResult("nothing to probe: everything runs on this machine") }

    public func start() async throws {
        guard let path = settings.lexicon else { return }
        let (document, diagnostics) = context.files.yaml(try await context.files.read(path, maximumBytes: 1 << 20), file: path)
        var problems = diagnostics
        var lexicon = Lexicon.builtIn
        if let document { lexicon.add(document, &problems) }
        if let first = problems.sorted.first(where: { $0.severity == .error }) {
            throw PluginFailure.permanent(.configuration, "the lexicon cannot be used: \(first)")
        }
        for problem in problems.sorted { context.logger.warning("\(problem)") }
        state.withLock { $0 = State(lexicon) }
    }

    public var features: AIFeatures {
        AIFeatures(
            completion: true, embeddingDimensions: TextEmbedder.dimensions, embeddingModel: state.withLock { $0.embedder.modelName }, isLocal: true,
            languages: Set(Language.allCases.map(\.code)), quotesDocuments: true)
    }

    // MARK: Work

    /// Answers with one to three sentences of one of the documents. An empty text with confidence 0 means that none fits.
    public func complete(_ request: AIRequest) async throws -> AIResponse {
        guard request.purpose == .reply else { throw PluginFailure.notImplemented("completion for \(request.purpose.rawValue)") }
        guard case .text = request.format else { throw PluginFailure.notImplemented("structured output") }
        guard request.tools.isEmpty || request.toolChoice == .none else { throw PluginFailure.notImplemented("tool calling") }
        guard let question = request.messages.last(where: { $0.role == .user })?.text else {
            throw PluginFailure.permanent(.invalidRequest, "there is no message of a user to answer")
        }
        let documents = request.documents.map {
            Extractor.Document(id: $0.id, title: $0.title, text: $0.text, locale: $0.locale, relevance: $0.relevance)
        }
        let answer = state.withLock { $0.extractor }.answer(question, from: documents, locale: request.locale)
        let usage = AIUsage(
            inputTokens: Self.words(question) + request.documents.reduce(0) { $0 + Self.words($1.text) }, outputTokens: Self.words(answer.text))
        return AIResponse(
            text: answer.text, usage: usage, model: "embedded-extraction",
            citations: answer.document.map { [$0] } ?? [], confidence: answer.confidence)
    }

    public func embed(_ texts: [String], for use: EmbeddingUse) async throws -> AIEmbeddings {
        let embedder = state.withLock { $0.embedder }
        let vectors = texts.map { embedder.vector(of: $0, as: use == .query ? .query : .document) }
        return AIEmbeddings(
            vectors: vectors, model: embedder.modelName, usage: AIUsage(inputTokens: texts.reduce(0) { $0 + Self.words($1) }))
    }

    /// Learns at the first call with a label set, then answers from what it learnt.
    public func classify(_ request: ClassificationRequest) async throws -> Classification {
        guard !request.labels.isEmpty else { throw PluginFailure.permanent(.invalidRequest, "there is no label to choose from") }
        let model = await model(for: request).value
        let ranked = model.classify(request.text, locale: request.locale)
        return Classification(
            ranked: ranked.map { Classification.Score(label: $0.label, confidence: $0.confidence) },
            language: LanguageIdentifier.builtIn.language(of: request.text), usage: AIUsage(inputTokens: Self.words(request.text)))
    }

    /// The task that learns or has learnt a label set: many callers wait for one.
    private func model(for request: ClassificationRequest) -> Task<IntentModel, Never> {
        let lexicon = state.withLock { $0.embedder.lexicon }
        let name = "\(request.labelSet) \(lexicon.fingerprint)"
        return Self.models.withLock { models in
            if let known = models.first(where: { $0.name == name }) { return known.model }
            let labels = request.labels, logger = context.logger, clock = context.clock
            let model = Task {
                let began = clock.monotonic
                let examples = Self.examples(labels)
                let model = IntentModel(labels: labels.map(\.id), examples: examples, lexicon: lexicon, identifier: .builtIn)
                logger.debug(
                    "learnt a label set",
                    metadata: ["labels": "\(labels.count)", "examples": "\(examples.count)", "ms": "\((clock.monotonic - began).milliseconds)"])
                return model
            }
            if models.count >= Self.keptModels { models.removeFirst() }
            models.append((name, model))
            return model
        }
    }

    /// All examples in one order, whatever the order of a dictionary: the same examples must teach the same. A label without any has its description.
    private static func examples(_ labels: [ClassificationRequest.Label]) -> [IntentModel.Example] {
        labels.enumerated().flatMap { place, label -> [IntentModel.Example] in
            let examples = label.examples.sorted { $0.key < $1.key }.flatMap { language, texts in
                texts.map { IntentModel.Example(text: $0, label: place, language: LanguageTag.primary(language)) }
            }
            return examples.isEmpty ? [IntentModel.Example(text: label.description, label: place, language: nil)] : examples
        }
    }

    /// Words, as near to tokens as a method without tokens comes.
    private static func words(_ text: String) -> Int {
        var count = 0, inWord = false
        for byte in text.utf8 {
            let isSpace = byte == 0x20 || (0x09...0x0D).contains(byte)
            if !isSpace, !inWord { count += 1 }
            inWord = !isSpace
        }
        return count
    }
}
