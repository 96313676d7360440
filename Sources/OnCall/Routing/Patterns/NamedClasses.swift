import Foundation

/// The classes of characters that RE2 knows by name.
enum NamedClasses {
    /// `[[:alpha:]]`.
    static let posix: [String: ScalarSet] = [
        "alnum": ScalarSet("09AZaz"), "alpha": ScalarSet("AZaz"), "ascii": ScalarSet([0...0x7F]), "blank": ScalarSet([0x09...0x09, 0x20...0x20]),
        "cntrl": ScalarSet([0...0x1F, 0x7F...0x7F]), "digit": .digit, "graph": ScalarSet("!~"), "lower": ScalarSet("az"),
        "print": ScalarSet(" ~"), "punct": ScalarSet("!/:@[`{~"), "space": ScalarSet([0x09...0x0D, 0x20...0x20]), "upper": ScalarSet("AZ"),
        "word": .word, "xdigit": ScalarSet("09AFaf"),
    ]

    /// `\d`, `\s` and `\w`; their capitals are the rest.
    static func perl(_ letter: UInt32) -> ScalarSet? {
        switch letter {
        case 0x64: .digit
        case 0x44: ScalarSet.digit.inverted
        case 0x73: .space
        case 0x53: ScalarSet.space.inverted
        case 0x77: .word
        case 0x57: ScalarSet.word.inverted
        default: nil
        }
    }

    /// `\pL`, `\p{Lu}`, `\p{Greek}`: a general category or a script. Nil where there is none of that name.
    static func unicode(_ name: String) -> ScalarSet? {
        if name == "Any" { return .all }
        if let members = categories[name] { return category(members) }
        let isName = name.count > 1 && name.first?.isUppercase == true && name.allSatisfy { $0.isASCII && ($0.isLetter || $0 == "_") }
        return isName ? script(name) : nil
    }

    private static let categories: [String: Set<Unicode.GeneralCategory>] = {
        var names: [String: Set<Unicode.GeneralCategory>] = [
            "Lu": [.uppercaseLetter], "Ll": [.lowercaseLetter], "Lt": [.titlecaseLetter], "Lm": [.modifierLetter], "Lo": [.otherLetter],
            "Mn": [.nonspacingMark], "Mc": [.spacingMark], "Me": [.enclosingMark], "Nd": [.decimalNumber], "Nl": [.letterNumber],
            "No": [.otherNumber], "Pc": [.connectorPunctuation], "Pd": [.dashPunctuation], "Ps": [.openPunctuation], "Pe": [.closePunctuation],
            "Pi": [.initialPunctuation], "Pf": [.finalPunctuation], "Po": [.otherPunctuation], "Sm": [.mathSymbol], "Sc": [.currencySymbol],
            "Sk": [.modifierSymbol], "So": [.otherSymbol], "Zs": [.spaceSeparator], "Zl": [.lineSeparator], "Zp": [.paragraphSeparator],
            "Cc": [.control], "Cf": [.format], "Cs": [.surrogate], "Co": [.privateUse],
        ]
        for (name, members) in names { names[String(name.prefix(1)), default: []].formUnion(members) }
        return names
    }()

    /// What is assigned: the two planes of letters, those beside them, and the tags. The rest is private use or empty.
    private static let assigned: [ClosedRange<UInt32>] = [0...0x323FF, 0xE0000...0xE01FF]

    private static func category(_ members: Set<Unicode.GeneralCategory>) -> ScalarSet {
        var ranges: [ClosedRange<UInt32>] = members.contains(.privateUse) ? [0xF0000...0xFFFFD, 0x100000...0x10FFFD] : []
        if members.contains(.surrogate) { ranges.append(0xD800...0xDFFF) }
        for range in assigned {
            var first: UInt32?
            for value in range {
                let isIn = Unicode.Scalar(value).map { members.contains($0.properties.generalCategory) } ?? false
                if isIn, first == nil { first = value }
                if !isIn, let begin = first {
                    ranges.append(begin...value - 1)
                    first = nil
                }
            }
            if let first { ranges.append(first...range.upperBound) }
        }
        return ScalarSet(ranges)
    }

    /// Swift's library does not say a scalar's script; Foundation's expressions know it. A class alone cannot make them slow.
    private static func script(_ name: String) -> ScalarSet? {
        guard let expression = try? NSRegularExpression(pattern: "\\p{Script=\(name)}+") else { return nil }
        let text = String(String.UnicodeScalarView(assigned.joined().compactMap { Unicode.Scalar($0) }))
        let ranges = expression.matches(in: text, range: NSRange(text.startIndex..., in: text)).compactMap { match -> ClosedRange<UInt32>? in
            guard let range = Range(match.range, in: text), let first = text[range].unicodeScalars.first, let last = text[range].unicodeScalars.last
            else { return nil }
            return first.value...last.value
        }
        return ranges.isEmpty ? nil : ScalarSet(ranges)
    }
}
