import Foundation

/// HTML to plain text: what a reader sees, and nothing that a reader does not. No tag, script, style, comment or hidden text comes through; quotations get `> `.
struct HTMLText {
    static let maximumLength = 1 << 20

    static func plain(_ html: String) -> String {
        var reader = HTMLText(Array(html.utf8.prefix(maximumLength)))
        reader.read()
        return reader.out.joined(separator: "\n")
    }

    private static let skipped: Set<String> = [
        "script", "style", "head", "title", "noscript", "template", "svg", "math", "object", "iframe", "select",
    ]
    private static let void: Set<String> = [
        "br", "hr", "img", "input", "meta", "link", "base", "col", "area", "wbr", "embed", "source", "track", "param",
    ]
    private static let blocks: Set<String> = [
        "p", "div", "tr", "table", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "section", "article", "header",
        "footer",
        "dl", "dt", "dd", "center", "address", "form", "fieldset", "hr", "body",
    ]
    private static let spaced: Set<String> = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table"]

    private let bytes: [UInt8]
    private var index = 0
    private var out: [String] = []
    private var line: [UInt8] = []
    private var depth = 0
    private var preformatted = 0
    /// The element whose content is not shown, and how deep in others of its name.
    private var hidden: (name: String, nest: Int)?
    private var link: (url: String, start: Int)?

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    private mutating func read() {
        while index < bytes.count {
            switch bytes[index] {
            case 60: if !tag() { take(60) }
            case 38: entity()
            default: take(bytes[index])
            }
        }
        flush()
    }

    private mutating func take(_ byte: UInt8) {
        index += 1
        guard hidden == nil else { return }
        let isBlank = byte == 32 || byte == 9 || byte == 10 || byte == 13
        if isBlank, preformatted == 0 {
            if !line.isEmpty, line.last != 32 { line.append(32) }
        } else if byte == 10 {
            flush()
        } else if byte != 13 {
            line.append(byte)
        }
    }

    private mutating func flush() {
        let text = String(decoding: line, as: UTF8.self).trimmingCharacters(in: preformatted > 0 ? .newlines : .whitespacesAndNewlines)
        line.removeAll(keepingCapacity: true)
        link = nil
        if !text.isEmpty { out.append(depth > 0 ? String(repeating: "> ", count: depth) + text : text) }
    }

    /// One empty line, and not two.
    private mutating func space() {
        flush()
        if let last = out.last, !last.allSatisfy({ $0 == ">" || $0 == " " }) { out.append(depth > 0 ? String(repeating: ">", count: depth) : "") }
    }

    /// Reads what begins with `<`; false where it is no tag, but a sign in a text.
    private mutating func tag() -> Bool {
        guard index + 1 < bytes.count else { return false }
        if bytes[index...].starts(with: Array("<!--".utf8)) {
            index = end(of: Array("-->".utf8), from: index + 4)
            return true
        }
        let next = bytes[index + 1]
        if next == 33 || next == 63 {
            index = end(of: [62], from: index)
            return true
        }
        let isClosing = next == 47
        var at = index + (isClosing ? 2 : 1)
        let begin = at
        while at < bytes.count, isNameByte(bytes[at]), at - begin < 32 { at += 1 }
        guard at > begin, (65...90).contains(bytes[begin]) || (97...122).contains(bytes[begin]) else { return false }
        let name = MIMEBytes.lowercased(bytes[begin..<at])
        // To the bracket that closes it: one within quotes does not.
        var quote: UInt8 = 0
        let attributes = at
        while at < bytes.count {
            let byte = bytes[at]
            if quote != 0 { if byte == quote { quote = 0 } } else if byte == 34 || byte == 39 { quote = byte } else if byte == 62 { break }
            at += 1
        }
        // A quote that never ends must not swallow the rest of the mail.
        if at >= bytes.count, quote != 0 { at = bytes[attributes...].firstIndex(of: 62) ?? bytes.count }
        let text = bytes[attributes..<min(at, attributes + 4096)]
        index = min(at + 1, bytes.count)
        isClosing ? close(name) : open(name, text, isEmpty: text.last == 47)
        return true
    }

    private func isNameByte(_ byte: UInt8) -> Bool {
        (65...90).contains(byte) || (97...122).contains(byte) || (48...58).contains(byte) || byte == 45
    }

    private func end(of mark: [UInt8], from start: Int) -> Int {
        var at = start
        while at + mark.count <= bytes.count {
            guard let found = bytes[at...].firstIndex(of: mark[0]), found + mark.count <= bytes.count else { break }
            if bytes[found..<(found + mark.count)].elementsEqual(mark) { return found + mark.count }
            at = found + 1
        }
        return bytes.count
    }

    private mutating func open(_ name: String, _ attributes: ArraySlice<UInt8>, isEmpty: Bool) {
        if let hidden {
            if hidden.name == name, !isEmpty { self.hidden?.nest += 1 }
            return
        }
        if !Self.void.contains(name), !isEmpty, Self.skipped.contains(name) || Self.isHidden(attributes) {
            hidden = (name, 1)
            return
        }
        if Self.spaced.contains(name) { space() } else if Self.blocks.contains(name) || name == "br" { flush() }
        switch name {
        case "br": if out.last != "" || depth > 0 { breakLine() }
        case "blockquote": depth = min(depth + 1, 8)
        case "pre", "textarea": preformatted += 1
        case "li": line += Array("- ".utf8)
        case "td", "th": if !line.isEmpty { line += [32] }
        case "a": link = Self.attribute("href", attributes).map { ($0, line.count) }
        default: break
        }
    }

    /// A line break after a text is that line's end, which has been flushed; two in a row are an empty line.
    private mutating func breakLine() {
        var at = index
        while at < bytes.count, [32, 9, 10, 13].contains(bytes[at]) { at += 1 }
        if at + 2 < bytes.count, bytes[at] == 60, bytes[at + 1] | 32 == 98, bytes[at + 2] | 32 == 114 { space() }
    }

    private mutating func close(_ name: String) {
        if let hidden {
            if hidden.name == name {
                self.hidden?.nest -= 1
                if hidden.nest <= 1 { self.hidden = nil }
            } else if name == "body" || name == "html" {
                self.hidden = nil
            }
            return
        }
        if name == "a", let link {
            let text = String(decoding: line[min(link.start, line.count)...], as: UTF8.self).trimmingCharacters(in: .whitespaces)
            if !text.isEmpty, Self.isShown(link.url), !link.url.contains(text), !text.contains("://") { line += Array(" (\(link.url))".utf8) }
            self.link = nil
        }
        if Self.spaced.contains(name) { space() } else if Self.blocks.contains(name) { flush() }
        if name == "blockquote" { depth = max(0, depth - 1) }
        if name == "pre" || name == "textarea" { preformatted = max(0, preformatted - 1) }
    }

    private static func isShown(_ url: String) -> Bool {
        (url.hasPrefix("https://") || url.hasPrefix("http://")) && url.utf8.count <= 200 && url.utf8.allSatisfy { $0 > 32 && $0 < 127 }
    }

    private static func isHidden(_ attributes: ArraySlice<UInt8>) -> Bool {
        guard attributes.count > 5 else { return false }
        let text = MIMEBytes.lowercased(attributes.filter { $0 != 32 && $0 != 9 && $0 != 10 && $0 != 13 })
        let words = MIMEBytes.lowercased(attributes).split { " \t\r\n/".contains($0) }
        if words.contains(where: { $0 == "hidden" || $0.hasPrefix("hidden=") }) { return true }
        return ["display:none", "visibility:hidden", "font-size:0;", "font-size:0p", "font-size:0\"", "opacity:0;", "opacity:0\"", "mso-hide:all"]
            .contains {
                text.contains($0)
            }
    }

    private static func attribute(_ name: String, _ bytes: ArraySlice<UInt8>) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let found = text.range(of: name + "=", options: .caseInsensitive) else { return nil }
        let rest = text[found.upperBound...]
        guard let quote = rest.first, quote == "\"" || quote == "'" else { return String(rest.prefix { !$0.isWhitespace && $0 != ">" }) }
        return String(rest.dropFirst().prefix { $0 != quote }).replacing("&amp;", with: "&")
    }

    // MARK: Entities

    private static let named: [String: UInt32] = [
        "amp": 38, "lt": 60, "gt": 62, "quot": 34, "apos": 39, "nbsp": 32, "copy": 169, "reg": 174, "trade": 8482, "euro": 8364, "pound": 163,
        "yen": 165,
        "cent": 162, "sect": 167, "deg": 176, "hellip": 8230, "mdash": 8212, "ndash": 8211, "lsquo": 8216, "rsquo": 8217, "sbquo": 8218,
        "ldquo": 8220,
        "rdquo": 8221, "bdquo": 8222, "laquo": 171, "raquo": 187, "middot": 183, "bull": 8226, "times": 215, "iexcl": 161, "iquest": 191,
        "szlig": 223,
        "auml": 228, "ouml": 246, "uuml": 252, "Auml": 196, "Ouml": 214, "Uuml": 220, "agrave": 224, "aacute": 225, "acirc": 226, "atilde": 227,
        "aring": 229, "aelig": 230, "ccedil": 231, "egrave": 232, "eacute": 233, "ecirc": 234, "euml": 235, "igrave": 236, "iacute": 237,
        "icirc": 238,
        "iuml": 239, "ntilde": 241, "ograve": 242, "oacute": 243, "ocirc": 244, "otilde": 245, "oslash": 248, "ugrave": 249, "uacute": 250,
        "ucirc": 251,
        "Agrave": 192, "Aacute": 193, "Acirc": 194, "Ccedil": 199, "Egrave": 200, "Eacute": 201, "Ecirc": 202, "Iacute": 205, "Ntilde": 209,
        "Oacute": 211, "Uacute": 218, "oelig": 339, "ensp": 32, "emsp": 32, "thinsp": 32, "zwnj": 0, "zwj": 0, "shy": 0,
    ]

    private mutating func entity() {
        let limit = min(bytes.count, index + 12)
        guard let semicolon = bytes[index..<limit].firstIndex(of: 59) else { return take(38) }
        let name = String(decoding: bytes[(index + 1)..<semicolon], as: UTF8.self)
        var value: UInt32?
        if name.hasPrefix("#x") || name.hasPrefix("#X") {
            value = UInt32(name.dropFirst(2), radix: 16)
        } else if name.hasPrefix("#") {
            value = UInt32(name.dropFirst())
        } else {
            value = Self.named[name]
        }
        guard let value else { return take(38) }
        index = semicolon + 1
        guard hidden == nil else { return }
        if value == 32 || value == 160 {
            line.append(32)
        } else if value >= 32, value != 127, !(128..<160).contains(value), let scalar = Unicode.Scalar(value) {
            line += Array(String(Character(scalar)).utf8)
        }
    }
}
