import Foundation

/// Bytes to text, whatever the mail calls them.
enum Charset {
    /// The text; what is no character becomes U+FFFD. Line ends become `\n`, control characters go.
    static func decode(_ bytes: [UInt8], _ label: String?) -> String { clean(text(bytes, label)) }

    private static func text(_ bytes: [UInt8], _ label: String?) -> String {
        let name = (label ?? "").lowercased().filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.:".contains($0)) }
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { return String(decoding: bytes.dropFirst(3), as: UTF8.self) }
        switch name {
        case "utf-8", "utf8", "unicode-1-1-utf-8":
            // What is called UTF-8 and is not was mostly written by something that knows only one byte a character.
            return String(validating: bytes, as: UTF8.self) ?? (isMostlyUTF8(bytes) ? String(decoding: bytes, as: UTF8.self) : windows1252(bytes))
        case "", "us-ascii", "ascii", "ansi_x3.4-1968", "iso-8859-1", "latin1", "windows-1252", "cp1252", "x-ansi", "unknown-8bit", "x-unknown",
            "default",
            "8bit", "binary":
            // Text in one of these is hardly ever valid UTF-8 by chance.
            return String(validating: bytes, as: UTF8.self) ?? windows1252(bytes)
        default:
            return convert(bytes, aliases[name] ?? name) ?? String(validating: bytes, as: UTF8.self) ?? windows1252(bytes)
        }
    }

    /// Names that mails use and iconv does not know, or knows as something narrower than what is meant.
    private static let aliases = [
        "gb2312": "gb18030", "gbk": "gb18030", "ks_c_5601-1987": "cp949", "ks_c_5601": "cp949", "euc-kr": "cp949", "shift-jis": "cp932",
        "shift_jis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932", "iso-8859-9": "cp1254", "latin-9": "iso-8859-15", "latin9": "iso-8859-15",
        "latin2": "iso-8859-2", "iso-8859-8-i": "iso-8859-8", "unicode-1-1-utf-7": "utf-7", "x-mac-roman": "macintosh", "cp-850": "cp850",
        "unicode": "utf-16", "iso-2022-jp-ms": "cp50221", "x-gbk": "gb18030", "big5": "big5-hkscs",
    ]

    private static func isMostlyUTF8(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        let broken = text.unicodeScalars.count { $0 == "\u{fffd}" }, good = text.unicodeScalars.count { $0.value > 127 && $0 != "\u{fffd}" }
        return good > broken
    }

    private static let upper: [UInt16] = [
        0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0xFFFD, 0x017D, 0xFFFD, 0xFFFD,
        0x2018,
        0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0xFFFD, 0x017E, 0x0178,
    ]

    private static func windows1252(_ bytes: [UInt8]) -> String {
        let units: [UInt16] = bytes.map { (byte: UInt8) -> UInt16 in (0x80...0x9f).contains(byte) ? upper[Int(byte) - 0x80] : UInt16(byte) }
        return String(decoding: units, as: UTF16.self)
    }

    /// By iconv; nil where it does not know the charset.
    private static func convert(_ bytes: [UInt8], _ name: String) -> String? {
        guard name.utf8.count <= 40, let converter = iconv_open("UTF-8", name), Int(bitPattern: converter) != -1 else { return nil }
        defer { iconv_close(converter) }
        var input = bytes.map { CChar(bitPattern: $0) }, output: [UInt8] = []
        var chunk = [CChar](repeating: 0, count: 16 << 10)
        input.withUnsafeMutableBufferPointer { input in
            var source = input.baseAddress, left = input.count
            while left > 0 {
                let (code, error, written) = chunk.withUnsafeMutableBufferPointer { chunk -> (Int, Int32, Int) in
                    var target = chunk.baseAddress, room = chunk.count
                    let code = iconv(converter, &source, &left, &target, &room)
                    return (code, errno, chunk.count - room)
                }
                output += chunk[..<written].map { UInt8(bitPattern: $0) }
                if code != -1 || error == E2BIG { continue }
                // A byte that means nothing here, or a character that the end cut off.
                output += [0xef, 0xbf, 0xbd]
                source = source.map { $0 + 1 }
                left -= 1
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static func clean(_ text: String) -> String {
        var result = String.UnicodeScalarView(), wasReturn = false
        for scalar in text.unicodeScalars {
            defer { wasReturn = scalar == "\r" }
            switch scalar.value {
            case 13: result.append("\n")
            case 10: if !wasReturn { result.append("\n") }
            case 9: result.append(scalar)
            case 0..<32, 127..<160: break
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}
