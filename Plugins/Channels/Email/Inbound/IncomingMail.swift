import Crypto
import Foundation

/// A mail as this plugin understands it.
struct IncomingMail {
    let mail: MIMEPart
    /// With its brackets; nil where there is none, or one that cannot be used again.
    let messageID: String?
    let from: MailAddress?
    /// Where an answer should go: `Reply-To`, or else `From`.
    let replyTo: MailAddress?
    /// All addresses that it was sent to, as far as it says so.
    let recipients: [MailAddress]
    let subject: String
    let date: Date?
    /// What it answers, the nearest first.
    let answered: [String]
    let references: [String]
    private let digest: String

    init(_ bytes: [UInt8], limits: MIMELimits = MIMELimits()) {
        mail = MIMEParser.parse(bytes, limits: limits)
        let head = mail.head
        messageID = head.value("message-id").flatMap { Self.messageIDs(in: $0, limit: 1).first }
        from =
            (head.value("from").map { MailAddress.parse($0, limit: 1) } ?? []).first
            ?? (head.value("sender").map { MailAddress.parse($0, limit: 1) } ?? []).first
        replyTo = (head.value("reply-to").map { MailAddress.parse($0, limit: 1) } ?? []).first ?? from
        recipients = ["to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-delivered-to"].flatMap { name in
            head.values(name).prefix(5).flatMap { MailAddress.parse($0) }
        }
        subject = String((head.text("subject") ?? "").prefix(1000))
        date = head.text("date").flatMap(MailDate.parse)
        let direct = head.value("in-reply-to").map { Self.messageIDs(in: $0, limit: 5) } ?? []
        references = head.value("references").map { Self.messageIDs(in: $0, limit: 200) } ?? direct
        answered = direct + references.reversed()
        // Over what no server on the way changes: the same mail, delivered or moved again, is the same.
        var hash = SHA256()
        for name in ["from", "date", "subject"] { hash.update(data: Data((head.value(name) ?? []) + [10])) }
        hash.update(data: Data(mail.body))
        digest = Base32.encode(hash.finalize().prefix(20))
    }

    /// What tells this mail from every other. A Message-ID alone does not: there are programs that give all their mails the same.
    var vendorID: String { messageID.map { "\($0) \(digest.prefix(10))" } ?? "mail-\(digest)" }

    var thread: MailThread { MailThread(messageID: messageID, subject: subject, references: references) }

    /// `<…@…>` in a field. What has no brackets is one, too, where it looks like it.
    static func messageIDs(in value: [UInt8], limit: Int) -> [String] {
        var found: [String] = []
        for piece in value.split(separator: 60).prefix(limit + 1) where found.count < limit {
            guard let end = piece.firstIndex(of: 62) else { continue }
            let text = "<" + String(decoding: piece[..<end].filter { $0 > 32 && $0 < 127 }, as: UTF8.self) + ">"
            if text.utf8.count > 2, MailComposer.isMessageID(text) { found.append(text) }
        }
        if found.isEmpty, !value.contains(60) {
            let text = "<" + String(decoding: MIMEBytes.trimmed(value[...]), as: UTF8.self) + ">"
            if text.contains("@"), MailComposer.isMessageID(text) { found.append(text) }
        }
        return found
    }
}
