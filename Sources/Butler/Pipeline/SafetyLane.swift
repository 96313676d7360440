import Kernel
import PluginAPI

/// Recognises emergencies from the hotel's own phrases, before any AI is asked and whoever holds the conversation.
public struct SafetyLane: Sendable {
    /// An emergency that was recognised.
    public struct Finding: Sendable {
        public let rule: SafetyRule
        public let phrase: String
        /// The language that the phrase is in.
        public let language: String
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
    /// - Parameter language: the guest's, where it is known: of phrases in several languages the one in it is named.
    public func check(_ text: String, language: String? = nil) -> Finding? {
        let words = PhraseMatcher.words(text)
        guard !words.isEmpty else { return nil }
        for compiled in rules {
            let matches = compiled.phrases.matches(in: words)
            guard !matches.isEmpty else { continue }
            let exceptions = compiled.exceptions.matches(in: words)
            let alarming = matches.filter { match in !exceptions.contains { $0.language == match.language && $0.range.overlaps(match.range) } }
            if let match = alarming.first(where: { $0.language == language }) ?? alarming.first {
                return Finding(rule: compiled.rule, phrase: match.phrase, language: match.language)
            }
        }
        return nil
    }
}
