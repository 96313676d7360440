import CLibCurl
import Foundation
import PluginAPI
import Synchronization

/// One connection to a mail server: made and logged in by libcurl, then bytes out and in.
///
/// Unchecked: all that can change is touched only by the engine's thread once the link was handed to it, and by nobody before. The engine's queue orders
/// the two.
final class MailLink: @unchecked Sendable {  // handed to one thread, by a queue; never shared
    enum Kind: String { case smtp, imap }

    struct Sending: Sendable {
        var bytes: [UInt8]
        var deadline: ContinuousClock.Instant
        var continuation: CheckedContinuation<Void, any Error>
    }

    struct Receiving: Sendable {
        var deadline: ContinuousClock.Instant
        /// Gets nil where the time is over and nothing has come.
        var continuation: CheckedContinuation<[UInt8]?, any Error>
    }

    /// What a server says while it is logged in to, at most.
    private static let maximumGreeting = 64 << 10

    let kind: Kind
    let server: MailServer
    let policy: OutboundPolicy
    /// `imap://host:port`, for messages.
    let origin: String
    private let opensBy: ContinuousClock.Instant

    var easy: UnsafeMutableRawPointer?
    private var opening: CheckedContinuation<Void, any Error>?
    private var isOpen = false
    private var socket: curl_socket_t = -1
    private var sending: Sending?
    private var sent = 0
    private var receiving: Receiving?
    /// What the server said until it was logged in.
    private(set) var greeting: [UInt8] = []
    private(set) var refusal: PluginFailure?
    private var hasEnded = false
    private var ending: (any Error)?
    private var buffer = [UInt8](repeating: 0, count: 32 << 10)

    /// - Throws: ``PluginFailure`` permanent where the server may not be called so.
    init(_ kind: Kind, _ server: MailServer, policy: OutboundPolicy) throws {
        self.kind = kind
        self.server = server
        self.policy = policy
        origin = "\(kind.rawValue)://\(server.host):\(server.port)"
        opensBy = .now + server.timeout
        let isName = !server.host.isEmpty && server.host.utf8.allSatisfy { isalnum(Int32($0)) != 0 || [45, 46, 58, 95].contains($0) }
        guard isName, (1...65_535).contains(server.port) else {
            throw PluginFailure.permanent(.configuration, "the mail server's host and port are not such")
        }
        guard policy.allows(host: server.host) else {
            throw PluginFailure.permanent(.invalidRequest, "\(origin) is not among the hosts that this instance may call")
        }
        guard server.security != .none || server.password == nil || server.isLoopback else {
            throw PluginFailure.permanent(.configuration, "a password is not sent to \(origin) without TLS: use starttls or tls")
        }
        let texts = [server.user ?? "", server.password?.reveal() ?? ""]
        guard texts.allSatisfy({ $0.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 } }) else {
            throw PluginFailure.permanent(.configuration, "the user's name or the password for \(origin) holds a control character")
        }
    }

    // MARK: For callers

    /// Connects and logs in.
    func open(on engine: MailEngine) async throws {
        try Task.checkCancellation()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if !engine.post(.open(self, continuation)) { continuation.resume(throwing: MailEngine.closing) }
            }
        } onCancel: {
            _ = engine.post(.close(self))
        }
    }

    /// Sends; a cancelled task closes the connection, because half a command is none.
    func send(_ bytes: [UInt8], by deadline: ContinuousClock.Instant, on engine: MailEngine) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if !engine.post(.send(self, Sending(bytes: bytes, deadline: deadline, continuation: continuation))) {
                    continuation.resume(throwing: MailEngine.closing)
                }
            }
        } onCancel: {
            _ = engine.post(.close(self))
        }
    }

    /// The next bytes: at least one, or nil where none came in time.
    func receive(by deadline: ContinuousClock.Instant, on engine: MailEngine) async throws -> [UInt8]? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if !engine.post(.receive(self, Receiving(deadline: deadline, continuation: continuation))) {
                    continuation.resume(throwing: MailEngine.closing)
                }
            }
        } onCancel: {
            _ = engine.post(.close(self))
        }
    }

    // MARK: For the engine's thread

    /// False where it was cancelled before it began.
    func begin(_ opening: CheckedContinuation<Void, any Error>) -> Bool {
        if hasEnded {
            opening.resume(throwing: ending ?? CancellationError())
            return false
        }
        self.opening = opening
        return true
    }

    func begin(_ sending: Sending) {
        guard !hasEnded, isOpen, self.sending == nil else { return sending.continuation.resume(throwing: ending ?? closed) }
        self.sending = sending
        sent = 0
    }

    func begin(_ receiving: Receiving) {
        guard !hasEnded, isOpen, self.receiving == nil else { return receiving.continuation.resume(throwing: ending ?? closed) }
        self.receiving = receiving
    }

    private var closed: PluginFailure { .notReady(.unreachable, "the connection to \(origin) is closed") }

    /// libcurl has connected and logged in; false where there is no socket.
    func connected() -> Bool {
        guard let easy, jack_curl_get_socket(easy, &socket) == CURLE_OK, socket >= 0 else { return false }
        isOpen = true
        opening?.resume()
        opening = nil
        return true
    }

    /// Sends and receives what it can; returns why the connection has broken, if it has.
    func proceed() -> (any Error)? {
        guard isOpen, let easy else { return nil }
        while let current = sending {
            var count = 0
            let code = current.bytes.withUnsafeBytes { curl_easy_send(easy, $0.baseAddress.map { $0 + sent }, $0.count - sent, &count) }
            if code == CURLE_AGAIN { break }
            guard code == CURLE_OK else { return failure(for: code) }
            sent += count
            if sent >= current.bytes.count {
                sending = nil
                current.continuation.resume()
            }
        }
        guard let current = receiving else { return nil }
        var count = 0
        let code = buffer.withUnsafeMutableBytes { curl_easy_recv(easy, $0.baseAddress, $0.count, &count) }
        if code == CURLE_AGAIN { return nil }
        guard code == CURLE_OK else { return failure(for: code) }
        guard count > 0 else { return PluginFailure.notReady(.unreachable, "\(origin) closed the connection") }
        receiving = nil
        current.continuation.resume(returning: Array(buffer[..<count]))
        return nil
    }

    /// Ends what took too long: a receiving gets nil, all else breaks the connection.
    func expire(_ now: ContinuousClock.Instant) -> (any Error)? {
        if let current = receiving, current.deadline <= now {
            receiving = nil
            current.continuation.resume(returning: nil)
        }
        let isLate = (!isOpen && opensBy <= now) || (sending.map { $0.deadline <= now } ?? false)
        return isLate ? PluginFailure.notReady(.timeout, "\(origin) did not answer within \(server.timeout.text)") : nil
    }

    var nextDeadline: ContinuousClock.Instant? {
        [isOpen ? nil : opensBy, sending?.deadline, receiving?.deadline].compactMap { $0 }.min()
    }

    /// The socket and what it is awaited for.
    var awaited: curl_waitfd? {
        guard isOpen, sending != nil || receiving != nil else { return nil }
        let events = (sending == nil ? 0 : CURL_WAIT_POLLOUT) | (receiving == nil ? 0 : CURL_WAIT_POLLIN)
        return curl_waitfd(fd: socket, events: Int16(events), revents: 0)
    }

    /// Takes what the server says before libcurl hands the connection over.
    func hear(_ piece: UnsafeBufferPointer<UInt8>) -> Bool {
        if greeting.count + piece.count > Self.maximumGreeting {
            refusal = refusal ?? .notReady(.malformedReply, "\(origin) says too much before it lets anybody in")
            return false
        }
        greeting.append(contentsOf: piece)
        return true
    }

    /// Whether an address may be called; remembers why not.
    func allows(_ address: InternetAddress?) -> Bool {
        if policy.allowsPrivateAddress(of: server.host) || address?.isPublic == true { return true }
        refusal = .permanent(.invalidRequest, "\(origin) has an address that is not public, and \(OutboundPolicy.refusal)")
        return false
    }

    /// Tells everybody who waits. Only the first telling counts.
    func end(_ error: any Error) {
        if hasEnded { return }
        hasEnded = true
        ending = error
        opening?.resume(throwing: error)
        sending?.continuation.resume(throwing: error)
        receiving?.continuation.resume(throwing: error)
        (opening, sending, receiving) = (nil, nil, nil)
    }
}
