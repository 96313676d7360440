import PluginAPI

/// A value that is read later, with the place where it stands.
struct MarkedNode: SettingValue {
    let node: ConfigNode

    static var shape: SettingShape { .string() }
    static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> MarkedNode? {
        guard node.text != nil, !node.isNull else { return mismatch(node, &diagnostics) }
        return MarkedNode(node: node)
    }
    var printed: JSONValue { .string(node.text ?? "") }
    var text: String { node.text ?? "" }
}

/// How the series of a metric become one.
enum RuleAcross: String, SettingChoice {
    case sum, max, min
}

/// When a number is beyond a threshold.
enum RuleComparison: String, SettingChoice {
    case above
    case atLeast = "at_least"
    case below
    case atMost = "at_most"

    var isUpward: Bool { self == .above || self == .atLeast }

    func holds(_ value: Double, _ threshold: Double) -> Bool {
        switch self {
        case .above: value > threshold
        case .atLeast: value >= threshold
        case .below: value < threshold
        case .atMost: value <= threshold
        }
    }

    var words: String {
        switch self {
        case .above: "more than"
        case .atLeast: "at least"
        case .below: "less than"
        case .atMost: "at most"
        }
    }
}

/// One entry of `rules:` as it is written.
struct AlertRuleSettings: PluginSettings {
    @Setting(help: "The alert's name.", .notEmpty) var name: String
    @Setting(help: "The metric, as Prometheus sees it.") var metric: MarkedNode
    @Setting(help: "How one number is made of it: value, increase, rate, share, or a quantile such as p95.") var read: MarkedNode
    @Setting(help: "The time that is looked at.") var over: Duration = .seconds(300)
    @Setting(help: "Which series count, by label; a value that begins with ~ is a regular expression for the whole value.")
    var `where`: [String: String] = [:]
    @Setting(help: "How several series become one; a gauge's largest and a counter's sum where not set.") var across: RuleAcross?
    @Setting(help: "When the number is beyond a threshold.") var compare: RuleComparison = .above
    @Setting(help: "From here on it is a warning.") var warning: MarkedNode?
    @Setting(help: "From here on it is critical.") var critical: MarkedNode?
    @Setting("for", help: "How long it must be so without a break.") var lasting: Duration = .zero
    @Setting(help: "How far the number must come back, in percent of the threshold, before it is over.") var margin: MarkedNode?
    @Setting(help: "Things that a share or a quantile must rest on: one of one is no trend.", .range(0...1_000_000)) var atLeast: Int = 0
    @Setting(help: "The label `type`, by which alerts are routed.") var type: String = "threshold"
    @Setting(help: "What a person woken at night reads first.") var summary: String
    @Setting(help: "What to do about it.") var action: String
    @Setting(help: "Where it is written at length.") var runbook: String?
    @Setting(help: "More labels.") var labels: [String: String] = [:]

    init() {}
}

/// One entry of `baselines:` as it is written: what is unusual for Jack itself is an alert, whatever the thresholds say.
struct BaselineSettings: PluginSettings {
    @Setting(help: "The alert's name.", .notEmpty) var name: String
    @Setting(help: "The metric, as Prometheus sees it.") var metric: MarkedNode
    @Setting(help: "How one number is made of it: value, rate, share, or a quantile such as p95.") var read: MarkedNode
    @Setting(help: "The time that is looked at.") var over: Duration = .seconds(900)
    @Setting(help: "Which series count, by label; a value that begins with ~ is a regular expression for the whole value.")
    var `where`: [String: String] = [:]
    @Setting(help: "How several series become one; a gauge's largest and a counter's sum where not set.") var across: RuleAcross?
    @Setting(help: "Robust deviations from the usual, beyond which it is unusual.", .range(1...100)) var deviations: Double = 5
    @Setting(help: "How far beyond the usual it must be all the same, as a share of the usual: 0.5 for half as much again.", .range(0...100))
    var least: Double = 0.5
    @Setting(help: "Days that must be known before anything is called unusual.", .range(2...60)) var history: Int = 7
    @Setting("for", help: "How long it must be so without a break.") var lasting: Duration = .seconds(900)
    @Setting(help: "Things that a share or a quantile must rest on.", .range(0...1_000_000)) var atLeast: Int = 20
    @Setting(help: "How bad it is.") var severity: AlertSeverityChoice = .warning
    @Setting(help: "What a person reads first.") var summary: String
    @Setting(help: "What to do about it.") var action: String
    @Setting(help: "Where it is written at length.") var runbook: String?
    @Setting(help: "More labels.") var labels: [String: String] = [:]

    init() {}
}

/// A list that is decoded later, entry by entry, so that each keeps its marks.
struct RawList<Entry: PluginSettings>: SettingValue {
    let node: ConfigNode

    static var shape: SettingShape { .list(.object(Entry.schema)) }
    static func decode(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> RawList? {
        guard node.elements != nil else {
            diagnostics.error(.wrongType, "expected a list, found \(node.kindDescription)", at: node.mark)
            return nil
        }
        return RawList(node: node)
    }
    var printed: JSONValue { .null }
    var elements: [ConfigNode] { node.elements ?? [] }
}

/// The file of alert rules as it is written.
struct AlertRuleFile: PluginSettings {
    @Setting(help: "How often the metrics are looked at.", .range(.seconds(1)...(.seconds(600)))) var every: Duration = .seconds(15)
    @Setting(help: "Thresholds.") var rules: RawList<AlertRuleSettings>?
    @Setting(help: "What is learned, and compared with what is usual.") var baselines: RawList<BaselineSettings>?

    init() {}
}
