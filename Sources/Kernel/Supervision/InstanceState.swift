import Foundation
import PluginAPI

/// How an instance is.
public enum InstanceState: String, Sendable, Hashable, Codable, CaseIterable {
    case starting, running, degraded, failed, stopping, stopped

    /// The states that may follow. A transition that is not in the table is a defect, and is refused.
    var successors: Set<InstanceState> {
        switch self {
        case .stopped: [.starting]
        case .starting: [.running, .failed, .stopping]
        case .running: [.degraded, .failed, .stopping]
        case .degraded: [.running, .failed, .stopping]
        // `stopped` by the policy `disable`.
        case .failed: [.starting, .stopping, .stopped]
        case .stopping: [.stopped]
        }
    }

    /// True where calls are let through.
    public var isCallable: Bool { self == .running || self == .degraded }
}

/// What the operator sees of an instance.
public struct InstanceStatus: Sendable, Hashable {
    public var name: String
    public var plugin: String
    public var kind: PluginKind
    public var state: InstanceState
    /// Why it is in this state, in a sentence; nil where there is nothing to say.
    public var reason: String?
    /// True where a human must renew the credentials.
    public var needsCredentials: Bool
    public var since: Date
    /// Starts that failed since the last success.
    public var failedStarts: Int

    public init(
        name: String, plugin: String, kind: PluginKind, state: InstanceState, reason: String?, needsCredentials: Bool, since: Date, failedStarts: Int
    ) {
        self.name = name
        self.plugin = plugin
        self.kind = kind
        self.state = state
        self.reason = reason
        self.needsCredentials = needsCredentials
        self.since = since
        self.failedStarts = failedStarts
    }
}

/// Published whenever an instance's state or its reason changes.
public struct InstanceChanged: BusEvent {
    public let before: InstanceState
    public let status: InstanceStatus
}
