import CoreMetrics
import Foundation
import Logging
import PluginAPI

/// Mails that cannot be taken, whatever is tried: after some tries one is set aside, so that those behind it go on.
///
/// It stays in the mailbox as it is. People are told by a dead letter, and it is tried again every hour for three days: where the fault was the
/// server's or the disk's and not the mail's own, it arrives late, and is not lost.
struct MailAside: Sendable {
    /// How long a mail is tried before others go past it, and how often at least; as the kernel's inbox has it.
    static let patience: TimeInterval = 120
    static let leastTries = 8
    /// How often one that was set aside is tried again, and for how long.
    static let interval: TimeInterval = 3600
    static let life: TimeInterval = 3 * 86_400
    /// Of more than so many the oldest are not tried again; each has its dead letter all the same.
    static let most = 200

    /// A mail that fails, at the head of all others.
    struct Trouble: Codable, Equatable {
        var validity: UInt32
        var uid: UInt32
        var tries: Int
        var since: Date
    }

    /// A mail that was set aside.
    struct Entry: Codable, Equatable {
        var validity: UInt32
        var uid: UInt32
        var tries: Int
        var since: Date
        var next: Date
    }

    let context: PluginContext
    /// What tells the mailbox from others of the instance's.
    let mailbox: String

    private var troubleKey: String { "trouble/\(mailbox)" }
    private var key: String { "aside/\(mailbox)" }

    func all() async throws -> [Entry] { try await context.storage.get(key, as: [Entry].self) ?? [] }
    private func store(_ entries: [Entry]) async throws {
        if entries.isEmpty { try await context.storage.remove(key) } else { try await context.storage.set(key, json: entries.suffix(Self.most)) }
    }

    /// Counts a failure of a mail.
    /// - Returns: true where the mail was set aside, and those behind it may go on; false where it is to be tried again first.
    /// - Throws: where that cannot be written down: then nothing has changed.
    func failed(_ uid: UInt32, _ validity: UInt32, _ error: any Error) async throws -> Bool {
        let now = context.clock.now
        var trouble = try await context.storage.get(troubleKey, as: Trouble.self) ?? Trouble(validity: validity, uid: uid, tries: 0, since: now)
        if trouble.uid != uid || trouble.validity != validity { trouble = Trouble(validity: validity, uid: uid, tries: 0, since: now) }
        trouble.tries += 1
        guard trouble.tries >= Self.leastTries, now.timeIntervalSince(trouble.since) >= Self.patience else {
            try await context.storage.set(troubleKey, json: trouble)
            return false
        }
        let why = Self.words(error)
        // First people are told, then it is passed over: a crash between the two tells them of what is tried once more, and once alone.
        try await context.inbound.giveUp(
            InboundEvent(
                vendorID: "aside \(mailbox) \(validity)/\(uid)", peer: nil,
                .message(InboundMessage(text: "A mail could not be taken. It is in the mailbox, unread.", isAutomatic: true))),
            reason: "the mail with UID \(uid) in the mailbox cannot be taken, and is left there for people: \(why)", attempts: trouble.tries)
        let entry = Entry(validity: validity, uid: uid, tries: trouble.tries, since: trouble.since, next: now.addingTimeInterval(Self.interval))
        try await store(all().filter { $0.uid != uid || $0.validity != validity } + [entry])
        try await context.storage.remove(troubleKey)
        context.metrics.count("mail_set_aside_total")
        context.logger.error("a mail cannot be taken and is set aside", metadata: ["uid": "\(uid)", "tries": "\(trouble.tries)", "error": "\(why)"])
        return true
    }

    /// Those that are to be tried again now.
    func due(_ validity: UInt32) async throws -> [UInt32] {
        let entries = try await all(), now = context.clock.now
        let left = entries.filter { $0.validity == validity && now.timeIntervalSince($0.since) < Self.life }
        if left.count < entries.count {
            context.logger.notice("mails that were set aside are not tried any more", metadata: ["count": "\(entries.count - left.count)"])
            try await store(left)
        }
        return left.filter { $0.next <= now }.map(\.uid)
    }

    func failedAgain(_ uid: UInt32, _ validity: UInt32) async throws {
        let now = context.clock.now
        try await store(
            all().map { entry in
                guard entry.uid == uid, entry.validity == validity else { return entry }
                var entry = entry
                (entry.tries, entry.next) = (entry.tries + 1, now.addingTimeInterval(Self.interval))
                return entry
            })
    }

    /// It was taken after all, or is no longer there.
    func done(_ uid: UInt32, _ validity: UInt32) async throws {
        try await store(all().filter { $0.uid != uid || $0.validity != validity })
        context.metrics.count("mail_set_aside_recovered_total")
        context.logger.notice("a mail that was set aside is dealt with", metadata: ["uid": "\(uid)"])
    }

    /// An error without a mail's words: what is no failure of ours may quote it.
    private static func words(_ error: any Error) -> String { (error as? PluginFailure)?.message ?? "\(type(of: error))" }

    /// Whether an error may be the mail's own fault.
    static func mayBeTheMails(_ error: any Error) -> Bool {
        if error is CancellationError || Task.isCancelled { return false }
        guard let failure = error as? PluginFailure else { return true }
        return failure.disposition != .credentialsRejected && failure.reason != .cancelled
    }
}
