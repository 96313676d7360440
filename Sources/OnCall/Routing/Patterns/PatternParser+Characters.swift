/// Escapes and brackets.
extension PatternParser {
    mutating func escaped(_ start: Int, _ items: inout [PatternNode]) throws(PatternFault) {
        switch peek {
        case "A"?: items.append(.assertion(.begin))
        case "z"?: items.append(.assertion(.end))
        case "b"?: items.append(.assertion(.wordEdge))
        case "B"?: items.append(.assertion(.notWordEdge))
        case "Q"?:
            index += 1
            while index < text.count, !(text[index] == 0x5C && index + 1 < text.count && text[index + 1] == 0x45) {
                items.append(literal(text[index]))
                index += 1
            }
            guard index < text.count else { throw fault("“\\Q” is not closed by “\\E”", at: start) }
            index += 2
            return
        default:
            if let set = try escapedClass(start) { return items.append(.set(set)) }
            return items.append(literal(try escapedScalar(start)))
        }
        index += 1
    }

    /// `\d`, `\pL`: what follows a backslash, if it is a class.
    private mutating func escapedClass(_ start: Int) throws(PatternFault) -> ScalarSet? {
        guard let next = peek else { return nil }
        if let set = NamedClasses.perl(next.value) {
            index += 1
            guard flags.ignoresCase else { return set }
            // The capitals mean what is left of the folded set.
            return next.properties.isUppercase ? set.inverted.folded.inverted : set.folded
        }
        guard next == "p" || next == "P" else { return nil }
        index += 1
        var isInverted = next == "P"
        var name = ""
        if let first = take() {
            if first == "{" {
                while let letter = take(), letter != "}" { name.unicodeScalars.append(letter) }
                guard text[index - 1] == 0x7D else { throw fault("a “\\p{” is not closed", at: start) }
            } else {
                name = String(first)
            }
        }
        if name.hasPrefix("^") {
            isInverted.toggle()
            name.removeFirst()
        }
        guard let set = NamedClasses.unicode(name) else { throw fault("there is no class of characters “\(name)”", at: start) }
        let folded = flags.ignoresCase ? set.folded : set
        return isInverted ? folded.inverted : folded
    }

    /// What follows a backslash, as one character.
    private mutating func escapedScalar(_ start: Int) throws(PatternFault) -> UInt32 {
        guard let next = take() else { throw fault("a backslash stands at the end; write \\\\ for a backslash", at: start) }
        switch next {
        case "a": return 0x07
        case "f": return 0x0C
        case "n": return 0x0A
        case "r": return 0x0D
        case "t": return 0x09
        case "v": return 0x0B
        case "x": return try hexadecimal(start)
        case "0"..."7":
            let isOctal = peek.map { ("0"..."7").contains($0) } ?? false
            guard next == "0" || isOctal else { throw fault("back-references are not supported, as in RE2", at: start) }
            var value = next.value - 0x30
            for _ in 0..<2 {
                guard let digit = peek, ("0"..."7").contains(digit) else { break }
                value = value * 8 + digit.value - 0x30
                index += 1
            }
            return value
        default:
            guard next.isASCII, !next.properties.isAlphabetic, !("0"..."9").contains(next) else {
                throw fault("“\\\(Character(next))” is no escape that RE2 knows; write \\\\ for a backslash", at: start)
            }
            return next.value
        }
    }

    private mutating func hexadecimal(_ start: Int) throws(PatternFault) -> UInt32 {
        var digits = ""
        if peek == "{" {
            index += 1
            while let next = take(), next != "}" { digits.unicodeScalars.append(next) }
            guard text[index - 1] == 0x7D else { throw fault("a “\\x{” is not closed", at: start) }
        } else {
            for _ in 0..<2 { take().map { digits.unicodeScalars.append($0) } }
            guard digits.unicodeScalars.count == 2 else { throw fault("“\\x” wants two hexadecimal digits", at: start) }
        }
        guard digits.allSatisfy({ $0.isASCII && $0.isHexDigit }), let value = UInt32(digits, radix: 16), value <= ScalarSet.last else {
            throw fault("“\\x” wants hexadecimal digits, up to 10FFFF", at: start)
        }
        return value
    }

    // MARK: Brackets

    mutating func bracketed(_ start: Int) throws(PatternFault) -> PatternNode {
        var set: [ClosedRange<UInt32>] = []
        let isInverted = peek == "^"
        if isInverted { index += 1 }
        var isFirst = true
        while isFirst || peek != "]" {
            guard let next = peek else { throw fault("a “[” is not closed", at: start) }
            isFirst = false
            let place = index
            if next == "[", let named = try posixClass(place) {
                set += named.ranges
                continue
            }
            if next == "\\" {
                index += 1
                if let named = try escapedClass(place) {
                    set += named.ranges
                    continue
                }
                index = place
            }
            let low = try bracketScalar(start)
            var high = low
            if peek == "-", index + 1 < text.count, text[index + 1] != 0x5D {
                index += 1
                high = try bracketScalar(start)
                guard low <= high else { throw fault("a range's first character comes after its last", at: place) }
            }
            let range = ScalarSet([low...high])
            set += (flags.ignoresCase ? range.folded : range).ranges
        }
        index += 1
        return .set(isInverted ? ScalarSet(set).inverted : ScalarSet(set))
    }

    private mutating func bracketScalar(_ start: Int) throws(PatternFault) -> UInt32 {
        let place = index
        guard let next = take() else { throw fault("a “[” is not closed", at: start) }
        return next == "\\" ? try escapedScalar(place) : next.value
    }

    /// `[:alpha:]` or `[:^alpha:]`; nil where the bracket is an ordinary character.
    private mutating func posixClass(_ place: Int) throws(PatternFault) -> ScalarSet? {
        guard place + 1 < text.count, text[place + 1] == 0x3A else { return nil }
        var end = place + 2
        while end + 1 < text.count, !(text[end] == 0x3A && text[end + 1] == 0x5D) { end += 1 }
        guard end + 1 < text.count else { return nil }
        var name = String(String.UnicodeScalarView(text[place + 2..<end].compactMap { Unicode.Scalar($0) }))
        let isInverted = name.hasPrefix("^")
        if isInverted { name.removeFirst() }
        guard let named = NamedClasses.posix[name] else {
            throw fault("there is no class [:\(name):]", at: place)
        }
        index = end + 2
        let set = flags.ignoresCase ? named.folded : named
        return isInverted ? set.inverted : set
    }
}
