import Foundation
import PluginAPI
import Synchronization

/// A ``MailService`` in memory: an account with mailboxes that a test fills, and a list of what was handed over for sending. For behaviour on the wire
/// use ``LoopbackLineServer`` or a real server.
public final class MemoryMail: MailService {
    private struct Box {
        var validity: UInt32 = 1
        var next: UInt32 = 1
        var mails: [UInt32: FetchedMail] = [:]
    }

    private struct State {
        var boxes: [String: Box] = ["INBOX": Box()]
        var submissions: [MailSubmission] = []
        var failure: PluginFailure?
        var mailboxFailure: PluginFailure?
        var unfetchable: [UInt32: PluginFailure] = [:]
        var watchFailures: [any Error] = []
        var looks = 0
        var openSessions = 0
        var watchers: [Int: AsyncStream<Void>.Continuation] = [:]
    }

    private let state = Mutex(State())
    private let clock: any TimeSource

    /// - Parameter clock: by whose wall mails are received.
    public init(clock: any TimeSource) { self.clock = clock }

    // MARK: For tests

    /// Puts a mail into a mailbox, made where there is none, and tells those who watch.
    @discardableResult
    public func deliver(_ bytes: [UInt8], to mailbox: String = "INBOX", flags: Set<String> = []) -> UInt32 {
        let now = clock.now
        let uid = state.withLock { state in
            let uid = state.boxes[mailbox, default: Box()].next
            state.boxes[mailbox, default: Box()].next += 1
            state.boxes[mailbox]?.mails[uid] = FetchedMail(uid: uid, bytes: bytes, size: bytes.count, receivedAt: now, flags: flags)
            return uid
        }
        wake()
        return uid
    }

    /// Puts a text mail into the inbox; its line ends become CRLF.
    @discardableResult
    public func deliver(_ text: String) -> UInt32 { deliver(Array(text.replacing("\r\n", with: "\n").replacing("\n", with: "\r\n").utf8)) }

    /// Gives a mailbox a new UIDVALIDITY and its mails new numbers, from 1.
    public func renumber(_ mailbox: String = "INBOX") {
        state.withLock { state in
            guard var box = state.boxes[mailbox] else { return }
            let mails = box.mails.sorted { $0.key < $1.key }.map(\.value)
            (box.validity, box.next, box.mails) = (box.validity + 1, 1, [:])
            for var mail in mails {
                mail.uid = box.next
                box.mails[box.next] = mail
                box.next += 1
            }
            state.boxes[mailbox] = box
        }
        wake()
    }

    /// What a mailbox holds, by UID.
    public func mails(in mailbox: String = "INBOX") -> [FetchedMail] {
        state.withLock { ($0.boxes[mailbox]?.mails ?? [:]).sorted { $0.key < $1.key }.map(\.value) }
    }

    /// What was handed over, in order.
    public var submissions: [MailSubmission] { state.withLock { $0.submissions } }

    /// Checking and submitting fail with this until it is nil again.
    public func failSubmissions(with failure: PluginFailure?) { state.withLock { $0.failure = failure } }

    /// Opening a session fails with this until it is nil again.
    public func failSessions(with failure: PluginFailure?) { state.withLock { $0.mailboxFailure = failure } }

    /// Fetching one mail fails with this until it is nil again.
    public func fail(fetching uid: UInt32, with failure: PluginFailure?) { state.withLock { $0.unfetchable[uid] = failure } }

    /// What those who watch have thrown.
    public var watchFailures: [any Error] { state.withLock { $0.watchFailures } }

    /// How often those who watch have been called, and have returned.
    public var looks: Int { state.withLock { $0.looks } }

    /// Sessions that were opened and not closed.
    public var openSessions: Int { state.withLock { $0.openSessions } }

    /// Calls those who watch, as a server does on any change.
    public func wake() { for watcher in state.withLock({ Array($0.watchers.values) }) { watcher.yield() } }

    // MARK: MailService

    public func check(submission server: MailServer) async throws { if let failure = state.withLock({ $0.failure }) { throw failure } }

    public func submit(_ mail: MailSubmission, to server: MailServer) async throws {
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            state.submissions.append(mail)
        }
    }

    public func open(_ server: MailServer) async throws -> any MailboxSession {
        if let failure = state.withLock({ $0.mailboxFailure }) { throw failure }
        state.withLock { $0.openSessions += 1 }
        return Session(self)
    }

    /// Calls `changed` at once, and again on each ``wake()``; what it throws is kept, and it is called again on the next one.
    public func watch(_ watch: MailboxWatch, changed: @escaping @Sendable (any MailboxSession, MailboxState) async throws -> Void) async {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            let number = (state.watchers.keys.max() ?? 0) + 1
            state.watchers[number] = continuation
            return number
        }
        continuation.yield()
        for await _ in stream {
            do {
                let session = try await open(watch.server)
                do {
                    try await changed(session, try await session.select(watch.mailbox, readOnly: false))
                    state.withLock { $0.looks += 1 }
                } catch {
                    state.withLock { $0.watchFailures.append(error) }
                }
                await session.close()
            } catch {
                state.withLock { $0.watchFailures.append(error) }
            }
        }
        _ = state.withLock { $0.watchers.removeValue(forKey: number) }
    }

    private final class Session: MailboxSession {
        private let account: MemoryMail
        private let selected = Mutex<(name: String, readOnly: Bool)?>(nil)
        private let isClosed = Mutex(false)

        init(_ account: MemoryMail) { self.account = account }

        private func box<T: Sendable>(_ body: (inout Box) throws -> T) throws -> T {
            guard let name = selected.withLock({ $0?.name }), !isClosed.withLock({ $0 }) else {
                throw PluginFailure.permanent(.invalidRequest, "no mailbox is chosen")
            }
            return try account.state.withLock { state in
                guard var box = state.boxes[name] else { throw PluginFailure.permanent(.notFound, "there is no such mailbox") }
                defer { state.boxes[name] = box }
                return try body(&box)
            }
        }

        private func changing<T: Sendable>(_ body: (inout Box) throws -> T) throws -> T {
            if selected.withLock({ $0?.readOnly ?? false }) {
                throw PluginFailure.permanent(.invalidRequest, "the mailbox is open for reading alone")
            }
            return try box(body)
        }

        func select(_ mailbox: String, readOnly: Bool) async throws -> MailboxState {
            selected.withLock { $0 = (mailbox, readOnly) }
            return try box { MailboxState(uidValidity: $0.validity, uidNext: $0.next, count: $0.mails.count) }
        }

        func search(_ search: MailSearch) async throws -> [UInt32] {
            try box { box in
                box.mails.values.filter { mail in
                    switch search {
                    case .after(let uid): mail.uid > uid
                    case .since(let date):
                        (mail.receivedAt ?? .distantPast)
                            >= Date(timeIntervalSince1970: (date.timeIntervalSince1970 / 86_400).rounded(.down) * 86_400)
                    case .unseen: !mail.flags.contains("\\Seen")
                    case .messageID(let id):
                        String(decoding: mail.bytes, as: UTF8.self).split(whereSeparator: \.isNewline).contains {
                            $0.lowercased().hasPrefix("message-id:") && $0.contains(id)
                        }
                    }
                }.map(\.uid).sorted()
            }
        }

        func fetch(_ uid: UInt32, maximumBytes: Int) async throws -> FetchedMail? {
            if let failure = account.state.withLock({ $0.unfetchable[uid] }) { throw failure }
            return try box { box in
                guard var mail = box.mails[uid] else { return nil }
                mail.bytes = Array(mail.bytes.prefix(maximumBytes))
                return mail
            }
        }

        func add(flag: String, to uid: UInt32) async throws { try changing { _ = $0.mails[uid]?.flags.insert(flag) } }

        func move(_ uid: UInt32, to mailbox: String) async throws {
            guard account.state.withLock({ $0.boxes[mailbox] != nil }) else { throw PluginFailure.permanent(.notFound, "there is no such mailbox") }
            guard let mail = try changing({ $0.mails.removeValue(forKey: uid) }) else { return }
            account.state.withLock { state in
                var moved = mail
                moved.uid = state.boxes[mailbox]?.next ?? 1
                state.boxes[mailbox]?.mails[moved.uid] = moved
                state.boxes[mailbox]?.next += 1
            }
        }

        func idle(atMost limit: Duration) async throws -> Bool { throw PluginFailure.notImplemented("IDLE in memory") }
        func ping() async throws { _ = try box { $0.next } }

        func close() async {
            let wasOpen = isClosed.withLock { isClosed in
                defer { isClosed = true }
                return !isClosed
            }
            if wasOpen { account.state.withLock { $0.openSessions -= 1 } }
        }
    }
}
