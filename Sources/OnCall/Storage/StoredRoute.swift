import Foundation
import PluginAPI

/// A ``RouteDecision`` as a row holds it.
struct StoredRoute: Codable {
    struct Mark: Codable {
        var file: String
        var line: Int
        var column: Int

        init(_ mark: SourceMark) { (file, line, column) = (mark.file, mark.line, mark.column) }
        var mark: SourceMark { SourceMark(file: file, line: line, column: column) }
    }

    /// Nil for a group of each set of labels.
    var groupBy: [String]?
    /// Milliseconds.
    var groupWait: Int64
    var groupInterval: Int64
    var repeatInterval: Int64
    var muteTimeIntervals: [String]
    var activeTimeIntervals: [String]
    var mark: Mark
    var receiverMark: Mark

    init(_ decision: RouteDecision) {
        groupBy =
            switch decision.grouping {
            case .all: nil
            case .labels(let names): names.sorted()
            }
        groupWait = decision.groupWait.wholeMilliseconds
        groupInterval = decision.groupInterval.wholeMilliseconds
        repeatInterval = decision.repeatInterval.wholeMilliseconds
        muteTimeIntervals = decision.muteTimeIntervals
        activeTimeIntervals = decision.activeTimeIntervals
        mark = Mark(decision.mark)
        receiverMark = Mark(decision.receiverMark)
    }

    func decision(route: String, receiver: String) -> RouteDecision {
        RouteDecision(
            route: route, receiver: receiver, grouping: groupBy.map { .labels(Set($0)) } ?? .all, groupWait: .milliseconds(groupWait),
            groupInterval: .milliseconds(groupInterval), repeatInterval: .milliseconds(repeatInterval), muteTimeIntervals: muteTimeIntervals,
            activeTimeIntervals: activeTimeIntervals, mark: mark.mark, receiverMark: receiverMark.mark)
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
