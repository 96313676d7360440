import Foundation
import PluginAPI

/// Something that is to leave through an instance.
public struct OutboxEntry: Sendable {
    /// How far it has come.
    public enum State: String, Sendable, Codable, CaseIterable {
        case queued, sent, delivered, read, failed, dead, withdrawn

        /// States only advance: what a late receipt says of the past changes nothing.
        var rank: Int {
            switch self {
            case .queued: 0
            case .sent: 1
            case .delivered: 2
            case .read: 3
            case .failed, .dead, .withdrawn: 4
            }
        }

        /// True where the vendor has it.
        public var hasLeft: Bool { self == .sent || self == .delivered || self == .read }
    }

    /// What it is, and so who delivers it: `message`, `page`.
    public struct Kind: RawRepresentable, Sendable, Hashable, ExpressibleByStringLiteral {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public init(stringLiteral value: String) { rawValue = value }

        public static let message: Kind = "message"
        public static let page: Kind = "page"
    }

    public var seq: Int64
    /// The idempotency key.
    public var id: String
    public var instance: String
    public var kind: Kind
    /// Entries of one lane leave in their order.
    public var lane: String
    /// JSON of what the kind's delivery takes.
    public var payload: [UInt8]
    public var createdAt: Date
    public var attempts: Int
    /// True where it was a dead letter about something, and is sent again.
    var isLetter = false

    public init(id: String, instance: String, kind: Kind, lane: String, payload: [UInt8], createdAt: Date) {
        seq = 0
        self.id = id
        self.instance = instance
        self.kind = kind
        self.lane = lane
        self.payload = payload
        self.createdAt = createdAt
        attempts = 0
    }

    /// A message through a channel instance.
    public static func message(_ message: OutboundMessage, through instance: String, at date: Date) throws -> OutboxEntry {
        OutboxEntry(
            id: message.id, instance: instance, kind: .message, lane: Inbox.lane(instance, message.peer),
            payload: [UInt8](try JSONEncoder().encode(message)),
            createdAt: date)
    }

    /// The entry as a dead letter.
    func letter(_ state: DeadLetter.State, _ reason: String, attempts: Int, at date: Date) -> DeadLetter {
        let message = kind == .message ? try? decoded(OutboundMessage.self) : nil
        return DeadLetter(
            box: .outbox, id: id, instance: instance, kind: kind.rawValue, state: state, reason: reason, attempts: attempts, createdAt: createdAt,
            diedAt: date, content: message.map { .message($0) } ?? .other)
    }

    /// The payload as what the kind's delivery takes.
    /// - Throws: ``PluginAPI/PluginFailure`` permanent where it is none: no later try reads it.
    public func decoded<T: Decodable>(_ type: T.Type) throws -> T {
        do {
            return try JSONDecoder().decode(type, from: Data(payload))
        } catch {
            // Without what the decoder says: it may quote what a guest is to read.
            throw PluginFailure.permanent("unreadable", "the entry cannot be read as a \(kind.rawValue)")
        }
    }
}

/// Published when an entry's state changes.
public struct OutboxChanged: BusEvent {
    public let id: String
    public let instance: String
    public let kind: OutboxEntry.Kind
    public let state: OutboxEntry.State
    public let reason: String?
}
