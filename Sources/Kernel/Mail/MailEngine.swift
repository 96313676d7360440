import CLibCurl
import Foundation
import PluginAPI
import Synchronization

/// Carries the mail connections of a process over libcurl, on one thread of its own that owns every handle.
///
/// libcurl connects, goes over to TLS, verifies the certificate and logs in (`CURLOPT_CONNECT_ONLY`); from then on the bytes are the caller's, see
/// ``MailLink``. The thread begins with the first connection. End it with ``shutdown()``.
public final class MailEngine: Sendable {
    enum Command {
        case open(MailLink, CheckedContinuation<Void, any Error>)
        case send(MailLink, MailLink.Sending)
        case receive(MailLink, MailLink.Receiving)
        case close(MailLink)
    }

    private struct Inbox {
        var commands: [Command] = []
        var hasBegun = false
        var isClosing = false
        var hasEnded = false
        var awaitingEnd: [CheckedContinuation<Void, Never>] = []
    }

    private static let globalInit: CURLcode = curl_global_init(Int(CURL_GLOBAL_SSL))
    static let closing = PluginFailure.notReady(.cancelled, "the mail service is shutting down")

    private let inbox = Mutex(Inbox())
    // Unsafe: a pointer says nothing of threads. Other threads than the engine's give it only to curl_multi_wakeup, which libcurl allows from any
    // thread, and only under the inbox's lock, under which the engine's thread says that it has let go of it.
    private nonisolated(unsafe) let multi: UnsafeMutableRawPointer

    /// - Throws: ``PluginFailure`` where libcurl cannot be set up.
    public init() throws {
        guard Self.globalInit == CURLE_OK, let multi = curl_multi_init() else {
            throw PluginFailure.notReady(.overloaded, "libcurl cannot be set up")
        }
        self.multi = multi
    }

    /// Ends every connection with a failure that is not ready, and returns once the thread has ended. Safe to call twice.
    public func shutdown() async {
        await withCheckedContinuation { continuation in
            let isOver = inbox.withLock { inbox in
                if inbox.hasEnded { return true }
                inbox.isClosing = true
                guard inbox.hasBegun else {
                    inbox.hasEnded = true
                    curl_multi_cleanup(multi)
                    return true
                }
                inbox.awaitingEnd.append(continuation)
                curl_multi_wakeup(multi)
                return false
            }
            if isOver { continuation.resume() }
        }
    }

    /// Hands a command to the thread; false where the engine takes none any more.
    func post(_ command: Command) -> Bool {
        inbox.withLock { inbox in
            if inbox.isClosing { return false }
            inbox.commands.append(command)
            if !inbox.hasBegun {
                inbox.hasBegun = true
                let thread = Thread { [self] in run() }
                thread.name = "jack-mail"
                thread.start()
            } else if inbox.commands.count == 1 {
                curl_multi_wakeup(multi)
            }
            return true
        }
    }

    // MARK: The thread

    private func run() {
        var loop = MailLoop(multi: multi)
        while true {
            let (commands, isClosing) = inbox.withLock { inbox in
                defer { inbox.commands = [] }
                return (inbox.commands, inbox.isClosing)
            }
            for command in commands { loop.obey(command) }
            if isClosing { break }
            loop.turn()
        }
        loop.close(Self.closing)
        let awaiting = inbox.withLock { inbox in
            inbox.hasEnded = true
            defer { inbox.awaitingEnd = [] }
            curl_multi_cleanup(multi)
            return inbox.awaitingEnd
        }
        for continuation in awaiting { continuation.resume() }
    }
}

/// What only the engine's thread touches.
private struct MailLoop {
    let multi: UnsafeMutableRawPointer
    private var links: [ObjectIdentifier: MailLink] = [:]

    init(multi: UnsafeMutableRawPointer) { self.multi = multi }

    mutating func obey(_ command: MailEngine.Command) {
        switch command {
        case .open(let link, let continuation):
            guard link.begin(continuation) else { return }
            guard let easy = curl_easy_init() else { return link.end(PluginFailure.notReady(.overloaded, "out of memory")) }
            links[ObjectIdentifier(link)] = link
            guard link.configure(easy), curl_multi_add_handle(multi, easy) == CURLM_OK else {
                return end(link, PluginFailure.notReady(.overloaded, "libcurl cannot take the connection"))
            }
        case .send(let link, let sending): link.begin(sending)
        case .receive(let link, let receiving): link.begin(receiving)
        case .close(let link): end(link, CancellationError())
        }
    }

    private mutating func end(_ link: MailLink, _ error: any Error) {
        if links.removeValue(forKey: ObjectIdentifier(link)) != nil, let easy = link.easy {
            link.easy = nil
            // libcurl closes the socket of a connect-only handle that leaves, and says nothing more on it.
            curl_multi_remove_handle(multi, easy)
            curl_easy_cleanup(easy)
        }
        link.end(error)
    }

    /// Does what can be done, and then waits for a socket, a time or a command.
    mutating func turn() {
        var running: Int32 = 0
        curl_multi_perform(multi, &running)
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            let code = jack_curl_message_result(message)
            var this: UnsafeMutableRawPointer?
            jack_curl_get_pointer(easy, CURLINFO_PRIVATE, &this)
            guard let link = MailLink.from(this) else { continue }
            if code != CURLE_OK {
                end(link, link.failure(for: code))
            } else if !link.connected() {
                end(link, PluginFailure.notReady(.unreachable, "\(link.origin) closed the connection"))
            }
        }
        for link in links.values { if let error = link.proceed() { end(link, error) } }
        let now = ContinuousClock.now
        for link in links.values { if let error = link.expire(now) { end(link, error) } }
        wait(now)
    }

    private func wait(_ now: ContinuousClock.Instant) {
        var next = now + .seconds(60)
        var sockets: [curl_waitfd] = []
        for link in links.values {
            if let deadline = link.nextDeadline { next = min(next, deadline) }
            if let socket = link.awaited { sockets.append(socket) }
        }
        let milliseconds = Int32(max(0, min(60_000, (next - now).milliseconds + 1)))
        curl_multi_poll(multi, &sockets, UInt32(sockets.count), milliseconds, nil)
    }

    mutating func close(_ failure: PluginFailure) {
        for link in links.values { end(link, failure) }
    }
}
