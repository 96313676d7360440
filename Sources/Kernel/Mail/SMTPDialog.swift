import PluginAPI

/// The part of SMTP (RFC 5321) that follows the login: one mail to one recipient.
struct SMTPDialog {
    /// A server's answer.
    struct Reply {
        var code: Int
        /// `5.1.1`, where the server says one (RFC 3463).
        var status: String?
        var lines: [String]

        var isGood: Bool { (200..<400).contains(code) }
    }

    private static let maximumLine = 4096
    private static let maximumLines = 128

    let wire: MailWire
    private var server: MailServer { wire.link.server }
    private var origin: String { wire.link.origin }

    /// Hands a mail over.
    func submit(_ mail: MailSubmission) async throws {
        for address in [mail.sender, mail.recipient] where !Self.isSound(address) {
            throw PluginFailure.permanent(.unknownRecipient, "an address of the mail is none that SMTP can carry")
        }
        var parameters = ""
        if !(mail.sender + mail.recipient).utf8.allSatisfy({ $0 < 128 }) {
            // The login's own EHLO was libcurl's; what it offered is asked again.
            let offer = try await command("EHLO \(server.clientName ?? "localhost")")
            guard offer.lines.contains(where: { $0.uppercased() == "SMTPUTF8" }) else {
                throw PluginFailure.permanent(.unknownRecipient, "\(origin) carries no internationalised addresses (SMTPUTF8)")
            }
            parameters = " SMTPUTF8"
        }
        try await expect(command("MAIL FROM:<\(mail.sender)>\(parameters)"), from: .sender)
        try await expect(command("RCPT TO:<\(mail.recipient)>"), from: .recipient)
        let ready = try await command("DATA")
        guard ready.code == 354 else { throw failure(ready, from: .content) }
        let bytes = Self.stuffed(mail.bytes)
        // At least 64 KB a second beside the usual time.
        let limit = server.timeout + .seconds(bytes.count >> 16)
        try await wire.send(bytes, by: .now + limit)
        // RFC 5321 asks for patience here: a second try could become a second mail.
        try await expect(reply(within: max(server.timeout, .seconds(120))), from: .content)
        try? await wire.send(Array("QUIT\r\n".utf8), by: .now + .seconds(1))
    }

    private func command(_ line: String) async throws -> Reply {
        try await wire.send(Array("\(line)\r\n".utf8), by: .now + server.timeout)
        return try await reply(within: server.timeout)
    }

    private func reply(within limit: Duration) async throws -> Reply {
        let deadline = ContinuousClock.now + limit
        var lines: [String] = []
        while lines.count < Self.maximumLines {
            guard let bytes = try await wire.line(maximum: Self.maximumLine, by: deadline) else { throw wire.timeout }
            let line = String(decoding: bytes, as: UTF8.self)
            guard let code = Int(line.prefix(3)), (200..<600).contains(code), [" ", "-", ""].contains(line.dropFirst(3).prefix(1)) else { break }
            let text = line.dropFirst(4)
            lines.append(String(text))
            if line.dropFirst(3).first != "-" { return Reply(code: code, status: Self.status(in: text), lines: lines) }
        }
        throw PluginFailure.notReady(.malformedReply, "\(origin) answered with something that is not SMTP")
    }

    private static func status(in text: Substring) -> String? {
        let word = text.prefix { $0 != " " }
        let parts = word.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 3 && parts.allSatisfy { !$0.isEmpty && $0.count < 4 && $0.allSatisfy(\.isNumber) } ? String(word) : nil
    }

    // MARK: What an answer means

    private enum Subject { case sender, recipient, content }

    private func expect(_ reply: Reply, from subject: Subject) throws {
        if !(200..<300).contains(reply.code) { throw failure(reply, from: subject) }
    }

    /// The server's words stay out: they quote addresses.
    private func failure(_ reply: Reply, from subject: Subject) -> PluginFailure {
        let answer = "\(origin) answered \(reply.code)" + (reply.status.map { " (\($0))" } ?? "")
        let status = reply.status ?? ""
        switch reply.code {
        case 530, 534, 535, 538: return .credentialsRejected("\(answer): it wants another login")
        // A full mailbox, or one that lets strangers wait (RFC 3463, X.1 and X.2), says nothing of the server.
        case 450..<500 where subject == .recipient && (status.hasPrefix("4.1.") || status.hasPrefix("4.2.") || (status.isEmpty && reply.code == 450)):
            return .notReady(.recipientLimited, "\(answer) to the recipient's address: later, it says")
        case 400..<500 where status.hasPrefix("4.7") || reply.code == 421: return .notReady(.rateLimited, "\(answer): later, it says")
        case 400..<500: return .notReady(.overloaded, "\(answer): later, it says")
        case 500..<600:
            switch subject {
            case .sender: return .permanent(.configuration, "\(answer) to the sender's address")
            case .recipient where status.hasPrefix("5.7"): return .permanent(.invalidRequest, "\(answer): it does not send to this address for Jack")
            case .recipient: return .permanent(.unknownRecipient, "\(answer) to the recipient's address")
            case .content where status.hasPrefix("5.7"): return .permanent(.contentFiltered, "\(answer): it refuses the content")
            case .content: return .permanent(.invalidRequest, "\(answer) to the mail")
            }
        default: return .notReady(.malformedReply, "\(answer), which fits no question")
        }
    }

    /// No address that could end its line, or its brackets, early.
    private static func isSound(_ address: String) -> Bool {
        address.utf8.count <= 320 && address.unicodeScalars.allSatisfy { $0.value > 32 && $0.value != 127 && !"<>".unicodeScalars.contains($0) }
    }

    /// The bytes as DATA carries them: every line end a CRLF, since what servers make of others differs (and smuggles mails), a dot before each line that
    /// begins with one, and the end.
    static func stuffed(_ mail: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(mail.count + mail.count / 32 + 8)
        var isStart = true, last: UInt8 = 0
        for byte in mail {
            defer { last = byte }
            if byte == 10 && last == 13 { continue }
            if byte == 10 || byte == 13 {
                result += [13, 10]
                isStart = true
                continue
            }
            if isStart && byte == 46 { result.append(46) }
            result.append(byte)
            isStart = false
        }
        if !isStart { result += [13, 10] }
        return result + [46, 13, 10]
    }
}
