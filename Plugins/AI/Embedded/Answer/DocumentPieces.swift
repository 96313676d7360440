/// A document cut into what can be compared and what can be said.
struct DocumentPieces: Sendable {
    struct Piece: Sendable {
        var text: String
        /// False for headings and questions, which help to find an answer and are none.
        var isAnswer: Bool
        var features: FeatureVector
        /// The kinds of facts that an answer has.
        var facts: Set<QuestionCue>

        /// True where it has a fact of one of these kinds.
        func answers(_ cues: Set<QuestionCue>) -> Bool { !facts.isDisjoint(with: cues) }
    }

    let title: FeatureVector
    let pieces: [Piece]
    /// The features of all pieces and the title.
    let all: FeatureVector

    init(title: String, text: String, locale: String?, _ embedder: TextEmbedder) {
        let languages = embedder.languages(of: title + "\n" + text, locale: locale)
        self.title = embedder.comparable(title, correcting: false, languages)
        pieces = Sentences.of(String(text.prefix(6000)), title: title).map { text, isAnswer in
            Piece(
                text: text, isAnswer: isAnswer, features: embedder.comparable(text, correcting: false, languages),
                facts: isAnswer ? Set(QuestionCue.allCases.filter { $0.isAnswered(by: text) }) : [])
        }
        var all: [UInt64: Float] = [:]
        for vector in [self.title] + pieces.map(\.features) { all.merge(vector.entries.map { ($0.hash, $0.weight) }) { max($0, $1) } }
        self.all = FeatureVector(all)
    }

    /// The one to three neighbouring sentences that answer best. A document as short as that is given whole.
    func passage(for question: Question) -> String {
        let sentences = pieces.filter(\.isAnswer)
        if sentences.count <= 1 { return sentences.first?.text ?? "" }
        if sentences.count <= 3, sentences.reduce(0, { $0 + $1.text.count }) <= Self.wholeLength {
            return sentences.map(\.text).joined(separator: " ")
        }
        let scores = sentences.map { sentence in
            question.telling.coverage(by: sentence.features) + (sentence.answers(question.cues) ? 0.3 : 0)
        }
        // The earlier of equals: a section says the main thing first.
        var first = 0
        for place in scores.indices where scores[place] > scores[first] + 1e-9 { first = place }
        var last = first
        let least = max(0.15, scores[first] * 0.6)
        while last - first < 2 {
            let after = last + 1 < scores.count ? scores[last + 1] : -1, before = first > 0 ? scores[first - 1] : -1
            guard max(after, before) >= least else { break }
            if after >= before { last += 1 } else { first -= 1 }
        }
        return sentences[first...last].map(\.text).joined(separator: " ")
    }

    /// Characters up to which a short document is given whole.
    private static let wholeLength = 420
}
