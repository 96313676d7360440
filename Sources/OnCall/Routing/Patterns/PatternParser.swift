/// Reads a regular expression of RE2's syntax as Go's `regexp` takes it, and refuses what Go refuses: look-around, back-references, `\C`, `\Z`.
///
/// Syntax: https://github.com/google/re2/wiki/Syntax
struct PatternParser {
    /// The most that groups may stand in one another.
    static let depthLimit = 250
    /// The most that a part may be repeated by counts.
    static let countLimit = 1000

    let text: [UInt32]
    var index = 0
    var flags = Flags()
    private var depth = 0

    struct Flags {
        var ignoresCase = false
        var multiline = false
        var dotTakesNewline = false
    }

    private init(_ pattern: String) { text = pattern.unicodeScalars.map(\.value) }

    static func parse(_ pattern: String) throws(PatternFault) -> PatternNode {
        var parser = PatternParser(pattern)
        let node = try parser.choice()
        guard node.repeatsAtMost(countLimit) else {
            throw PatternFault(message: "counts within counts repeat a part more than \(countLimit) times", offset: 0)
        }
        return node
    }

    // MARK: Structure

    private mutating func choice() throws(PatternFault) -> PatternNode {
        var branches: [PatternNode] = []
        var items: [PatternNode] = []
        var followsRepetition = false
        while let next = peek, next != ")" || depth == 0 {
            let isRepetition = "*+?".unicodeScalars.contains(next) || (next == "{" && countAhead() != nil)
            if isRepetition {
                try repeatLast(of: &items, followsRepetition)
            } else if next == "|" {
                index += 1
                branches.append(Self.joined(items))
                items = []
            } else {
                try item(&items)
            }
            followsRepetition = isRepetition
        }
        branches.append(Self.joined(items))
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private static func joined(_ items: [PatternNode]) -> PatternNode {
        let flat = items.flatMap { item in if case .sequence(let parts) = item { parts } else { [item] } }
        return flat.isEmpty ? .empty : flat.count == 1 ? flat[0] : .sequence(flat)
    }

    private mutating func item(_ items: inout [PatternNode]) throws(PatternFault) {
        let start = index
        guard let next = take() else { return }
        switch next {
        case "(":
            if let group = try group(start) { items.append(group) }
        case ")": throw fault("a “)” has no “(”", at: start)
        case "[": items.append(try bracketed(start))
        case ".": items.append(.set(flags.dotTakesNewline ? .all : .notNewline))
        case "^": items.append(.assertion(flags.multiline ? .lineBegin : .begin))
        case "$": items.append(.assertion(flags.multiline ? .lineEnd : .end))
        case "\\": try escaped(start, &items)
        default: items.append(literal(next.value))
        }
    }

    func literal(_ value: UInt32) -> PatternNode {
        guard flags.ignoresCase else { return .scalar(value) }
        let orbit = CaseFolding.orbit(of: value)
        return orbit.count == 1 ? .scalar(value) : .set(ScalarSet(scalars: orbit))
    }

    // MARK: Repetition

    private mutating func repeatLast(of items: inout [PatternNode], _ followsRepetition: Bool) throws(PatternFault) {
        let start = index
        guard !followsRepetition else { throw fault("a repetition of a repetition; put the inner one in brackets", at: start) }
        guard let last = items.popLast() else { throw fault("nothing stands before this to be repeated", at: start) }
        var times = PatternNode.Repetition(least: 0, most: nil)
        switch take() {
        case "+"?: times.least = 1
        case "?"?: times.most = 1
        case "{"?:
            index = start
            if let (counted, end) = countAhead() {
                times = counted
                index = end
            }
            guard times.least <= Self.countLimit, (times.most ?? 0) <= Self.countLimit, times.least <= times.most ?? .max else {
                throw fault("a count may be \(Self.countLimit) at most, and the second no less than the first", at: start)
            }
        default: break
        }
        if peek == "?" { index += 1 }
        items.append(.repeated(last, times))
    }

    /// The count that begins here, and where it ends; nil where the brace is an ordinary one.
    private func countAhead() -> (PatternNode.Repetition, end: Int)? {
        var place = index + 1
        func number() -> (Int, Int)? {
            var end = place
            while end < text.count, (0x30...0x39).contains(text[end]) { end += 1 }
            let digits = text[place..<end]
            guard !digits.isEmpty, digits.count == 1 || digits.first != 0x30 else { return nil }
            return (digits.count > 8 ? .max : digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }, end)
        }
        guard let (least, end) = number() else { return nil }
        place = end
        var most: Int? = least
        if place < text.count, text[place] == 0x2C {
            place += 1
            most = nil
            if place < text.count, text[place] != 0x7D {
                guard let (number, end) = number() else { return nil }
                most = number
                place = end
            }
        }
        guard place < text.count, text[place] == 0x7D else { return nil }
        return (PatternNode.Repetition(least: least, most: most, isCounted: true), place + 1)
    }

    // MARK: Groups

    /// What follows a “(”; nil where it only sets flags.
    private mutating func group(_ start: Int) throws(PatternFault) -> PatternNode? {
        let outer = flags
        if peek == "?" {
            index += 1
            if try name(start) == false, try setFlags(start) { return nil }
        }
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthLimit else { throw fault("groups stand more than \(Self.depthLimit) deep in one another", at: start) }
        let node = try choice()
        guard take() == ")" else { throw fault("a “(” is not closed", at: start) }
        flags = outer
        return node
    }

    /// Reads `P<name>` or `<name>`; false where there is none.
    private mutating func name(_ start: Int) throws(PatternFault) -> Bool {
        let begin = index
        if peek == "P" { index += 1 }
        guard peek == "<" else {
            guard index == begin else { throw fault("this is no name of a group", at: start) }
            return false
        }
        index += 1
        if index == begin + 1, peek == "=" || peek == "!" { throw Self.lookAround(start) }
        var name = ""
        while let next = take(), next != ">" {
            guard next.isASCII, next.properties.isAlphabetic || next == "_" || ("0"..."9").contains(next) else {
                throw fault("a group's name has letters, digits and _", at: index - 1)
            }
            name.unicodeScalars.append(next)
        }
        guard !name.isEmpty, text[index - 1] == 0x3E else { throw fault("a group's name is not closed by “>”", at: start) }
        return true
    }

    /// Reads `i-s:` or `i-s)`.
    /// - Returns: true where the flags stand alone.
    private mutating func setFlags(_ start: Int) throws(PatternFault) -> Bool {
        var isSet = true, hasFlag = false
        while let next = take() {
            switch next {
            case "i": flags.ignoresCase = isSet
            case "m": flags.multiline = isSet
            case "s": flags.dotTakesNewline = isSet
            case "U": break
            case "-" where isSet:
                isSet = false
                hasFlag = false
                continue
            case ":" where isSet || hasFlag: return false
            case ")" where isSet || hasFlag: return true
            case "=", "!": throw Self.lookAround(start)
            default: throw fault("“(?” is followed by none of the flags i, m, s, U", at: start)
            }
            hasFlag = true
        }
        throw fault("a “(” is not closed", at: start)
    }

    private static func lookAround(_ offset: Int) -> PatternFault {
        PatternFault(message: "look-around is not supported, as in RE2; say the same with two matchers", offset: offset)
    }

    // MARK: Text

    var peek: Unicode.Scalar? { index < text.count ? Unicode.Scalar(text[index]) : nil }

    mutating func take() -> Unicode.Scalar? {
        guard let next = peek else { return nil }
        index += 1
        return next
    }

    func fault(_ message: String, at offset: Int) -> PatternFault { PatternFault(message: message, offset: offset) }
}
