/// Languages as browsers and guests name them (BCP 47), as far as this channel needs them.
enum LanguageTag {
    /// The tag with hyphens, or nil where the text cannot be one. Nothing is looked up.
    static func parse(_ text: String) -> String? {
        let tag = text.replacing("_", with: "-")
        guard tag.utf8.count <= 35 else { return nil }
        let parts = tag.split(separator: "-", omittingEmptySubsequences: false)
        let isSound = parts.allSatisfy { part in
            (1...8).contains(part.utf8.count) && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
        }
        guard isSound, let first = parts.first, (2...3).contains(first.utf8.count), first.allSatisfy(\.isLetter) else { return nil }
        return tag
    }

    /// The language without its region or script.
    static func root(_ tag: String) -> String { tag.split(separator: "-").first.map { $0.lowercased() } ?? "" }

    /// What an `Accept-Language` header asks for, the most wanted first (RFC 9110, 12.5.4).
    static func accepted(_ header: String) -> [String] {
        let wanted = header.prefix(1000).split(separator: ",").compactMap { item -> (tag: String, weight: Double)? in
            let parts = item.split(separator: ";").map { $0.filter { $0 != " " } }
            guard let tag = parts.first.flatMap({ parse($0) }) else { return nil }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            return weight > 0 ? (tag, weight) : nil
        }
        return wanted.enumerated().sorted { ($1.element.weight, $0.offset) < ($0.element.weight, $1.offset) }.map(\.element.tag)
    }

    /// The first of the wanted languages that there is, exactly or by its root.
    static func best(wanted: [String], available: [String]) -> String? {
        for tag in wanted {
            if let exact = available.first(where: { $0.lowercased() == tag.lowercased() }) { return exact }
            if let near = available.first(where: { root($0) == root(tag) }) { return near }
        }
        return nil
    }
}
