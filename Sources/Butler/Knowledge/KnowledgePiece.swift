import PluginAPI
import Crypto
import Foundation
import Kernel

/// A piece of an entry, as long as a search and a prompt can use.
struct KnowledgePiece: Sendable {
    let id: String
    let entry: KnowledgeEntry
    let text: String

    /// Changes with anything that is stored.
    var hash: String {
        let all = [id, entry.file, entry.title, entry.category, entry.language, text] + entry.questions + entry.keywords
        return Hex.text(SHA256.hash(data: Data(all.joined(separator: "\u{1F}").utf8)).prefix(16))
    }

    /// Cuts an entry at the ends of sentences; a short one stays whole.
    static func cut(_ entry: KnowledgeEntry, length: Int) -> [KnowledgePiece] {
        var texts: [String] = [], current = ""
        if entry.text.count <= length { texts = [entry.text.trimmingCharacters(in: .whitespacesAndNewlines)].filter { !$0.isEmpty } }
        for sentence in texts.isEmpty ? sentences(entry.text) : [] {
            if !current.isEmpty, current.count + sentence.count + 1 > length {
                texts.append(current)
                current = ""
            }
            current += (current.isEmpty ? "" : " ") + sentence
        }
        if !current.isEmpty { texts.append(current) }
        let key = "\(entry.language)/\(entry.id)"
        return texts.enumerated().map { KnowledgePiece(id: texts.count == 1 ? key : "\(key)~\($0 + 1)", entry: entry, text: $1) }
    }

    private static func sentences(_ text: String) -> [String] {
        var sentences: [String] = [], start = text.startIndex
        for match in text.matches(of: #/[.!?…][)"”»]?\s+(?=[\p{Lu}\p{N}"“«¿¡])|\n+/#) {
            let sentence = text[start..<match.range.upperBound].trimmingCharacters(in: .whitespacesAndNewlines)
            if !sentence.isEmpty { sentences.append(sentence) }
            start = match.range.upperBound
        }
        let rest = text[start...].trimmingCharacters(in: .whitespacesAndNewlines)
        return rest.isEmpty ? sentences : sentences + [rest]
    }

    private var questions: String { entry.questions.joined(separator: "\n") }
    private var keywords: String { entry.keywords.joined(separator: " ") }

    func store(property: String, in transaction: any StorageTransaction) throws {
        try transaction.run(
            """
            INSERT INTO knowledge (id, property, entry, file, title, category, language, text, questions, keywords, hash)
            VALUES (:id, :property, :entry, :file, :title, :category, :language, :text, :questions, :keywords, :hash)
            ON CONFLICT (id) DO UPDATE SET entry = excluded.entry, file = excluded.file, title = excluded.title, category = excluded.category,
                language = excluded.language, text = excluded.text, questions = excluded.questions, keywords = excluded.keywords, hash = excluded.hash, embedding = NULL
            """,
            [
                "id": id.sql, "property": property.sql, "entry": entry.id.sql, "file": entry.file.sql, "title": entry.title.sql,
                "category": entry.category.sql, "language": entry.language.sql, "text": text.sql, "questions": questions.sql,
                "keywords": keywords.sql,
                "hash": hash.sql,
            ])
        try transaction.index(
            "knowledge_text", key: id,
            columns: [
                "title": entry.title, "questions": questions, "text": text, "keywords": keywords,
            ])
    }
}
