import Foundation

/// What somebody wrote anew in a mail: without the mail that it answers, and without the signature. English, German, French and Spanish.
enum ReplyText {
    /// Never empty where `text` holds anything but quotation.
    static func strip(_ text: String) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).prefix(5000).map { trimmedEnd(String($0)) }
        let kept = withoutSignature(withoutQuotes(lines))
        let result = joined(kept)
        if !result.isEmpty { return result }
        // All of it stands below a head that looks like a quotation's: a forwarded mail, or a habit of the writer's.
        return joined(withoutSignature(lines.filter { !isQuoted($0) }))
    }

    private static func trimmedEnd(_ line: String) -> String {
        // `-- ` is a signature's mark by its very space.
        if line == "-- " { return line }
        var end = line.endIndex
        while end > line.startIndex, line[line.index(before: end)].isWhitespace { end = line.index(before: end) }
        return String(line[..<end]).replacing("\u{a0}", with: " ")
    }

    private static func joined(_ lines: [String]) -> String {
        var result: [String] = []
        for line in lines where !(line.isEmpty && (result.last ?? "").isEmpty) { result.append(line) }
        while result.last?.isEmpty == true { result.removeLast() }
        return result.joined(separator: "\n")
    }

    private static func isQuoted(_ line: String) -> Bool { line.hasPrefix(">") || line.hasPrefix("|>") || line.hasPrefix(" >") }

    // MARK: Quotations

    private static func withoutQuotes(_ lines: [String]) -> [String] {
        var kept: [String] = [], index = 0
        while index < lines.count {
            let line = lines[index]
            if isQuoted(line) {
                index += 1
                continue
            }
            if isSeparator(line) || isBlock(lines, at: index) { break }
            if let end = attribution(lines, at: index) {
                let next = lines[end...].first { !$0.isEmpty }
                // A quotation that is marked ends where the marks do; one that is not goes to the end.
                if let next, isQuoted(next) {
                    index = end
                    continue
                }
                break
            }
            kept.append(line)
            index += 1
        }
        return kept
    }

    private static let separators = [
        "original message", "ursprüngliche nachricht", "originalnachricht", "message d'origine", "message d’origine", "message original",
        "mensaje original",
        "reply message", "antwort nachricht",
    ]

    /// `-----Original Message-----` and its like.
    private static func isSeparator(_ line: String) -> Bool {
        guard line.utf8.count < 100, line.hasPrefix("--"), line.hasSuffix("--") else { return false }
        let words = line.lowercased().trimmingCharacters(in: CharacterSet(charactersIn: "- "))
        return separators.contains(words)
    }

    private static let blockKeys: [Set<String>] = [
        ["from", "von", "de", "da"], ["sent", "gesendet", "envoyé", "enviado", "enviado el", "date", "datum", "fecha"],
        ["to", "an", "à", "para", "a"], ["subject", "betreff", "objet", "asunto"],
    ]

    /// The head that Outlook puts above what it quotes: `From:`, `Sent:`, `To:`, `Subject:`, with or without a rule above.
    private static func isBlock(_ lines: [String], at start: Int) -> Bool {
        var index = start
        if lines[index].utf8.count >= 10, lines[index].allSatisfy({ $0 == "_" || $0 == "-" || $0 == "=" }) {
            index += 1
            while index < lines.count, lines[index].isEmpty { index += 1 }
        }
        var met: Set<Int> = [], read = 0
        while index < lines.count, read < 8 {
            let line = lines[index].replacing("*", with: "")
            index += 1
            if line.isEmpty { if read > 0 { break } else { continue } }
            guard let colon = line.firstIndex(of: ":"), line.utf8.count < 2000 else { break }
            let key = line[..<colon].lowercased().trimmingCharacters(in: .whitespaces)
            if let kind = blockKeys.firstIndex(where: { $0.contains(key) }) {
                if read == 0, kind != 0 { return false }
                met.insert(kind)
            } else if read == 0 {
                return false
            }
            read += 1
        }
        return met.contains(0) && met.count >= 3
    }

    private static let heads: [(begin: [String], end: [String])] = [
        (["on "], ["wrote:", "wrote :", "writes:"]), (["am ", "on "], ["schrieb:", "schrieb", "geschrieben:"]),
        (["le "], ["a écrit :", "a écrit:", "écrit :", "a écrit :"]), (["el "], ["escribió:", "escribio:", "escribió :"]),
    ]

    /// Where a line such as `On Monday, … wrote:` ends, which may take three lines; nil where there is none.
    private static func attribution(_ lines: [String], at start: Int) -> Int? {
        guard let first = lines[start].first, first.isLetter || first == "\"" || first == "<" || first == "'" else { return nil }
        var text = ""
        for index in start..<min(start + 4, lines.count) {
            let line = lines[index]
            if line.isEmpty || isQuoted(line) || line.utf8.count > 600 { return nil }
            text += (text.isEmpty ? "" : " ") + line.lowercased()
            let hasDate = text.contains { $0.isNumber }
            for (begin, end) in heads where begin.contains(where: text.hasPrefix) && hasDate {
                if end.contains(where: { text.hasSuffix($0) || ($0 == "schrieb" && text.hasSuffix(":") && text.contains(" schrieb ")) }) {
                    return index + 1
                }
            }
            // `Anna Kern <anna@example.com> schrieb am 3. Mai um 10:04:`
            let names = [" schrieb am ", " wrote on ", " a écrit le ", " escribió el "]
            if hasDate, text.hasSuffix(":"), names.contains(where: text.contains), text.contains("@") || index == start { return index + 1 }
        }
        return nil
    }

    // MARK: Signatures

    private static let mobile = [
        "sent from my ", "sent via ", "get outlook for ", "von meinem iphone gesendet", "von meinem ipad gesendet", "gesendet von meinem ",
        "gesendet mit der ",
        "gesendet von outlook", "envoyé de mon ", "envoyé depuis ", "envoyé à partir ", "télécharger outlook", "enviado desde mi ", "enviado desde ",
        "obtener outlook", "diese nachricht wurde von meinem ",
    ]

    private static func withoutSignature(_ lines: [String]) -> [String] {
        // The mark counts where something stands above it.
        let mark = lines.firstIndex { $0 == "-- " || $0 == "--" }.flatMap { index in lines[..<index].contains { !$0.isEmpty } ? index : nil }
        var kept = Array(lines[..<(mark ?? lines.count)])
        while let last = kept.lastIndex(where: { !$0.isEmpty }), last > 0 || kept.count == 1 {
            let line = kept[last].lowercased()
            guard line.utf8.count < 120, mobile.contains(where: line.hasPrefix), kept[..<last].contains(where: { !$0.isEmpty }) else { break }
            kept.removeSubrange(last...)
        }
        return kept
    }
}
