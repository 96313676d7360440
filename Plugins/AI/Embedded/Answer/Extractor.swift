import Foundation

/// Answers a question with sentences of documents, word by word as they stand there. What the guest wrote is only ever compared, so nothing in it can
/// be obeyed or come back.
struct Extractor: Sendable {
    struct Document: Sendable {
        var id: String
        var title: String
        var text: String
        var locale: String?
        var relevance: Double
    }

    struct Answer: Sendable {
        /// One to three sentences of one document; empty where nothing fits at all.
        var text: String
        var document: String?
        /// How likely the document answers the question, 0 to 1.
        var confidence: Double
    }

    let embedder: TextEmbedder
    private let cache = PiecesCache()

    init(embedder: TextEmbedder) { self.embedder = embedder }

    func answer(_ question: String, from documents: [Document], locale: String?) -> Answer {
        let question = Question(String(question.prefix(2000)), locale: locale, embedder)
        let topRelevance = max(1e-6, documents.map(\.relevance).max() ?? 0)
        var candidates = documents.map { document in
            let pieces = cache.pieces(of: document) {
                DocumentPieces(title: document.title, text: document.text, locale: document.locale, embedder)
            }
            let evidence = Evidence(question, document, pieces, relevance: document.relevance / topRelevance)
            return (document: document, pieces: pieces, evidence: evidence, score: evidence.score)
        }
        candidates.sort { ($0.score, $1.document.id) > ($1.score, $0.document.id) }
        guard let best = candidates.first, best.evidence.coverage > 0 else { return Answer(text: "", document: nil, confidence: 0) }
        let text = best.pieces.passage(for: question)
        guard !text.isEmpty else { return Answer(text: "", document: nil, confidence: 0) }
        let margin = best.score - (candidates.dropFirst().first?.score ?? 0)
        return Answer(text: text, document: best.document.id, confidence: best.evidence.confidence(margin: margin, question))
    }
}

/// A question as documents are compared with it.
struct Question: Sendable {
    /// Words, stems and concepts with their weights.
    let features: FeatureVector
    /// Of these, what tells what the question is about.
    let telling: FeatureVector
    let cues: Set<QuestionCue>
    /// The primary tag of the language to answer in, where it is known.
    let language: String?

    init(_ text: String, locale: String?, _ embedder: TextEmbedder) {
        language = locale.map(LanguageTag.primary) ?? embedder.identifier.language(of: text)
        features = embedder.comparable(text, correcting: true, embedder.languages(of: text, locale: nil))
        telling = features.atLeast(0.2)
        cues = QuestionCue.all(in: FoldedText(text))
    }
}
