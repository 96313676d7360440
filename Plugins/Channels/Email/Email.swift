import Foundation
import Logging
import PluginAPI
import Synchronization

/// Guests' mail: in by IMAP, out by SMTP.
///
/// A peer is ``PeerAddress/Kind/email`` with the address in lower case. The vendor's id of what Jack wrote is its Message-ID, brackets included.
public final class Email: ChannelPlugin {
    public typealias Settings = EmailSettings

    public static let manifest = PluginManifest(
        id: "email", summary: "Mail with guests: in by IMAP, out by SMTP.", stability: .beta,
        capabilities: ["text", "media-in", "receipts", "threads"],
        destinations: [
            DataDestination("the hosts of smtp and imap", purpose: "carrying mail", classes: [.guestText, .guestIdentity])
        ], documentation: "https://www.rfc-editor.org/rfc/rfc5322",
        environment: ["SMTP_HOST": "smtp.host", "SMTP_PORT": "smtp.port", "SMTP_USER": "smtp.user", "SMTP_PASSWORD": "smtp.password"],
        contacts: [
            ContactForm(.contact(type: "email"), recipientKeys: ["address"], .emailAddress),
            ContactForm(.receiver(key: "email_configs"), recipientKeys: ["to"], .emailAddress),
        ],
        quality: [
            .documentedSettings: .met, .contractSuite: .met, .noSecretsShown: .met, .typedFailures: .met, .probe: .met, .dataDestinations: .met,
            .documentedLimits: .met, .reconnects: .met, .idempotency: .exempt("SMTP has no key; the same message is the same Message-ID"),
            .receipts: .met, .vendorDocument: .met,
        ])

    public let features = ChannelFeatures(maximumTextLength: 100_000, receipts: [.sent, .failed])

    private let settings: EmailSettings
    private let context: PluginContext
    private let own: MailAddress
    private let watching = Mutex<Task<Void, Never>?>(nil)
    private let signer = Mutex<MailSigner?>(nil)

    public static func validate(_ settings: EmailSettings, _ report: inout ValidationReport) { settings.check(&report) }

    public init(settings: EmailSettings, context: PluginContext) throws {
        guard let own = settings.sender else { throw PluginFailure.permanent(.configuration, "the hotel's mail address is missing: set address") }
        self.settings = settings
        self.context = context
        self.own = MailAddress(name: settings.name ?? context.property.name, address: own.address)
    }

    // MARK: Life

    /// Logs in to both servers; sends nothing, and opens the mailbox without changing anything in it.
    public func probe() async throws -> ProbeResult {
        var said: [String] = []
        let server = try await submissionServer()
        try await context.mail.check(submission: server)
        said.append("\(server.host) takes mail" + (server.user == nil ? "" : " after a login"))
        if let imap = settings.imap, let server = try await mailboxServer() {
            let session = try await context.mail.open(server)
            let state: MailboxState
            do {
                state = try await session.select(imap.mailbox, readOnly: true)
            } catch {
                await session.close()
                throw error
            }
            await session.close()
            said.append("\(imap.mailbox) at \(server.host) holds \(state.count) mails")
        }
        return ProbeResult(said.joined(separator: "; "))
    }

    public func start() async throws {
        let signer = try await loadSigner()
        guard let imap = settings.imap, let server = try await mailboxServer() else { return }
        let intake = MailIntake(settings: settings, context: context, own: own, signer: signer)
        let watch = MailboxWatch(server: server, mailbox: imap.mailbox, poll: imap.poll), mail = context.mail
        watching.withLock { watching in
            if watching == nil { watching = Task { await mail.watch(watch) { session, state in try await intake.look(session, state) } } }
        }
    }

    public func stop() async {
        let task = watching.withLock { watching in
            defer { watching = nil }
            return watching
        }
        task?.cancel()
        await task?.value
    }

    // MARK: Out

    /// Sends a mail in the thread of the message that it answers, or else of the peer's last mail.
    /// - Throws: ``PluginFailure/Reason/unknownRecipient`` where the peer is no mail address, or the server says that there is none such.
    public func send(_ message: OutboundMessage) async throws -> SendResult {
        guard message.peer.kind == .email, let to = MailAddress.parse(Array(message.peer.value.utf8), limit: 2).first,
            to.key == message.peer.value.lowercased()
        else { throw PluginFailure.permanent(.unknownRecipient, "the peer is no mail address") }
        guard message.media.isEmpty else { throw PluginFailure.notImplemented("sending files by mail") }
        let signer = try await loadSigner(), threads = MailThreads(storage: context.storage)
        let id = signer.messageID(for: message.id, domain: own.domain)
        let thread = try await threads.find(vendorID: message.inReplyTo, peer: to.key)
        var replyTo: String?
        if settings.replyTags {
            let tag = signer.tag(for: to.key)
            try await threads.setPeer(to.key, ofTag: tag)
            replyTo = signer.tagged(own, tag: tag)
        }
        // Before it leaves: an answer may be quick.
        try await threads.setPeer(to.key, ofMail: id)
        let usual = settings.subject.replacing("{hotel}", with: context.property.name)
        // A mail that is tried again finds itself as the thread's beginning.
        let before = thread?.messageID == id ? nil : thread
        let subject = before.map { $0.subject.isEmpty ? "Re: \(usual)" : MailComposer.reply(to: $0.subject) } ?? usual
        let composer = MailComposer(
            from: own, to: to.address, replyTo: replyTo, subject: subject, date: context.clock.now, messageID: id, inReplyTo: before?.messageID,
            references: before?.chain ?? [], isAutomatic: message.author != .staff, language: message.locale, text: Self.text(of: message))
        try await context.mail.submit(MailSubmission(sender: own.address, recipient: to.address, bytes: composer.bytes()), to: submissionServer())
        if thread == nil { try? await threads.begin(MailThread(messageID: id, subject: usual, references: []), peer: to.key) }
        return SendResult(vendorIDs: [id], state: .sent)
    }

    private static func text(of message: OutboundMessage) -> String {
        let choices = message.quickReplies.map { "- \($0.title)" }
        let place = message.location.map { place in
            [place.name, place.address, "https://www.openstreetmap.org/?mlat=\(place.latitude)&mlon=\(place.longitude)"].compactMap { $0 }
        }
        return ([message.text] + [place ?? [], choices].filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }).joined(separator: "\n\n")
    }

    // MARK: Files

    /// Fetches an attachment out of the mailbox, or out of where the mail was moved to.
    public func fetchMedia(_ media: MediaReference) async throws -> MediaContent {
        guard let imap = settings.imap, let name = MediaNames(media.reference), let server = try await mailboxServer() else {
            throw PluginFailure.permanent(.notFound, "there is no such attachment")
        }
        let session = try await context.mail.open(server)
        do {
            let content = try await find(name, imap, session)
            await session.close()
            return content
        } catch {
            await session.close()
            throw error
        }
    }

    private func find(_ name: MediaNames, _ imap: IMAPSettings, _ session: any MailboxSession) async throws -> MediaContent {
        for mailbox in [imap.mailbox] + (imap.takenMailbox.map { [$0] } ?? []) {
            let state: MailboxState
            do {
                state = try await session.select(mailbox, readOnly: true)
            } catch let failure as PluginFailure where failure.reason == .notFound {
                continue
            }
            var uids = mailbox == imap.mailbox && state.uidValidity == name.validity ? [name.uid] : []
            if let id = name.messageID { uids += try await session.search(.messageID(id)).suffix(5) }
            for uid in uids {
                guard let mail = try await session.fetch(uid, maximumBytes: settings.maximumMail.bytes) else { continue }
                let incoming = IncomingMail(mail.bytes), attachments = MailContent(incoming.mail).attachments
                guard incoming.messageID == name.messageID, name.number < attachments.count else { continue }
                // The last part of a mail that was cut off is not whole.
                guard mail.size <= mail.bytes.count || name.number + 1 < attachments.count else {
                    throw PluginFailure.permanent(.invalidRequest, "the attachment is larger than what is read of a mail (maximum_mail)")
                }
                let attachment = attachments[name.number]
                return MediaContent(bytes: attachment.part.content, mimeType: attachment.mimeType)
            }
        }
        throw PluginFailure.permanent(.notFound, "the mail with this attachment is no longer in the mailbox")
    }

    // MARK: Servers

    private func loadSigner() async throws -> MailSigner {
        if let signer = signer.withLock({ $0 }) { return signer }
        let made = try await MailSigner.load(context.secrets)
        return signer.withLock { signer in
            // The first one that is known stays.
            signer = signer ?? made
            return signer ?? made
        }
    }

    private func authorities() async throws -> [UInt8]? {
        guard let path = settings.certificateAuthorities else { return nil }
        return try await context.files.read(path, maximumBytes: 1 << 20)
    }

    private func submissionServer() async throws -> MailServer {
        let smtp = settings.smtp
        return MailServer(
            host: smtp.host, port: smtp.port ?? (smtp.security == .tls ? 465 : 587), security: smtp.security, user: smtp.user,
            password: smtp.password,
            certificateAuthorities: try await authorities(), clientName: own.domain, timeout: smtp.timeout)
    }

    private func mailboxServer() async throws -> MailServer? {
        guard let imap = settings.imap else { return nil }
        return MailServer(
            host: imap.host, port: imap.port ?? (imap.security == .tls ? 993 : 143), security: imap.security, user: imap.user,
            password: imap.password,
            certificateAuthorities: try await authorities(), timeout: imap.timeout)
    }
}
