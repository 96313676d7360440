import Foundation
import OnCall
import PluginAPI

/// What a request asks to see.
struct AlertmanagerFilter: Sendable {
    var matchers: [LabelMatcher]
    private var receiver: NSRegularExpression?
    private let flags: [String: Bool]

    /// - Throws: ``AlertmanagerError`` where a matcher or the receiver's pattern cannot be read.
    init(_ query: [(name: String, value: String)]) throws {
        matchers = try query.filter { $0.name == "filter" }.map { try Self.matcher($0.value) }
        flags = Dictionary(query.map { ($0.name, AlertmanagerText.flag($0.value)) }) { first, _ in first }
        if let pattern = query.first(where: { $0.name == "receiver" && !$0.value.isEmpty })?.value {
            guard let expression = try? NSRegularExpression(pattern: "^(?:\(pattern))$") else {
                throw AlertmanagerError.bad("failed to parse receiver param: error parsing regexp: `^(?:\(pattern.prefix(200)))$`")
            }
            receiver = expression
        }
    }

    /// A flag; true where it is not given.
    func shows(_ name: String) -> Bool { flags[name] ?? true }

    func takes(receiver name: String) -> Bool {
        receiver.map { $0.firstMatch(in: name, range: NSRange(name.startIndex..., in: name)) != nil } ?? true
    }

    /// True where nothing is asked of receivers, or one of these is meant.
    func takes(anyOf receivers: [String]) -> Bool { receiver == nil || receivers.contains(where: takes(receiver:)) }

    /// `unprocessed` is taken and changes nothing, as in Alertmanager: what has just come would else be missing from amtool's list.
    func takes(_ alert: AlertView) -> Bool {
        if !shows("active"), alert.state == .active { return false }
        if !shows("silenced"), !alert.silencedBy.isEmpty { return false }
        if !shows("inhibited"), !alert.inhibitedBy.isEmpty { return false }
        return true
    }

    /// A silence is shown where each matcher asked for is one of its own.
    func takes(_ silence: Silence, at date: Date) -> Bool {
        shows(silence.state(at: date).rawValue) && matchers.allSatisfy(silence.matchers.contains)
    }

    /// One matcher as `filter=` has it: `alertname="A"`, `room=~"2.*"`, a value without quotes, and a name between quotes.
    ///
    /// The one place where the gateway reads a matcher.
    static func matcher(_ text: String) throws -> LabelMatcher {
        let malformed = AlertmanagerError.bad("bad matcher format: \(text.prefix(200))")
        var rest = Substring(text.trimmingCharacters(in: .whitespaces))
        let name: String
        if rest.first == "\"" {
            guard let quoted = unquote(&rest) else { throw malformed }
            name = quoted
        } else {
            let bare = rest.prefix { !"=!~".contains($0) }
            name = bare.trimmingCharacters(in: .whitespaces)
            rest = rest.dropFirst(bare.count)
            guard !name.contains(where: { $0.isWhitespace || "{}\",'`\\".contains($0) }) else { throw malformed }
        }
        rest = rest.drop { $0 == " " }
        // The longer ones first: `=~` begins as `=` does.
        guard !name.isEmpty, let comparison = [LabelMatcher.Operator.fits, .fitsNot, .notEqual, .equal].first(where: { rest.hasPrefix($0.rawValue) })
        else { throw malformed }
        rest = rest.dropFirst(comparison.rawValue.count).drop { $0 == " " }
        let value: String
        if rest.first == "\"" {
            guard let quoted = unquote(&rest), rest.allSatisfy(\.isWhitespace) else { throw malformed }
            value = quoted
        } else {
            guard !rest.contains("\"") else { throw malformed }
            value = String(rest)
        }
        if comparison == .fits || comparison == .fitsNot, !compiles(value) {
            throw AlertmanagerError.bad("error parsing regexp: `^(?:\(value.prefix(200)))$`")
        }
        return LabelMatcher(name, comparison, value)
    }

    static func compiles(_ pattern: String) -> Bool { (try? NSRegularExpression(pattern: "^(?:\(pattern))$")) != nil }

    /// A text between quotes, as Go writes it; `rest` is what follows.
    private static func unquote(_ rest: inout Substring) -> String? {
        var text = "", position = rest.index(after: rest.startIndex)
        while position < rest.endIndex {
            let character = rest[position]
            position = rest.index(after: position)
            switch character {
            case "\"":
                rest = rest[position...]
                return text
            case "\\":
                guard position < rest.endIndex else { return nil }
                switch rest[position] {
                case "n": text += "\n"
                case "t": text += "\t"
                case "\"": text += "\""
                case "\\": text += "\\"
                // What is no escape of a text may be one of a pattern: `\d`, `\.`.
                case let other: text += "\\\(other)"
                }
                position = rest.index(after: position)
            default: text.append(character)
            }
        }
        return nil
    }
}
