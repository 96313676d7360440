import Foundation
import PluginAPI

/// Finds phrases in a text whatever its case, accents and punctuation: what the safety lane is built on. No model, no luck.
public struct PhraseMatcher: Sendable {
    /// A phrase that was found, and where it stands in the list it came from.
    public struct Match: Sendable, Hashable {
        public let phrase: String
        public let language: String
        /// Which words of the text it covers.
        public let range: Range<Int>
    }

    private struct Phrase: Sendable {
        enum Part: Sendable {
            case word(String)
            case beginning(String)
            /// Up to three words of any kind.
            case gap
        }
        let text: String
        let language: String
        let parts: [Part]
        /// The phrase must be the whole message.
        let isWhole: Bool
    }

    /// Phrases by their first whole word; those that begin otherwise stand under an empty word.
    private let byFirstWord: [String: [Phrase]]

    /// - Parameter phrases: texts by language. `*` stands for up to three words, `~` at a word's end for any ending, `=` at the beginning for a message that says nothing else.
    public init(_ phrases: [String: [String]]) {
        var byFirstWord: [String: [Phrase]] = [:]
        for (language, texts) in phrases.sorted(by: { $0.key < $1.key }) {
            for text in texts {
                let isWhole = text.hasPrefix("=")
                let parts = text.drop { $0 == "=" }.split(separator: " ").compactMap { piece -> Phrase.Part? in
                    if piece == "*" { return .gap }
                    let isBeginning = piece.hasSuffix("~")
                    let word = Self.words(String(piece.filter { $0 != "~" })).joined()
                    return word.isEmpty ? nil : isBeginning ? .beginning(word) : .word(word)
                }
                guard !parts.isEmpty else { continue }
                var key = ""
                if case .word(let word) = parts[0] { key = word }
                byFirstWord[key, default: []].append(Phrase(text: text, language: language, parts: parts, isWhole: isWhole))
            }
        }
        self.byFirstWord = byFirstWord
    }

    /// The phrases that the words hold.
    public func matches(in words: [String]) -> [Match] {
        var found: [Match] = []
        for index in words.indices {
            for phrase in (byFirstWord[words[index]] ?? []) + (byFirstWord[""] ?? []) {
                guard let end = Self.end(phrase.parts[...], words[index...]) else { continue }
                if phrase.isWhole, index != 0 || end != words.count { continue }
                found.append(Match(phrase: phrase.text, language: phrase.language, range: index..<end))
            }
        }
        return found
    }

    /// Where the parts end in the words, or nil where they do not fit.
    private static func end(_ parts: ArraySlice<Phrase.Part>, _ words: ArraySlice<String>) -> Int? {
        guard let part = parts.first else { return words.startIndex }
        switch part {
        case .gap: return (0...3).lazy.compactMap { $0 <= words.count ? end(parts.dropFirst(), words.dropFirst($0)) : nil }.first
        case .word(let word): return words.first == word ? end(parts.dropFirst(), words.dropFirst()) : nil
        case .beginning(let beginning): return words.first?.hasPrefix(beginning) == true ? end(parts.dropFirst(), words.dropFirst()) : nil
        }
    }

    /// A text's words in lower case without accents. An apostrophe closes up: “can't” is `cant`.
    public static func words(_ text: String) -> [String] {
        var words: [String] = [], word = String.UnicodeScalarView()
        func end() {
            if !word.isEmpty { words.append(String(word)) }
            word = String.UnicodeScalarView()
        }
        for scalar in text.decomposedStringWithCompatibilityMapping.lowercased().unicodeScalars {
            switch scalar {
            case "'", "’", "‘", "‛", "′", "ʼ", "`", "´": continue
            case "ß": word.append(contentsOf: "ss".unicodeScalars)
            case _ where scalar.properties.isAlphabetic || scalar.properties.numericType != nil: word.append(scalar)
            // Accents stand alone after the decomposition.
            case _ where scalar.properties.canonicalCombiningClass != .notReordered: continue
            default: end()
            }
        }
        end()
        return words
    }
}
