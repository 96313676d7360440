import Foundation
import HTTPTypes
import PluginAPI

extension OpenAIProvider {
    /// What the operator sets.
    public struct Settings: PluginSettings {
        @Setting(help: "Where the API is, its version included; servers that speak the same protocol have their own.", .url)
        var baseURL: String = "https://api.openai.com/v1"
        @Setting(help: "The API key; servers of your own may need none.", example: "${OPENAI_API_KEY}") var apiKey: Secret?
        @Setting(help: "The organization that usage counts for, where the key has several.", advanced: true) var organization: String?
        @Setting(help: "The project that usage counts for, where the key has several.", advanced: true) var project: String?
        @Setting(help: "Headers that each request carries too, such as those of a gateway.", advanced: true) var headers: [String: Secret] = [:]

        @Setting(help: "The model that answers guests.", .notEmpty, example: "gpt-4.1") var model: String
        @Setting(help: "The model for classification, extraction and translation; without it the other one does them.", .ifSet(.notEmpty))
        var smallModel: String?
        @Setting(help: "The model that embeds texts; without it the provider embeds none.", .ifSet(.notEmpty), example: "text-embedding-3-small")
        var embeddingModel: String?
        @Setting(help: "How many numbers a vector has; needed for models whose size Jack does not know.", .ifSet(.range(1...16384)), advanced: true)
        var embeddingDimensions: Int?
        @Setting(
            help: "Whether the server is asked to shorten its vectors to embedding_dimensions; text-embedding-3 models always are.", advanced: true)
        var sendDimensions: Bool = false
        @Setting(help: "What is put before a document before it is embedded, where the model wants it.", advanced: true)
        var embeddingDocumentPrefix: String = ""
        @Setting(help: "What is put before a question before it is embedded, where the model wants it.", advanced: true)
        var embeddingQueryPrefix: String = ""

        @Setting(help: "Tokens that a request and its answer may have together.", .ifSet(.range(256...100_000_000)), advanced: true)
        var contextLimit: Int?
        @Setting(help: "Whether the model can use tools.", advanced: true) var tools: Bool = true
        @Setting(help: "How JSON is asked for: by its schema, or for servers that cannot, as any JSON with the schema in the prompt.", advanced: true)
        var structuredOutput: StructuredOutput = .schema
        @Setting(
            help: "Which field limits an answer's length; auto takes the newer one for OpenAI itself and the older one for others.", advanced: true)
        var maxTokensField: MaxTokensField = .auto
        @Setting(help: "Whether a temperature is sent; auto leaves it out for OpenAI's models that refuse one.", advanced: true)
        var sendTemperature: SendTemperature = .auto
        @Setting(help: "Whether a stream is asked to end with the tokens that it cost.", advanced: true) var streamUsage: Bool = true
        @Setting(help: "How long an answer may take, from the request to its last word.", .range(.seconds(1) ... .seconds(600)))
        var timeout: Duration = .seconds(60)

        public init() {}
    }

    enum StructuredOutput: String, SettingChoice { case schema = "json_schema", object = "json_object" }
    enum MaxTokensField: String, SettingChoice { case auto, maxCompletionTokens = "max_completion_tokens", maxTokens = "max_tokens" }
    enum SendTemperature: String, SettingChoice { case auto, always, never }

    /// Headers that are this plugin's own, or the connection's.
    private static let reserved: Set<String> = [
        "content-type", "content-length", "transfer-encoding", "connection", "host", "accept", "authorization", "openai-organization",
        "openai-project",
    ]

    public static func validate(_ settings: Settings, _ report: inout ValidationReport) {
        report.check(headers: settings.headers, reserved: reserved)
        for (key, value) in [("api_key", settings.apiKey?.reveal()), ("organization", settings.organization), ("project", settings.project)] {
            if let value, value.isEmpty || !HTTPField.isValidValue(value) {
                report.error(key, "it holds characters that no header can, such as a line break, or nothing")
            }
        }
        if settings.isOpenAI, settings.apiKey == nil {
            report.warning("api_key", "OpenAI takes no request without a key", remedy: "add api_key: ${OPENAI_API_KEY}", code: .missing)
        }
        settings.base.check(sent: "what guests write", &report)
        if let model = settings.embeddingModel, settings.dimensions == nil {
            report.error(
                "embedding_dimensions", "Jack does not know how many numbers the vectors of “\(model)” have", remedy: "add embedding_dimensions",
                code: .missing)
        }
    }
}

extension OpenAIProvider.Settings {
    var base: BaseURL { BaseURL(baseURL) }

    var hostName: String { base.hostName ?? "the API" }

    /// True for OpenAI itself, whose models are known.
    var isOpenAI: Bool {
        let host = hostName.lowercased()
        return host == "api.openai.com" || host.hasSuffix(".api.openai.com")
    }

    /// The model for a purpose.
    func model(for purpose: AIRequest.Purpose) -> String {
        purpose.suitsSmallModel ? smallModel ?? model : model
    }

    /// Numbers in a vector, where they are known.
    var dimensions: Int? {
        if let embeddingDimensions { return embeddingDimensions }
        return ["text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536][embeddingModel ?? ""]
    }

    var asksForDimensions: Bool {
        embeddingDimensions != nil && (sendDimensions || embeddingModel?.hasPrefix("text-embedding-3") ?? false)
    }

    var lengthField: String {
        switch maxTokensField {
        case .auto: isOpenAI ? "max_completion_tokens" : "max_tokens"
        case .maxCompletionTokens, .maxTokens: maxTokensField.rawValue
        }
    }

    /// OpenAI's reasoning models refuse a temperature, and stop sequences too; those of the families before take both.
    func takesSampling(_ model: String) -> Bool {
        switch sendTemperature {
        case .always: true
        case .never: false
        case .auto:
            !isOpenAI || ["gpt-3", "gpt-4", "chatgpt-4o", "ft:gpt-3", "ft:gpt-4"].contains { model.hasPrefix($0) }
        }
    }
}
