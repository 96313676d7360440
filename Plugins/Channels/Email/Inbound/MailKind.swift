import Foundation

/// What a mail is to Jack.
enum MailKind: Equatable {
    /// Somebody wrote.
    case message
    /// Servers could not deliver mails of Jack's.
    case bounce([Bounce])
    /// Nobody waits for an answer, and none must be given. The reason is for counters and for the log.
    case ignored(String)

    struct Bounce: Equatable {
        /// The Message-ID of the mail that failed.
        var messageID: String
        /// `5.1.1`, where it is said.
        var status: String?
    }

    /// The reasons for which a mail is a program's: such mails are handed in where a program is listened to.
    static let sentByPrograms: Set<String> = ["auto-reply", "bulk", "no-reply"]

    init(_ incoming: IncomingMail, own: Set<String>, signer: MailSigner) {
        let head = incoming.mail.head
        if let report = DeliveryReport(incoming, signer: signer) {
            self = report.bounces.isEmpty ? .ignored("delivery-report") : .bounce(report.bounces)
        } else if let id = incoming.messageID, signer.isOwn(id) {
            self = .ignored("own-mail")
        } else if let from = incoming.from, incoming.replyTo != nil {
            if own.contains(from.key) || own.contains(Self.untagged(from)) || (incoming.replyTo.map { own.contains($0.key) } ?? false) {
                self = .ignored("own-address")
            } else if let reason = Self.automatic(head) {
                self = .ignored(reason)
            } else if Self.isNobody(from) || (incoming.replyTo.map(Self.isNobody) ?? false) {
                self = .ignored("no-reply")
            } else {
                self = .message
            }
        } else {
            self = .ignored("no-sender")
        }
    }

    private static func untagged(_ address: MailAddress) -> String { "\(address.local.prefix { $0 != "+" })@\(address.domain)".lowercased() }

    /// What programs say of their own mails: RFC 3834, and the habits that are older.
    private static func automatic(_ head: MailHead) -> String? {
        if let word = head.word("auto-submitted"), word != "no" { return "auto-reply" }
        if let path = head.value("return-path"), MIMEBytes.trimmed(path[...]).elementsEqual(Array("<>".utf8)) { return "auto-reply" }
        if let word = head.word("precedence") {
            if ["bulk", "junk", "list"].contains(word) { return "bulk" }
            if word == "auto_reply" { return "auto-reply" }
        }
        for name in ["x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply"] {
            if let word = head.word(name), word != "no" { return "auto-reply" }
        }
        if head.value("list-id") != nil || head.value("x-mailing-list") != nil { return "bulk" }
        if let word = head.word("x-auto-response-suppress"), ["all", "oof", "autoreply"].contains(where: word.contains) { return "auto-reply" }
        if head.value("x-failed-recipients") != nil { return "delivery-report" }
        return nil
    }

    private static func isNobody(_ address: MailAddress) -> Bool {
        let local = address.local.lowercased().filter { $0 != "-" && $0 != "_" && $0 != "." }
        return ["mailerdaemon", "noreply", "donotreply", "nereply"].contains(local) || local.hasPrefix("noreply+")
    }
}

/// A server's report that a mail could not be delivered (RFC 3464), or what older servers write in its place.
struct DeliveryReport {
    /// Those of Jack's mails that failed for good.
    let bounces: [MailKind.Bounce]

    /// Nil where the mail is no report.
    init?(_ incoming: IncomingMail, signer: MailSigner) {
        let mail = incoming.mail, parts = Self.flattened(mail)
        if mail.type == "multipart/report", mail.parameters["report-type"].map({ $0.lowercased() == "delivery-status" }) ?? true,
            let status = parts.first(where: { $0.type == "message/delivery-status" || $0.type == "message/global-delivery-status" })
        {
            let groups = Self.groups(status.content)
            let failed = groups.first { group in
                group.contains { $0.name == "action" && MIMEBytes.lowercased($0.value).contains("failed") }
            }
            // Delayed, relayed, delivered: nothing has failed.
            guard let failed else { bounces = []; return }
            let code = failed.first { $0.name == "status" }.flatMap { Self.status(in: String(decoding: $0.value, as: UTF8.self)) }
            bounces = Self.originals(parts, incoming, signer).map { MailKind.Bounce(messageID: $0, status: code) }
            return
        }
        // A disposition notification says that somebody's program has shown the mail, or thrown it away.
        if mail.type == "multipart/report" { bounces = []; return }
        let path = mail.head.value("return-path").map { MIMEBytes.trimmed($0[...]) }
        let isDaemon = incoming.from.map { ["mailer-daemon", "postmaster"].contains($0.local.lowercased()) } ?? true
        let isEmpty = path.map { $0.elementsEqual(Array("<>".utf8)) || $0.elementsEqual(Array("<MAILER-DAEMON>".utf8)) } ?? false
        guard isDaemon && (isEmpty || mail.head.value("x-failed-recipients") != nil || Self.sounds(incoming.subject)) else { return nil }
        bounces = Self.originals(parts, incoming, signer).map { MailKind.Bounce(messageID: $0, status: nil) }
    }

    private static func sounds(_ subject: String) -> Bool {
        let text = subject.lowercased()
        return [
            "undeliver", "delivery status", "delivery fail", "failure notice", "returned mail", "unzustellbar", "non remis", "no se puede entregar",
        ].contains {
            text.contains($0)
        }
    }

    private static func flattened(_ part: MIMEPart) -> [MIMEPart] { part.children.isEmpty ? [part] : part.children.flatMap(flattened) }

    /// The groups of fields in a delivery status: one for the mail, one for each recipient.
    private static func groups(_ content: [UInt8]) -> [[MailHead.Field]] {
        var groups: [[MailHead.Field]] = [], index = 0
        while index < content.count, groups.count < 50 {
            let end = { () -> Int in
                var at = index
                while at < content.count {
                    let (lineEnd, next) = MIMEBytes.line(content, from: at, to: content.count)
                    if lineEnd == at { return next }
                    at = next
                }
                return at
            }()
            let group = MIMEParser.parse(Array(content[index..<end])).head.fields
            if !group.isEmpty { groups.append(group) }
            index = max(end, index + 1)
        }
        return groups
    }

    private static func status(in text: String) -> String? {
        let word = text.split { " \t(;".contains($0) }.first.map(String.init) ?? ""
        let parts = word.split(separator: ".")
        return parts.count == 3 && parts.allSatisfy { $0.count < 4 && $0.allSatisfy(\.isNumber) } ? word : nil
    }

    /// Message-IDs of Jack's, wherever in the report they stand: in the mail that came back, in its head, or in the report's own references.
    private static func originals(_ parts: [MIMEPart], _ incoming: IncomingMail, _ signer: MailSigner) -> [String] {
        var found: [String] = []
        func add(_ ids: [String]) { for id in ids where signer.isOwn(id) && !found.contains(id) { found.append(id) } }
        for part in parts
        where ["message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers"].contains(part.type) {
            let head = MIMEParser.parse(part.content, limits: MIMELimits(depth: 0)).head
            if let id = head.value("message-id") { add(IncomingMail.messageIDs(in: id, limit: 1)) }
        }
        if found.isEmpty { add(incoming.answered) }
        if found.isEmpty {
            // Older servers quote the mail in their text.
            for part in parts.prefix(20) where part.type.hasPrefix("text/") {
                let text = Array(part.text.utf8.prefix(256 << 10)), mark = Array("<jack.".utf8)
                var index = 0
                while found.count < 5, let open = text[index...].firstIndex(of: 60) {
                    if text[open...].starts(with: mark) {
                        add(IncomingMail.messageIDs(in: Array(text[open..<min(open + 260, text.count)]), limit: 1))
                    }
                    index = open + 1
                }
            }
        }
        return Array(found.prefix(5))
    }
}
