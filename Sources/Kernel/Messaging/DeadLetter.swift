import Foundation
import PluginAPI

/// Something that could not be dealt with or delivered, and waits for a human.
public struct DeadLetter: Sendable {
    /// Where it lies.
    public enum Box: String, Sendable, CaseIterable { case inbox, outbox, job }

    /// What it holds, as far as it can be read.
    public enum Content: Sendable {
        case event(InboundEvent)
        case message(OutboundMessage)
        case other
    }

    /// How it came here: given up, or taken by the vendor, who said later that it failed.
    public enum State: String, Sendable, CaseIterable { case dead, failed }

    public var box: Box
    public var id: String
    /// The instance by which it came or was to leave; a job's kind.
    public var instance: String
    /// What it is: an event's kind, an outbox entry's, `job`.
    public var kind: String
    public var state: State
    /// Why. Of an event it may quote what a guest wrote.
    public var reason: String
    public var attempts: Int
    public var createdAt: Date
    public var diedAt: Date
    public var content: Content

    public init(
        box: Box, id: String, instance: String, kind: String, state: State = .dead, reason: String, attempts: Int, createdAt: Date, diedAt: Date,
        content: Content = .other
    ) {
        self.box = box
        self.id = id
        self.instance = instance
        self.kind = kind
        self.state = state
        self.reason = reason
        self.attempts = attempts
        self.createdAt = createdAt
        self.diedAt = diedAt
        self.content = content
    }

    /// Whom it is from or for.
    public var peer: PeerAddress? {
        switch content {
        case .event(let event): event.peer
        case .message(let message): message.peer
        case .other: nil
        }
    }

    /// What it says.
    public var text: String? {
        switch content {
        case .event(let event): if case .message(let message) = event.content { message.text } else { nil }
        case .message(let message): message.text
        case .other: nil
        }
    }

    /// False where on call is not to be told: that a page did not arrive, or could not even be made, is not told by another page that may fare no better.
    var concernsOnCall: Bool {
        switch box {
        case .inbox: true
        case .outbox: kind != OutboxEntry.Kind.page.rawValue
        case .job: instance != AlertIntake.jobKind
        }
    }
}

/// What a dead letter is about, by whoever knows the hotel: letters of one matter are told of once, until it is over.
public struct DeadLetterMatter: Sendable {
    /// The matter's id, as a conversation's.
    public var subject: String
    public var summary: String
    public var detail: String?
    /// What routing may decide by, beside what every dead letter has.
    public var labels: [String: String]
    public var annotations: [String: String]

    public init(subject: String, summary: String, detail: String? = nil, labels: [String: String] = [:], annotations: [String: String] = [:]) {
        self.subject = subject
        self.summary = summary
        self.detail = detail
        self.labels = labels
        self.annotations = annotations
    }
}

extension InboundEvent.Content {
    /// What it is, in a word.
    var kind: String {
        switch self {
        case .message: "message"
        case .receipt: "receipt"
        case .reaction: "reaction"
        case .consent: "consent"
        case .pms: "pms"
        case .acknowledgement: "acknowledgement"
        }
    }
}
