import Foundation
import PluginAPI

/// What stands open, and what people and other programs do with it: the Alertmanager v2 API, the command line and links speak to this.
public protocol AlertBoard: Sendable {
    /// Takes alerts, durably before it returns: new ones, news of known ones (the same labels), and the end of some (`endsAt` in the past). One that is not well
    /// formed, or too large, costs the others nothing.
    /// - Returns: those that were not taken, and why, in their order.
    /// - Throws: ``Kernel/StorageError`` where nothing could be stored.
    @discardableResult
    func take(_ alerts: [PostedAlert]) async throws -> [AlertRefusal]

    /// What is known of alerts that are not over, and whose labels meet all matchers.
    func alerts(matching matchers: [LabelMatcher]) async throws -> [AlertView]

    /// The same, by receiver and group.
    func groups(matching matchers: [LabelMatcher]) async throws -> [AlertGroupView]

    /// Sets a silence, or changes one; an expired one is not changed, a new one takes its place.
    /// - Returns: the silence's id.
    /// - Throws: ``OnCallError``.
    func set(_ silence: Silence) async throws -> String

    /// - Throws: ``OnCallError`` where there is none.
    func expireSilence(_ id: String) async throws

    func silences(matching matchers: [LabelMatcher]) async throws -> [Silence]

    /// The receivers' names, in the plan's order.
    var receivers: [String] { get }
    /// The plan's text, with secrets left out: what `config show` prints.
    var configurationText: String { get }
    /// When the process began to take alerts.
    var startedAt: Date { get }
}

/// An alert as it is handed in from outside.
public struct PostedAlert: Sendable, Hashable, Codable {
    public var labels: [String: String]
    public var annotations: [String: String]
    /// Nil for now.
    public var startsAt: Date?
    /// Nil while it lasts: then it counts as over when nothing is heard of it for the plan's `resolve_timeout`.
    public var endsAt: Date?
    public var generatorURL: String?

    public init(
        labels: [String: String], annotations: [String: String] = [:], startsAt: Date? = nil, endsAt: Date? = nil, generatorURL: String? = nil
    ) {
        self.labels = labels
        self.annotations = annotations
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.generatorURL = generatorURL
    }
}

/// Why one alert of several was not taken.
public struct AlertRefusal: Error, Sendable, Hashable {
    /// Which one, counted from 0.
    public var place: Int
    public var error: OnCallError

    public init(place: Int, error: OnCallError) {
        self.place = place
        self.error = error
    }
}

/// An alert that stands open, and why somebody is told of it or not.
public struct AlertView: Sendable, Hashable {
    public enum State: String, Sendable, Hashable { case unprocessed, active, suppressed }

    /// 16 hexadecimal digits.
    public var fingerprint: String
    public var labels: [String: String]
    public var annotations: [String: String]
    public var startsAt: Date
    public var endsAt: Date
    public var updatedAt: Date
    public var generatorURL: String
    public var receivers: [String]
    public var state: State
    public var silencedBy: [String]
    /// Fingerprints.
    public var inhibitedBy: [String]
    /// Time intervals.
    public var mutedBy: [String]

    public init(
        fingerprint: String, labels: [String: String], annotations: [String: String], startsAt: Date, endsAt: Date, updatedAt: Date,
        generatorURL: String, receivers: [String], state: State, silencedBy: [String] = [], inhibitedBy: [String] = [], mutedBy: [String] = []
    ) {
        self.fingerprint = fingerprint
        self.labels = labels
        self.annotations = annotations
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.updatedAt = updatedAt
        self.generatorURL = generatorURL
        self.receivers = receivers
        self.state = state
        self.silencedBy = silencedBy
        self.inhibitedBy = inhibitedBy
        self.mutedBy = mutedBy
    }
}

/// The alerts that one receiver is told of together.
public struct AlertGroupView: Sendable, Hashable {
    public var labels: [String: String]
    public var receiver: String
    public var alerts: [AlertView]

    public init(labels: [String: String], receiver: String, alerts: [AlertView]) {
        self.labels = labels
        self.receiver = receiver
        self.alerts = alerts
    }
}

/// A time in which nobody is told of alerts with certain labels. Emergencies pass it.
public struct Silence: Sendable, Hashable, Codable {
    public enum State: String, Sendable, Hashable, Codable { case pending, active, expired }

    /// Empty for a new one.
    public var id: String
    public var matchers: [LabelMatcher]
    public var startsAt: Date
    public var endsAt: Date
    public var createdBy: String
    public var comment: String
    public var updatedAt: Date

    public init(
        id: String = "", matchers: [LabelMatcher], startsAt: Date, endsAt: Date, createdBy: String, comment: String, updatedAt: Date = .distantPast
    ) {
        self.id = id
        self.matchers = matchers
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.createdBy = createdBy
        self.comment = comment
        self.updatedAt = updatedAt
    }

    public func state(at date: Date) -> State { date >= endsAt ? .expired : date < startsAt ? .pending : .active }
}

/// Why something that was asked of on call was not done.
public struct OnCallError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable { case invalid, notFound, tooMany }

    public var code: Code
    public var description: String

    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
