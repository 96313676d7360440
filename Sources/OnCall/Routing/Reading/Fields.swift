import PluginAPI

/// A mapping whose keys are known. What is wrong with it is told once, and the rest is read.
struct Fields {
    /// Where the mapping stands.
    let mark: SourceMark
    private let entries: [ConfigNode.Entry]

    /// Nil where the node is no mapping, for which there is then an error.
    /// - Parameters:
    ///   - what: what the mapping is, in the words of a diagnostic: `a route`.
    ///   - isOther: which unknown keys belong to somebody else.
    init?(
        _ node: ConfigNode, _ what: String, known: [String], isOther: (String) -> Bool = { _ in false }, _ diagnostics: inout Diagnostics
    ) {
        guard let entries = node.entries else {
            diagnostics.error(
                .wrongType, "expected \(what), found \(node.kindDescription)",
                remedy: node.isNull ? "write it, or remove the line" : "write its keys as “key: value”", at: node.mark)
            return nil
        }
        for entry in entries where !known.contains(entry.key) && !isOther(entry.key) {
            diagnostics.error(
                .unknownKey, "\(what) has no key “\(entry.key)”", remedy: Suggestion.remedy(for: entry.key, among: known), at: entry.keyMark)
        }
        self.entries = entries
        mark = node.mark
    }

    /// The value of a key; nil where it is not given, or is nothing.
    subscript(key: String) -> ConfigNode? { entry(key).flatMap { $0.value.isNull ? nil : $0.value } }

    func entry(_ key: String) -> ConfigNode.Entry? { entries.first { $0.key == key } }

    /// Where a key stands, or the mapping where it does not.
    func mark(of key: String) -> SourceMark { entry(key)?.keyMark ?? mark }

    func text(_ key: String, _ diagnostics: inout Diagnostics) -> String? {
        guard let node = self[key] else { return nil }
        return Self.text(node, &diagnostics)
    }

    static func text(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> String? {
        guard let text = node.text else {
            diagnostics.error(.wrongType, "expected a text, found \(node.kindDescription)", at: node.mark)
            return nil
        }
        return node.isNull ? "" : text
    }

    func flag(_ key: String, _ diagnostics: inout Diagnostics) -> Bool {
        guard let node = self[key] else { return false }
        switch node.text?.lowercased() {
        case "true"?, "yes"?, "on"?, "y"?: return true
        case "false"?, "no"?, "off"?, "n"?: return false
        default:
            diagnostics.error(.wrongType, "expected true or false, found \(node.kindDescription)", at: node.mark)
            return false
        }
    }

    /// The elements of a list; nil where the key is not given.
    func list(_ key: String, _ diagnostics: inout Diagnostics) -> [ConfigNode]? {
        guard let node = self[key] else { return nil }
        if let elements = node.elements { return elements }
        let remedy = node.text.map { "write \(key): [\(MatcherText.isPlain($0) ? $0 : "'" + $0.replacing("'", with: "''") + "'")]" }
        diagnostics.error(.wrongType, "expected a list, found \(node.kindDescription)", remedy: remedy, at: node.mark)
        return nil
    }

    /// A list of texts, each with its place; nil where the key is not given.
    func texts(_ key: String, _ diagnostics: inout Diagnostics) -> [(text: String, mark: SourceMark)]? {
        guard let elements = list(key, &diagnostics) else { return nil }
        return elements.compactMap { element in Self.text(element, &diagnostics).map { ($0, element.mark) } }
    }

    /// A duration as Prometheus writes it.
    /// - Parameter mayBeZero: whether none at all has a meaning.
    func duration(_ key: String, mayBeZero: Bool = true, _ diagnostics: inout Diagnostics) -> Duration? {
        guard let node = self[key], let text = Self.text(node, &diagnostics) else { return nil }
        do {
            let duration = try PrometheusDuration.parse(text)
            guard mayBeZero || duration > .zero else {
                diagnostics.error(.invalidValue, "\(key) may not be zero", remedy: "write for example \(key): 5m", at: node.mark)
                return nil
            }
            return duration
        } catch {
            let message = error == .tooLong ? "“\(text)” is longer than any duration may be" : "“\(text)” is not a duration"
            let remedy =
                Double(text) == nil
                ? "write for example 30s, 5m, 1h30m or 1d; units y, w, d, h, m, s, ms from the largest to the smallest"
                : "say the unit: \(text)s or \(text)m?"
            diagnostics.error(.invalidValue, message, remedy: remedy, at: node.mark)
            return nil
        }
    }
}

extension MatcherText {
    /// Whether a text needs no quotes in YAML's lists.
    static func isPlain(_ text: String) -> Bool {
        !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-. ".contains($0)) }
    }
}
