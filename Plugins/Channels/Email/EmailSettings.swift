import PluginAPI

/// What an operator may set for mail.
public struct EmailSettings: PluginSettings {
    @Setting(
        help: "The hotel's mail address, from which Jack writes; by default the SMTP user's name, where that is an address.",
        example: "frontdesk@hotel.example")
    public var address: String?
    @Setting(help: "The name beside the address; by default the hotel's.") public var name: String?
    @Setting(help: "Other addresses of the hotel's own: mail from them is never answered.") public var aliases: [String] = []
    @Setting(
        help:
            "Addresses of this mailbox to which programs write: their mails are handed in too, marked so that nobody answers them, and are never too many.",
        example: "[frontdesk+alerts-7c1f@hotel.example]")
    public var automaticTo: [String] = []
    @Setting(help: "The server that takes mail for sending.") public var smtp: SMTPSettings
    @Setting(help: "The server that holds the hotel's mailbox; without it, nothing is received.") public var imap: IMAPSettings?
    @Setting(
        help: "Which mail server's word on a sender counts; without it a guest is not known by the address, but by booking number and last name.")
    public var authentication: AuthenticationSettings?
    @Setting(help: "The subject of a mail that answers none; {hotel} is the hotel's name.", .notEmpty) public var subject: String =
        "A message from {hotel}"
    @Setting(
        help:
            "Whether replies go to address+tag, so that a guest who writes from another address is known; the mail server must deliver such addresses."
    )
    public var replyTags: Bool = false
    @Setting(help: "A PEM file with the authorities to trust in place of the system's, for a mail server with a certificate of the hotel's own.")
    public var certificateAuthorities: String?
    @Setting(help: "How much of a mail is read; attachments beyond it cannot be fetched.", .range(.kilobytes(64)...(.megabytes(64))), advanced: true)
    public var maximumMail: ByteCount = .megabytes(25)
    @Setting(help: "The longest text that is handed on, in characters.", .range(500...200_000), advanced: true) public var maximumText: Int = 20_000
    @Setting(help: "How many mails of one address are taken within an hour; more of them are a loop.", .range(1...10_000))
    public var mailsPerHour: Int = 30

    public init() {}

    /// The address from which Jack writes.
    var sender: MailAddress? { (address ?? smtp.user).flatMap { MailAddress.parse(Array($0.utf8)).first } }

    /// Whether one of the addresses is for what programs write.
    func isForPrograms(_ recipients: [MailAddress]) -> Bool {
        guard !automaticTo.isEmpty else { return false }
        let keys = Set(automaticTo.map { $0.lowercased() })
        return recipients.contains { keys.contains($0.key) }
    }

    func check(_ report: inout ValidationReport) {
        if let address, MailAddress.parse(Array(address.utf8)).first?.address.lowercased() != address.lowercased() {
            report.error("address", "“\(address)” is not a mail address", remedy: "write for example frontdesk@hotel.example")
        } else if sender == nil {
            // No error, so that the variables of the environment, and the sample, need not say it: the instance alone does not start.
            report.warning(
                "address", "the hotel's address is missing, and the instance will not start", remedy: "add address: frontdesk@hotel.example",
                code: .missing)
        }
        for alias in aliases where MailAddress.parse(Array(alias.utf8)).first == nil { report.error("aliases", "“\(alias)” is not a mail address") }
        for address in automaticTo where MailAddress.parse(Array(address.utf8)).first == nil {
            report.error("automatic_to", "“\(address)” is not a mail address")
        }
        if let name, name.contains(where: \.isNewline) { report.error("name", "a name has one line") }
        if subject.contains(where: \.isNewline) { report.error("subject", "a subject has one line") }
        if imap != nil, authentication == nil {
            report.warning(
                "imap",
                "anybody can write any sender into a mail: guests are not known by their mail address, but must say booking number and last name, or answer a mail of Jack's",
                remedy: "add authentication: {server: …}, with the name that your mail server gives itself in Authentication-Results",
                code: .insecure)
        }
        if let server = authentication?.server, server.contains(where: { $0.isWhitespace || ";()\"=".contains($0) }) {
            report.error(
                "authentication.server", "“\(server)” is not the name of a mail server",
                remedy: "write what stands between Authentication-Results: and the first semicolon")
        }
        check("smtp", smtp.host, smtp.security, smtp.user, smtp.password, &report)
        check("imap", imap?.host, imap?.security, imap?.user, imap?.password, &report)
        if imap?.taken == .move, imap?.takenMailbox == nil {
            report.error("imap.taken_mailbox", "mails that Jack has taken are to be moved, and nothing says where", remedy: "add taken_mailbox: Jack")
        }
    }

    private func check(
        _ key: String, _ host: String?, _ security: MailServer.Security?, _ user: String?, _ password: Secret?, _ report: inout ValidationReport
    ) {
        guard let host, let security else { return }
        if host.contains("/") || host.contains("@") || host.contains(" ") {
            report.error("\(key).host", "“\(host)” is not the name of a host", remedy: "write the name alone, such as mail.hotel.example")
        }
        if (user == nil) != (password == nil) { report.error("\(key).user", "user and password go together") }
        guard security == .none, !MailServer(host: host, port: 1, security: security).isLoopback else { return }
        if password == nil {
            report.warning("\(key).security", "mail is sent without encryption, and anybody on the way can read it", remedy: "use starttls or tls")
        } else {
            report.error("\(key).security", "a password is not sent without TLS", remedy: "use starttls or tls")
        }
    }
}

/// The submission server.
public struct SMTPSettings: PluginSettings {
    @Setting(help: "The server's name.", .notEmpty, example: "smtp.hotel.example") public var host: String
    @Setting(help: "The port; by default 587, or 465 with tls.", .ifSet(.range(1...65_535))) public var port: Int?
    @Setting(help: "How the connection is protected; none is for a server on this machine.") public var security: MailServer.Security = .starttls
    @Setting(help: "The user's name; none for a server that lets everybody on its network send.") public var user: String?
    @Setting(help: "The user's password, or one for this program alone.", example: "${SMTP_PASSWORD}") public var password: Secret?
    @Setting(help: "How long connecting, and each answer, may take.", .range(.seconds(1)...(.seconds(300))), advanced: true)
    public var timeout: Duration = .seconds(30)

    public init() {}
}

/// The server with the hotel's mailbox.
public struct IMAPSettings: PluginSettings {
    /// What becomes of a mail that Jack has taken.
    public enum Taken: String, SettingChoice {
        case markSeen = "mark_seen"
        case move, leave
    }

    /// Where a mailbox that Jack does not know yet begins.
    public enum Beginning: String, SettingChoice { case new, unseen }

    @Setting(help: "The server's name.", .notEmpty, example: "imap.hotel.example") public var host: String
    @Setting(help: "The port; by default 993, or 143 with starttls or none.", .ifSet(.range(1...65_535))) public var port: Int?
    @Setting(help: "How the connection is protected; none is for a server on this machine.") public var security: MailServer.Security = .tls
    @Setting(help: "The user's name.", example: "frontdesk@hotel.example") public var user: String?
    @Setting(help: "The user's password, or one for this program alone.", example: "${IMAP_PASSWORD}") public var password: Secret?
    @Setting(help: "The mailbox where guests' mail arrives.", .notEmpty) public var mailbox: String = "INBOX"
    @Setting(
        help: "How often to look where the server does not tell by itself (IDLE), and how often to make sure that it still would.",
        .range(.seconds(1)...(.seconds(1740))))
    public var poll: Duration = .seconds(240)
    @Setting(help: "What becomes of a mail that Jack has taken: mark_seen, move it to taken_mailbox, or leave it as it is.")
    public var taken: Taken = .markSeen
    @Setting(help: "The mailbox to move mails to that Jack has taken.") public var takenMailbox: String?
    @Setting(help: "At the first start: take only mail that comes from now on, or also what is unseen.") public var begin: Beginning = .new
    @Setting(help: "How long connecting, and each answer, may take.", .range(.seconds(1)...(.seconds(300))), advanced: true)
    public var timeout: Duration = .seconds(30)

    public init() {}
}

/// The mail server whose `Authentication-Results` (RFC 8601) are believed.
public struct AuthenticationSettings: PluginSettings {
    @Setting(
        help: "The name that the hotel's own mail server gives itself at the beginning of Authentication-Results (its authserv-id).", .notEmpty,
        example: "mx.hotel.example")
    public var server: String
    @Setting(
        help:
            "How many Received fields may stand above that one in the mailbox, put there by servers of the hotel's own; with more than 0 that server must take away what senders write in its name.",
        .range(0...20))
    public var receivedAbove: Int = 0

    public init() {}
}
