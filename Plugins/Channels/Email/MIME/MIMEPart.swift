/// What a parser reads at most of a mail: beyond it, the mail is what was read so far.
struct MIMELimits: Sendable {
    var bytes = 32 << 20
    var depth = 16
    var parts = 256
    var headBytes = 256 << 10
    var fields = 500
    var fieldBytes = 64 << 10
}

/// The fields of a mail or a part.
struct MailHead {
    struct Field {
        /// In lower case.
        var name: String
        /// Unfolded.
        var value: [UInt8]
    }

    var fields: [Field] = []

    /// The first of a name: where a program wrote a field twice, most readers show this one.
    func value(_ name: String) -> [UInt8]? { fields.first { $0.name == name }?.value }
    func values(_ name: String) -> [[UInt8]] { fields.filter { $0.name == name }.map(\.value) }
    /// Decoded; nil where the field is missing or empty.
    func text(_ name: String) -> String? { value(name).map(HeaderText.decode).flatMap { $0.isEmpty ? nil : $0 } }
    /// As one word in lower case, for fields that hold a keyword.
    func word(_ name: String) -> String? {
        value(name).map { MIMEBytes.lowercased(MIMEBytes.trimmed($0[...]).prefix { $0 != 59 && $0 != 32 && $0 != 40 }) }
    }
}

/// A mail, or a part of one.
struct MIMEPart {
    var head: MailHead
    /// `text/plain` where it says nothing that makes sense.
    var type: String
    var parameters: [String: String]
    /// `attachment`, `inline`, or nothing.
    var disposition: String
    var fileName: String?
    /// As it stands in the mail, still encoded.
    var body: ArraySlice<UInt8>
    var children: [MIMEPart] = []

    var encoding: String { head.word("content-transfer-encoding") ?? "" }
    /// The body without its transfer encoding.
    var content: [UInt8] { TransferEncoding.decode(body, encoding) }
    /// The body as text; of a very long one the beginning, which is all that a person writes.
    var text: String { Charset.decode(TransferEncoding.decode(body.prefix(Self.maximumText), encoding), parameters["charset"]) }
    private static let maximumText = 1 << 20
    var isMultipart: Bool { type.hasPrefix("multipart/") }
}

/// Reads a mail (RFC 5322, RFC 2045 and following). Nothing is refused: what is broken is read as most readers of mail do.
struct MIMEParser {
    private let bytes: [UInt8]
    private let limits: MIMELimits
    private var parts = 0

    private init(_ bytes: [UInt8], _ limits: MIMELimits) {
        self.bytes = bytes
        self.limits = limits
    }

    static func parse(_ bytes: [UInt8], limits: MIMELimits = MIMELimits()) -> MIMEPart {
        var parser = MIMEParser(bytes, limits)
        return parser.part(0, min(bytes.count, limits.bytes), depth: 0, implied: "text/plain")
    }

    private mutating func part(_ start: Int, _ end: Int, depth: Int, implied: String) -> MIMEPart {
        parts += 1
        let (head, body) = head(start, end)
        let declared = ParameterizedValue(head.value("content-type") ?? []), disposition = ParameterizedValue(head.value("content-disposition") ?? [])
        let halves = declared.value.split(separator: "/", omittingEmptySubsequences: false)
        let type = halves.count == 2 && halves.allSatisfy({ !$0.isEmpty }) ? declared.value : implied
        var part = MIMEPart(
            head: head, type: type, parameters: declared.parameters, disposition: disposition.value,
            fileName: disposition.parameters["filename"] ?? declared.parameters["name"], body: bytes[body..<end])
        guard part.isMultipart, depth < limits.depth else { return part }
        let boundary = declared.parameters["boundary"].flatMap { $0.isEmpty ? nil : Array($0.utf8) } ?? guess(body, end)
        if let boundary {
            part.children = children(body, end, boundary, depth, implied: type == "multipart/digest" ? "message/rfc822" : "text/plain")
        }
        // No boundary was there: the body is the text that it seems to be.
        if part.children.isEmpty { part.type = "text/plain" }
        return part
    }

    private func head(_ start: Int, _ end: Int) -> (MailHead, body: Int) {
        var head = MailHead(), index = start
        let limit = min(end, start + limits.headBytes)
        while index < end {
            let (lineEnd, next) = MIMEBytes.line(bytes, from: index, to: end)
            let line = bytes[index..<lineEnd]
            if line.isEmpty { return (head, next) }
            if let first = line.first, first == 32 || first == 9 {
                if !head.fields.isEmpty, index < limit { append(line, to: &head.fields[head.fields.count - 1].value) }
            } else if let colon = line.firstIndex(of: 58), colon > index, Self.isName(MIMEBytes.trimmed(line[..<colon])) {
                if head.fields.count < limits.fields, index < limit {
                    head.fields.append(.init(name: MIMEBytes.lowercased(MIMEBytes.trimmed(line[..<colon])), value: []))
                    append(line[(colon + 1)...], to: &head.fields[head.fields.count - 1].value)
                }
            } else if index == start, line.starts(with: Array("From ".utf8)) || line.starts(with: Array(">From ".utf8)) {
                // A line of an mbox file.
            } else {
                // The empty line is missing: here the body begins.
                return (head, index)
            }
            index = next
        }
        return (head, end)
    }

    private func append(_ text: ArraySlice<UInt8>, to value: inout [UInt8]) {
        let room = limits.fieldBytes - value.count
        if room > 0 { value += text.prefix(room) }
    }

    private static func isName(_ bytes: ArraySlice<UInt8>) -> Bool { !bytes.isEmpty && bytes.count < 128 && bytes.allSatisfy { $0 > 32 && $0 < 127 } }

    private mutating func children(_ start: Int, _ end: Int, _ boundary: [UInt8], _ depth: Int, implied: String) -> [MIMEPart] {
        var children: [MIMEPart] = [], begin: Int?, index = start
        let mark = [45, 45] + boundary
        while index < end, parts < limits.parts {
            let (lineEnd, next) = MIMEBytes.line(bytes, from: index, to: end)
            if bytes[index] == 45, lineEnd - index >= mark.count, bytes[index..<(index + mark.count)].elementsEqual(mark) {
                let rest = MIMEBytes.trimmed(bytes[(index + mark.count)..<lineEnd])
                if rest.isEmpty || rest.elementsEqual([45, 45]) {
                    if let begin { children.append(part(begin, Self.withoutLineEnd(bytes, begin, index), depth: depth + 1, implied: implied)) }
                    begin = rest.isEmpty ? next : nil
                    if begin == nil { return children }
                }
            }
            index = next
        }
        // The closing line is missing.
        if let begin, begin < end, parts < limits.parts { children.append(part(begin, end, depth: depth + 1, implied: implied)) }
        return children
    }

    /// The line end before a boundary belongs to it.
    private static func withoutLineEnd(_ bytes: [UInt8], _ begin: Int, _ end: Int) -> Int {
        var end = end
        if end > begin, bytes[end - 1] == 10 { end -= 1 }
        if end > begin, bytes[end - 1] == 13 { end -= 1 }
        return end
    }

    /// The boundary of a multipart that names none: its first line that looks like one.
    private func guess(_ start: Int, _ end: Int) -> [UInt8]? {
        var index = start
        for _ in 0..<50 where index < end {
            let (lineEnd, next) = MIMEBytes.line(bytes, from: index, to: end)
            let line = MIMEBytes.trimmed(bytes[index..<lineEnd])
            if line.count > 6, line.count <= 74, line.starts(with: [45, 45]), !line.contains(32) { return Array(line.dropFirst(2)) }
            index = next
        }
        return nil
    }
}
