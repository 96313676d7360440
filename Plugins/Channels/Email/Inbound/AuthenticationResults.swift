import Foundation

/// One `Authentication-Results` field (RFC 8601, 2.2). Whatever is not well formed is no result: parts of it may be words of the sender's.
struct AuthenticationResults: Equatable {
    struct Result: Equatable {
        /// `dkim`, `spf`, `dmarc`…, in lower case.
        var method: String
        /// `pass`, `fail`, `none`…, in lower case.
        var result: String
        /// `header.from`, `smtp.mailfrom`… in lower case, with their values as they stand there.
        var properties: [String: String]
    }

    /// Who has found it out: the authserv-id, in lower case.
    var server: String
    var results: [Result]

    private static let maximumPieces = 64

    /// The server that a field names, also where the rest of it cannot be read.
    static func server(of value: [UInt8]) -> String? {
        guard let head = pieces(value, headOnly: true)?.first else { return nil }
        return server(head)
    }

    /// Nil where the field is not well formed.
    init?(_ value: [UInt8]) {
        guard let pieces = Self.pieces(value), let head = pieces.first, let server = Self.server(head) else { return nil }
        self.server = server
        results = []
        for piece in pieces.dropFirst() where !piece.isEmpty {
            if piece.count == 1, piece[0].text.lowercased() == "none" { continue }
            var pairs: [(name: String, value: String)] = []
            for token in piece {
                guard let pair = token.pair else { return nil }
                pairs.append(pair)
            }
            guard let first = pairs.first, let method = Self.method(first.name) else { return nil }
            var properties: [String: String] = [:]
            for pair in pairs.dropFirst() {
                guard properties.updateValue(pair.value, forKey: pair.name) == nil else { return nil }
            }
            results.append(Result(method: method, result: first.value.lowercased(), properties: properties))
        }
    }

    /// Without its version, which is 1 where it is said.
    private static func method(_ text: String) -> String? {
        let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = halves.first, !name.isEmpty, halves.count == 1 || halves[1] == "1" else { return nil }
        return String(name)
    }

    private static func server(_ tokens: [Token]) -> String? {
        guard let name = tokens.first?.text.lowercased(), !name.isEmpty, !name.contains("="),
            tokens.count == 1 || (tokens.count == 2 && tokens[1].text == "1")
        else { return nil }
        return name
    }

    // MARK: Words

    /// A word between blanks, without the quotes around what it quotes.
    private struct Token {
        var bytes: [UInt8] = []
        /// Where its first quoted byte stands.
        var quotedFrom: Int?

        var text: String { String(decoding: bytes, as: UTF8.self) }
        var isEmpty: Bool { bytes.isEmpty && quotedFrom == nil }

        /// `name=value`; nothing that was quoted is a name.
        var pair: (name: String, value: String)? {
            guard let equals = bytes.firstIndex(of: 61), equals > 0, equals < (quotedFrom ?? Int.max) else { return nil }
            return (MIMEBytes.lowercased(bytes[..<equals]), String(decoding: bytes[(equals + 1)...], as: UTF8.self))
        }
    }

    /// The words between semicolons, without comments; nil where a comment or a quotation does not end, or there are more than anybody needs: one
    /// that is left out may say no.
    /// - Parameter headOnly: whether nothing behind the first semicolon is read.
    private static func pieces(_ value: [UInt8], headOnly: Bool = false) -> [[Token]]? {
        var pieces: [[Token]] = [[]], token = Token(), depth = 0, isQuoted = false, isEscaped = false
        func flush() {
            if !token.isEmpty { pieces[pieces.count - 1].append(token) }
            token = Token()
        }
        for byte in value {
            if isEscaped {
                isEscaped = false
                if depth == 0 { token.bytes.append(byte) }
            } else if byte == 92, isQuoted || depth > 0 {
                isEscaped = true
            } else if isQuoted {
                if byte == 34 { isQuoted = false } else { token.bytes.append(byte) }
            } else if depth > 0 {
                if byte == 40 { depth += 1 } else if byte == 41 { depth -= 1 }
            } else {
                switch byte {
                case 34:
                    isQuoted = true
                    token.quotedFrom = token.quotedFrom ?? token.bytes.count
                case 40:
                    flush()
                    depth = 1
                case 59:
                    flush()
                    if headOnly { return pieces }
                    guard pieces.count < maximumPieces else { return nil }
                    pieces.append([])
                case 9, 10, 13, 32:
                    // Blanks may stand around the sign of equality.
                    if token.quotedFrom != nil || token.bytes.isEmpty || token.bytes.firstIndex(of: 61) != token.bytes.count - 1 { flush() }
                case 61 where token.isEmpty:
                    guard let name = pieces[pieces.count - 1].last, name.quotedFrom == nil, !name.bytes.contains(61) else { return nil }
                    pieces[pieces.count - 1].removeLast()
                    token = name
                    token.bytes.append(byte)
                default: token.bytes.append(byte)
                }
            }
        }
        guard !isQuoted, !isEscaped, depth == 0 else { return nil }
        flush()
        return pieces
    }
}
