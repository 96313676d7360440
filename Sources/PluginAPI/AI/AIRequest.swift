/// What is asked of a provider, in words that no vendor owns.
public struct AIRequest: Sendable {
    /// What the answer is for: a provider may choose a smaller model for some.
    public struct Purpose: RawRepresentable, Sendable, Hashable, ExpressibleByStringLiteral {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public init(stringLiteral value: String) { rawValue = value }

        public static let reply: Purpose = "reply"
        public static let classification: Purpose = "classification"
        public static let translation: Purpose = "translation"
        public static let extraction: Purpose = "extraction"

        /// True where a smaller model does as well.
        public var suitsSmallModel: Bool { [.classification, .translation, .extraction].contains(self) }
    }

    public var purpose: Purpose
    /// The hotel's instructions. Holds no word of a guest's.
    public var instructions: String
    /// The conversation, oldest first. What guests wrote stands only here.
    public var messages: [AIMessage]
    /// What the answer may rest on. The provider cites by ``AIDocument/id``.
    public var documents: [AIDocument]
    public var tools: [AITool]
    public var toolChoice: AIToolChoice
    public var format: AIResponseFormat
    /// The language to answer in, a BCP 47 tag.
    public var locale: String?
    public var maximumOutputTokens: Int
    /// 0 for the most likely words; nil for the provider's default.
    public var temperature: Double?
    public var stopSequences: [String]

    public init(
        purpose: Purpose = .reply, instructions: String, messages: [AIMessage], documents: [AIDocument] = [], tools: [AITool] = [],
        toolChoice: AIToolChoice = .automatic, format: AIResponseFormat = .text, locale: String? = nil, maximumOutputTokens: Int = 1024,
        temperature: Double? = nil, stopSequences: [String] = []
    ) {
        self.purpose = purpose
        self.instructions = instructions
        self.messages = messages
        self.documents = documents
        self.tools = tools
        self.toolChoice = toolChoice
        self.format = format
        self.locale = locale
        self.maximumOutputTokens = maximumOutputTokens
        self.temperature = temperature
        self.stopSequences = stopSequences
    }
}

/// One message of a conversation with a model.
public struct AIMessage: Sendable, Hashable, Codable {
    public enum Role: String, Sendable, Hashable, Codable { case user, assistant }

    /// A part of a message.
    public enum Part: Sendable, Hashable, Codable {
        case text(String)
        case image(bytes: [UInt8], mimeType: String)
        case toolCall(AIToolCall)
        case toolResult(callID: String, content: String, isError: Bool)
    }

    public var role: Role
    public var parts: [Part]

    public init(_ role: Role, parts: [Part]) {
        self.role = role
        self.parts = parts
    }

    public init(_ role: Role, _ text: String) { self.init(role, parts: [.text(text)]) }

    /// The text parts, joined.
    public var text: String {
        parts.compactMap { if case .text(let text) = $0 { text } else { nil } }.joined(separator: "\n")
    }
}

/// A piece of the hotel's knowledge that an answer may rest on.
public struct AIDocument: Sendable, Hashable, Codable {
    public var id: String
    public var title: String
    public var text: String
    /// The text's language, a BCP 47 tag.
    public var locale: String?
    /// How well it fits the question, 0 to 1, as the search judged.
    public var relevance: Double

    public init(id: String, title: String, text: String, locale: String? = nil, relevance: Double) {
        self.id = id
        self.title = title
        self.text = text
        self.locale = locale
        self.relevance = relevance
    }
}

/// Something that a model may ask Jack to do.
public struct AITool: Sendable, Hashable, Codable {
    public var name: String
    public var description: String
    /// The arguments' JSON Schema.
    public var parameters: JSONValue

    public init(name: String, description: String, parameters: JSONValue) {
        self.name = name
        self.description = description
        self.parameters = parameters
    }
}

public enum AIToolChoice: Sendable, Hashable, Codable {
    case automatic, none, required
    case named(String)
}

/// A model's wish to use a tool. Never obeyed unchecked.
public struct AIToolCall: Sendable, Hashable, Codable {
    public var id: String
    public var name: String
    public var arguments: JSONValue

    public init(id: String, name: String, arguments: JSONValue) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }
}

public enum AIResponseFormat: Sendable, Hashable, Codable {
    case text
    /// JSON that follows a schema.
    case json(name: String, schema: JSONValue)
}
