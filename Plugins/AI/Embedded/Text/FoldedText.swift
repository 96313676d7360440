/// A text as the methods of this plugin see it: words of lower-case letters without accents, one space between them and around them.
///
/// The bytes of a word with the space before and after it are `bytes[word.lowerBound - 1...word.upperBound]`, so character n-grams with word
/// boundaries, and phrases of several words, are plain windows over ``bytes``.
struct FoldedText: Sendable {
    private(set) var bytes: [UInt8] = [0x20]
    private(set) var words: [Range<Int>] = []
    /// True where the text has a question mark.
    private(set) var isQuestion = false
    /// True where the text has a number of three or four digits, as rooms have.
    private(set) var hasRoomNumber = false

    /// - Parameter collapsingDigits: writes every run of digits as a single `0`, for what must not depend on the number.
    init(_ text: some StringProtocol, collapsingDigits: Bool = true) {
        bytes.reserveCapacity(text.utf8.count + 2)
        var start = -1, digits = 0
        func noteDigits(_ room: inout Bool) {
            if digits == 3 || digits == 4 { room = true }
            digits = 0
        }
        for scalar in text.unicodeScalars {
            let value = scalar.value
            switch value {
            case 0x30...0x39:
                if start < 0 { start = bytes.count }
                digits += 1
                if !collapsingDigits { bytes.append(UInt8(value)) } else if digits == 1 { bytes.append(0x30) }
                continue
            case 0x61...0x7A, 0x41...0x5A:
                if digits > 0 { noteDigits(&hasRoomNumber) }
                if start < 0 { start = bytes.count }
                bytes.append(UInt8(value | 0x20))
                continue
            case 0x300...0x36F:
                continue
            case 0xC0...0x17F where value != 0xD7 && value != 0xF7:
                if digits > 0 { noteDigits(&hasRoomNumber) }
                if start < 0 { start = bytes.count }
                bytes.append(contentsOf: Self.folds[Int(value) - 0xC0])
                continue
            case 0x180... where scalar.properties.isAlphabetic:
                if digits > 0 { noteDigits(&hasRoomNumber) }
                if start < 0 { start = bytes.count }
                bytes.append(contentsOf: String(scalar).lowercased().utf8)
                continue
            case 0x3F, 0xBF:
                isQuestion = true
            default:
                break
            }
            if digits > 0 { noteDigits(&hasRoomNumber) }
            if start >= 0 {
                words.append(start..<bytes.count)
                bytes.append(0x20)
                start = -1
            }
        }
        if digits > 0 { noteDigits(&hasRoomNumber) }
        if start >= 0 {
            words.append(start..<bytes.count)
            bytes.append(0x20)
        }
    }

    /// True where these bytes stand somewhere in the text.
    func contains(_ phrase: [UInt8]) -> Bool {
        guard let first = phrase.first, phrase.count <= bytes.count else { return false }
        return (0...bytes.count - phrase.count).contains { bytes[$0] == first && bytes[$0..<$0 + phrase.count].elementsEqual(phrase) }
    }

    /// What stands for each letter from U+00C0 to U+017F.
    private static let folds: [[UInt8]] = {
        let latin1 = """
            a a a a a a ae c e e e e i i i i d n o o o o o x o u u u u y th ss a a a a a a ae c e e e e i i i i d n o o o o o x o u u u u y th y
            """
        let extended = """
            a a a a a a c c c c c c c c d d d d e e e e e e e e e e g g g g g g g g h h h h i i i i i i i i i i ij ij j j k k k l l l l l l l l l l
            n n n n n n n n n o o o o o o oe oe r r r r r r s s s s s s s s t t t t t t u u u u u u u u u u u u w w y y y z z z z z z s
            """
        return (latin1 + " " + extended).split { $0 == " " || $0 == "\n" }.map { Array($0.utf8) }
    }()
}

/// FNV-1a, 64 bits: the identity of a word, a phrase or an n-gram. The same on every machine and in every run.
struct FeatureHash {
    static let seed: UInt64 = 0xcbf2_9ce4_8422_2325
    private(set) var value: UInt64

    /// - Parameter kind: keeps features of different kinds apart.
    init(_ kind: UInt8 = 0) { value = Self.seed &+ UInt64(kind) &* 0x9e37_79b9_7f4a_7c15 }

    mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }

    static func of(_ bytes: some Sequence<UInt8>, kind: UInt8 = 0) -> UInt64 {
        var hash = FeatureHash(kind)
        for byte in bytes { hash.add(byte) }
        return hash.value
    }

    /// One identity from two.
    static func pair(_ a: UInt64, _ b: UInt64, kind: UInt8) -> UInt64 { mix(a &* 31 &+ b &+ UInt64(kind) &* 0x9e37_79b9_7f4a_7c15) }

    /// Spreads the bits (the finisher of SplitMix64).
    static func mix(_ value: UInt64) -> UInt64 {
        var bits = value &+ 0x9e37_79b9_7f4a_7c15
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }
}
