import Foundation

/// A provider's answer.
public struct AIResponse: Sendable, Hashable, Codable {
    /// Why the answer ended.
    public enum FinishReason: String, Sendable, Hashable, Codable {
        case complete, length, toolCalls, contentFilter, stopSequence, other
    }

    public var text: String
    public var toolCalls: [AIToolCall]
    public var finishReason: FinishReason
    public var usage: AIUsage
    /// The model that answered, by the vendor's name.
    public var model: String
    /// The documents that the answer rests on, by their ids.
    public var citations: [String]
    /// How sure the provider is that the answer is right, 0 to 1; nil where it cannot say.
    public var confidence: Double?

    public init(
        text: String, toolCalls: [AIToolCall] = [], finishReason: FinishReason = .complete, usage: AIUsage = AIUsage(), model: String,
        citations: [String] = [], confidence: Double? = nil
    ) {
        self.text = text
        self.toolCalls = toolCalls
        self.finishReason = finishReason
        self.usage = usage
        self.model = model
        self.citations = citations
        self.confidence = confidence
    }

    /// The text as JSON, where it is.
    public var json: JSONValue? { try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)) }
}

/// Tokens that a call cost.
public struct AIUsage: Sendable, Hashable, Codable {
    public var inputTokens: Int
    public var outputTokens: Int
    /// Of the input, what came from and went into the vendor's prompt cache.
    public var cacheReadTokens: Int
    public var cacheWriteTokens: Int

    public init(inputTokens: Int = 0, outputTokens: Int = 0, cacheReadTokens: Int = 0, cacheWriteTokens: Int = 0) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.cacheReadTokens = cacheReadTokens
        self.cacheWriteTokens = cacheWriteTokens
    }
}

/// A piece of an answer that is still coming.
public enum AIStreamEvent: Sendable, Hashable {
    case text(String)
    case toolCall(AIToolCall)
    case finished(AIResponse)
}

/// What an embedding will be used for; some models tell the two apart.
public enum EmbeddingUse: String, Sendable, Hashable, Codable { case document, query }

/// Vectors and what they cost.
public struct AIEmbeddings: Sendable {
    public var vectors: [[Float]]
    public var model: String
    public var usage: AIUsage

    public init(vectors: [[Float]], model: String, usage: AIUsage = AIUsage()) {
        self.vectors = vectors
        self.model = model
        self.usage = usage
    }
}

/// Asks which label a text has.
public struct ClassificationRequest: Sendable {
    /// A label with what a provider may learn it from.
    public struct Label: Sendable, Hashable, Codable {
        public var id: String
        public var description: String
        /// Texts that have the label, by language.
        public var examples: [String: [String]]

        public init(id: String, description: String, examples: [String: [String]] = [:]) {
            self.id = id
            self.description = description
            self.examples = examples
        }
    }

    public var text: String
    /// The text's language where it is known.
    public var locale: String?
    public var labels: [Label]
    /// A name of this set of labels and examples: a provider that learns from the examples learns once per name.
    public var labelSet: String

    public init(text: String, locale: String? = nil, labels: [Label], labelSet: String) {
        self.text = text
        self.locale = locale
        self.labels = labels
        self.labelSet = labelSet
    }
}

/// The labels of a text, most likely first.
public struct Classification: Sendable, Hashable, Codable {
    public struct Score: Sendable, Hashable, Codable {
        public var label: String
        /// The probability that the label is right, 0 to 1, as honest as the provider can make it.
        public var confidence: Double

        public init(label: String, confidence: Double) {
            self.label = label
            self.confidence = confidence
        }
    }

    /// Most likely first; at least one.
    public var ranked: [Score]
    /// The text's language, a BCP 47 primary tag, where the provider can tell.
    public var language: String?
    public var usage: AIUsage
    /// The model that was asked, by the vendor's name; nil where none was.
    public var model: String?

    public init(ranked: [Score], language: String? = nil, usage: AIUsage = AIUsage(), model: String? = nil) {
        self.ranked = ranked
        self.language = language
        self.usage = usage
        self.model = model
    }

    public var best: Score? { ranked.first }
}
