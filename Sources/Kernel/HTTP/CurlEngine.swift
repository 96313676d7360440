import CLibCurl
import Foundation
import PluginAPI
import Synchronization

/// Carries all outbound HTTP of a process over libcurl's multi interface, on one thread of its own that owns every handle.
///
/// One engine serves many ``CurlHTTPClient``s. End it with ``shutdown()``.
public final class CurlEngine: Sendable {
    /// What an engine may use at once.
    public struct Limits: Sendable, Hashable {
        /// Connections to one host and port; further requests wait their turn, within their own time.
        public var connectionsPerHost: Int
        public var connections: Int

        public init(connectionsPerHost: Int = 16, connections: Int = 256) {
            self.connectionsPerHost = connectionsPerHost
            self.connections = connections
        }
    }

    private enum Command {
        case start(CurlTransfer), cancel(CurlTransfer), resume(CurlTransfer)
    }

    private struct Inbox {
        var commands: [Command] = []
        var isClosing = false
        var hasEnded = false
        var awaitingEnd: [CheckedContinuation<Void, Never>] = []
    }

    private static let globalInit: CURLcode = curl_global_init(Int(CURL_GLOBAL_SSL))

    private let inbox = Mutex(Inbox())
    // Unsafe: a pointer says nothing of threads. Other threads than the engine's give it only to curl_multi_wakeup, which libcurl allows from any
    // thread, and only under the inbox's lock, under which the engine's thread says that it has let go of it.
    private nonisolated(unsafe) let multi: UnsafeMutableRawPointer

    /// - Throws: ``PluginFailure`` where libcurl cannot be set up.
    public init(limits: Limits = Limits()) throws {
        guard Self.globalInit == CURLE_OK, let multi = curl_multi_init() else {
            throw PluginFailure.notReady(.overloaded, "libcurl cannot be set up")
        }
        self.multi = multi
        _ = jack_curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, limits.connectionsPerHost)
        _ = jack_curl_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, limits.connections)
        // Idle connections that are kept.
        _ = jack_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, limits.connections)
        let thread = Thread { [self] in run() }
        thread.name = "jack-http"
        thread.start()
    }

    /// Ends every exchange with a failure that is not ready, closes all connections, and returns once the thread has ended. Safe to call twice.
    public func shutdown() async {
        await withCheckedContinuation { continuation in
            let hasEnded = inbox.withLock { inbox in
                if inbox.hasEnded { return true }
                inbox.isClosing = true
                inbox.awaitingEnd.append(continuation)
                curl_multi_wakeup(multi)
                return false
            }
            if hasEnded { continuation.resume() }
        }
    }

    func start(_ transfer: CurlTransfer) {
        if !post(.start(transfer)) { transfer.finish(Self.closing) }
    }

    func cancel(_ transfer: CurlTransfer) {
        // A cancellation may overtake the start: then the start finds this.
        transfer.isCancelled.store(true, ordering: .releasing)
        _ = post(.cancel(transfer))
    }

    func resume(_ transfer: CurlTransfer) { _ = post(.resume(transfer)) }

    private static let closing = PluginFailure.notReady(.cancelled, "the HTTP client is shutting down")

    private func post(_ command: Command) -> Bool {
        inbox.withLock { inbox in
            if inbox.isClosing { return false }
            inbox.commands.append(command)
            // One wake-up is enough for all that is taken out together.
            if inbox.commands.count == 1 { curl_multi_wakeup(multi) }
            return true
        }
    }

    // MARK: The thread

    private func run() {
        var loop = Loop(multi: multi)
        while true {
            let (commands, isClosing) = inbox.withLock { inbox in
                defer { inbox.commands = [] }
                return (inbox.commands, inbox.isClosing)
            }
            for command in commands {
                switch command {
                case .start(let transfer): loop.start(transfer)
                case .cancel(let transfer): loop.end(transfer, CancellationError())
                case .resume(let transfer): loop.resume(transfer)
                }
            }
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
private struct Loop {
    let multi: UnsafeMutableRawPointer
    private var transfers: [ObjectIdentifier: CurlTransfer] = [:]
    /// Handles to use again: making one costs more than resetting it.
    private var idle: [UnsafeMutableRawPointer] = []
    private var nextSweep = ContinuousClock.now
    private static let sweep: Duration = .milliseconds(200)

    init(multi: UnsafeMutableRawPointer) { self.multi = multi }

    mutating func start(_ transfer: CurlTransfer) {
        if transfer.isCancelled.load(ordering: .acquiring) { return transfer.finish(CancellationError()) }
        guard let easy = idle.popLast() ?? curl_easy_init() else { return transfer.finish(PluginFailure.notReady(.overloaded, "out of memory")) }
        transfers[ObjectIdentifier(transfer)] = transfer
        guard transfer.configure(easy), curl_multi_add_handle(multi, easy) == CURLM_OK else {
            return end(transfer, PluginFailure.notReady(.overloaded, "libcurl cannot take the request"))
        }
    }

    mutating func resume(_ transfer: CurlTransfer) {
        guard transfers[ObjectIdentifier(transfer)] != nil, let easy = transfer.easy else { return }
        curl_easy_pause(easy, CURLPAUSE_CONT)
    }

    /// Takes a transfer out and says how it ended; nothing where it has ended before.
    mutating func end(_ transfer: CurlTransfer, _ error: (any Error)?) {
        guard transfers.removeValue(forKey: ObjectIdentifier(transfer)) != nil else { return }
        if let easy = transfer.easy {
            curl_multi_remove_handle(multi, easy)
            transfer.easy = nil
            curl_easy_reset(easy)
            if idle.count < 64 { idle.append(easy) } else { curl_easy_cleanup(easy) }
        }
        curl_slist_free_all(transfer.headerList)
        transfer.headerList = nil
        transfer.finish(error)
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
            guard let transfer = CurlTransfer.from(this) else { continue }
            end(transfer, code == CURLE_OK ? nil : transfer.failure(for: code))
        }
        // libcurl does not count the time that a request waits for its turn at a host; so the deadlines are looked at here too.
        let now = ContinuousClock.now
        if now >= nextSweep {
            nextSweep = now + Self.sweep
            for transfer in transfers.values where transfer.deadline <= now { end(transfer, transfer.timeout) }
        }
        curl_multi_poll(multi, nil, 0, transfers.isEmpty ? 60_000 : Int32(Self.sweep.milliseconds), nil)
    }

    mutating func close(_ failure: PluginFailure) {
        for transfer in transfers.values { end(transfer, failure) }
        for easy in idle { curl_easy_cleanup(easy) }
        idle = []
    }
}
