import Foundation

/// What of a mail is for people: the text and the attachments.
struct MailContent {
    struct Attachment {
        var part: MIMEPart
        var fileName: String?
        var mimeType: String
    }

    static let maximumAttachments = 20

    private(set) var text = ""
    private(set) var attachments: [Attachment] = []

    init(_ mail: MIMEPart) {
        var texts: [String] = []
        collect(mail, &texts)
        text = texts.filter { !$0.allSatisfy(\.isWhitespace) }.joined(separator: "\n\n")
    }

    private mutating func collect(_ part: MIMEPart, _ texts: inout [String]) {
        if part.isMultipart, !part.children.isEmpty {
            switch part.type {
            case "multipart/alternative":
                let plain = part.children.firstIndex { Self.holds("text/plain", $0) && !Self.isEmpty($0) }
                let chosen = plain ?? part.children.lastIndex { Self.holds("text/html", $0) } ?? 0
                collect(part.children[chosen], &texts)
                // Some programs put what is attached among the alternatives.
                for (index, child) in part.children.enumerated() where index != chosen {
                    for attachment in Self.flattened(child) where Self.isAttachment(attachment) { add(attachment) }
                }
            case "multipart/related":
                collect(part.children[0], &texts)
                // The rest are the pictures of the text, logos mostly.
                for child in part.children.dropFirst() where child.disposition == "attachment" { add(child) }
            case "multipart/signed": collect(part.children[0], &texts)
            default: for child in part.children { collect(child, &texts) }
            }
        } else if Self.isAttachment(part) {
            add(part)
        } else if part.type == "text/html" {
            texts.append(HTMLText.plain(part.text))
        } else if part.type.hasPrefix("text/") {
            let isFlowed = part.parameters["format"]?.lowercased() == "flowed"
            texts.append(isFlowed ? FlowedText.unfold(part.text, deletesSpace: part.parameters["delsp"]?.lowercased() == "yes") : part.text)
        }
    }

    private static func holds(_ type: String, _ part: MIMEPart) -> Bool {
        !isAttachment(part) && (part.type == type || part.children.contains { holds(type, $0) })
    }

    private static func isEmpty(_ part: MIMEPart) -> Bool { !part.isMultipart && part.text.allSatisfy(\.isWhitespace) }

    private static func flattened(_ part: MIMEPart) -> [MIMEPart] { part.children.isEmpty ? [part] : part.children.flatMap(flattened) }

    private static func isAttachment(_ part: MIMEPart) -> Bool {
        if part.isMultipart { return false }
        if part.disposition == "attachment" { return true }
        let isText = ["text/plain", "text/html", "text/enriched", "text/x-amp-html"].contains(part.type)
        return isText ? part.fileName != nil && part.disposition != "inline" : !part.type.hasPrefix("text/") || part.type == "text/calendar"
    }

    private mutating func add(_ part: MIMEPart) {
        // The mail's own signature is no file of the guest's.
        let ignored = [
            "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature", "message/delivery-status",
            "message/disposition-notification",
        ]
        guard attachments.count < Self.maximumAttachments, !ignored.contains(part.type) else { return }
        attachments.append(Attachment(part: part, fileName: Self.safe(part.fileName), mimeType: Self.safeType(part.type)))
    }

    /// A file's name without what could lead out of a folder or out of a line.
    static func safe(_ name: String?) -> String? {
        guard let name else { return nil }
        let last = name.split { $0 == "/" || $0 == "\\" }.last.map(String.init) ?? ""
        let plain = String(
            String.UnicodeScalarView(last.unicodeScalars.filter { $0.value >= 32 && $0.value != 127 && !(0x202a...0x202e).contains($0.value) }))
        let text = plain.trimmingCharacters(in: CharacterSet(charactersIn: ". "))
        return text.isEmpty ? nil : String(text.prefix(150))
    }

    static func safeType(_ type: String) -> String {
        type.utf8.count < 100 && type.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != 34 && $0 != 60 && $0 != 62 && $0 != 44 }
            ? type : "application/octet-stream"
    }
}
