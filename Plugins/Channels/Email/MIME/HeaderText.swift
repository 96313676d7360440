import Foundation

/// Texts in headers: encoded words (RFC 2047), and what programs write in their place.
enum HeaderText {
    /// The text on one line, decoded.
    static func decode(_ bytes: some Collection<UInt8>) -> String {
        let bytes = Array(bytes)
        var result = "", plain: [UInt8] = [], run: (charset: String, bytes: [UInt8])?
        // Words that follow one another are one text; a character may lie across two of them.
        func flushRun() {
            if let run { result += Charset.decode(run.bytes, run.charset) }
            run = nil
        }
        var index = 0
        while index < bytes.count {
            if bytes[index] == 61, let word = word(in: bytes, at: index) {
                if !plain.allSatisfy({ $0 == 32 || $0 == 9 }) || run == nil {
                    flushRun()
                    result += Charset.decode(plain, nil)
                }
                plain = []
                if run?.charset == word.charset {
                    run?.bytes += word.bytes
                } else {
                    flushRun()
                    run = (word.charset, word.bytes)
                }
                index = word.end
            } else {
                plain.append(bytes[index])
                index += 1
            }
        }
        flushRun()
        result += Charset.decode(plain, nil)
        return result.replacing("\n", with: " ").replacing("\t", with: " ").trimmingCharacters(in: .whitespaces)
    }

    /// `=?charset?B?…?=` at an index.
    private static func word(in bytes: [UInt8], at start: Int) -> (charset: String, bytes: [UInt8], end: Int)? {
        // Longer than the 75 that are allowed, since many are; but not so long that looking for the end takes for ever.
        let limit = min(bytes.count, start + 2048)
        guard start + 6 < limit, bytes[start + 1] == 63, bytes[start + 2] != 63, bytes[start + 2] != 61 else { return nil }
        guard let first = bytes[(start + 2)..<limit].firstIndex(of: 63), first - start < 64, first + 2 < limit, bytes[first + 2] == 63 else {
            return nil
        }
        var end = first + 3
        while end + 1 < limit, !(bytes[end] == 63 && bytes[end + 1] == 61) { end += 1 }
        guard end + 1 < limit else { return nil }
        let charset = MIMEBytes.lowercased(bytes[(start + 2)..<first].prefix { $0 != 42 }), text = bytes[(first + 3)..<end]
        guard !charset.isEmpty, !charset.contains(" ") else { return nil }
        switch bytes[first + 1] {
        case 66, 98: return (charset, TransferEncoding.base64(text), end + 2)
        case 81, 113: return (charset, TransferEncoding.q(text), end + 2)
        default: return nil
        }
    }
}

/// A header's value with parameters, such as `text/plain; charset=utf-8` (RFC 2045, RFC 2231).
struct ParameterizedValue {
    /// What stands before the parameters, in lower case.
    var value: String
    var parameters: [String: String] = [:]

    init(_ bytes: [UInt8]) {
        var pieces = Self.pieces(bytes)
        value = pieces.isEmpty ? "" : MIMEBytes.lowercased(MIMEBytes.trimmed(pieces.removeFirst()[...]).filter { $0 != 32 && $0 != 9 })
        // RFC 2231: a name in pieces (`name*0`, `name*1*`), and texts with their charset (`name*=utf-8''…`).
        var split: [String: [Int: (bytes: [UInt8], isEncoded: Bool)]] = [:]
        for piece in pieces.prefix(64) {
            guard let equals = piece.firstIndex(of: 61) else { continue }
            var name = MIMEBytes.lowercased(MIMEBytes.trimmed(piece[..<equals]))
            let text = Self.unquoted(MIMEBytes.trimmed(piece[(equals + 1)...]))
            guard name.contains("*") else {
                if parameters[name] == nil { parameters[name] = HeaderText.decode(text) }
                continue
            }
            let isEncoded = name.hasSuffix("*")
            if isEncoded { name.removeLast() }
            let parts = name.split(separator: "*", maxSplits: 1)
            guard let base = parts.first else { continue }
            let number = parts.count > 1 ? Int(parts[1]) ?? -1 : 0
            if (0..<64).contains(number) { split[String(base), default: [:]][number] = (text, isEncoded) }
        }
        for (name, pieces) in split { parameters[name] = Self.joined(pieces) }
    }

    private static func joined(_ pieces: [Int: (bytes: [UInt8], isEncoded: Bool)]) -> String {
        var charset: String?, bytes: [UInt8] = [], number = 0
        while let piece = pieces[number] {
            var text = piece.bytes[...]
            if piece.isEncoded {
                if number == 0, let first = text.firstIndex(of: 39), let second = text[(first + 1)...].firstIndex(of: 39) {
                    charset = MIMEBytes.lowercased(text[..<first])
                    text = text[(second + 1)...]
                }
                var index = text.startIndex
                while index < text.endIndex {
                    if text[index] == 37, index + 2 < text.endIndex, let high = MIMEBytes.hex(text[index + 1]),
                        let low = MIMEBytes.hex(text[index + 2])
                    {
                        bytes.append(high << 4 | low)
                        index += 3
                    } else {
                        bytes.append(text[index])
                        index += 1
                    }
                }
            } else {
                bytes += text
            }
            number += 1
        }
        return Charset.decode(bytes, charset)
    }

    /// Cuts at semicolons, not at those in quotes or comments.
    private static func pieces(_ bytes: [UInt8]) -> [[UInt8]] {
        var pieces: [[UInt8]] = [[]], isQuoted = false, depth = 0, index = 0
        while index < bytes.count, pieces.count <= 128 {
            let byte = bytes[index]
            if byte == 92, isQuoted || depth > 0 {
                if depth == 0 { pieces[pieces.count - 1] += bytes[index..<min(index + 2, bytes.count)] }
                index += 2
                continue
            }
            if byte == 34, depth == 0 { isQuoted.toggle() }
            if !isQuoted, byte == 40 { depth += 1 }
            if byte == 59, !isQuoted, depth == 0 { pieces.append([]) } else if depth == 0 { pieces[pieces.count - 1].append(byte) }
            if !isQuoted, byte == 41, depth > 0 { depth -= 1 }
            index += 1
        }
        return pieces
    }

    private static func unquoted(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        guard bytes.first == 34 else { return Array(bytes) }
        var result: [UInt8] = [], index = bytes.startIndex + 1
        while index < bytes.endIndex, bytes[index] != 34 {
            // A backslash before anything but a quote or itself is a Windows path and no escape.
            if bytes[index] == 92, index + 1 < bytes.endIndex, bytes[index + 1] == 34 || bytes[index + 1] == 92 { index += 1 }
            result.append(bytes[index])
            index += 1
        }
        return result
    }
}
