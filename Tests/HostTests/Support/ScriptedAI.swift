import PluginAPI

/// An AI that learns nothing: it knows a few words, quotes the first document, and is as sure as the text says (`sure 40`).
struct ScriptedAI: AIProvider {
    struct Settings: PluginSettings { init() {} }

    static let manifest = PluginManifest(
        id: "scripted", summary: "Answers by rule, for tests.", stability: .experimental, capabilities: ["embeddings"])

    init(settings: Settings, context: PluginContext) throws {}

    var features: AIFeatures { AIFeatures(embeddingDimensions: 32, embeddingModel: "scripted-1", isLocal: true) }

    func complete(_ request: AIRequest) async throws -> AIResponse {
        let question = request.messages.last?.text ?? ""
        let sure = question.firstMatch(of: /sure (\d+)/).flatMap { Double($0.1) }.map { $0 / 100 } ?? 0.9
        guard let document = request.documents.first else { return AIResponse(text: "", usage: AIUsage(), model: "scripted", confidence: 0) }
        return AIResponse(text: document.text, usage: AIUsage(), model: "scripted", citations: [document.id], confidence: sure)
    }

    func classify(_ request: ClassificationRequest) async throws -> Classification {
        let text = request.text.lowercased()
        let wanted = text.contains("towel") ? "towels" : text.contains("hot water") ? "maintenance" : text.hasPrefix("hello") ? "greeting" : "unknown"
        let label = request.labels.map(\.id).first { $0 == wanted || $0.hasSuffix("." + wanted) } ?? "unknown"
        return Classification(ranked: [.init(label: label, confidence: label == "unknown" ? 0.3 : 0.95)])
    }

    func embed(_ texts: [String], for use: EmbeddingUse) async throws -> AIEmbeddings {
        let vectors = texts.map { text in
            var vector = [Float](repeating: 0.01, count: 32)
            for word in text.lowercased().split(whereSeparator: { !$0.isLetter }) {
                vector[Int(word.utf8.reduce(UInt32(7)) { ($0 &* 31) &+ UInt32($1) } % 32)] += 1
            }
            let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return vector.map { $0 / length }
        }
        return AIEmbeddings(vectors: vectors, model: "scripted-1")
    }
}

/// An alert sink that starts in the way its settings say.
struct OddSink: AlertSink {
    struct Settings: PluginSettings {
        @Setting(help: "What start does.") var starting: Starting = .well
        @Setting(help: "Changes nothing.") var note: String = ""
        init() {}
    }

    enum Starting: String, SettingChoice { case well, unreachable, rejected, wrong, hangs, odd, mends }
    struct Oddity: Error {}

    static let manifest = PluginManifest(id: "odd", summary: "Starts badly, for tests.", stability: .experimental)

    private let starting: Starting
    private let storage: any KeyValueStore

    init(settings: Settings, context: PluginContext) throws {
        (starting, storage) = (settings.starting, context.storage)
    }

    var features: AlertSinkFeatures { AlertSinkFeatures() }

    func start() async throws {
        switch starting {
        case .well: break
        case .unreachable: throw PluginFailure.notReady(.unreachable, "the vendor is away")
        case .rejected: throw PluginFailure.credentialsRejected("the vendor does not know the key")
        case .wrong: throw PluginFailure.permanent(.configuration, "this cannot work")
        case .hangs: try await Task.sleep(for: .seconds(3600))
        case .odd: throw Oddity()
        // Rejected once, as until somebody has renewed the key at the vendor.
        case .mends:
            guard try await storage.get("tried") == nil else { return }
            try await storage.set("tried", to: [1], lifetime: nil)
            throw PluginFailure.credentialsRejected("the key has expired")
        }
    }

    func page(_ page: AlertPage) async throws -> PageReceipt { PageReceipt(vendorID: nil) }
    func update(_ page: AlertPage) async throws -> PageReceipt { PageReceipt(vendorID: nil) }
    func resolve(_ page: AlertPage) async throws -> PageReceipt { PageReceipt(vendorID: nil) }
}
