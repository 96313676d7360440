import Kernel
import PluginAPI

/// The way to a value of a document that a source posted, or the text itself.
enum SourcePath: Sendable {
    case text(String)
    case item(ConfigurationPath)
    case document(ConfigurationPath)

    /// Nil where a part is empty.
    init?(_ text: String) {
        if text.hasPrefix("=") {
            self = .text(String(text.dropFirst()))
        } else if text.hasPrefix("$.") {
            guard let path = ConfigurationPath(text: String(text.dropFirst(2))) else { return nil }
            self = .document(path)
        } else {
            guard let path = ConfigurationPath(text: text) else { return nil }
            self = .item(path)
        }
    }

    func value(in item: JSONValue, of document: JSONValue) -> JSONValue? {
        switch self {
        case .text(let text): .string(text)
        case .item(let path): Self.value(path, item)
        case .document(let path): Self.value(path, document)
        }
    }

    private static func value(_ path: ConfigurationPath, _ value: JSONValue) -> JSONValue? {
        path.parts.reduce(Optional(value)) { value, part in
            guard let list = value?.arrayValue else { return value?[part] }
            guard let index = Int(part), list.indices.contains(index) else { return nil }
            return list[index]
        }
    }
}

extension JSONValue {
    /// A scalar as a text; nil for what is none, and for an empty one.
    var plainText: String? {
        switch self {
        case .null, .array, .object: nil
        case .string(let text): text.isEmpty ? nil : text
        default: words
        }
    }
}

/// What a source's words mean.
struct SourceWords: Sendable {
    /// That it is over, in the status of a webhook.
    static let over: Set<String> = [
        "resolved", "resolve", "ok", "okay", "up", "normal", "closed", "recovered", "recovery", "healthy", "success", "cleared", "inactive", "false",
    ]

    private let severities: [String: AlertSeverity]
    private let patterns: [(pattern: LabelPattern, severity: AlertSeverity)]
    private let usual: AlertSeverity
    private let over: Set<String>
    private let ignored: Set<String>

    init(_ settings: AlertSourceSettings) {
        severities = Dictionary(settings.severities.filter { !$0.key.hasPrefix("~") }.map { ($0.key.lowercased(), $0.value.severity) }) { first, _ in
            first
        }
        // The worst that fits counts.
        patterns = settings.severities.filter { $0.key.hasPrefix("~") }.compactMap { key, choice in
            (try? Self.pattern(key)).map { ($0, choice.severity) }
        }.sorted { $0.1 > $1.1 }
        usual = settings.severity.severity
        over = Set((settings.resolved ?? Array(Self.over)).map { $0.lowercased() })
        ignored = Set(settings.ignored.map { $0.lowercased() })
    }

    /// A pattern for a part of a text.
    static func pattern(_ key: String) throws -> LabelPattern { try LabelPattern("(?s:.*)(?:\(key.dropFirst()))(?s:.*)") }

    func severity(_ word: String?) -> AlertSeverity {
        guard let word = word?.lowercased() else { return usual }
        return severities[word] ?? AlertSeverity(known: word) ?? usual
    }

    /// Words that say nothing but how bad it is, wherever they stand: “low” may be a pressure.
    private static let plain: Set<String> = [
        "critical", "emergency", "fatal", "disaster", "p1", "error", "p2", "warning", "warn", "p3", "info", "informational", "p4",
    ]

    /// What a subject says of it: the worst of what its words and patterns mean.
    func severity(ofSubject subject: String, words: [String]) -> AlertSeverity {
        let found = words.compactMap { severities[$0] } + patterns.filter { $0.pattern.fits(subject) }.map(\.severity)
        return found.max() ?? words.filter(Self.plain.contains).compactMap(AlertSeverity.init(known:)).max() ?? usual
    }

    func isOver(_ status: String) -> Bool { over.contains(status.lowercased()) }
    func isIgnored(_ status: String) -> Bool { ignored.contains(status.lowercased()) }
}

extension AlertSeverity {
    /// A word that says how bad something is; nil for any other.
    init?(known word: String) {
        let severity = AlertSeverity(label: word)
        // What is not known counts as an error there.
        if severity == .error, !["error", "err", "major", "high", "average", "p2"].contains(word) { return nil }
        self = severity
    }
}
