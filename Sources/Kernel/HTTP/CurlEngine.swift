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
        /// Connections to one host and port, 0 for as many as there are at all; further requests wait their turn, within their own time. How many calls an instance makes at once is its
        /// `limits.concurrency`, and a smaller number here would hold them up without a word.
        public var connectionsPerHost: Int
        public var connections: Int

        public init(connectionsPerHost: Int = 0, connections: Int = 256) {
            self.connectionsPerHost = connectionsPerHost
            self.connections = connections
        }
    }

    private let thread: CurlThread<TransferLoop>

    /// - Throws: ``PluginFailure`` where libcurl cannot be set up.
    public init(limits: Limits = Limits()) throws {
        thread = try CurlThread(name: "jack-http", closing: Self.closing) { multi in
            _ = jack_curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, limits.connectionsPerHost)
            _ = jack_curl_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, limits.connections)
            // Idle connections that are kept.
            _ = jack_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, limits.connections)
        }
    }

    /// Ends every exchange with a failure that is not ready, closes all connections, and returns once the thread has ended. Safe to call twice.
    public func shutdown() async { await thread.shutdown() }

    func start(_ transfer: CurlTransfer) {
        if !thread.post(.start(transfer)) { transfer.finish(Self.closing) }
    }

    func cancel(_ transfer: CurlTransfer) {
        // A cancellation may overtake the start: then the start finds this.
        transfer.isCancelled.store(true, ordering: .releasing)
        _ = thread.post(.cancel(transfer))
    }

    func resume(_ transfer: CurlTransfer) { _ = thread.post(.resume(transfer)) }

    private static let closing = PluginFailure.notReady(.cancelled, "the HTTP client is shutting down")
}

/// What only the engine's thread touches.
struct TransferLoop: CurlLoop {
    enum Command {
        case start(CurlTransfer), cancel(CurlTransfer), resume(CurlTransfer)
    }

    let multi: UnsafeMutableRawPointer
    private var transfers: [ObjectIdentifier: CurlTransfer] = [:]
    /// Handles to use again: making one costs more than resetting it.
    private var idle: [UnsafeMutableRawPointer] = []
    private var nextSweep = ContinuousClock.now
    private static let sweep: Duration = .milliseconds(200)

    init(multi: UnsafeMutableRawPointer) { self.multi = multi }

    mutating func obey(_ command: Command) {
        switch command {
        case .start(let transfer): start(transfer)
        case .cancel(let transfer): end(transfer, CancellationError())
        case .resume(let transfer): resume(transfer)
        }
    }

    private mutating func start(_ transfer: CurlTransfer) {
        if transfer.isCancelled.load(ordering: .acquiring) { return transfer.finish(CancellationError()) }
        guard let easy = idle.popLast() ?? curl_easy_init() else { return transfer.finish(PluginFailure.notReady(.overloaded, "out of memory")) }
        transfers[ObjectIdentifier(transfer)] = transfer
        guard transfer.configure(easy), curl_multi_add_handle(multi, easy) == CURLM_OK else {
            return end(transfer, PluginFailure.notReady(.overloaded, "libcurl cannot take the request"))
        }
    }

    private func resume(_ transfer: CurlTransfer) {
        guard transfers[ObjectIdentifier(transfer)] != nil, let easy = transfer.easy else { return }
        curl_easy_pause(easy, CURLPAUSE_CONT)
    }

    /// Takes a transfer out and says how it ended; nothing where it has ended before.
    private mutating func end(_ transfer: CurlTransfer, _ error: (any Error)?) {
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

    mutating func turn() {
        var ended: [(CurlTransfer, CURLcode)] = []
        multi.endedExchanges { this, code in if let transfer = CurlTransfer.from(this) { ended.append((transfer, code)) } }
        for (transfer, code) in ended { end(transfer, code == CURLE_OK ? nil : transfer.failure(for: code)) }
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
