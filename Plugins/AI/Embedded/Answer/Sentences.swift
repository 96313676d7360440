/// Cuts a document into the sentences that an answer may be made of.
enum Sentences {
    /// The sentences of a text in order. Headings and questions are no answers, and nor is the title said again.
    static func of(_ text: String, title: String) -> [(text: String, isAnswer: Bool)] {
        var sentences: [(String, Bool)] = []
        let foldedTitle = FoldedText(title).bytes
        for line in text.split(whereSeparator: \.isNewline) {
            var rest = line.drop { $0 == " " || $0 == "\t" }
            let isHeading = rest.hasPrefix("#")
            if rest.hasPrefix("- ") || rest.hasPrefix("* ") || rest.hasPrefix("• ") { rest = rest.dropFirst(2) }
            for sentence in split(rest) {
                let isQuestion = sentence.hasSuffix("?") || sentence.hasPrefix("¿")
                sentences.append((sentence, !isHeading && !isQuestion && FoldedText(sentence).bytes != foldedTitle))
            }
        }
        return sentences
    }

    /// Ends a sentence at `.`, `!` or `?` before a space and a beginning; `1.40`, `a.m.` and `approx. 5` do not end one.
    private static func split(_ line: Substring) -> [String] {
        var sentences: [String] = []
        var start = line.startIndex, index = line.startIndex
        while index < line.endIndex {
            let next = line.index(after: index)
            if ".!?".contains(line[index]), next < line.endIndex, line[next] == " " {
                let beginning = line[next...].first { $0 != " " }
                let words = line[start..<index].split(separator: " ").suffix(2)
                let word = words.last?.lowercased() ?? ""
                let isUnit = word.count == 1 && words.count == 2 && words.first?.last?.isNumber == true
                let begins = beginning.map { $0.isUppercase || $0.isNumber || "¿¡“\"«(".contains($0) } ?? false
                if begins, line[index] != "." || isUnit || !isAbbreviation(word) {
                    sentences.append(String(line[start..<next]))
                    start = next
                }
            }
            index = next
        }
        sentences.append(String(line[start...]))
        return sentences.map { String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }.filter { $0.contains(where: \.isLetter) }
    }

    private static func isAbbreviation(_ word: String) -> Bool { word.count == 1 && word.first?.isLetter == true || abbreviations.contains(word) }

    private static let abbreviations: Set<String> = [
        "approx", "ca", "no", "nr", "núm", "st", "str", "av", "tel", "ext", "max", "min", "e.g", "i.e", "a.m", "p.m", "z.b", "d.h", "bzw", "inkl",
        "p.ej",
        "ej", "aprox", "env", "p.ex", "mr", "mrs", "dr", "sr", "sra", "incl", "vs", "u.a",
    ]
}
