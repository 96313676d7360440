/// Alertmanager's older form: a name of letters, digits, `_` and `:`, and a value that needs no quotes, with OpenMetrics' escapes.
enum ClassicMatcherParser {
    static func matchers(_ text: String) -> [LabelMatcher]? {
        var rest = Substring(text)
        if rest.unicodeScalars.first == "{" { rest.unicodeScalars.removeFirst() }
        if rest.unicodeScalars.last == "}" { rest.unicodeScalars.removeLast() }
        var tokens: [String] = [], token = String.UnicodeScalarView()
        var isQuoted = false, isEscaped = false
        for scalar in rest.unicodeScalars {
            if scalar == ",", !isQuoted {
                // An escape before the comma still stands: so reads Alertmanager.
                tokens.append(String(token))
                token = String.UnicodeScalarView()
                continue
            }
            switch scalar {
            case "\"":
                if isEscaped { isEscaped = false } else { isQuoted.toggle() }
            case "\\": isEscaped.toggle()
            case ",": break
            default: isEscaped = false
            }
            token.append(scalar)
        }
        let last = String(token)
        if last.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) { tokens.append(last) }
        var matchers: [LabelMatcher] = []
        for token in tokens {
            guard let matcher = matcher(token) else { return nil }
            matchers.append(matcher)
        }
        return matchers
    }

    static func matcher(_ text: String) -> LabelMatcher? {
        var rest = Array(text.unicodeScalars)[...]
        skipSpace(&rest)
        guard let first = rest.first, isNameHead(first) else { return nil }
        let name = rest.prefix { isNameHead($0) || ("0"..."9").contains($0) }
        rest = rest.dropFirst(name.count)
        skipSpace(&rest)
        guard
            let comparison = ([.fits, .equal, .notEqual, .fitsNot] as [LabelMatcher.Operator]).first(where: {
                rest.starts(with: $0.rawValue.unicodeScalars)
            })
        else { return nil }
        rest = rest.dropFirst(comparison.rawValue.unicodeScalars.count)
        skipSpace(&rest)
        while let last = rest.last, isSpace(last) { rest.removeLast() }
        guard let value = value(rest) else { return nil }
        return try? LabelMatcher(checking: String(String.UnicodeScalarView(name)), comparison, value)
    }

    private static func value(_ raw: ArraySlice<Unicode.Scalar>) -> String? {
        var rest = raw, isEscaped = false, value = String.UnicodeScalarView()
        var wantsQuote = rest.first == "\""
        if wantsQuote { rest.removeFirst() }
        while let scalar = rest.popFirst() {
            if isEscaped {
                isEscaped = false
                switch scalar {
                case "n": value.append("\n")
                case "\"", "\\": value.append(scalar)
                default: value.append(contentsOf: ["\\", scalar])
                }
            } else if scalar == "\\" {
                if rest.isEmpty { value.append(scalar) } else { isEscaped = true }
            } else if scalar == "\"" {
                guard wantsQuote, rest.isEmpty else { return nil }
                wantsQuote = false
            } else {
                value.append(scalar)
            }
        }
        return wantsQuote ? nil : String(value)
    }

    private static func isNameHead(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_" || scalar == ":"
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool { [0x09, 0x0A, 0x0C, 0x0D, 0x20].contains(scalar.value) }

    private static func skipSpace(_ rest: inout ArraySlice<Unicode.Scalar>) {
        while let first = rest.first, isSpace(first) { rest.removeFirst() }
    }
}
