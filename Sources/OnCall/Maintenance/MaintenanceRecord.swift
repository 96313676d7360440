import Foundation
import PluginAPI

/// A window of maintenance that has begun.
public struct MaintenanceRecord: Sendable, Hashable, Codable {
    public enum State: String, Sendable, Hashable, Codable {
        case running
        /// Its time is over, and not all is well: it goes on until it is.
        case unwell
        case over
    }

    public var id: String
    /// The window's name, or `by hand`.
    public var name: String
    public var comment: String
    /// A person, or the line of the plan.
    public var by: String
    public var state = State.running
    public var beganAt: Date
    public var endsAt: Date
    public var endedAt: Date?
    /// Alerts that meet all of them page nobody; empty for none.
    public var matchers: [LabelMatcher]
    public var refusesRequests: Bool
    /// The silence that mutes.
    public var silence: String?
    /// What was not well when it began: that alone does not hold it open.
    public var unwellBefore: [String] = []
    /// What was not well at the last look.
    public var findings: [String] = []
    public var unwellSince: Date?
    /// What was done about it, and what came of it.
    public var recovery: String?
    /// True where a copy of the configuration is kept.
    public var keepsConfiguration = false
}

/// What the gateway tells a guest who comes while work is done.
public struct MaintenanceRefusal: Sendable, Hashable {
    /// When it is worth coming again.
    public var until: Date

    public init(until: Date) { self.until = until }
}
