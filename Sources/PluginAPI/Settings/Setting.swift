/// Declares one setting of a ``PluginSettings`` type, once, for all its uses.
///
/// ```swift
/// struct Settings: PluginSettings {
///     @Setting(help: "Where the vendor's API is.") var endpoint: String = "https://api.example.com"
///     @Setting(help: "The account's token.") var token: Secret
///     @Setting(help: "Sends at the same time.", .range(1...64)) var concurrency: Int = 8
/// }
/// ```
/// A property without an initial value must be set by the operator, unless its type is optional. The name in YAML is the property's in
/// snake_case, or `name`. From the declaration come strict decoding, every diagnostic, `jack plugins describe`, the sample, the JSON Schema, the
/// reference page and redaction.
@propertyWrapper
public struct Setting<Value: SettingValue>: Sendable {
    /// One reference, whatever the type: settings nest, and their owners are handed around. With all of it in place a copy of `jack.yaml`'s settings
    /// was ninety kilobytes of instructions in a debug build, in each module that made one.
    private var content: Content

    private final class Content: Sendable {
        /// Nil in a value that was decoded: its type tells what is declared.
        let declaration: Declaration?
        let value: Value?

        init(_ declaration: Declaration?, _ value: Value?) {
            self.declaration = declaration
            self.value = value
        }
    }

    /// What is said of a setting, without its value.
    struct Declaration: Sendable {
        let name: String?
        let help: String
        let constraint: SettingConstraint<Value>?
        let example: String?
        let since: String?
        let deprecated: String?
        let advanced: Bool
        let initial: Value?
    }

    var declaration: Declaration? { content.declaration }
    var value: Value? { content.value }

    /// The value that the operator chose, or the default.
    ///
    /// Reading a required setting of a value that was not decoded is a programmer's error and traps.
    public var wrappedValue: Value {
        get {
            guard let value = content.value else {
                preconditionFailure("the setting “\(declaration.map { $0.name ?? $0.help } ?? "")” was read before it was set")
            }
            return value
        }
        set { content = Content(content.declaration, newValue) }
    }

    /// A setting with a default.
    /// - Parameters:
    ///   - name: the key in YAML, where the property's name in snake_case will not do.
    ///   - help: one sentence for the operator.
    ///   - constraint: what values are allowed beyond the type.
    ///   - example: a value for the sample, as YAML.
    ///   - since: the version that introduced it.
    ///   - deprecated: why it should no longer be used, and what instead.
    ///   - advanced: true to leave it out of the short sample.
    public init(
        wrappedValue: Value, _ name: String? = nil, help: String, _ constraint: SettingConstraint<Value>? = nil, example: String? = nil,
        since: String? = nil, deprecated: String? = nil, advanced: Bool = false
    ) {
        self.init(
            Declaration(
                name: name, help: help, constraint: constraint, example: example, since: since, deprecated: deprecated, advanced: advanced,
                initial: wrappedValue))
    }

    /// A setting that the operator must set, or an optional one.
    public init(
        _ name: String? = nil, help: String, _ constraint: SettingConstraint<Value>? = nil, example: String? = nil, since: String? = nil,
        deprecated: String? = nil, advanced: Bool = false
    ) {
        self.init(
            Declaration(
                name: name, help: help, constraint: constraint, example: example, since: since, deprecated: deprecated, advanced: advanced,
                initial: Self.absent))
    }

    private init(_ declaration: Declaration) { content = Content(declaration, declaration.initial) }

    /// A value that carries none of its declaration.
    init(decoded value: Value) { content = Content(nil, value) }

    /// `nil` as a value where the type is optional.
    private static var absent: Value? { (Value.self as? any AbsentValue.Type)?.absent as? Value }
}

private protocol AbsentValue { static var absent: Self { get } }
extension Optional: AbsentValue { static var absent: Wrapped? { .none } }

/// What values a setting allows beyond its type.
public struct SettingConstraint<Value: SettingValue>: Sendable {
    /// What is allowed, in words: `1 to 65535`.
    public var words: String
    /// The JSON Schema keywords that say the same.
    public var schema: [String: JSONValue]
    /// Returns what is wrong with a value, or nil. Pure.
    public var problem: @Sendable (Value) -> String?

    public init(_ words: String, schema: [String: JSONValue] = [:], problem: @escaping @Sendable (Value) -> String?) {
        self.words = words
        self.schema = schema
        self.problem = problem
    }
}

extension SettingConstraint {
    /// The constraint of an optional setting: it holds where there is a value.
    public static func ifSet<Wrapped>(_ constraint: SettingConstraint<Wrapped>) -> SettingConstraint where Value == Wrapped? {
        SettingConstraint(constraint.words, schema: constraint.schema) { $0.flatMap(constraint.problem) }
    }
}

extension SettingConstraint where Value: Comparable {
    /// Values from the lower to the upper bound, both allowed.
    public static func range(_ range: ClosedRange<Value>) -> SettingConstraint {
        let low = range.lowerBound.printed, high = range.upperBound.printed
        let numeric = low.doubleValue != nil
        return SettingConstraint(
            "\(low.words) to \(high.words)", schema: numeric ? ["minimum": low, "maximum": high] : [:]
        ) { range.contains($0) ? nil : "\($0.printed.words) is out of range" }
    }
}

extension SettingConstraint where Value == String {
    /// A text that is not empty.
    public static var notEmpty: SettingConstraint {
        SettingConstraint("not empty", schema: ["minLength": 1]) { $0.isEmpty ? "it is empty" : nil }
    }

    /// An absolute `http` or `https` URL.
    public static var url: SettingConstraint {
        SettingConstraint("a URL", schema: ["format": "uri", "pattern": "^(https?://|\\$\\{)"]) { text in
            let rest = text.hasPrefix("https://") ? text.dropFirst(8) : text.hasPrefix("http://") ? text.dropFirst(7) : ""
            return rest.isEmpty || rest.contains(" ") || rest.hasPrefix("/") ? "“\(text)” is not an http or https URL" : nil
        }
    }
}

extension SettingConstraint where Value == Secret {
    /// A secret of at least `count` characters.
    public static func minimumLength(_ count: Int) -> SettingConstraint {
        SettingConstraint("at least \(count) characters", schema: ["minLength": .int(count)]) {
            $0.count < count ? "it has \($0.count) characters, and needs at least \(count)" : nil
        }
    }
}

extension JSONValue {
    /// The value as one would say it: a text without its quotes.
    public var words: String {
        switch self {
        case .null: "nothing"
        case .bool(let value): "\(value)"
        case .int(let value): "\(value)"
        case .double(let value): value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
        case .string(let value): value
        case .array(let values): "[" + values.map(\.words).joined(separator: ", ") + "]"
        case .object(let members): "{" + members.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.words)" }.joined(separator: ", ") + "}"
        }
    }
}
