/// A regular expression that must fit a label's whole value, compiled once.
///
/// What operators mostly write needs no automaton: a list of plain texts, `.*`, `.+`, `prefix.*`, `.*suffix`, `.*part.*`.
final class LabelPattern: Sendable {
    /// How a value is compared.
    enum Form: Sendable {
        /// One of these.
        case texts(Set<ByteText>)
        /// Begins and ends so, with at least `least` bytes between.
        case ends(prefix: [UInt8], suffix: [UInt8], least: Int, takesNewline: Bool)
        /// Holds this.
        case part([UInt8], takesNewline: Bool)
        case automaton(PatternAutomaton)
    }

    /// The longest pattern that is read, in bytes.
    static let lengthLimit = 64 << 10

    let form: Form
    /// True where brackets that do not pair within the pattern open it at its ends, so that it may fit a part of a value: `a)|(?:b`.
    let isOpen: Bool

    /// - Throws: where Go's `regexp` refuses `^(?:pattern)$`.
    init(_ pattern: String) throws(PatternFault) {
        guard pattern.utf8.count <= Self.lengthLimit else {
            throw PatternFault(message: "the pattern is longer than \(Self.lengthLimit >> 10) KB", offset: 0)
        }
        let alone = Result { () throws(PatternFault) in try PatternParser.parse(pattern) }
        switch alone {
        case .success(let node):
            isOpen = false
            form = try Self.form(of: Self.withoutAnchors(node))
        case .failure(let fault):
            // Alertmanager puts text around the pattern and reads the whole: what pairs only then must mean the same here.
            guard let whole = try? PatternParser.parse("^(?:" + pattern + ")$") else { throw fault }
            let anything = PatternNode.repeated(.set(.all), .init(least: 0, most: nil))
            isOpen = true
            form = .automaton(try PatternAutomaton(.sequence([anything, whole, anything])))
        }
    }

    func fits(_ text: String) -> Bool {
        switch form {
        case .texts(let texts): texts.contains(ByteText(text))
        case .ends(let prefix, let suffix, let least, let takesNewline):
            text.withBytes { bytes in
                bytes.count >= prefix.count + suffix.count + least && bytes.starts(with: prefix) && bytes.suffix(suffix.count).elementsEqual(suffix)
                    && (takesNewline || !bytes.dropFirst(prefix.count).dropLast(suffix.count).contains(0x0A))
            }
        case .part(let part, let takesNewline):
            text.withBytes { bytes in (takesNewline || !bytes.contains(0x0A)) && Self.holds(bytes, part) }
        case .automaton(let automaton): automaton.fits(text)
        }
    }

    private static func holds(_ bytes: UnsafeBufferPointer<UInt8>, _ part: [UInt8]) -> Bool {
        guard bytes.count >= part.count else { return false }
        var automaton = KnuthMorrisPratt(part)
        return bytes.contains { automaton.take($0) }
    }

    /// The whole value must be fitted anyway.
    private static func withoutAnchors(_ node: PatternNode) -> PatternNode {
        guard case .sequence(var parts) = node else { return node }
        while parts.first == .assertion(.begin) { parts.removeFirst() }
        while parts.last == .assertion(.end) { parts.removeLast() }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private static func form(of node: PatternNode) throws(PatternFault) -> Form {
        if let texts = node.texts(atMost: 512) { return .texts(Set(texts.map { ByteText(Self.text($0)) })) }
        let parts: [PatternNode] = if case .sequence(let parts) = node { parts } else { [node] }
        let wild = parts.indices.compactMap { index in wildness(parts[index]).map { (index, $0) } }
        if wild.count == 1, let (index, (least, takesNewline)) = wild.first, let prefix = bytes(parts[..<index]),
            let suffix = bytes(parts[(index + 1)...])
        {
            return .ends(prefix: prefix, suffix: suffix, least: least, takesNewline: takesNewline)
        }
        if wild.count == 2, wild[0].0 == 0, wild[1].0 == parts.count - 1, parts.count > 2, wild[0].1 == wild[1].1, wild[0].1.least == 0,
            let part = bytes(parts[1..<(parts.count - 1)])
        {
            return .part(part, takesNewline: wild[0].1.takesNewline)
        }
        return .automaton(try PatternAutomaton(node))
    }

    /// `.*` and `.+`.
    private static func wildness(_ node: PatternNode) -> (least: Int, takesNewline: Bool)? {
        guard case .repeated(.set(let set), let times) = node, times.most == nil, times.least <= 1, set == .all || set == .notNewline else {
            return nil
        }
        return (times.least, set == .all)
    }

    private static func bytes(_ parts: ArraySlice<PatternNode>) -> [UInt8]? {
        var scalars: [UInt32] = []
        for part in parts {
            guard case .scalar(let value) = part else { return nil }
            scalars.append(value)
        }
        return Array(text(scalars).utf8)
    }

    private static func text(_ scalars: [UInt32]) -> String { String(String.UnicodeScalarView(scalars.compactMap { Unicode.Scalar($0) })) }
}

/// Looks for a part in bytes that come one by one.
private struct KnuthMorrisPratt {
    private let part: [UInt8]
    private let fallback: [Int]
    private var matched = 0

    init(_ part: [UInt8]) {
        self.part = part
        var fallback = [Int](repeating: 0, count: part.count), length = 0
        for index in part.indices.dropFirst() {
            while length > 0, part[index] != part[length] { length = fallback[length - 1] }
            if part[index] == part[length] { length += 1 }
            fallback[index] = length
        }
        self.fallback = fallback
    }

    /// True once the part was seen.
    mutating func take(_ byte: UInt8) -> Bool {
        while matched > 0, part[matched] != byte { matched = fallback[matched - 1] }
        if part[matched] == byte { matched += 1 }
        guard matched == part.count else { return false }
        matched = fallback[matched - 1]
        return true
    }
}

/// A text that is compared byte by byte, as Alertmanager does: Swift's own comparison takes `é` in its two spellings for one.
struct ByteText: Hashable, Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: ByteText, right: ByteText) -> Bool {
        left.text.withBytes { a in right.text.withBytes { b in a.count == b.count && a.elementsEqual(b) } }
    }

    func hash(into hasher: inout Hasher) {
        text.withBytes { bytes in
            hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
            hasher.combine(bytes.count)
        }
    }
}

extension String {
    /// Its UTF-8, in place where it is stored so.
    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        utf8.withContiguousStorageIfAvailable(body) ?? Array(utf8).withUnsafeBufferPointer(body)
    }

    /// Byte order, which is Alertmanager's order.
    func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
