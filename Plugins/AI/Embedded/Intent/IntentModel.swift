import Foundation

/// A classifier learnt from labelled examples: multinomial logistic regression and multinomial naive Bayes over the same tf-idf features, added up,
/// with probabilities scaled by what was right on examples held out.
///
/// Naive Bayes needs few examples, logistic regression tells near labels apart; together they are better than each. Once learnt, both are one table.
struct IntentModel: Sendable {
    struct Example: Sendable {
        var text: String
        var label: Int
        /// The example's language where it is known.
        var language: String?
    }

    let labels: [String]
    private let lexicon: Lexicon
    private let identifier: LanguageIdentifier
    private let common: Set<UInt64>
    private let index: [UInt64: Int32]
    private let idf: [Float]
    /// The idf of a feature that no example has.
    private let unknownIDF: Float
    private let table: PackedTable
    /// By what scores are divided before they become probabilities.
    private(set) var temperature: Float = 1

    /// Learns. Takes some tens of milliseconds for a thousand examples.
    init(labels: [String], examples: [Example], lexicon: Lexicon, identifier: LanguageIdentifier) {
        self.labels = labels
        self.lexicon = lexicon
        self.identifier = identifier

        let texts = examples.map { FoldedText($0.text) }
        var occurrences: [UInt64: Int] = [:]
        for text in texts { for word in text.words { occurrences[FeatureHash.of(text.bytes[word]), default: 0] += 1 } }
        common = Set(occurrences.lazy.filter { $0.value >= 3 }.map(\.key))

        var features: [IntentFeatures] = []
        features.reserveCapacity(texts.count)
        for (example, text) in zip(examples, texts) {
            let languages = Language(tag: example.language).map(Languages.init) ?? identifier.candidates(for: example.text, hint: nil)
            features.append(IntentFeatures(text, lexicon: lexicon, languages: languages, common: common))
        }

        // A feature that a single example has says nothing about another text; words and concepts are kept all the same, for they are few.
        var frequencies: [UInt64: Int32] = [:]
        frequencies.reserveCapacity(60_000)
        for feature in features { for block in feature.blocks { for (hash, _) in block { frequencies[hash, default: 0] += 1 } } }
        var index: [UInt64: Int32] = [:], idf: [Float] = []
        index.reserveCapacity(frequencies.count / 2)
        let count = Float(examples.count)
        for feature in features {
            for (block, least) in [(feature.words, 1), (feature.letters, 2), (feature.concepts, 1)] as [([IntentFeatures.Counted], Int32)] {
                for (hash, _) in block {
                    guard let frequency = frequencies[hash], frequency >= least, index[hash] == nil else { continue }
                    index[hash] = Int32(idf.count)
                    idf.append(1 + Float.log((1 + count) / (1 + Float(frequency))))
                }
            }
        }
        self.index = index
        self.idf = idf
        unknownIDF = 1 + Float.log(1 + count)

        var rows = SparseRows()
        for (feature, example) in zip(features, examples) { rows.append(Self.vector(feature, index, idf, unknownIDF), label: example.label) }

        // Every fifth example of a label is held out to find the temperature; then everything is learnt from.
        var seen = [Int](repeating: 0, count: labels.count)
        var kept: [Int] = [], heldOut: [Int] = []
        for row in rows.labels.indices {
            seen[rows.labels[row]] += 1
            if seen[rows.labels[row]] % 5 == 0 { heldOut.append(row) } else { kept.append(row) }
        }
        if heldOut.count >= 20 {
            var trial = WeightTable(features: idf.count, labels: labels.count)
            trial.learn(rows, from: kept)
            temperature = Self.temperature(heldOut.map { (trial.scores(rows.row($0)), rows.labels[$0]) })
        }
        var table = WeightTable(features: idf.count, labels: labels.count)
        table.learn(rows, from: Array(rows.labels.indices))
        self.table = table.packed
    }

    /// The labels with their probabilities, most likely first.
    func classify(_ text: String, locale: String?) -> [(label: String, confidence: Double)] {
        let folded = FoldedText(text.prefix(1000))
        let languages = identifier.candidates(for: text, hint: locale)
        let features = IntentFeatures(folded, lexicon: lexicon, languages: languages, common: common)
        let probabilities = Self.softmax(table.scores(Self.vector(features, index, idf, unknownIDF)), temperature)
        return probabilities.indices.sorted { (probabilities[$0], $1) > (probabilities[$1], $0) }
            .map { (labels[$0], Double(probabilities[$0])) }
    }

    /// The features that the model knows, each block scaled to length 1 as if it knew all: a text of unknown words stays near zero, and its
    /// probabilities flat.
    private static func vector(
        _ features: IntentFeatures, _ index: [UInt64: Int32], _ idf: [Float], _ unknownIDF: Float
    ) -> [SparseRows.Entry] {
        var entries: [SparseRows.Entry] = []
        for block in features.blocks {
            let first = entries.count
            var square: Float = 0
            for (hash, count) in block {
                let frequency = 1 + Float.log(count)
                guard let place = index[hash] else {
                    square += frequency * frequency * unknownIDF * unknownIDF
                    continue
                }
                let value = frequency * idf[Int(place)]
                square += value * value
                entries.append((place, value))
            }
            guard square > 0 else { continue }
            let scale = 1 / square.squareRoot()
            for entry in first..<entries.count { entries[entry].value *= scale }
        }
        return entries
    }

    static func softmax(_ scores: [Float], _ temperature: Float) -> [Float] {
        let top = scores.max() ?? 0
        let raised = scores.map { Float.exp(($0 - top) / temperature) }
        let total = raised.reduce(0, +)
        return raised.map { $0 / total }
    }

    /// The temperature under which the right labels are likeliest.
    private static func temperature(_ outcomes: [(scores: [Float], label: Int)]) -> Float {
        func loss(_ temperature: Float) -> Float {
            outcomes.reduce(0) { $0 - Float.log(max(1e-9, softmax($1.scores, temperature)[$1.label])) }
        }
        // Golden-section search over the logarithm: the loss has one valley.
        var low: Float = -3, high: Float = 2.5
        let ratio: Float = 0.618034
        for _ in 0..<16 {
            let a = high - ratio * (high - low), b = low + ratio * (high - low)
            if loss(Float.exp(a)) < loss(Float.exp(b)) { high = b } else { low = a }
        }
        return Float.exp((low + high) / 2)
    }
}
