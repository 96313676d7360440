import PluginAPI
import Synchronization

/// A ``HealthReporter`` that keeps what an instance says of itself.
public final class RecordingHealthReporter: HealthReporter {
    /// One thing that was said.
    public enum Report: Sendable, Hashable {
        case degraded(String)
        case recovered
        case credentialsRejected(String)
    }

    private let said = Mutex<[Report]>([])

    public init() {}

    /// All that was said, in order, repetitions included.
    public var reports: [Report] { said.withLock { $0 } }

    /// What stands: the last report, or nil where nothing was said or the instance is well again.
    public var current: Report? { reports.last.flatMap { $0 == .recovered ? nil : $0 } }

    public func degraded(_ why: String) { said.withLock { $0.append(.degraded(why)) } }
    public func recovered() { said.withLock { $0.append(.recovered) } }
    public func credentialsRejected(_ why: String) { said.withLock { $0.append(.credentialsRejected(why)) } }
}
