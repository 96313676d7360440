import Foundation

/// Turns texts into vectors of ``dimensions`` numbers, without a model: hashed words, stems, letters and concepts of the lexicon, weighted by how
/// much
/// each tells, each thrown onto a few dimensions with signs that its hash decides (a sparse random projection).
///
/// Texts are near when they share words, forms of a word, parts of words, or meanings; the last also across languages.
struct TextEmbedder: Sendable {
    static let dimensions = 384
    /// Dimensions that one feature touches.
    private static let spread = 8

    let lexicon: Lexicon
    let identifier: LanguageIdentifier

    /// A name that changes whenever vectors made before can no longer be compared.
    var modelName: String {
        let mark = String(FeatureHash.pair(lexicon.fingerprint, UInt64(Self.revision), kind: 0), radix: 16)
        return "embedded-\(Self.dimensions)-" + String(repeating: "0", count: 16 - mark.count) + mark
    }

    /// Raised with every change of the method.
    private static let revision = 1

    /// A vector of length 1; a text without letters and digits gets one that is near no other.
    func vector(of text: String, as use: Use, locale: String? = nil) -> [Float] {
        var sum = [Float](repeating: 0, count: Self.dimensions)
        // In the order of the hashes: sums of floats depend on the order, and the same text must give the same vector in every run.
        for (hash, weight) in FeatureVector(features(of: text, as: use, locale: locale)).entries { Self.add(hash, weight, to: &sum) }
        var square: Float = 0
        for value in sum { square += value * value }
        guard square > 0 else {
            sum[Self.dimensions - 1] = 1
            return sum
        }
        let scale = 1 / square.squareRoot()
        for place in sum.indices { sum[place] *= scale }
        return sum
    }

    /// What a text says, whatever its language and however it is spelt: its words, stems and concepts.
    func comparable(_ text: String, correcting: Bool, _ languages: Languages) -> FeatureVector {
        var features = features(of: text, correcting: correcting, letters: false, languages)
        for language in Language.allCases { features[Self.mark(of: language)] = nil }
        return FeatureVector(features)
    }

    /// The feature that all texts of a language share.
    private static func mark(of language: Language) -> UInt64 { FeatureHash.pair(UInt64(language.rawValue), 0, kind: 25) }

    /// What a text is to the search.
    enum Use: Sendable {
        /// What a person asks: may be misspelt.
        case query
        /// What is searched: of several lines, the first names what the text is about and counts for more. Taken as spelt right.
        case document
    }

    /// The features of a text with their weights, each once.
    func features(of text: String, as use: Use, locale: String? = nil) -> [UInt64: Float] {
        // A title alone is too short to tell its language by: it has the whole text's.
        let languages = languages(of: text, locale: locale)
        var weights = features(of: text, correcting: use == .query, languages)
        if use == .document, let end = text.firstIndex(of: "\n") {
            for (hash, weight) in features(of: String(text[..<end]), correcting: false, languages) {
                weights[hash, default: 0] += weight * Weights.title
            }
        }
        return weights
    }

    /// The language that is known, or those that the text may be in.
    func languages(of text: String, locale: String?) -> Languages {
        Language(tag: locale).map(Languages.init) ?? identifier.candidates(for: text, hint: nil)
    }

    /// The features of a text that stands for itself.
    /// - Parameters:
    ///   - correcting: takes an unknown word for a misspelling of a known one.
    ///   - letters: counts the letters of words too.
    func features(of text: String, correcting: Bool, letters withLetters: Bool = true, _ languages: Languages) -> [UInt64: Float] {
        let folded = FoldedText(text.prefix(8000), collapsingDigits: false)
        var counts: [UInt64: (count: Float, weight: Float)] = [:]
        counts.reserveCapacity(folded.words.count * 6)
        func count(_ hash: UInt64, _ weight: Float) {
            counts[hash, default: (0, 0)].count += 1
            counts[hash]?.weight = weight
        }

        for word in folded.words {
            let letters = folded.bytes[word]
            let identity = FeatureHash.of(letters, kind: 21)
            if FunctionWords.contains(FeatureHash.of(letters)) {
                count(identity, Weights.functionWord)
                continue
            }
            let telling = lexicon.weight(of: letters, languages)
            count(identity, Weights.word * telling)
            for language in Language.allCases where languages.contains(Languages(language)) {
                let length = Stemmer.stemLength(letters, language)
                count(FeatureHash.of(letters.prefix(length), kind: 22), Weights.stem * telling)
                break
            }
            guard withLetters, letters.count >= 4 else { continue }
            for start in (word.lowerBound - 1)...(word.upperBound - 3) {
                count(FeatureHash.of(folded.bytes[start..<start + 4], kind: 23), Weights.letters * telling)
            }
        }
        for concept in lexicon.concepts(in: folded, languages, correcting: correcting) {
            count(FeatureHash.pair(UInt64(concept), 0, kind: 24), Weights.concept * lexicon.weights[Int(concept)])
        }
        for language in Language.allCases where languages == Languages(language) {
            count(Self.mark(of: language), Weights.language)
        }
        return counts.mapValues { $0.weight * (1 + Float.log($0.count) * Weights.repetition) }
    }

    /// Chosen by a random search over the sample hotel's questions; the figures in the README say how well they do.
    private enum Weights {
        static let functionWord: Float = 0.08
        static let word: Float = 0.5
        static let stem: Float = 1.2
        static let letters: Float = 0.2
        static let concept: Float = 1.8
        /// Draws texts of one language a little together: of two texts that say the same, the one in the guest's language should win.
        static let language: Float = 1.4
        /// What a title's words count beyond what they count as a part of the text.
        static let title: Float = 1.7
        /// What a word's repetitions count.
        static let repetition: Float = 0.4
    }

    private static func add(_ hash: UInt64, _ weight: Float, to sum: inout [Float]) {
        var bits = FeatureHash.mix(hash)
        for _ in 0..<spread {
            let place = Int((bits >> 33) % UInt64(dimensions))
            sum[place] += bits & 1 == 0 ? weight : -weight
            bits = FeatureHash.mix(bits)
        }
    }
}
