import PluginAPI

/// One place of the tree that was looked at on an alert's way.
public struct RouteStep: Sendable, Hashable {
    public enum Outcome: Sendable, Hashable {
        /// The labels meet all its matchers, and the places below decide.
        case entered
        /// The labels meet all its matchers and those of no place below: the alert ends up here.
        case chosen
        /// The labels do not meet this one.
        case refused(PlacedMatcher, value: String)
    }

    /// How deep it stands; 0 is the root.
    public var depth: Int
    public var outcome: Outcome
    public var matchers: [LabelMatcher]
    /// True where the places beside it are looked at although this one matched.
    public var continues: Bool
    /// What it decides for an alert that ends up there; ``RouteDecision/mark`` is where it stands.
    public var decision: RouteDecision

    /// One line: `severity="critical" (alertmanager.yml:12:7) does not hold: severity is "warning"`.
    public var text: String {
        let what = matchers.isEmpty ? "every alert" : matchers.text
        switch outcome {
        case .entered: return "\(decision.mark): \(what) matches" + (continues ? ", and the next are looked at too" : "")
        case .chosen:
            return "\(decision.mark): \(what) matches: receiver \(decision.receiver) (\(decision.receiverMark))"
                + (continues ? ", and the next are looked at too" : "")
        case .refused(let placed, let value):
            return
                "\(decision.mark): \(placed.matcher) (\(placed.mark)) does not hold: \(placed.matcher.name) is \(MatcherText.quoted(String(value.prefix(80))))"
        }
    }
}
