/// What a setting's value looks like: what the JSON Schema, the reference page and a form are made from.
public indirect enum SettingShape: Sendable {
    case string(format: String? = nil)
    case secret
    case boolean
    case integer
    case number
    /// A length of time such as `30s`, `5m`, `1h30m`.
    case duration
    /// A number of bytes such as `512KB`, `8MB`.
    case byteCount
    case choice([String])
    case optional(SettingShape)
    case list(SettingShape)
    /// A list that needs no brackets where it has one element.
    case oneOrMore(SettingShape)
    case map(SettingShape)
    case object(SettingsSchema)
    /// Anything, described in words: what it may hold is known only where it is read.
    case any(String)
    /// One of several objects, told apart by the value of one key.
    case union(discriminator: String, [(tag: String, schema: SettingsSchema)])

    /// The shape without its being optional.
    public var unwrapped: SettingShape {
        if case .optional(let inner) = self { inner.unwrapped } else { self }
    }

    /// True where no value may be written or printed.
    public var isSecret: Bool {
        switch self {
        case .secret: true
        case .optional(let inner), .list(let inner), .oneOrMore(let inner), .map(let inner): inner.isSecret
        default: false
        }
    }

    /// The schemas of the objects that a value holds.
    var schemas: [SettingsSchema] {
        switch self {
        case .object(let schema): [schema]
        case .union(_, let cases): cases.map(\.schema)
        case .optional(let inner), .list(let inner), .oneOrMore(let inner), .map(let inner): inner.schemas
        default: []
        }
    }

    /// The shape in words: `a list of text`.
    public var words: String {
        switch self {
        case .string(let format): format ?? "text"
        case .secret: "a secret"
        case .boolean: "true or false"
        case .integer: "a whole number"
        case .number: "a number"
        case .duration: "a duration such as 30s, 5m or 1h"
        case .byteCount: "a size such as 512KB or 8MB"
        case .choice(let values): "one of " + values.joined(separator: ", ")
        case .optional(let inner): inner.words
        case .list(let inner): "a list of \(inner.words)"
        case .oneOrMore(let inner): "\(inner.words), or a list of them"
        case .map(let inner): "a mapping of names to \(inner.words)"
        case .object: "a mapping"
        case .any(let words): words
        case .union(let key, let cases): "a mapping whose \(key) is one of " + cases.map(\.tag).joined(separator: ", ")
        }
    }
}
