/// Cuts a text that is too long for one message where a reader would.
///
/// Lengths are counted in UTF-16 units, of which there are at least as many as characters by any other count: a piece is never longer than a vendor allows.
public enum TextSplitter {
    /// The pieces in order, each with at most `limit` units, without the white space at the cuts; none for a text of white space alone.
    public static func split(_ text: String, limit: Int) -> [String] {
        let limit = max(2, limit)
        var pieces: [String] = [], rest = trimmed(Substring(text))
        while rest.utf16.count > limit {
            let end = cut(rest, limit)
            let piece = trimmed(rest[..<end])
            if !piece.isEmpty { pieces.append(String(piece)) }
            rest = trimmed(rest[end...])
        }
        if !rest.isEmpty { pieces.append(String(rest)) }
        return pieces
    }

    /// A text of at most `limit` units: as it is, or its beginning and an ellipsis.
    public static func shortened(_ text: String, limit: Int) -> String {
        guard text.utf16.count > limit else { return text }
        return trimmed(text[..<hardEnd(Substring(text), limit - 1)]) + "…"
    }

    /// Where to cut: after the last paragraph, line, sentence or word that ends in the second half of what fits, in this order; else between characters.
    private static func cut(_ text: Substring, _ limit: Int) -> Substring.Index {
        let end = hardEnd(text, limit)
        let half = hardEnd(text, limit / 2)
        var paragraph: Substring.Index?, line: Substring.Index?, sentence: Substring.Index?, word: Substring.Index?
        var before: Character?, index = text.startIndex
        while index < end {
            let character = text[index], next = text.index(after: index)
            if next > half, next <= end {
                if character.isNewline {
                    if before?.isNewline == true { paragraph = next } else { line = next }
                } else if character.isWhitespace {
                    if let before, ".!?…".contains(before) { sentence = next } else { word = next }
                } else if "。！？".contains(character) {
                    sentence = next
                }
            }
            before = character
            index = next
        }
        return paragraph ?? line ?? sentence ?? word ?? end
    }

    /// The end of the longest beginning of whole characters that fits; of whole scalars where not even one character does.
    private static func hardEnd(_ text: Substring, _ limit: Int) -> Substring.Index {
        var used = 0, index = text.startIndex
        while index < text.endIndex {
            let count = text[index].utf16.count
            if used + count > limit { break }
            used += count
            index = text.index(after: index)
        }
        if index > text.startIndex { return index }
        var scalar = text.unicodeScalars.startIndex
        used = 0
        while scalar < text.unicodeScalars.endIndex {
            let count = text.unicodeScalars[scalar].utf16.count
            if used + count > limit, used > 0 { break }
            used += count
            scalar = text.unicodeScalars.index(after: scalar)
        }
        return scalar
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0.isWhitespace }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
