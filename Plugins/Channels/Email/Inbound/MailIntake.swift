import CoreMetrics
import Foundation
import Logging
import PluginAPI

/// Takes mails out of the mailbox and hands them in, each once.
///
/// How far it has come is written down after a mail was accepted: a crash between the two has the mail handed in again, and the kernel knows it by its
/// vendor id. A mail that fails again and again is set aside (``MailAside``).
final class MailIntake: Sendable {
    /// The last mail that was dealt with.
    struct Cursor: Codable, Equatable {
        var validity: UInt32
        var uid: UInt32
        /// When the mailbox was last looked at, at most an hour before the last look.
        var at: Date
    }

    private static let cursorInterval: TimeInterval = 3600

    private let settings: EmailSettings
    private let context: PluginContext
    private let own: MailAddress
    private let signer: MailSigner
    private let threads: MailThreads
    private let cursorKey: String
    private let aside: MailAside

    init(settings: EmailSettings, context: PluginContext, own: MailAddress, signer: MailSigner) {
        self.settings = settings
        self.context = context
        self.own = own
        self.signer = signer
        threads = MailThreads(storage: context.storage)
        let imap = settings.imap
        let mailbox = Base32.digest([imap?.host, imap?.user, imap?.mailbox].map { $0 ?? "" }.joined(separator: "\n"))
        cursorKey = "cursor/" + mailbox
        aside = MailAside(context: context, mailbox: mailbox)
    }

    private var imap: IMAPSettings? { settings.imap }
    private var ownKeys: Set<String> {
        Set([own.key, imap?.user?.lowercased() ?? "", settings.smtp.user?.lowercased() ?? ""] + settings.aliases.map { $0.lowercased() })
    }

    /// Takes what is new.
    func look(_ session: any MailboxSession, _ state: MailboxState) async throws {
        let known = try await context.storage.get(cursorKey, as: Cursor.self), now = context.clock.now
        if let known, known.validity == state.uidValidity {
            let uids = try await session.search(.after(known.uid))
            try await take(uids, session, state)
            try await takeAside(session, state)
            if uids.isEmpty, now.timeIntervalSince(known.at) > Self.cursorInterval {
                try await store(Cursor(validity: known.validity, uid: known.uid, at: now))
            }
            return
        }
        if known != nil {
            context.logger.notice("the mailbox has new numbers: what it received since the last look is looked at again")
            // Servers count days, and not all of them in the same zone. What was set aside is found by its time, too.
            let first = try await aside.all().map(\.since).min() ?? now
            let since = min(known?.at ?? now, first).addingTimeInterval(-2 * 86_400)
            try await take(session.search(.since(since)), session, state, keepsCursor: false)
        } else if imap?.begin == .unseen {
            try await take(session.search(.unseen), session, state, keepsCursor: false)
        }
        // What came since the mailbox was chosen has a number of `uidNext` or more, and is met by the next look, which follows at once.
        let last = state.uidNext > 0 ? state.uidNext - 1 : try await session.search(.after(0)).last ?? 0
        try await store(Cursor(validity: state.uidValidity, uid: last, at: now))
        try await take(session.search(.after(last)), session, state)
    }

    private func store(_ cursor: Cursor) async throws { try await context.storage.set(cursorKey, json: cursor) }

    private func take(_ uids: [UInt32], _ session: any MailboxSession, _ state: MailboxState, keepsCursor: Bool = true) async throws {
        // Where no cursor is kept, what was set aside is met again.
        let passed = keepsCursor ? [] : Set(try await aside.all().filter { $0.validity == state.uidValidity }.map(\.uid))
        for uid in uids where !passed.contains(uid) {
            try Task.checkCancellation()
            var isTaken = false
            do {
                isTaken = try await take(uid, session, state)
            } catch {
                guard MailAside.mayBeTheMails(error), try await aside.failed(uid, state.uidValidity, error) else { throw error }
            }
            if keepsCursor { try await store(Cursor(validity: state.uidValidity, uid: uid, at: context.clock.now)) }
            if isTaken { try await tidy(uid, session) }
        }
    }

    /// Tries once more what was set aside. That it fails again is no reason to connect anew.
    private func takeAside(_ session: any MailboxSession, _ state: MailboxState) async throws {
        for uid in try await aside.due(state.uidValidity) {
            try Task.checkCancellation()
            do {
                let isTaken = try await take(uid, session, state)
                try await aside.done(uid, state.uidValidity)
                if isTaken { try await tidy(uid, session) }
            } catch {
                guard MailAside.mayBeTheMails(error) else { throw error }
                try await aside.failedAgain(uid, state.uidValidity)
                context.logger.info("a mail that was set aside cannot be taken yet", metadata: ["uid": "\(uid)"])
            }
        }
    }

    /// Fetches one mail and hands it in; false where it is left to people, or is no longer there.
    private func take(_ uid: UInt32, _ session: any MailboxSession, _ state: MailboxState) async throws -> Bool {
        guard let fetched = try await session.fetch(uid, maximumBytes: settings.maximumMail.bytes) else { return false }
        return try await take(fetched, state)
    }

    /// The mailbox shows what Jack has taken; what it has left to people stays as it is.
    private func tidy(_ uid: UInt32, _ session: any MailboxSession) async throws {
        do {
            switch imap?.taken ?? .leave {
            case .leave: break
            case .markSeen: try await session.add(flag: "\\Seen", to: uid)
            case .move:
                try await session.add(flag: "\\Seen", to: uid)
                try await session.move(uid, to: imap?.takenMailbox ?? "Jack")
            }
        } catch let failure as PluginFailure where failure.reason == .notFound || failure.reason == .vendorFault || failure.reason == .invalidRequest
        {
            context.logger.warning("a mail was taken and cannot be marked so", metadata: ["error": "\(failure)"])
        }
    }

    /// Hands one mail in; false where it is left to people.
    private func take(_ fetched: FetchedMail, _ state: MailboxState) async throws -> Bool {
        let incoming = IncomingMail(fetched.bytes)
        switch MailKind(incoming, own: ownKeys, signer: signer) {
        case .ignored(let reason) where MailKind.sentByPrograms.contains(reason) && settings.isForPrograms(incoming.recipients):
            return try await accept(incoming, fetched, state, isAutomatic: true)
        case .ignored(let reason):
            ignore(reason)
            return false
        case .bounce(let bounces):
            let receipts = bounces.map { bounce in
                let reason: PluginFailure.Reason =
                    bounce.status.map { $0.hasPrefix("5.1") || $0.hasPrefix("5.4") } ?? true ? .unknownRecipient : .invalidRequest
                return InboundEvent(
                    vendorID: "\(incoming.vendorID) \(bounce.messageID)", peer: nil, occurredAt: fetched.receivedAt,
                    .receipt(
                        DeliveryReceipt(
                            vendorMessageID: bounce.messageID, messageID: signer.outboundID(of: bounce.messageID), state: .failed,
                            reason: reason.rawValue,
                            detail: "a mail server could not deliver it" + (bounce.status.map { " (\($0))" } ?? ""))))
            }
            _ = try await context.inbound.accept(receipts)
            context.metrics.counter("mail_bounces_total").increment(by: bounces.count)
            return true
        case .message: return try await accept(incoming, fetched, state, isAutomatic: settings.isForPrograms(incoming.recipients))
        }
    }

    private func ignore(_ reason: String) {
        context.metrics.counter("mail_ignored_total", [("reason", reason)]).increment()
        context.logger.info("a mail is left to people", metadata: ["reason": "\(reason)"])
    }

    private func accept(_ incoming: IncomingMail, _ fetched: FetchedMail, _ state: MailboxState, isAutomatic: Bool = false) async throws -> Bool {
        guard let sender = incoming.replyTo else { return false }
        var peer = sender.key, tagged: String?
        // The tag was given to one peer alone; whoever writes to it goes on with that conversation, and the answer goes to that peer.
        for address in incoming.recipients {
            if let tag = signer.tag(in: address, of: own), let known = try await threads.peer(ofTag: tag) { tagged = known }
        }
        peer = tagged ?? peer
        // Nobody answers what is written to programs: no loop can come of it, and a storm of it is just what must be heard of.
        if !settings.isForPrograms(incoming.recipients), try await !admit(peer, incoming.vendorID, fetched.receivedAt) {
            ignore("loop")
            return false
        }
        let message = InboundMessage(
            text: MailText(incoming, limit: settings.maximumText).text, media: MediaNames.references(incoming, fetched.uid, state.uidValidity),
            inReplyTo: incoming.answered.first(where: signer.isOwn), displayName: incoming.from?.name,
            locale: incoming.mail.head.word("content-language").flatMap { $0.utf8.count <= 35 && !$0.isEmpty ? $0 : nil },
            subject: incoming.subject.isEmpty ? nil : incoming.subject, recipients: incoming.recipients.map(\.key),
            isAutomatic: isAutomatic ? true : nil)
        try await threads.remember(incoming.thread, vendorID: incoming.vendorID, peer: peer)
        let event = InboundEvent(
            vendorID: incoming.vendorID, peer: PeerAddress(.email, peer), sender: try await assurance(of: peer, isTagged: tagged != nil, incoming),
            occurredAt: fetched.receivedAt ?? incoming.date, .message(message))
        _ = try await context.inbound.accept([event])
        return true
    }

    /// Mails of Jack's that an answer names and that are looked up.
    private static let lookedUp = 10

    /// Whether the writer is the peer, as far as can be told: `From` alone tells nothing.
    private func assurance(of peer: String, isTagged: Bool, _ incoming: IncomingMail) async throws -> SenderAssurance {
        if isTagged { return .proven("the mail was sent to the address that Jack gave to this peer alone") }
        // A Message-ID of Jack's cannot be guessed, and went to one address alone. One that went to another address proves nothing.
        for id in incoming.answered.lazy.filter(signer.isOwn).prefix(Self.lookedUp) {
            if try await threads.peer(ofMail: id) == peer { return .proven("the mail answers one that Jack sent to this address") }
        }
        guard let authentication = settings.authentication else { return .claimed("nobody vouches for a mail's sender (authentication is not set)") }
        return MailAuthentication(authentication).assurance(of: peer, in: incoming.mail.head)
    }

    /// Counts a peer's mails of one hour, by when the server received them: after a night without Jack, or where the mailbox has new numbers, those of days
    /// come at once, and are no loop. False where they are too many for a person's. A mail that comes again is not another one.
    private func admit(_ peer: String, _ vendorID: String, _ receivedAt: Date?) async throws -> Bool {
        let key = "recent/\(Base32.digest(peer))", id = Base32.digest(vendorID, bytes: 5), now = context.clock.now
        // A server whose clock is ahead must not have an hour last longer.
        let at = min(receivedAt ?? now, now)
        let known = try await context.storage.get(key, as: [String: Date].self) ?? [:]
        if known[id] != nil { return true }
        let isNear = { (one: Date, other: Date) in abs(one.timeIntervalSince(other)) < 3600 }
        guard known.values.count(where: { isNear($0, at) }) < settings.mailsPerHour else { return false }
        var recent = known.filter { isNear($0.value, at) || isNear($0.value, now) }
        recent[id] = at
        try await context.storage.set(key, json: recent, lifetime: .seconds(3600))
        return true
    }
}

/// The words of a mail.
struct MailText {
    let text: String

    init(_ incoming: IncomingMail, limit: Int) {
        let content = MailContent(incoming.mail).text
        let subject = incoming.subject
        let isForward = ["fwd:", "fw:", "wg:", "tr:", "rv:"].contains(where: subject.lowercased().hasPrefix)
        var body = isForward ? content.trimmingCharacters(in: .whitespacesAndNewlines) : ReplyText.strip(content)
        // The subject of a first mail says what it is about, and at times all of it.
        let isFirst = incoming.answered.isEmpty
        if !subject.isEmpty, body.isEmpty || (isFirst && !body.lowercased().hasPrefix(subject.lowercased())) {
            body = body.isEmpty ? subject : "\(subject)\n\n\(body)"
        }
        text = body.count > limit ? body.prefix(limit) + "…" : body
    }
}

/// Names under which a mail's attachments are fetched again.
struct MediaNames: Equatable {
    var validity: UInt32
    var uid: UInt32
    var number: Int
    /// Finds the mail where it was moved.
    var messageID: String?

    var text: String { "\(validity)/\(uid)/\(number)" + (messageID.map { "/\($0)" } ?? "") }

    init(validity: UInt32, uid: UInt32, number: Int, messageID: String?) {
        self.validity = validity
        self.uid = uid
        self.number = number
        self.messageID = messageID
    }

    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 3)
        guard parts.count >= 3, let validity = UInt32(parts[0]), let uid = UInt32(parts[1]), let number = Int(parts[2]), number >= 0 else {
            return nil
        }
        let id = parts.count > 3 ? String(parts[3]) : nil
        guard id.map(MailComposer.isMessageID) ?? true else { return nil }
        self.init(validity: validity, uid: uid, number: number, messageID: id)
    }

    static func references(_ incoming: IncomingMail, _ uid: UInt32, _ validity: UInt32) -> [MediaReference] {
        MailContent(incoming.mail).attachments.enumerated().map { number, attachment in
            let kind: MediaReference.Kind =
                switch attachment.mimeType.prefix(while: { $0 != "/" }) {
                case "image": .image
                case "audio": .audio
                case "video": .video
                default: .document
                }
            let name = MediaNames(validity: validity, uid: uid, number: number, messageID: incoming.messageID)
            let body = attachment.part.body.count, isBase64 = attachment.part.encoding == "base64"
            return MediaReference(
                kind: kind, reference: name.text, mimeType: attachment.mimeType, fileName: attachment.fileName, size: isBase64 ? body / 78 * 57 : body
            )
        }
    }
}
