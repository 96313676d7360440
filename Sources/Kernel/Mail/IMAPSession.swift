import Foundation
import PluginAPI

/// An IMAP4rev1 session (RFC 3501) that libcurl has logged in.
actor IMAPSession: MailboxSession {
    /// A line of a server's without its literals: a list of all UIDs of a large mailbox must fit.
    private static let maximumLine = 4 << 20
    private static let maximumResponses = 20_000

    private let wire: MailWire
    private var capabilities: Set<String> = []
    private var count = 0
    private var commands = 0
    private var isBusy = false
    private var isClosed = false
    /// A literal longer than this ends the session.
    private var maximumLiteral = 1 << 20

    private nonisolated var server: MailServer { wire.link.server }
    private nonisolated var origin: String { wire.link.origin }

    init(_ wire: MailWire) async throws {
        self.wire = wire
        for response in try await run([.text("CAPABILITY")]) where response.words.first == "CAPABILITY" {
            let values = response.values() ?? []
            capabilities = Set(values.compactMap { $0.text?.uppercased() })
        }
    }

    // MARK: Mailboxes and mails

    func select(_ mailbox: String, readOnly: Bool) async throws -> MailboxState {
        var state = MailboxState(uidValidity: 0, uidNext: 0, count: 0)
        count = 0
        for response in try await run([.text(readOnly ? "EXAMINE " : "SELECT "), .string(IMAPText.mailbox(mailbox))]) {
            state.uidValidity = response.code("UIDVALIDITY") ?? state.uidValidity
            state.uidNext = response.code("UIDNEXT") ?? state.uidNext
        }
        guard state.uidValidity > 0 else {
            throw PluginFailure.permanent(.configuration, "\(origin) gives the mails of this mailbox no lasting numbers")
        }
        state.count = count
        return state
    }

    func search(_ search: MailSearch) async throws -> [UInt32] {
        let criteria: [Part] =
            switch search {
            case .after(let uid): [.text("UID \(uid == .max ? uid : uid + 1):*")]
            case .since(let date): [.text("SINCE \(IMAPText.day(date))")]
            case .unseen: [.text("UNSEEN")]
            case .messageID(let id): [.text("HEADER Message-ID "), .string(id)]
            }
        let responses = try await run([.text("UID SEARCH ")] + criteria)
        let found = responses.filter { $0.words.first == "SEARCH" }.flatMap { ($0.values() ?? []).dropFirst(2).compactMap(\.number) }
        // `n:*` names the last mail also where its UID is smaller than n.
        if case .after(let uid) = search { return found.filter { $0 > uid }.sorted() }
        return found.sorted()
    }

    func fetch(_ uid: UInt32, maximumBytes: Int) async throws -> FetchedMail? {
        maximumLiteral = maximumBytes + 1
        let command = "UID FETCH \(uid) (UID RFC822.SIZE INTERNALDATE FLAGS BODY.PEEK[]<0.\(max(1, maximumBytes))>)"
        // At least 64 KB a second beside the usual time.
        let responses = try await run([.text(command)], within: server.timeout + .seconds(maximumBytes >> 16))
        for response in responses where response.words.last == "FETCH" {
            guard let items = response.values()?.last?.elements else { throw broken() }
            var mail = FetchedMail(uid: 0, bytes: [], size: 0), hasBody = false
            for (key, value) in zip(items, items.dropFirst()).enumerated().filter({ $0.offset.isMultiple(of: 2) }).map(\.element) {
                switch key.text?.uppercased() ?? "" {
                case "UID": mail.uid = value.number ?? 0
                case "RFC822.SIZE": mail.size = Int(value.number ?? 0)
                case "INTERNALDATE": mail.receivedAt = value.text.flatMap(IMAPText.date)
                case "FLAGS": mail.flags = Set((value.elements ?? []).compactMap(\.text))
                case let name where name.hasPrefix("BODY["):
                    hasBody = true
                    if case .string(let bytes) = value { mail.bytes = bytes }
                default: break
                }
            }
            guard mail.uid == uid, hasBody else { continue }
            mail.size = max(mail.size, mail.bytes.count)
            return mail
        }
        return nil
    }

    func add(flag: String, to uid: UInt32) async throws {
        guard flag.utf8.allSatisfy({ $0 > 32 && $0 < 127 && !"()\"{%*]".utf8.contains($0) }) else {
            throw PluginFailure.permanent(.invalidRequest, "a flag is a word")
        }
        _ = try await run([.text("UID STORE \(uid) +FLAGS.SILENT (\(flag))")])
    }

    func move(_ uid: UInt32, to mailbox: String) async throws {
        let name = Part.string(IMAPText.mailbox(mailbox))
        if capabilities.contains("MOVE") {
            _ = try await run([.text("UID MOVE \(uid) "), name])
            return
        }
        _ = try await run([.text("UID COPY \(uid) "), name])
        _ = try await run([.text("UID STORE \(uid) +FLAGS.SILENT (\\Deleted)")])
        // A plain EXPUNGE would take away what others have marked, too.
        if capabilities.contains("UIDPLUS") { _ = try await run([.text("UID EXPUNGE \(uid)")]) }
    }

    func ping() async throws { _ = try await run([.text("NOOP")]) }

    func idle(atMost limit: Duration) async throws -> Bool {
        guard capabilities.contains("IDLE") else { throw PluginFailure.notImplemented("IDLE at \(origin)") }
        return try await exclusively {
            let before = count
            let tag = try await send([.text("IDLE")], until: .now + server.timeout)
            let end = ContinuousClock.now + limit
            var isTold = false, isIdle = false
            while !isTold || !isIdle {
                guard let response = try await next(by: isIdle ? end : .now + server.timeout) else {
                    if isIdle { break }
                    throw wire.timeout
                }
                if response.tag == "+" {
                    isIdle = true
                } else if response.tag == tag {
                    // The server has ended it by itself.
                    try judge(response)
                    return isTold
                }
                // A mail that came, or one that went; `* OK Still here` is neither.
                if ["EXISTS", "EXPUNGE", "RECENT"].contains(response.words.last ?? "") { isTold = isTold || isIdle || count != before }
            }
            try await wire.send(Array("DONE\r\n".utf8), by: .now + server.timeout)
            _ = try await finish(tag, by: .now + server.timeout)
            return isTold
        }
    }

    func close() async {
        guard !isClosed else { return }
        if !isBusy {
            // A courtesy: the connection is closed whatever comes of it.
            try? await wire.send(Array("J0 LOGOUT\r\n".utf8), by: .now + .seconds(1))
        }
        isClosed = true
        wire.close()
    }

    // MARK: Commands

    private enum Part {
        case text(String)
        /// A quoted string, or a literal where it must be one.
        case string(String)
    }

    private func run(_ parts: [Part], within limit: Duration? = nil) async throws -> [IMAPResponse] {
        try await exclusively {
            let deadline = ContinuousClock.now + (limit ?? server.timeout)
            let tag = try await send(parts, until: deadline)
            return try await finish(tag, by: deadline)
        }
    }

    /// One at a time; whatever is thrown save a server's own answer leaves the connection in a state that nobody knows.
    private func exclusively<T>(_ work: () async throws -> T) async throws -> T {
        guard !isClosed else { throw PluginFailure.notReady(.unreachable, "the session with \(origin) is closed") }
        guard !isBusy else { throw PluginFailure.permanent(.invalidRequest, "the session with \(origin) is in use") }
        isBusy = true
        defer { isBusy = false }
        do {
            return try await work()
        } catch let answer as Answer {
            throw answer.failure
        } catch {
            isClosed = true
            wire.close()
            throw error
        }
    }

    private func send(_ parts: [Part], until deadline: ContinuousClock.Instant) async throws -> String {
        commands += 1
        let tag = "J\(commands)"
        var pending = Array("\(tag) ".utf8)
        for part in parts {
            switch part {
            case .text(let text): pending += Array(text.utf8)
            case .string(let text) where text.utf8.allSatisfy({ (0x20...0x7e).contains($0) }):
                pending += Array("\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\"".utf8)
            case .string(let text):
                let bytes = Array(text.utf8.filter { $0 != 0 })
                try await wire.send(pending + Array("{\(bytes.count)}\r\n".utf8), by: deadline)
                while true {
                    guard let response = try await next(by: deadline) else { throw wire.timeout }
                    if response.tag == "+" { break }
                    if response.tag == tag { try judge(response) }
                }
                pending = bytes
            }
        }
        try await wire.send(pending + [13, 10], by: deadline)
        return tag
    }

    private func finish(_ tag: String, by deadline: ContinuousClock.Instant) async throws -> [IMAPResponse] {
        var responses: [IMAPResponse] = []
        while responses.count < Self.maximumResponses {
            guard let response = try await next(by: deadline) else { throw wire.timeout }
            if response.tag == tag {
                try judge(response)
                return responses
            }
            responses.append(response)
        }
        throw malformed
    }

    /// The next response, or nil where none has begun in time.
    private func next(by deadline: ContinuousClock.Instant) async throws -> IMAPResponse? {
        var segments: [IMAPResponse.Segment] = [], left = maximumLiteral
        while true {
            guard let line = try await wire.line(maximum: Self.maximumLine, by: deadline) else {
                if segments.isEmpty { return nil }
                throw wire.timeout
            }
            guard let size = IMAPResponse.literal(after: line, isFirst: segments.isEmpty) else {
                segments.append(.text(line))
                break
            }
            guard size <= left, segments.count < 64 else { throw malformed }
            left -= size
            segments.append(.text(Array(line[..<(line.lastIndex(of: 123) ?? 0)])))
            segments.append(.literal(try await wire.bytes(size, by: deadline)))
        }
        let response = IMAPResponse(segments: segments)
        guard !response.tag.isEmpty else { throw malformed }
        let words = response.words
        if response.tag == "*", words.first == "BYE" { throw PluginFailure.notReady(.unreachable, "\(origin) ended the session") }
        if words.count == 2, words[1] == "EXISTS" || words[1].hasPrefix("EXISTS"), let number = Int(words[0]) { count = number }
        return response
    }

    /// For what is found to be nonsense after the answer was whole.
    private func broken() -> PluginFailure {
        isClosed = true
        wire.close()
        return malformed
    }

    private var malformed: PluginFailure {
        .notReady(.malformedReply, "\(origin) answered with something that is not IMAP, or is longer than is allowed")
    }

    /// A server's answer to a command that it did not carry out; the session goes on.
    private struct Answer: Error { let failure: PluginFailure }

    private func judge(_ response: IMAPResponse) throws {
        let code = response.condition.uppercased().split { " ]".contains($0) }.first.map(String.init) ?? ""
        switch response.words.first {
        case "OK": return
        case "NO":
            switch code {
            case "[NONEXISTENT", "[TRYCREATE": throw Answer(failure: .permanent(.notFound, "\(origin) has no such mailbox"))
            case "[AUTHENTICATIONFAILED", "[AUTHORIZATIONFAILED", "[EXPIRED":
                throw Answer(failure: .credentialsRejected("\(origin) no longer accepts the login"))
            default: throw Answer(failure: .notReady(.vendorFault, "\(origin) refused a command"))
            }
        case "BAD": throw Answer(failure: .permanent(.invalidRequest, "\(origin) did not understand a command"))
        default: throw malformed
        }
    }
}
