import Foundation
import HTTPTypes
import PluginAPI

extension AnthropicProvider {
    /// What the operator sets.
    public struct Settings: PluginSettings {
        @Setting(help: "Where the API is, without a version.", .url, advanced: true) var baseURL: String = "https://api.anthropic.com"
        @Setting(help: "The API key.", example: "${ANTHROPIC_API_KEY}") var apiKey: Secret
        @Setting(help: "The version of the API that requests follow.", .notEmpty, advanced: true) var version: String = "2023-06-01"
        @Setting(help: "Names of beta features to switch on.", advanced: true) var betas: [String] = []

        @Setting(help: "The model that answers guests.", .notEmpty, example: "claude-sonnet-4-5") var model: String
        @Setting(help: "The model for classification, extraction and translation; without it the other one does them.", .ifSet(.notEmpty))
        var smallModel: String?

        @Setting(help: "What is kept in the vendor's prompt cache: off, instructions (with the tools), or documents as well.")
        var promptCache: PromptCache = .instructions
        @Setting(help: "How long the vendor's prompt cache keeps it.", advanced: true) var cacheLifetime: CacheLifetime = .fiveMinutes
        @Setting(help: "How JSON is asked for: by a tool that the model must use, or by its schema, which newer models take.", advanced: true)
        var structuredOutput: StructuredOutput = .tool
        @Setting(help: "Whether a temperature is sent; auto sends it to the models that are known to take one.", advanced: true)
        var sendTemperature: SendTemperature = .auto
        @Setting(help: "Tokens that a request and its answer may have together.", .range(256...100_000_000), advanced: true)
        var contextLimit: Int = 200_000
        @Setting(help: "How long an answer may take, from the request to its last word.", .range(.seconds(1) ... .seconds(600)))
        var timeout: Duration = .seconds(60)

        public init() {}
    }

    enum PromptCache: String, SettingChoice { case off, instructions, documents }
    enum CacheLifetime: String, SettingChoice { case fiveMinutes = "5m", oneHour = "1h" }
    enum StructuredOutput: String, SettingChoice { case tool, schema = "json_schema" }
    enum SendTemperature: String, SettingChoice { case auto, always, never }

    public static func validate(_ settings: Settings, _ report: inout ValidationReport) {
        let values = [("api_key", settings.apiKey.reveal()), ("version", settings.version)] + settings.betas.map { ("betas", $0) }
        for (key, value) in values where value.isEmpty || !HTTPField.isValidValue(value) {
            report.error(key, "it holds characters that no header can, such as a line break, or nothing")
        }
        settings.base.check(sent: "what guests write", &report)
        if settings.baseURL.hasSuffix("/v1") || settings.baseURL.hasSuffix("/v1/") {
            report.error("base_url", "it ends with a version, which Jack puts there itself", remedy: "leave /v1 out")
        }
    }
}

extension AnthropicProvider.Settings {
    var base: BaseURL { BaseURL(baseURL) }

    var hostName: String { base.hostName ?? "the API" }

    /// The model for a purpose.
    func model(for purpose: AIRequest.Purpose) -> String {
        purpose.suitsSmallModel ? smallModel ?? model : model
    }

    /// Models from Claude Opus 4.7 on refuse a temperature; the older families take one.
    func takesTemperature(_ model: String) -> Bool {
        switch sendTemperature {
        case .always: true
        case .never: false
        case .auto:
            ["claude-2", "claude-3"].contains { model.hasPrefix($0) }
                || ["-4-0", "-4-1", "-4-2025", "-4-5", "-4-6"].contains { model.contains($0) }
        }
    }

    /// The marker that has all before it cached.
    var cacheControl: JSONValue {
        var control: [String: JSONValue] = ["type": "ephemeral"]
        if cacheLifetime == .oneHour { control["ttl"] = .string(cacheLifetime.rawValue) }
        return .object(control)
    }
}
