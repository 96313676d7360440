import PluginAPI

extension Lexicon {
    /// Adds what a hotel's lexicon file says: `groups`, a list of `{lang, words}`, and `translations`, a list of lists of words (English, German,
    /// Spanish,
    /// French where there are four). Reads strictly and goes on after a mistake.
    mutating func add(_ document: ConfigNode, _ diagnostics: inout Diagnostics) {
        guard let entries = document.entries else {
            if !document.isNull {
                diagnostics.error(.wrongType, "expected a mapping with groups and translations, found \(document.kindDescription)", at: document.mark)
            }
            return
        }
        for entry in entries where !["groups", "translations"].contains(entry.key) {
            diagnostics.error(
                .unknownKey, "unknown key “\(entry.key)”",
                remedy: Suggestion.remedy(for: entry.key, among: ["groups", "translations"]), at: entry.keyMark)
        }
        for group in Self.list(document["groups"], &diagnostics) {
            guard let words = group["words"] else {
                diagnostics.error(.missing, "a group needs words", remedy: "write { lang: en, words: [dinner, supper] }", at: group.mark)
                continue
            }
            for entry in group.entries ?? [] where !["lang", "words"].contains(entry.key) {
                diagnostics.error(
                    .unknownKey, "unknown key “\(entry.key)”",
                    remedy: Suggestion.remedy(for: entry.key, among: ["lang", "words"]), at: entry.keyMark)
            }
            let tag = group["lang"]?.text
            let language = Language(tag: tag)
            if let tag, language == nil {
                diagnostics.warning(
                    .invalidValue, "“\(tag)” is no language of the lexicon; the words count for all", at: group["lang"]?.mark ?? group.mark)
            }
            if let texts = [String].decode(words, &diagnostics) { add(synonyms: texts, language: language) }
        }
        for row in Self.list(document["translations"], &diagnostics) {
            if let texts = [String].decode(row, &diagnostics) { add(translation: texts) }
        }
    }

    private static func list(_ node: ConfigNode?, _ diagnostics: inout Diagnostics) -> [ConfigNode] {
        guard let node, !node.isNull else { return [] }
        if let elements = node.elements { return elements }
        diagnostics.error(.wrongType, "expected a list, found \(node.kindDescription)", at: node.mark)
        return []
    }
}
