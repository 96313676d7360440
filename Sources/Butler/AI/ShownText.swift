import Foundation

/// A text as its reader sees it, for looking at what a model wrote: a number is the same number in full-width digits, with something invisible in it, in stars, or digit by digit.
enum ShownText {
    /// The text in usual letters and digits, with nothing invisible in it.
    static func plain(_ text: String) -> String {
        var plain = String.UnicodeScalarView()
        for scalar in text.precomposedStringWithCompatibilityMapping.unicodeScalars {
            if isInvisible(scalar) { continue }
            if !scalar.isASCII, scalar.properties.numericType == .decimal, let value = scalar.properties.numericValue, (0...9).contains(value) {
                plain.append(contentsOf: "\(Int(value))".unicodeScalars)
            } else {
                plain.append(scalar)
            }
        }
        return String(plain)
    }

    /// Marks of format (a space without width, a soft hyphen), and what makes a digit a key (`2️⃣`).
    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .format || (0xFE00...0xFE0F).contains(scalar.value) || scalar.value == 0x20E3
    }

    /// Without the marks by which chat programs write bold, slanted, struck or typed.
    static func unmarked(_ text: String) -> String { String(text.filter { !"*_~`".contains($0) }) }

    /// Numbers of three to six digits that are written digit by digit: `2 0 4`, `2-0-4`. Of a longer row each part is one.
    static func spelledNumbers(in text: String) -> [String] {
        var found: [String] = [], digits: [Character] = [], gap = "", word = ""
        func endRow() {
            for length in 3...6 where digits.count >= length {
                for start in 0...digits.count - length { found.append(String(digits[start..<start + length])) }
            }
            digits = []
        }
        func endWord() {
            guard let first = word.first else { return }
            let isDigit = word.count == 1 && first.isASCII && first.isNumber
            let isNear = gap.count <= 2 && gap.allSatisfy { $0.isWhitespace || "-–—‐‑.·".contains($0) }
            if !isDigit || !isNear { endRow() }
            if isDigit { digits.append(first) }
            (word, gap) = ("", "")
        }
        for character in text {
            if character.isLetter || character.isNumber {
                word.append(character)
            } else {
                endWord()
                gap.append(character)
            }
        }
        endWord()
        endRow()
        return found
    }
}
