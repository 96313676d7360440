/// How Alertmanager writes names and values.
enum MatcherText {
    /// What may stand in a name or value only within quotes.
    static func isReserved(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || "{}!=~,\\\"'`".unicodeScalars.contains(scalar)
    }

    /// OpenMetrics' escapes: the backslash, the quote, the new line.
    static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n").replacing("\"", with: "\\\"")
    }

    /// A text in double quotes, with Go's escapes for what does not print.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{07}": result += "\\a"
            case "\u{08}": result += "\\b"
            case "\u{0C}": result += "\\f"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0B}": result += "\\v"
            case _ where scalar == " " || isPrinted(scalar): result.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x80: result += "\\x" + hexadecimal(scalar.value, 2)
            case _ where scalar.value < 0x10000: result += "\\u" + hexadecimal(scalar.value, 4)
            default: result += "\\U" + hexadecimal(scalar.value, 8)
            }
        }
        return result + "\""
    }

    private static func hexadecimal(_ value: UInt32, _ width: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// Go's `strconv.IsPrint`: letters, marks, numbers, punctuation and symbols.
    private static func isPrinted(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .spaceSeparator, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }

    /// What a text in double quotes means, after Go's rules. Nil where it breaks them.
    /// - Parameter inner: what stands between the quotes.
    static func unquoted(_ inner: ArraySlice<Unicode.Scalar>) -> String? {
        var bytes: [UInt8] = [], rest = inner
        func digits(_ count: Int, _ radix: Int) -> UInt32? {
            guard rest.count >= count else { return nil }
            let text = String(String.UnicodeScalarView(rest.prefix(count)))
            rest = rest.dropFirst(count)
            return text.utf8.first == 0x2B || text.utf8.first == 0x2D ? nil : UInt32(text, radix: radix)
        }
        while let next = rest.popFirst() {
            guard next == "\\" else {
                guard next != "\n", next != "\"" else { return nil }
                bytes += Array(String(next).utf8)
                continue
            }
            guard let kind = rest.popFirst() else { return nil }
            switch kind {
            case "a": bytes.append(0x07)
            case "b": bytes.append(0x08)
            case "f": bytes.append(0x0C)
            case "n": bytes.append(0x0A)
            case "r": bytes.append(0x0D)
            case "t": bytes.append(0x09)
            case "v": bytes.append(0x0B)
            case "\\", "\"": bytes.append(UInt8(kind.value))
            case "x":
                guard let value = digits(2, 16) else { return nil }
                bytes.append(UInt8(value))
            case "0"..."7":
                rest = [kind] + rest
                guard let value = digits(3, 8), value < 256 else { return nil }
                bytes.append(UInt8(value))
            case "u", "U":
                guard let value = digits(kind == "u" ? 4 : 8, 16), let scalar = Unicode.Scalar(value) else { return nil }
                bytes += Array(String(scalar).utf8)
            default: return nil
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

/// A text that is no matcher, or no list of matchers.
public struct MatcherFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, and what to do.
    public var message: String
    /// The character (Unicode scalar) of the text where it is wrong, counted from 1.
    public var column: Int

    public var description: String { "\(message), at character \(column)" }
}
