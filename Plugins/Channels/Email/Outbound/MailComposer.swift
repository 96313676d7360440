import Foundation
import PluginAPI

/// Writes a mail as bytes (RFC 5322): plain text in UTF-8. No value of a caller's can begin a line of the head.
struct MailComposer {
    var from: MailAddress
    var to: String
    var replyTo: String?
    var subject: String
    var date: Date
    var messageID: String
    var inReplyTo: String?
    var references: [String] = []
    /// True for what no person has written (RFC 3834).
    var isAutomatic: Bool
    var language: String?
    var text: String

    func bytes() -> [UInt8] {
        var head = ""
        func add(_ name: String, _ value: String) { head += Self.folded("\(name): \(value)") + "\r\n" }
        add("Date", MailDate.format(date))
        add("From", Self.mailbox(from))
        add("To", "<\(Self.plain(to))>")
        if let replyTo { add("Reply-To", Self.mailbox(MailAddress(name: from.name, address: replyTo))) }
        add("Subject", Self.unstructured(subject))
        add("Message-ID", Self.plain(messageID))
        if let inReplyTo, Self.isMessageID(inReplyTo) { add("In-Reply-To", inReplyTo) }
        let chain = references.filter(Self.isMessageID)
        if !chain.isEmpty { add("References", chain.joined(separator: " ")) }
        if isAutomatic {
            add("Auto-Submitted", "auto-replied")
            add("X-Auto-Response-Suppress", "All")
        }
        if let language, language.utf8.allSatisfy({ $0 == 45 || (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) }) {
            add("Content-Language", language)
        }
        add("MIME-Version", "1.0")
        add("Content-Type", "text/plain; charset=utf-8")
        let body = Array(Self.lines(text).utf8), foreign = body.count { $0 > 127 }
        let isBase64 = foreign * 3 > body.count
        add("Content-Transfer-Encoding", isBase64 ? "base64" : "quoted-printable")
        return Array(head.utf8) + [13, 10] + (isBase64 ? Self.base64(body) : Self.quotedPrintable(body))
    }

    /// `Re:` once, before the subject without what programs of all countries put there.
    static func reply(to subject: String) -> String {
        var rest = Substring(subject).drop(while: \.isWhitespace)
        let marks = ["re", "aw", "antw", "antwort", "sv", "vs", "rv", "ref", "tr", "rif", "odp", "回复"]
        while let colon = rest.prefix(14).firstIndex(where: { $0 == ":" || $0 == "：" }) {
            let mark = rest[..<colon].lowercased().prefix { $0 != "[" && $0 != "(" && $0 != "^" }.trimmingCharacters(in: .whitespaces)
            guard marks.contains(mark) else { break }
            rest = rest[rest.index(after: colon)...].drop(while: \.isWhitespace)
        }
        return rest.isEmpty ? "Re:" : "Re: \(rest.prefix(400))"
    }

    static func isMessageID(_ text: String) -> Bool {
        text.hasPrefix("<") && text.hasSuffix(">") && text.utf8.count <= 250 && text.utf8.allSatisfy { $0 > 32 && $0 < 127 }
            && !text.dropFirst().dropLast().contains(where: { $0 == "<" || $0 == ">" })
    }

    // MARK: Heads

    /// Without control characters: the end of a line above all.
    static func plain(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.filter { $0.value >= 32 && !(127..<160).contains($0.value) && $0.value != 0x2028 && $0.value != 0x2029 }))
    }

    static func mailbox(_ address: MailAddress) -> String {
        let location = "<\(plain(address.address))>"
        guard let name = address.name.map(plain), !name.isEmpty else { return location }
        let isWords = name.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 32 || $0 == 45 }
        if isWords { return "\(name) \(location)" }
        if name.utf8.allSatisfy({ $0 < 127 }) {
            return "\"\(name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\" \(location)"
        }
        return "\(encodedWords(name)) \(location)"
    }

    static func unstructured(_ text: String) -> String {
        let text = plain(text.replacing("\r\n", with: " ").replacing("\n", with: " ").replacing("\r", with: " ").replacing("\t", with: " "))
        return text.utf8.allSatisfy { $0 < 127 } && !text.contains("=?") ? text : encodedWords(text)
    }

    /// Words of at most 75 bytes, cut between characters.
    private static func encodedWords(_ text: String) -> String {
        var words: [String] = [], chunk: [UInt8] = []
        func flush() {
            if !chunk.isEmpty { words.append("=?utf-8?B?\(Data(chunk).base64EncodedString())?=") }
            chunk = []
        }
        for scalar in text.unicodeScalars {
            let bytes = Array(String(Character(scalar)).utf8)
            if chunk.count + bytes.count > 42 { flush() }
            chunk += bytes
        }
        flush()
        return words.joined(separator: " ")
    }

    /// Lines of at most 76 bytes where spaces allow it; a line never exceeds the 998 of RFC 5322.
    private static func folded(_ line: String) -> String {
        guard line.utf8.count > 76 else { return line }
        var result = "", length = 0
        for (index, word) in line.split(separator: " ", omittingEmptySubsequences: false).enumerated() {
            let isLong = length + word.utf8.count + 1 > 76 && index > 1 && !word.isEmpty
            result += index == 0 ? "" : isLong ? "\r\n " : " "
            length = isLong ? word.utf8.count + 1 : length + word.utf8.count + 1
            // A word of such a length is no word of anybody's.
            result += word.utf8.count > 900 ? String(word.prefix(200)) : String(word)
        }
        return result
    }

    // MARK: Bodies

    private static func lines(_ text: String) -> String {
        let text = text.replacing("\r\n", with: "\n").replacing("\r", with: "\n").replacing("\0", with: "")
        return (text.hasSuffix("\n") ? text : text + "\n").replacing("\n", with: "\r\n")
    }

    private static func base64(_ bytes: [UInt8]) -> [UInt8] {
        Array(Data(bytes).base64EncodedString(options: [.lineLength76Characters, .endLineWithCarriageReturn, .endLineWithLineFeed]).utf8) + [13, 10]
    }

    private static let hex = Array("0123456789ABCDEF".utf8)

    static func quotedPrintable(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = [], length = 0
        result.reserveCapacity(bytes.count * 5 / 4)
        for (index, byte) in bytes.enumerated() {
            if byte == 13 || byte == 10 {
                result.append(byte)
                length = 0
                continue
            }
            let endsLine = index + 1 == bytes.count || bytes[index + 1] == 13
            // A dot or `From ` at a line's beginning is what old programs change.
            let isRisky = length == 0 && (byte == 46 || byte == 70)
            let isPlain = ((33...126).contains(byte) && byte != 61 && !isRisky) || ((byte == 32 || byte == 9) && !endsLine)
            let size = isPlain ? 1 : 3
            if length + size > 75 {
                result += [61, 13, 10]
                length = 0
            }
            if isPlain { result.append(byte) } else { result += [61, hex[Int(byte >> 4)], hex[Int(byte & 15)]] }
            length += size
        }
        return result
    }
}
