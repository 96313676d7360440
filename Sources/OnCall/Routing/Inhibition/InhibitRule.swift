import PluginAPI

/// While an alert that meets `source` fires, alerts that meet `target` and have the same values of the labels in `equal` are silent.
public struct InhibitRule: Sendable, Hashable {
    /// Empty where it has none.
    public var name: String
    public var source: [PlacedMatcher]
    public var target: [PlacedMatcher]
    public var equal: [String]
    /// Where it stands.
    public var mark: SourceMark

    /// Whether a firing alert silences another. One that meets both sides does not silence another that does, itself included.
    public func inhibits(_ labels: [String: String], by other: [String: String]) -> Bool {
        let source = source.map(\.matcher), target = target.map(\.matcher)
        guard target.match(labels), source.match(other) else { return false }
        guard equal.allSatisfy({ ByteText(labels[$0] ?? "") == ByteText(other[$0] ?? "") }) else { return false }
        return !(source.match(labels) && target.match(other))
    }

    /// The values of the labels that must be equal, as one text.
    func key(_ labels: [String: String]) -> ByteText {
        // The length before each value keeps two lists of values apart, whatever they hold.
        ByteText(equal.map { labels[$0] ?? "" }.map { "\($0.utf8.count):\($0)" }.joined())
    }
}
