import EmbeddedAIResources
import PluginAPI

/// Tells which language a text is in, from its words and letters: naive Bayes over words and the one to four letters at each place of a word.
///
/// It knows the languages of its seed texts. A text that could be in several gets no language rather than a guess.
struct LanguageIdentifier: Sendable {
    /// The languages known, as BCP 47 primary tags; at most eight.
    let languages: [String]
    /// Logarithms of how likely a feature is in each language, by the feature's hash modulo the table's size.
    private var likelihoods: [SIMD8<Float>]
    /// Features of one text overlap, so their evidence is counted for less than it seems.
    private let independence: Float = 0.35
    private static let tableBits: UInt64 = 14

    /// The identifier made from the plugin's seed texts.
    static let builtIn = LanguageIdentifier(
        seeds: [UInt8](embedded: jack_languages_txt).split(separator: 0x0A).filter { $0.first != 0x23 && $0.count > 3 }.map { line in
            (String(decoding: line.prefix(2), as: UTF8.self), String(decoding: line.dropFirst(3), as: UTF8.self))
        })

    init(seeds: [(language: String, text: String)]) {
        var languages: [String] = []
        for seed in seeds where !languages.contains(seed.language) && languages.count < 8 { languages.append(seed.language) }
        self.languages = languages
        var counts = [SIMD8<Float>](repeating: SIMD8(repeating: 0), count: 1 << Self.tableBits)
        var totals = SIMD8<Float>(repeating: 0)
        for seed in seeds {
            guard let place = languages.firstIndex(of: seed.language) else { continue }
            Self.forEachFeature(of: seed.text) { feature, weight in
                counts[feature][place] += weight
                totals[place] += weight
            }
        }
        let smoothing: Float = 0.2
        likelihoods = counts.map { row in
            var row = row
            for place in languages.indices { row[place] = Float.log((row[place] + smoothing) / (totals[place] + smoothing * 4000)) }
            return row
        }
    }

    /// How likely each language is, in the order of ``languages``; nil for a text without letters.
    func probabilities(of text: String) -> [Float]? {
        var sum = SIMD8<Float>(repeating: 0), features = 0
        Self.forEachFeature(of: String(text.prefix(400))) { feature, weight in
            sum += likelihoods[feature] * weight
            features += 1
        }
        guard features > 0 else { return nil }
        let scores = languages.indices.map { sum[$0] * independence }
        let top = scores.max() ?? 0
        let raised = scores.map { Float.exp($0 - top) }
        let total = raised.reduce(0, +)
        return raised.map { $0 / total }
    }

    /// The language, where the text leaves little doubt.
    func language(of text: String) -> String? {
        guard let probabilities = probabilities(of: text), let top = probabilities.max(), top >= 0.8,
            let place = probabilities.firstIndex(of: top)
        else { return nil }
        return languages[place]
    }

    /// The languages of the lexicon that the text may well be in; all of them where that cannot be told. A word or two prove little.
    func candidates(for text: String, hint: String?) -> Languages {
        var found: Languages = []
        if let probabilities = probabilities(of: text) {
            let least: Float = text.utf8.count < 16 ? 0.02 : 0.12
            for (place, probability) in probabilities.enumerated() where probability >= least {
                if let language = Language(tag: languages[place]) { found.insert(Languages(language)) }
            }
            if (probabilities.max() ?? 0) < 0.6, let hint = Language(tag: hint) { found.insert(Languages(hint)) }
        }
        return found.isEmpty ? .all : found
    }

    private static func forEachFeature(of text: String, _ body: (Int, Float) -> Void) {
        var word: [UInt8] = [0x20], letters = 0
        func finish() {
            guard letters > 0 else { return }
            word.append(0x20)
            body(slot(FeatureHash.of(word, kind: 9)), 3)
            for length in 2...4 where word.count >= length {
                for start in 0...(word.count - length) { body(slot(FeatureHash.of(word[start..<start + length], kind: 10)), 1) }
            }
            word = [0x20]
            letters = 0
        }
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x61...0x7A: word.append(UInt8(scalar.value)); letters += 1
            case 0x41...0x5A: word.append(UInt8(scalar.value | 0x20)); letters += 1
            case 0xBF, 0xA1: finish(); body(slot(FeatureHash.of([0xBF], kind: 10)), 2)
            case 0x80... where scalar.properties.isAlphabetic:
                word.append(contentsOf: String(scalar).lowercased().utf8)
                letters += 1
            default: finish()
            }
        }
        finish()
    }

    private static func slot(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: FeatureHash.mix(hash) >> (64 - tableBits)) }
}
