import CLibCurl
import Foundation
import PluginAPI
import Synchronization

/// What is done with libcurl's handles. Only its ``CurlThread`` touches it.
protocol CurlLoop: SendableMetatype {
    associatedtype Command: Sendable
    init(multi: UnsafeMutableRawPointer)
    mutating func obey(_ command: Command)
    /// Does what can be done, and then waits in `curl_multi_poll` for a socket, a time or a command.
    mutating func turn()
    /// Ends whatever is under way with this failure.
    mutating func close(_ failure: PluginFailure)
}

/// A thread of its own that owns a libcurl multi handle and all that hangs on it; others hand it commands. It begins with the first command.
final class CurlThread<Loop: CurlLoop>: Sendable {
    private struct Inbox {
        var commands: [Loop.Command] = []
        var hasBegun = false
        var isClosing = false
        var hasEnded = false
        var awaitingEnd: [CheckedContinuation<Void, Never>] = []
    }

    private let name: String
    private let closing: PluginFailure
    private let inbox = Mutex(Inbox())
    // Unsafe: a pointer says nothing of threads. Other threads than the loop's give it only to curl_multi_wakeup, which libcurl allows from any thread,
    // and only under the inbox's lock, under which the loop's thread says that it has let go of it.
    private nonisolated(unsafe) let multi: UnsafeMutableRawPointer  // one thread uses it; others only wake it, under the lock

    /// - Parameters:
    ///   - name: the thread's.
    ///   - closing: how what is under way fails at ``shutdown()``.
    ///   - configure: sets the multi handle up.
    /// - Throws: ``PluginFailure`` where libcurl cannot be set up.
    init(name: String, closing: PluginFailure, configure: (UnsafeMutableRawPointer) -> Void = { _ in }) throws {
        // Safe to call again and again.
        guard curl_global_init(Int(CURL_GLOBAL_SSL)) == CURLE_OK, let multi = curl_multi_init() else {
            throw PluginFailure.notReady(.overloaded, "libcurl cannot be set up")
        }
        configure(multi)
        (self.name, self.closing, self.multi) = (name, closing, multi)
    }

    /// Hands a command to the thread; false where it takes none any more.
    func post(_ command: Loop.Command) -> Bool {
        inbox.withLock { inbox in
            if inbox.isClosing { return false }
            inbox.commands.append(command)
            if !inbox.hasBegun {
                inbox.hasBegun = true
                let thread = Thread { [self] in run() }
                thread.name = name
                thread.start()
            } else if inbox.commands.count == 1 {
                // One wake-up is enough for all that is taken out together.
                curl_multi_wakeup(multi)
            }
            return true
        }
    }

    /// Ends whatever is under way, and returns once the thread has ended. Safe to call twice.
    func shutdown() async {
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

    private func run() {
        var loop = Loop(multi: multi)
        while true {
            let (commands, isClosing) = inbox.withLock { inbox in
                defer { inbox.commands = [] }
                return (inbox.commands, inbox.isClosing)
            }
            for command in commands { loop.obey(command) }
            if isClosing { break }
            loop.turn()
        }
        loop.close(closing)
        let awaiting = inbox.withLock { inbox in
            inbox.hasEnded = true
            defer { inbox.awaitingEnd = [] }
            curl_multi_cleanup(multi)
            return inbox.awaitingEnd
        }
        for continuation in awaiting { continuation.resume() }
    }
}

extension UnsafeMutableRawPointer {
    /// What the exchanges of this multi handle that have ended point to (`CURLOPT_PRIVATE`), and how each ended.
    func endedExchanges(_ body: (_ this: UnsafeMutableRawPointer?, _ code: CURLcode) -> Void) {
        var running: Int32 = 0
        curl_multi_perform(self, &running)
        var left: Int32 = 0
        while let message = curl_multi_info_read(self, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            var this: UnsafeMutableRawPointer?
            jack_curl_get_pointer(easy, CURLINFO_PRIVATE, &this)
            body(this, jack_curl_message_result(message))
        }
    }
}
