import Foundation

/// What speaks for a document as the answer to a question.
struct Evidence: Sendable {
    /// Cosine of question and the nearest single sentence, heading or listed question of the document.
    var nearest: Double
    /// The share of the question's meaning that the document has too.
    var coverage: Double
    /// The same for the title alone.
    var titleCoverage: Double
    /// 1 where the document has the kind of fact that was asked for, -1 where it has not, 0 where none was.
    var cue: Double
    /// 1 where the document is in the guest's language, or no language is known.
    var sameLanguage: Double
    /// What the search thought, 1 for its best.
    var relevance: Double

    init(_ question: Question, _ document: Extractor.Document, _ pieces: DocumentPieces, relevance: Double) {
        nearest = max(question.features.cosine(to: pieces.title), pieces.pieces.map { question.features.cosine(to: $0.features) }.max() ?? 0)
        coverage = question.telling.coverage(by: pieces.all)
        titleCoverage = question.telling.coverage(by: pieces.title)
        cue = question.cues.isEmpty ? 0 : pieces.pieces.contains { $0.answers(question.cues) } ? 1 : -1
        sameLanguage = question.language == nil || document.locale.map(LanguageTag.primary) == question.language ? 1 : 0
        self.relevance = relevance
    }

    /// How the documents of one question are put in order. The weights were fitted on the sample hotel's questions (a softmax over each question's
    /// documents); so were those of ``confidence(margin:_:)``.
    var score: Double {
        2 * nearest + 3 * coverage + titleCoverage + 0.5 * cue + 3.8 * sameLanguage + 2.4 * relevance
    }

    /// How likely the document answers the question: a logistic regression fitted on questions with the right document, without it, and on chat that
    /// asks nothing.
    /// - Parameter margin: how far its score is above the next one's.
    func confidence(margin: Double, _ question: Question) -> Double {
        let sum =
            -4.8 + 1.5 * nearest + 1.5 * coverage - 0.8 * titleCoverage + 0.3 * cue + 1.4 * sameLanguage + 0.68 * min(margin, Self.widest)
            + 1.3 * Self.substance(question)
        return 1 / (1 + Foundation.exp(-sum))
    }

    /// A margin beyond this says no more: it comes from language or from a single document.
    private static let widest = 4.0

    /// How much a question says at all, 0 to 1: of `hello` no document is an answer.
    private static func substance(_ question: Question) -> Double { min(1, Double(question.telling.weight) / 8) }
}
