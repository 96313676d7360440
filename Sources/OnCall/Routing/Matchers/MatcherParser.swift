/// Alertmanager's present form: names and values may be any text, in double quotes with Go's escapes where they hold what has a meaning.
///
/// https://prometheus.io/docs/alerting/latest/configuration/#matcher
struct MatcherParser {
    private enum Token: Equatable {
        case open, close, comma
        case comparison(LabelMatcher.Operator)
        case text(String)
    }

    private var tokens: [(token: Token, column: Int)] = []
    private var index = 0
    private let end: Int

    /// - Throws: at a character that no matcher holds, and at a quote that is not closed.
    init(_ text: String) throws(MatcherFault) {
        let scalars = Array(text.unicodeScalars)
        end = scalars.count + 1
        var place = 0
        while place < scalars.count {
            let scalar = scalars[place], column = place + 1
            place += 1
            switch scalar {
            case "{": tokens.append((.open, column))
            case "}": tokens.append((.close, column))
            case ",": tokens.append((.comma, column))
            case "=", "!":
                let next = place < scalars.count ? scalars[place] : nil
                let isNegative = scalar == "!"
                guard !isNegative || next == "=" || next == "~" else {
                    throw MatcherFault(message: "“!” is followed by neither = nor ~", column: column)
                }
                if next == "~" || isNegative { place += 1 }
                tokens.append((.comparison(isNegative ? (next == "~" ? .fitsNot : .notEqual) : next == "~" ? .fits : .equal), column))
            case "\"":
                let begin = place
                while place < scalars.count, scalars[place] != "\"" { place += scalars[place] == "\\" ? 2 : 1 }
                guard place < scalars.count else { throw MatcherFault(message: "a quote is not closed", column: column) }
                guard let text = MatcherText.unquoted(scalars[begin..<place]) else {
                    throw MatcherFault(message: "a text in quotes has an escape that is none; write \\\\ for a backslash", column: column)
                }
                tokens.append((.text(text), column))
                place += 1
            case _ where scalar.properties.isWhitespace: continue
            case _ where MatcherText.isReserved(scalar):
                throw MatcherFault(message: "“\(Character(scalar))” may stand only within double quotes", column: column)
            default:
                while place < scalars.count, !MatcherText.isReserved(scalars[place]) { place += 1 }
                tokens.append((.text(String(String.UnicodeScalarView(scalars[column - 1..<place]))), column))
            }
        }
    }

    mutating func matchers() throws(MatcherFault) -> [LabelMatcher] {
        var matchers: [LabelMatcher] = []
        let isOpen = take(.open)
        if tokens.isEmpty { return [] }
        while peek != .close, isOpen && matchers.isEmpty || peek != nil {
            matchers.append(try matcher())
            if !take(.comma), let next = peek, next != .close { throw fault("a comma is missing between two matchers") }
        }
        if isOpen {
            guard take(.close) else { throw fault("a “{” is not closed") }
        } else if peek == .close {
            throw fault("a “}” has no “{”")
        }
        guard peek == nil else { throw fault("something follows the “}”") }
        return matchers
    }

    private mutating func matcher() throws(MatcherFault) -> LabelMatcher {
        let name = try text("the name of a label is missing")
        guard case .comparison(let comparison)? = peek else { throw fault("one of =, !=, =~ and !~ is missing") }
        index += 1
        let column = index < tokens.count ? tokens[index].column : end
        let value = try text("a value is missing; write \"\" for an empty one")
        do {
            return try LabelMatcher(checking: name, comparison, value)
        } catch {
            throw MatcherFault(message: error.description, column: column)
        }
    }

    private mutating func text(_ missing: String) throws(MatcherFault) -> String {
        guard case .text(let text)? = peek else { throw fault(missing) }
        index += 1
        return text
    }

    private var peek: Token? { index < tokens.count ? tokens[index].token : nil }

    private mutating func take(_ token: Token) -> Bool {
        guard peek == token else { return false }
        index += 1
        return true
    }

    private func fault(_ message: String) -> MatcherFault {
        MatcherFault(message: message, column: index < tokens.count ? tokens[index].column : end)
    }
}
