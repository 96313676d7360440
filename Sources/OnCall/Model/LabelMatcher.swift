import Foundation

/// One condition on a label, as Alertmanager writes it: `severity="critical"`, `room=~"2..|3.."`. A label that is missing counts as an empty one.
///
/// A pattern has RE2's meaning, must fit the whole value, and is compiled once, when the matcher is made. Matching takes time that grows with the value's
/// length alone, whatever pattern and value are.
public struct LabelMatcher: Sendable, Hashable, Codable, CustomStringConvertible {
    public enum Operator: String, Sendable, Hashable, Codable, CaseIterable {
        case equal = "="
        case notEqual = "!="
        /// The pattern fits the whole value.
        case fits = "=~"
        case fitsNot = "!~"

        /// True where the value is a pattern.
        public var takesPattern: Bool { self == .fits || self == .fitsNot }
    }

    public let name: String
    public let comparison: Operator
    public let value: String
    /// Nil where there is no pattern, or none that can be read.
    let pattern: LabelPattern?

    /// A matcher whose value is known to be sound. With a pattern that cannot be read it matches nothing, neither by `=~` nor by `!~`.
    public init(_ name: String, _ comparison: Operator, _ value: String) {
        self.name = name
        self.comparison = comparison
        self.value = value
        pattern = comparison.takesPattern ? try? LabelPattern(value) : nil
    }

    /// A matcher of what somebody wrote.
    /// - Throws: where the pattern is none that RE2 takes.
    public init(checking name: String, _ comparison: Operator, _ value: String) throws(PatternFault) {
        self.name = name
        self.comparison = comparison
        self.value = value
        pattern = comparison.takesPattern ? try LabelPattern(value) : nil
    }

    /// False where its pattern is none that RE2 takes.
    public var isSound: Bool { !comparison.takesPattern || pattern != nil }

    /// Whether labels meet it.
    public func matches(_ labels: [String: String]) -> Bool { accepts(labels[name] ?? "") }

    /// Whether a value of its label meets it.
    public func accepts(_ label: String) -> Bool {
        switch comparison {
        case .equal: ByteText(label) == ByteText(value)
        case .notEqual: ByteText(label) != ByteText(value)
        case .fits: pattern?.fits(label) ?? false
        case .fitsNot: pattern.map { !$0.fits(label) } ?? false
        }
    }

    /// As Alertmanager prints it: `room=~"2.."`.
    public var description: String {
        guard !name.unicodeScalars.contains(where: MatcherText.isReserved) else {
            return MatcherText.quoted(name) + comparison.rawValue + MatcherText.quoted(value)
        }
        return "\(name)\(comparison.rawValue)\"\(MatcherText.escaped(value))\""
    }

    // MARK: Equality and coding: what is written counts, not what it was compiled to.

    private enum CodingKeys: String, CodingKey { case name, comparison, value }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let name = try container.decode(String.self, forKey: .name)
        let comparison = try container.decode(Operator.self, forKey: .comparison), value = try container.decode(String.self, forKey: .value)
        do {
            try self.init(checking: name, comparison, value)
        } catch {
            throw DecodingError.dataCorruptedError(forKey: .value, in: container, debugDescription: error.description)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(comparison, forKey: .comparison)
        try container.encode(value, forKey: .value)
    }

    public static func == (left: LabelMatcher, right: LabelMatcher) -> Bool {
        left.comparison == right.comparison && ByteText(left.name) == ByteText(right.name) && ByteText(left.value) == ByteText(right.value)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(comparison)
        hasher.combine(ByteText(name))
        hasher.combine(ByteText(value))
    }

    /// Alertmanager's order: by name, then value, then comparison.
    static func precedes(_ left: LabelMatcher, _ right: LabelMatcher) -> Bool {
        if left.name != right.name { return left.name.precedes(right.name) }
        if left.value != right.value { return left.value.precedes(right.value) }
        let order = Operator.allCases
        return (order.firstIndex(of: left.comparison) ?? 0) < (order.firstIndex(of: right.comparison) ?? 0)
    }
}

extension [LabelMatcher] {
    /// Whether labels meet all of them.
    public func match(_ labels: [String: String]) -> Bool { allSatisfy { $0.matches(labels) } }

    /// As Alertmanager prints them: `{a="1",b=~"2.."}`.
    var text: String { "{" + map(\.description).joined(separator: ",") + "}" }
}
