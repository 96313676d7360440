import Foundation
import PluginAPI

/// An entry of `time_intervals`, or of the older `mute_time_intervals`.
public struct NamedInterval: Sendable, Hashable {
    public var name: String
    /// A moment is in the interval when it is in one of these.
    public var windows: [TimeWindow]
    /// Where its name stands.
    public var mark: SourceMark

    public init(name: String, windows: [TimeWindow], mark: SourceMark) {
        self.name = name
        self.windows = windows
        self.mark = mark
    }

    /// The window that a moment is in.
    public func window(at date: Date) -> TimeWindow? { windows.first { $0.contains(date) } }

    /// Whether any moment is in it.
    var matchesEver: Bool { windows.contains { $0.matchesEver } }
}
