import Foundation
import PluginAPI

/// What a person answers to a page.
public struct OnCallAnswer: Sendable, Hashable {
    /// What the answer is about.
    public enum Subject: Sendable, Hashable {
        /// A code, as it was typed.
        case code(String)
        /// ``PluginAPI/AlertPage/groupKey`` or ``PluginAPI/AlertPage/id``, from somebody who need not prove more: a sink that checked its vendor's
        /// signature, a verified link, the command line.
        case reference(String)
    }

    public var action: PageAcknowledgement.Action
    public var subject: Subject
    /// Who answers.
    public var by: String
    /// By which way: `reply through sms`, `link`, `command line`.
    public var way: String
    /// Whose wrong codes are counted together.
    public var sender: String
    /// What the person has to say, for whoever was paged, and for the ledger.
    public var note: String?

    /// ``way`` of an answer that an operator gives by the command line or the API.
    public static let command = "command"

    public init(_ action: PageAcknowledgement.Action, _ subject: Subject, by: String, way: String, sender: String = "", note: String? = nil) {
        self.action = action
        self.subject = subject
        self.by = by
        self.way = way
        self.sender = sender
        self.note = note.map { String($0.prefix(500)) }
    }

    /// The answer's words after who gave it: `: the pump is off`.
    var words: String { note.map { ": \($0)" } ?? "" }
}

/// What came of an answer.
public struct AnswerOutcome: Sendable, Hashable {
    public enum Status: String, Sendable, Hashable {
        case acknowledged, resolved, escalated
        /// It was so already: nothing changed.
        case already
        /// The matter is over.
        case over
        /// No matter has this code or reference.
        case unknown
        /// The code was sent to somebody else.
        case notTheirs = "not theirs"
        /// Too many wrong codes came from there.
        case locked
        case forged, expired
    }

    public var status: Status
    /// For the person who answered, and for the ledger.
    public var text: String
    /// ``PluginAPI/AlertPage/groupKey``, where the matter is known.
    public var matter: String?

    public var isAccepted: Bool { [.acknowledged, .resolved, .escalated, .already].contains(status) }
}

/// Counts wrong codes by their sender.
struct GuessGuard: Sendable {
    private struct Sender: Sendable {
        var wrong: [Date] = []
        var lockedUntil: Date?
    }

    private static let capacity = 10_000
    private var senders: [String: Sender] = [:]

    func isLocked(_ sender: String, at now: Date) -> Bool { senders[sender]?.lockedUntil.map { $0 > now } ?? false }

    mutating func wrong(_ sender: String, _ limits: OnCallLimits, at now: Date) {
        if senders.count >= Self.capacity {
            senders = senders.filter { ($0.value.lockedUntil ?? .distantPast) > now || ($0.value.wrong.last ?? .distantPast) > now - limits.lockTime }
            // More senders than anybody has staff: whoever is not locked starts anew.
            if senders.count >= Self.capacity { senders = senders.filter { ($0.value.lockedUntil ?? .distantPast) > now } }
        }
        var known = senders[sender] ?? Sender()
        known.wrong = known.wrong.filter { $0 > now - limits.lockTime } + [now]
        if known.wrong.count >= limits.wrongCodes {
            known.lockedUntil = now + limits.lockTime
            known.wrong = []
        }
        senders[sender] = known
    }
}
