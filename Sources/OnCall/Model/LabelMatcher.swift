import Foundation

/// One condition on a label, as Alertmanager writes it: `severity="critical"`, `room=~"2..|3.."`. A label that is missing counts as an empty one.
public struct LabelMatcher: Sendable, Hashable, Codable {
    public enum Operator: String, Sendable, Hashable, Codable, CaseIterable {
        case equal = "="
        case notEqual = "!="
        /// The pattern fits the whole value.
        case fits = "=~"
        case fitsNot = "!~"
    }

    public var name: String
    public var comparison: Operator
    public var value: String

    public init(_ name: String, _ comparison: Operator, _ value: String) {
        self.name = name
        self.comparison = comparison
        self.value = value
    }

    /// Whether labels meet it.
    public func matches(_ labels: [String: String]) -> Bool {
        let label = labels[name] ?? ""
        return switch comparison {
        case .equal: label == value
        case .notEqual: label != value
        case .fits: Self.fits(label, value)
        case .fitsNot: !Self.fits(label, value)
        }
    }

    private static func fits(_ text: String, _ pattern: String) -> Bool {
        guard let expression = try? NSRegularExpression(pattern: "^(?:\(pattern))$") else { return false }
        return expression.firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) != nil
    }
}
