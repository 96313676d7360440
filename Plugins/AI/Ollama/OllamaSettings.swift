import Foundation
import HTTPTypes
import PluginAPI

extension OllamaProvider {
    /// What the operator sets.
    public struct Settings: PluginSettings {
        @Setting(help: "Where the Ollama server is.", .url) var baseURL: String = "http://127.0.0.1:11434"
        @Setting(help: "A key for a server behind a proxy that asks for one, or for ollama.com.", advanced: true) var apiKey: Secret?

        @Setting(help: "The model that answers guests, as `ollama list` names it.", .notEmpty, example: "llama3.1:8b") var model: String
        @Setting(help: "The model for classification, extraction and translation; without it the other one does them.", .ifSet(.notEmpty))
        var smallModel: String?
        @Setting(help: "The model that embeds texts; without it the provider embeds none.", .ifSet(.notEmpty), example: "nomic-embed-text")
        var embeddingModel: String?
        @Setting(help: "How many numbers a vector has; needed with embedding_model.", .ifSet(.range(1...16384)), example: "768")
        var embeddingDimensions: Int?
        @Setting(help: "What is put before a document before it is embedded, where the model wants it.", advanced: true)
        var embeddingDocumentPrefix: String = ""
        @Setting(help: "What is put before a question before it is embedded, where the model wants it.", advanced: true)
        var embeddingQueryPrefix: String = ""

        @Setting(help: "Tokens that a request and its answer may have together; more need more memory.", .range(256...100_000_000))
        var contextLength: Int = 8192
        @Setting(help: "How long the server keeps a model in memory after a request.") var keepAlive: Duration = .seconds(1800)
        @Setting(help: "Whether a model that can think does so before it answers, and how much; guests wait for it.", advanced: true)
        var think: Think = .off
        @Setting(help: "Whether the model can use tools.", advanced: true) var tools: Bool = true
        @Setting(help: "How long an answer may take, loading the model included.", .range(.seconds(1) ... .seconds(1800)))
        var timeout: Duration = .seconds(120)

        public init() {}
    }

    enum Think: String, SettingChoice {
        case model, off, on, low, medium, high

        /// What is sent; nil leaves it to the model.
        var wire: JSONValue? {
            switch self {
            case .model: nil
            case .off: false
            case .on: true
            case .low, .medium, .high: .string(rawValue)
            }
        }
    }

    public static func validate(_ settings: Settings, _ report: inout ValidationReport) {
        if let key = settings.apiKey?.reveal(), key.isEmpty || !HTTPField.isValidValue(key) {
            report.error("api_key", "it holds characters that no header can, such as a line break, or nothing")
        }
        settings.base.check(sent: "what guests write", &report)
        if settings.baseURL.hasSuffix("/api") || settings.baseURL.hasSuffix("/v1") {
            report.error("base_url", "it ends with a path that Jack puts there itself", remedy: "leave /api or /v1 out")
        }
        if let model = settings.embeddingModel, settings.embeddingDimensions == nil {
            report.error(
                "embedding_dimensions", "Jack does not know how many numbers the vectors of “\(model)” have", remedy: "add embedding_dimensions",
                code: .missing)
        }
        if settings.keepAlive < .zero { report.error("keep_alive", "it is negative") }
    }
}

extension OllamaProvider.Settings {
    var base: BaseURL { BaseURL(baseURL) }

    var hostName: String { base.hostName ?? "Ollama" }

    /// The model for a purpose.
    func model(for purpose: AIRequest.Purpose) -> String {
        purpose.suitsSmallModel ? smallModel ?? model : model
    }

    var models: [String] { [model, smallModel, embeddingModel].compactMap(\.self) }

    /// True where nothing leaves the house. A local server passes requests for its cloud models on to ollama.com.
    var isLocal: Bool { base.isPrivate && !models.contains(where: Self.isCloud) }

    static func isCloud(_ model: String) -> Bool { model.hasSuffix("-cloud") || model.hasSuffix(":cloud") }
}
