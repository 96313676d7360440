import Foundation
import PluginAPI

/// A number with its unit, as a rule has it: `2s`, `70%`, `5GB`, `5/min`, `100`. Without the unit that the reading needs it is refused: it would be a guess.
struct RuleThreshold: Sendable, Hashable {
    /// What kind of number a rule compares.
    enum Scale: String, Sendable, Hashable {
        case seconds, bytes, ratio, count
        case perMinute, perHour

        var example: String {
            switch self {
            case .seconds: "2s"
            case .bytes: "5GB"
            case .ratio: "70%"
            case .count: "100"
            case .perMinute: "5/min"
            case .perHour: "5/hour"
            }
        }
    }

    /// In base units: seconds, bytes, shares of 1, things, things a second.
    var value: Double
    /// As it is written.
    var text: String

    /// The scale on which a reading of a metric is measured; nil where the text decides, as a rate may be by the minute or the hour.
    static func scale(_ metric: RuleMetric, _ reading: RuleReading) -> Scale? {
        switch reading {
        case .share: .ratio
        case .rate: nil
        case .increase: .count
        case .value, .quantile:
            switch metric.unit {
            case .seconds: .seconds
            case .bytes: .bytes
            case .ratio: .ratio
            case .count: .count
            }
        }
    }

    static func read(_ node: ConfigNode, _ scale: Scale?, _ diagnostics: inout Diagnostics) -> RuleThreshold? {
        guard let text = node.text, !node.isNull else {
            diagnostics.error(
                .wrongType, "expected a threshold, found \(node.kindDescription)", remedy: "write for example \(example(scale))", at: node.mark)
            return nil
        }
        let bare = text.filter { $0 != " " }
        if let value = number(bare, scale), value.isFinite, value >= 0 { return RuleThreshold(value: value, text: text) }
        let remedy =
            Double(bare) != nil && scale != .count ? "say the unit, as in \(example(scale))" : "write for example \(example(scale))"
        diagnostics.error(.invalidValue, "“\(text.prefix(60))” is no \(word(scale))", remedy: remedy, at: node.mark)
        return nil
    }

    private static func example(_ scale: Scale?) -> String { scale?.example ?? "5/min or 5/hour" }

    private static func word(_ scale: Scale?) -> String {
        switch scale {
        case .seconds: "length of time"
        case .bytes: "size"
        case .ratio: "share in percent"
        case .count: "number of things"
        case .perMinute, .perHour, nil: "number of things a minute or an hour"
        }
    }

    private static func number(_ text: String, _ scale: Scale?) -> Double? {
        switch scale {
        case .seconds: return Double(text) == nil ? Duration(text: text)?.seconds : nil
        case .ratio:
            guard text.hasSuffix("%"), let percent = Double(text.dropLast()) else { return nil }
            return percent / 100
        case .count: return Double(text)
        case .bytes:
            let units = ["B": 1.0, "KB": 1024, "MB": 1_048_576, "GB": 1_073_741_824, "TB": 1_099_511_627_776]
            let digits = text.prefix { $0.isNumber || $0 == "." }
            guard let count = Double(digits), let factor = units[text.dropFirst(digits.count).uppercased()] else { return nil }
            return count * factor
        case .perMinute, .perHour, nil:
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            let units = ["s": 1.0, "second": 1, "min": 60, "minute": 60, "m": 60, "h": 3600, "hour": 3600, "day": 86400, "d": 86400]
            guard parts.count == 2, let count = Double(parts[0]), let seconds = units[String(parts[1])] else { return nil }
            return count / seconds
        }
    }

    /// A measured number in the words of the threshold's scale.
    static func words(_ value: Double, like threshold: RuleThreshold, _ scale: Scale?) -> String {
        func short(_ value: Double) -> String { value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : String(format: "%.2f", value) }
        switch scale {
        case .seconds: return value < 1 ? "\(short((value * 1000).rounded())) ms" : "\(short((value * 100).rounded() / 100)) s"
        case .bytes: return "\(String(format: "%.2f", value / 1_073_741_824)) GB"
        case .ratio: return "\(String(format: "%.1f", value * 100)) %"
        case .count: return short(value)
        case .perMinute, .perHour, nil:
            let isHourly = threshold.text.contains("/h")
            return "\(short((value * (isHourly ? 3600 : 60) * 100).rounded() / 100)) \(isHourly ? "an hour" : "a minute")"
        }
    }
}
