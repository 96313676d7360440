import CLibCurl
import Foundation
import PluginAPI

/// Carries the mail connections of a process over libcurl, on one thread of its own that owns every handle.
///
/// libcurl connects, goes over to TLS, verifies the certificate and logs in (`CURLOPT_CONNECT_ONLY`); from then on the bytes are the caller's, see
/// ``MailLink``. The thread begins with the first connection. End it with ``shutdown()``.
public final class MailEngine: Sendable {
    static let closing = PluginFailure.notReady(.cancelled, "the mail service is shutting down")

    private let thread: CurlThread<MailLoop>

    /// - Throws: ``PluginFailure`` where libcurl cannot be set up.
    public init() throws { thread = try CurlThread(name: "jack-mail", closing: Self.closing) }

    /// Ends every connection with a failure that is not ready, and returns once the thread has ended. Safe to call twice.
    public func shutdown() async { await thread.shutdown() }

    /// Hands a command to the thread; false where the engine takes none any more.
    func post(_ command: MailLoop.Command) -> Bool { thread.post(command) }
}

/// What only the engine's thread touches.
struct MailLoop: CurlLoop {
    enum Command {
        case open(MailLink, CheckedContinuation<Void, any Error>)
        case send(MailLink, MailLink.Sending)
        case receive(MailLink, MailLink.Receiving)
        case close(MailLink)
    }

    private let multi: UnsafeMutableRawPointer
    private var links: [ObjectIdentifier: MailLink] = [:]

    init(multi: UnsafeMutableRawPointer) { self.multi = multi }

    mutating func obey(_ command: Command) {
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

    mutating func turn() {
        var ended: [(MailLink, CURLcode)] = []
        multi.endedExchanges { this, code in if let link = MailLink.from(this) { ended.append((link, code)) } }
        for (link, code) in ended {
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
