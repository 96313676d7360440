import Foundation
import Kernel
import PluginAPI
import Synchronization

/// How what the hotel knows is found.
extension KnowledgeBase {
    /// The most that words may add to the best meaning's 1, and the BM25 score that earns half of it.
    private static let wordWeight = 0.6, halfScore = 10.0

    /// Searches by words (BM25) and by meaning (cosine) and fuses the two by their scores.
    ///
    /// Cosines are stretched between the nearest piece and the farthest of the list, since models differ in their range; BM25's score is bent to at most ``wordWeight``. Reciprocal
    /// ranks would take the first of either list for equally good, and some piece is always first for “where” and “can”: on the sample hotel's questions they find a fifth less.
    /// - Parameters:
    ///   - language: the guest's; pieces in it are preferred among those that fit alike.
    ///   - duration: how long the question's vector may take; without it words alone are searched. Nil for what is usual.
    public func search(_ question: String, language: String? = nil, limit: Int, within duration: Duration? = nil) async throws -> [Hit] {
        await firstLook()
        let engine = engine, property = property, wanted = limit * 5
        // Side by side: each half keeps a core busy for some milliseconds in a large collection.
        async let words = engine.read { try $0.search("knowledge_text", for: question, limit: wanted) }
        async let meaning = nearest(to: question, limit: max(40, wanted), within: duration)
        let (byWords, byMeaning) = try await (words, meaning)
        var scores: [String: Double] = [:]
        let top = Double(byMeaning.first?.score ?? 0), floor = Double(byMeaning.last?.score ?? 0)
        for hit in byMeaning { scores[hit.key] = top > floor ? (Double(hit.score) - floor) / (top - floor) : 1 }
        for hit in byWords { scores[hit.key, default: 0] += Self.wordWeight * hit.score / (hit.score + Self.halfScore) }
        let similarity = Dictionary(byMeaning.map { ($0.key, Double($0.score)) }) { first, _ in first }
        let found = scores, keys = try SQLValue.json(found.keys.sorted())
        let hits = try await engine.read { reader in
            try reader.rows(
                """
                SELECT id, entry, title, category, language, text, questions FROM knowledge
                WHERE id IN (SELECT value FROM json_each(:keys)) AND property = :property
                """, ["keys": keys, "property": property.sql]
            ).map { row in
                let id = try row.string("id"), pieceLanguage = try row.string("language")
                let bonus = language.map { pieceLanguage.hasPrefix($0.prefix(2)) } == true ? 0.03 : 0
                return Hit(
                    id: id, entry: try row.string("entry"), title: try row.string("title"), category: try row.string("category"),
                    language: pieceLanguage,
                    text: try row.string("text"), questions: try row.string("questions"), score: found[id, default: 0] + bonus,
                    similarity: similarity[id])
            }
        }
        return Array(hits.sorted { ($0.score, $1.id) > ($1.score, $0.id) }.prefix(limit))
    }

    /// The pieces whose meaning is nearest; none where nobody can make the question's vector at the moment.
    private func nearest(to question: String, limit: Int, within duration: Duration?) async throws -> [(key: String, score: Float)] {
        guard let embed, let index = inner.withLock({ $0.vectors?.index }),
            let vector = try? await embed([question], .query, duration).vectors.first, vector.count == index.dimensions
        else { return [] }
        return try await index.nearest(to: vector, limit: limit)
    }
}
