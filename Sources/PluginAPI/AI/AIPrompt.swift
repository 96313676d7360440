import Foundation

/// The side of a prompt that is the hotel's, made of a request in one way for all providers.
///
/// It holds the hotel's instructions and documents, and no word of a guest's: what guests wrote stays in the messages.
public struct AIPrompt: Sendable {
    /// The hotel's instructions and the rule of citing: what stays the same from one question to the next.
    public let instructions: String
    /// The documents, delimited and escaped; nil where there are none. Changes with the question.
    public let documents: String?
    /// The language to answer in, as a sentence; nil where any will do.
    public let language: String?
    /// What reads the answer's markers.
    public let citations: DocumentCitations

    public init(_ request: AIRequest) {
        let citations = DocumentCitations(request.documents)
        self.citations = citations
        // JSON has to follow its schema: there is no place in it for markers.
        let cites = !citations.isEmpty && request.format == .text
        instructions = [request.instructions, cites ? DocumentCitations.rule : ""].filter { !$0.isEmpty }.joined(separator: "\n\n")
        documents = citations.isEmpty ? nil : citations.block
        language = request.locale.flatMap(Self.sentence)
    }

    /// All of it, as one text; empty where there is nothing to say.
    public var whole: String { [instructions, documents, language].compactMap(\.self).filter { !$0.isEmpty }.joined(separator: "\n\n") }

    /// The tag may come from a guest's program: what is no tag is no language either.
    private static func sentence(_ locale: String) -> String? {
        let isTag =
            (2...35).contains(locale.utf8.count)
            && locale.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: byte == UInt8(ascii: "-")
                }
            }
        guard isTag else { return nil }
        let name = Locale(identifier: "en").localizedString(forIdentifier: locale)
        return "Answer in the language \(name.map { "\($0) (\(locale))" } ?? locale)."
    }
}

/// JSON in an answer that was asked for as JSON.
public enum StructuredText {
    /// The JSON text itself, without the code fence that some models put around it; nil where the answer is no JSON.
    public static func json(in answer: String) -> String? {
        var text = answer.trimmingCharacters(in: .whitespacesAndNewlines)
        if text.hasPrefix("```"), text.hasSuffix("```"), let end = text.firstIndex(where: \.isNewline) {
            text = text[end...].dropLast(3).trimmingCharacters(in: .whitespacesAndNewlines)
        }
        return (try? JSONValue(json: text.utf8)) == nil ? nil : text
    }

    /// A name for a schema or a tool that every vendor takes: at most 64 letters, digits, `_` and `-`.
    public static func name(_ name: String) -> String {
        let safe = String(
            name.unicodeScalars.prefix(64).map { scalar -> Character in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", "_", "-": Character(scalar)
                default: "_"
                }
            })
        return safe.isEmpty ? "answer" : safe
    }
}
