import PluginAPI

/// A matcher, and where it stands.
public struct PlacedMatcher: Sendable, Hashable {
    public var matcher: LabelMatcher
    public var mark: SourceMark

    public init(_ matcher: LabelMatcher, mark: SourceMark) {
        self.matcher = matcher
        self.mark = mark
    }
}

/// Reads the matchers of routes and of inhibition rules, in the new form and in both old ones.
struct MatcherReader {
    /// The keys: `matchers`, `match` and `match_re`, or those of a rule's source or target.
    var matchers: String
    var match: String
    var matchRE: String

    static let route = MatcherReader(matchers: "matchers", match: "match", matchRE: "match_re")
    static let source = MatcherReader(matchers: "source_matchers", match: "source_match", matchRE: "source_match_re")
    static let target = MatcherReader(matchers: "target_matchers", match: "target_match", matchRE: "target_match_re")

    var keys: [String] { [matchers, match, matchRE] }

    /// All matchers, in Alertmanager's order.
    func read(_ fields: Fields, _ diagnostics: inout Diagnostics) -> [PlacedMatcher] {
        var placed: [PlacedMatcher] = []
        for (name, value) in pairs(match, fields, &diagnostics) {
            guard let text = value.isNull ? "" : Fields.text(value, &diagnostics) else { continue }
            placed.append(PlacedMatcher(LabelMatcher(name, .equal, text), mark: value.mark))
        }
        for (name, value) in pairs(matchRE, fields, &diagnostics) {
            guard !value.isNull else {
                diagnostics.error(.missing, "\(matchRE) has no pattern for “\(name)”", remedy: "write one, or remove the line", at: value.mark)
                continue
            }
            guard let text = Fields.text(value, &diagnostics) else { continue }
            do {
                _ = try LabelMatcher(checking: name, .fits, text)
                // So Alertmanager keeps and prints it.
                placed.append(PlacedMatcher(LabelMatcher(name, .fits, "^(?:\(text))$"), mark: value.mark))
            } catch {
                diagnostics.error(.invalidValue, "“\(text)” is not a regular expression: \(error.message)", remedy: Self.place(error), at: value.mark)
            }
        }
        for (text, mark) in fields.texts(matchers, &diagnostics) ?? [] {
            do {
                placed += try LabelMatcher.parse(text).map { PlacedMatcher($0, mark: mark) }
            } catch {
                diagnostics.error(
                    .invalidValue, "“\(Self.short(text))” is not a matcher: \(error.message)",
                    remedy: "look at character \(error.column); write for example severity=\"critical\" or room=~\"2..\"", at: mark)
            }
        }
        for one in placed where one.matcher.pattern?.isOpen ?? false {
            diagnostics.warning(
                .invalidValue, "the brackets of “\(Self.short(one.matcher.value))” do not pair, so it may fit a part of a value",
                remedy: "put the whole pattern in brackets", at: one.mark)
        }
        return placed.enumerated().sorted { left, right in
            if LabelMatcher.precedes(left.element.matcher, right.element.matcher) { return true }
            return !LabelMatcher.precedes(right.element.matcher, left.element.matcher) && left.offset < right.offset
        }.map(\.element)
    }

    private func pairs(_ key: String, _ fields: Fields, _ diagnostics: inout Diagnostics) -> [(String, ConfigNode)] {
        guard let node = fields[key] else { return [] }
        guard let entries = node.entries else {
            diagnostics.error(
                .wrongType, "expected labels and values, found \(node.kindDescription)",
                remedy: "write \(key): {severity: critical}, or use \(matchers)",
                at: node.mark)
            return []
        }
        return entries.compactMap { entry in
            guard Self.isClassicName(entry.key) else {
                diagnostics.error(
                    .invalidValue, "“\(entry.key)” is not a label's name here",
                    remedy: "use letters, digits and _, or write it under \(matchers) in quotes",
                    at: entry.keyMark)
                return nil
            }
            return (entry.key, entry.value)
        }
    }

    static func isClassicName(_ name: String) -> Bool {
        name.utf8.first.map { !(0x30...0x39).contains($0) } ?? false
            && name.unicodeScalars.allSatisfy { $0.isASCII && ($0.properties.isAlphabetic || $0 == "_" || ("0"..."9").contains($0)) }
    }

    private static func place(_ fault: PatternFault) -> String { "look at character \(fault.offset + 1) of the pattern" }

    private static func short(_ text: String) -> String { text.count > 80 ? text.prefix(80) + "…" : text }
}
