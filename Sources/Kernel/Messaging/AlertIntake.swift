import Foundation
import PluginAPI

/// Where alerts are handed in: durable with the change that raised them, whoever raises them and whoever routes them.
public struct AlertIntake: Sendable {
    /// The kind of job by which an alert reaches whoever routes alerts.
    public static let jobKind = "alert"

    /// The kind of job by which a person's answer to a page reaches whoever routes alerts.
    public static let answerKind = "alert-answer"

    /// The kind of job by which what a vendor says of a page, once it has left, reaches whoever routes alerts.
    public static let outcomeKind = "alert-outcome"

    private let jobs: JobQueue

    public init(jobs: JobQueue) { self.jobs = jobs }

    /// Raises an alert in the transaction that found it. The same fingerprint that still waits is one alert.
    public func raise(_ alert: Alert, in transaction: any StorageTransaction) throws {
        try jobs.enqueue(Self.jobKind, payload: [UInt8](JSONEncoder().encode(alert)), key: "alert:\(alert.fingerprint)", in: transaction)
    }

    /// Whether an alert, or its end, was handed in and has not reached whoever routes alerts.
    public static func isWaiting(_ fingerprint: String, property: String, in reader: any StorageReader) throws -> Bool {
        try reader.row(
            "SELECT id FROM job WHERE key = :key AND property = :property", ["key": "alert:\(fingerprint)".sql, "property": property.sql]) != nil
    }

    /// Hands in a person's answer to a page.
    public func acknowledge(_ answer: PageAcknowledgement, through instance: String, id: String, in transaction: any StorageTransaction) throws {
        try jobs.enqueue(
            Self.answerKind, payload: [UInt8](JSONEncoder().encode(PageAnswer(answer: answer, instance: instance))), key: "answer:\(id)",
            in: transaction)
    }

    /// Hands in what became of a page after the vendor had taken it.
    public func report(_ outcome: PageOutcome, in transaction: any StorageTransaction) throws {
        try jobs.enqueue(
            Self.outcomeKind, payload: [UInt8](JSONEncoder().encode(outcome)), key: "outcome:\(outcome.page):\(outcome.state.rawValue)",
            in: transaction)
    }

    /// Registers who routes alerts.
    public func route(_ handler: @escaping @Sendable (Alert) async throws -> Void) {
        jobs.register(Self.jobKind) { payload in try await handler(JSONDecoder().decode(Alert.self, from: Data(payload))) }
    }
}

/// A person's answer to a page, and the instance by which it came.
public struct PageAnswer: Sendable, Codable {
    public var answer: PageAcknowledgement
    public var instance: String
}

/// What became of a page after the vendor had taken it: nobody answered the call, the message was delivered.
public struct PageOutcome: Sendable, Hashable, Codable {
    /// ``AlertPage/id``, which is the outbox entry's.
    public var page: String
    /// The alert instance that the page left through.
    public var instance: String
    /// `delivered` and `read` where a person was reached; `failed` where nobody was: it is the next contact's turn.
    public var state: DeliveryState
    /// Why, in words that hold no secret; nil where there is nothing to say.
    public var reason: String?

    public init(page: String, instance: String, state: DeliveryState, reason: String? = nil) {
        self.page = page
        self.instance = instance
        self.state = state
        self.reason = reason
    }
}
