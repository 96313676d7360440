import Foundation

/// Mail for plugins: SMTP out, IMAP in. Certificates verified, memory bounded, every exchange with a deadline, cancelled with its task.
///
/// What is thrown is a ``PluginFailure`` that names the server's host and port and nothing of a mail or its addresses.
public protocol MailService: Sendable {
    /// Connects, logs in to the submission server (RFC 6409), and leaves. Nothing is sent.
    /// - Throws: credentials rejected; not ready where the server cannot be reached or its certificate is not one to trust.
    func check(submission server: MailServer) async throws

    /// Hands a mail to a submission server. Returns when the server has taken it over.
    ///
    /// A failure after the last byte leaves open whether the server has it: a caller that tries again uses the same Message-ID.
    /// - Throws: not ready for a 4xx, permanent for a 5xx: ``PluginFailure/Reason/unknownRecipient`` where the server refuses the recipient's address
    ///   as such.
    func submit(_ mail: MailSubmission, to server: MailServer) async throws

    /// Connects to an IMAP server and logs in. End the session with ``MailboxSession/close()``.
    func open(_ server: MailServer) async throws -> any MailboxSession

    /// Follows a mailbox until the task is cancelled or the server rejects the credentials: calls `changed` once after each connection, and again whenever
    /// something may have changed there; by IDLE (RFC 2177), or every ``MailboxWatch/poll`` where the server has none. A broken connection and a
    /// failure of `changed` are made good by connecting again, with back-off. The instance's health tells how it stands.
    func watch(_ watch: MailboxWatch, changed: @escaping @Sendable (any MailboxSession, MailboxState) async throws -> Void) async
}

/// A connection to an IMAP server (RFC 3501) that is logged in. One call at a time. After a failure that is no answer of the server's the session is closed.
public protocol MailboxSession: Sendable {
    /// Chooses the mailbox that all that follows concerns.
    /// - Parameter readOnly: true to change nothing there, not even what counts as recent.
    func select(_ mailbox: String, readOnly: Bool) async throws -> MailboxState

    /// The UIDs of mails that fit, ascending.
    func search(_ search: MailSearch) async throws -> [UInt32]

    /// A mail, at most its first `maximumBytes`; nil where it is no longer there. It does not become seen by it.
    func fetch(_ uid: UInt32, maximumBytes: Int) async throws -> FetchedMail?

    /// Adds a flag, such as `\Seen`.
    func add(flag: String, to uid: UInt32) async throws

    /// Moves a mail into another mailbox of the account (RFC 6851, or by copying and removing).
    func move(_ uid: UInt32, to mailbox: String) async throws

    /// Waits until the server tells of a change, or `limit` has passed. True where it told of one.
    /// - Throws: ``PluginFailure/Reason/notImplemented`` where the server has no IDLE.
    func idle(atMost limit: Duration) async throws -> Bool

    /// Asks whether the server is still there.
    func ping() async throws

    /// Logs out. Safe twice.
    func close() async
}

/// Where a mail server is and how to log in.
public struct MailServer: Sendable, Hashable {
    /// How the connection is protected.
    public enum Security: String, SettingChoice, Hashable {
        /// TLS from the first byte (ports 465 and 993).
        case tls
        /// Begins in clear and goes over to TLS before anything else, or not at all (ports 587 and 143).
        case starttls
        /// In clear: for a server on this machine. A password is sent to such a one alone.
        case none
    }

    public var host: String
    public var port: Int
    public var security: Security
    /// Nil to log in nowhere, which only a submission server allows.
    public var user: String?
    public var password: Secret?
    /// PEM certificates of the authorities to trust in place of the system's.
    public var certificateAuthorities: [UInt8]?
    /// The name that Jack gives itself in EHLO; a domain.
    public var clientName: String?
    /// How long connecting and logging in may take, and each answer after that.
    public var timeout: Duration

    public init(
        host: String, port: Int, security: Security, user: String? = nil, password: Secret? = nil, certificateAuthorities: [UInt8]? = nil,
        clientName: String? = nil, timeout: Duration = .seconds(30)
    ) {
        self.host = host
        self.port = port
        self.security = security
        self.user = user
        self.password = password
        self.certificateAuthorities = certificateAuthorities
        self.clientName = clientName
        self.timeout = timeout
    }

    /// True for a host that is this machine by its name alone.
    public var isLoopback: Bool { ["localhost", "127.0.0.1", "::1"].contains(host.lowercased()) }
}

/// A mail and its envelope.
public struct MailSubmission: Sendable, Hashable {
    /// The envelope's sender; empty for a mail whose failure nobody is told of.
    public var sender: String
    public var recipient: String
    /// Head and body with CRLF line ends. Lines that begin with a dot are made safe by the service.
    public var bytes: [UInt8]

    public init(sender: String, recipient: String, bytes: [UInt8]) {
        self.sender = sender
        self.recipient = recipient
        self.bytes = bytes
    }
}

/// A mailbox to follow.
public struct MailboxWatch: Sendable {
    public var server: MailServer
    public var mailbox: String
    /// How often to look where the server has no IDLE, and how long one IDLE lasts where it has.
    public var poll: Duration

    public init(server: MailServer, mailbox: String, poll: Duration) {
        self.server = server
        self.mailbox = mailbox
        self.poll = poll
    }
}

/// What a server says of a mailbox.
public struct MailboxState: Sendable, Hashable {
    /// UIDs mean the same mails for as long as this does not change.
    public var uidValidity: UInt32
    /// The next mail's UID; 0 where the server does not say.
    public var uidNext: UInt32
    /// How many mails there are.
    public var count: Int

    public init(uidValidity: UInt32, uidNext: UInt32, count: Int) {
        self.uidValidity = uidValidity
        self.uidNext = uidNext
        self.count = count
    }
}

/// Which mails to look for.
public enum MailSearch: Sendable, Hashable {
    /// Those with a greater UID.
    case after(UInt32)
    /// Those that the server received on that day (UTC) or later.
    case since(Date)
    case unseen
    /// Those whose Message-ID contains this text.
    case messageID(String)
}

/// A mail as the server has it.
public struct FetchedMail: Sendable, Hashable {
    public var uid: UInt32
    public var bytes: [UInt8]
    /// The whole mail's size; more than the bytes where it was cut off.
    public var size: Int
    /// When the server received it.
    public var receivedAt: Date?
    public var flags: Set<String>

    public init(uid: UInt32, bytes: [UInt8], size: Int, receivedAt: Date? = nil, flags: Set<String> = []) {
        self.uid = uid
        self.bytes = bytes
        self.size = size
        self.receivedAt = receivedAt
        self.flags = flags
    }
}

/// A ``MailService`` of an instance that sends no mail.
public struct NoMail: MailService {
    public init() {}
    public func check(submission server: MailServer) async throws { throw failure }
    public func submit(_ mail: MailSubmission, to server: MailServer) async throws { throw failure }
    public func open(_ server: MailServer) async throws -> any MailboxSession { throw failure }
    public func watch(_ watch: MailboxWatch, changed: @escaping @Sendable (any MailboxSession, MailboxState) async throws -> Void) async {}
    private var failure: PluginFailure { .permanent(.notImplemented, "no mail service is at hand") }
}
