import Kernel
import PluginAPI

/// Recognises emergencies from the hotel's own phrases, before any AI is asked and whoever holds the conversation.
public struct SafetyLane: Sendable {
    /// An emergency that was recognised.
    public struct Finding: Sendable {
        public let rule: SafetyRule
        public let phrase: String
    }

    private struct Compiled: Sendable {
        let rule: SafetyRule
        let phrases: PhraseMatcher
        let exceptions: PhraseMatcher
    }

    private let rules: [Compiled]

    public init(_ catalog: SafetyCatalog) {
        rules = catalog.safety.map { Compiled(rule: $0, phrases: PhraseMatcher($0.phrases), exceptions: PhraseMatcher($0.except)) }
    }

    /// The first rule that fits. An exception excuses only the very words that it covers, and only in its own language: it must not silence the rest of the message.
    public func check(_ text: String) -> Finding? {
        let words = PhraseMatcher.words(text)
        guard !words.isEmpty else { return nil }
        for compiled in rules {
            let matches = compiled.phrases.matches(in: words)
            guard !matches.isEmpty else { continue }
            let exceptions = compiled.exceptions.matches(in: words)
            let match = matches.first { match in !exceptions.contains { $0.language == match.language && $0.range.overlaps(match.range) } }
            if let match { return Finding(rule: compiled.rule, phrase: match.phrase) }
        }
        return nil
    }
}
