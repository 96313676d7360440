import Foundation
import PluginAPI

/// Whom a drill is for, by the names of the plan.
public struct DrillSubject: Sendable, Hashable, Codable {
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable { case person, schedule, receiver }

    public var kind: Kind
    public var name: String

    public init(_ kind: Kind, _ name: String) {
        self.kind = kind
        self.name = name
    }

    /// `schedule engineer`.
    public var words: String { "\(kind.rawValue) \(name)" }
}

/// A drill: a page that is none, and that must be acknowledged all the same.
public struct DrillOrder: Sendable, Hashable, Codable {
    /// The drill's own, and the same when the same order is given again after a crash.
    public var id: String
    public var subject: DrillSubject
    /// Seconds within which the first who is paged must acknowledge.
    public var within: Int
    /// True where it also wakes people in their quiet hours.
    public var atNight: Bool
    /// Who ordered it: a person, or the plan's `file:line`.
    public var by: String
    /// True where the plan orders it.
    public var isPlanned: Bool

    public init(id: String, subject: DrillSubject, within: Int, atNight: Bool = false, by: String, isPlanned: Bool = false) {
        self.id = id
        self.subject = subject
        self.within = within
        self.atNight = atNight
        self.by = by
        self.isPlanned = isPlanned
    }

    /// What people read first, by whatever sink.
    var summary: String {
        "DRILL, no alert: acknowledge this page within \(Duration.seconds(within).text) (\(subject.words))"
    }
}

/// What happened in a drill, for the report.
enum DrillEvent: Sendable, Hashable {
    case began(DrillOrder, at: Date)
    case paged(drill: String, page: String, person: String?, contact: Contact, level: Int, at: Date)
    case failed(page: String, reason: String)
    /// Whoever was paged by a level has not acknowledged in time.
    case missed(drill: String, level: Int, at: Date)
    case acknowledged(drill: String, by: String, way: String, pages: [String], at: Date)
    /// Nobody acknowledged, or nobody could be paged at all.
    case ended(drill: String, reached: Bool, at: Date)
}
