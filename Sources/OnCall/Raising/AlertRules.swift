import Foundation
import Kernel
import PluginAPI

/// Where a number comes from.
struct RuleSource: Sendable {
    var metric: RuleMetric
    var reading: RuleReading
    var over: Duration
    var filter: [RuleLabelFilter]
    var across: RuleAcross
    var atLeast: Int
}

/// One label that a series must have.
struct RuleLabelFilter: Sendable {
    private let matcher: LabelMatcher

    /// - Parameter text: the value; after `~` a pattern for the whole value. Nil where the pattern is none.
    init?(_ name: String, _ text: String) {
        matcher = text.hasPrefix("~") ? LabelMatcher(name, .fits, String(text.dropFirst())) : LabelMatcher(name, .equal, text)
        guard matcher.isSound else { return nil }
    }

    func takes(_ labels: [String: String]) -> Bool { matcher.matches(labels) }
}

/// A threshold on one of Jack's own metrics.
public struct AlertRule: Sendable {
    public let name: String
    let source: RuleSource
    let compare: RuleComparison
    let warning: RuleThreshold?
    let critical: RuleThreshold?
    let lasting: Duration
    /// A share of the threshold.
    let margin: Double
    let type: String
    let summary: String
    let action: String
    let runbook: String?
    let labels: [String: String]
    /// Where the rule stands.
    public let mark: SourceMark

    var scale: RuleThreshold.Scale? { RuleThreshold.scale(source.metric, source.reading) }

    func threshold(_ level: RuleLevel) -> RuleThreshold? {
        switch level {
        case .calm: nil
        case .warning: warning
        case .critical: critical
        }
    }
}

/// How bad a rule's number is.
enum RuleLevel: Int, Sendable, Comparable, CaseIterable {
    case calm, warning, critical

    static func < (left: RuleLevel, right: RuleLevel) -> Bool { left.rawValue < right.rawValue }
    var severity: AlertSeverity { self == .critical ? .critical : .warning }
}

/// Something that is compared with what is usual for it.
public struct BaselineRule: Sendable {
    public let name: String
    let source: RuleSource
    let settings: BaselineSettings
    public let mark: SourceMark
}

/// The rules by which Jack watches itself: `alert-rules.yaml`.
public struct AlertRules: Sendable {
    /// How often the metrics are looked at.
    public var every: Duration
    public var rules: [AlertRule]
    public var baselines: [BaselineRule]
    /// Changes with anything that the file says, and with nothing else.
    public private(set) var fingerprint = ""

    /// No rules: nothing is watched.
    public init() { (every, rules, baselines) = (.seconds(15), [], []) }

    /// The JSON Schema's source, and the reference page's.
    public static var schema: SettingsSchema { AlertRuleFile.schema }

    /// The metrics that are looked at.
    var metrics: Set<String> { Set(rules.map(\.source.metric.name) + baselines.map(\.source.metric.name)) }

    /// Reads a document. Every mistake in it is a diagnostic with its place; nil where there is an error.
    public static func read(_ node: ConfigNode, _ diagnostics: inout Diagnostics) -> AlertRules? {
        var found = Diagnostics()
        defer { diagnostics.add(contentsOf: found) }
        guard let file = AlertRuleFile.decode(node, &found) else { return nil }
        var rules = AlertRules()
        rules.every = file.every
        rules.fingerprint = Fingerprint.of(node)
        var names: [String: SourceMark] = [:]
        func claim(_ name: String, _ entry: ConfigNode) {
            let mark = entry["name"]?.mark ?? entry.mark
            if let first = names[name] {
                found.error(
                    .duplicateKey, "“\(name)” is the name of a rule already, at \(first)", remedy: "give each rule a name of its own", at: mark)
            } else {
                names[name] = mark
            }
        }
        for entry in file.rules?.elements ?? [] {
            guard let settings = AlertRuleSettings.decode(entry, &found) else { continue }
            claim(settings.name, entry)
            if let rule = AlertRule(settings, entry, &found) { rules.rules.append(rule) }
        }
        for entry in file.baselines?.elements ?? [] {
            guard let settings = BaselineSettings.decode(entry, &found) else { continue }
            claim(settings.name, entry)
            let source = RuleSource(
                metric: settings.metric, read: settings.read, over: settings.over, where: settings.where, across: settings.across,
                atLeast: settings.atLeast, entry, &found)
            if let source { rules.baselines.append(BaselineRule(name: settings.name, source: source, settings: settings, mark: entry.mark)) }
        }
        if rules.rules.isEmpty, rules.baselines.isEmpty, !found.hasErrors {
            found.warning(.missing, "there is no rule: Jack does not watch itself", remedy: "add rules, or leave the file out", at: node.mark)
        }
        return found.hasErrors ? nil : rules
    }
}

extension RuleSource {
    init?(
        metric: MarkedNode, read: MarkedNode, over: Duration, where: [String: String], across: RuleAcross?, atLeast: Int, _ entry: ConfigNode,
        _ diagnostics: inout Diagnostics
    ) {
        let known = RuleMetric.named(metric.text) ?? RuleMetric.ofPlugin(metric.text)
        if known == nil {
            diagnostics.error(
                .unknownReference, "there is no metric “\(metric.text.prefix(100))”",
                remedy: Suggestion.nearest(to: metric.text, among: RuleMetric.known.map(\.name)).map { "did you mean “\($0)”?" }
                    ?? "`curl …/metrics` lists what there is", at: metric.node.mark)
        }
        let reading = RuleReading(read.text)
        if reading == nil {
            diagnostics.error(
                .invalidValue, "“\(read.text.prefix(60))” is no way to read a metric",
                remedy: Suggestion.remedy(for: read.text, among: RuleReading.names),
                at: read.node.mark)
        }
        let filters = `where`.sorted { $0.key < $1.key }.map { name, text in
            let filter = RuleLabelFilter(name, text)
            if filter == nil {
                diagnostics.error(
                    .invalidValue, "“\(text.dropFirst().prefix(100))” is no regular expression", at: entry["where"]?[name]?.mark ?? entry.mark)
            }
            return filter
        }
        if over < .seconds(10) || over > .seconds(86_400) {
            diagnostics.error(
                .invalidValue, "\(over.text) is no time to look at", remedy: "write from 10s to 24h", at: entry["over"]?.mark ?? entry.mark)
        }
        guard let known, let reading, !filters.contains(where: { $0 == nil }) else { return nil }
        guard reading.kind == known.kind else {
            let fitting = RuleReading.names.filter { RuleReading($0)?.kind == known.kind }
            diagnostics.error(
                .invalidValue, "\(known.name) is a \(known.kind.rawValue) and cannot be read as \(read.text)",
                remedy: "read it as \(fitting.joined(separator: ", "))", at: read.node.mark)
            return nil
        }
        if reading == .share, filters.isEmpty {
            diagnostics.error(.missing, "a share is the part that `where` picks, and there is none", remedy: "add where:", at: read.node.mark)
        }
        self.init(
            metric: known, reading: reading, over: over, filter: filters.compactMap { $0 }, across: across ?? (known.kind == .gauge ? .max : .sum),
            atLeast: atLeast)
    }
}

extension AlertRule {
    init?(_ settings: AlertRuleSettings, _ entry: ConfigNode, _ diagnostics: inout Diagnostics) {
        let source = RuleSource(
            metric: settings.metric, read: settings.read, over: settings.over, where: settings.where, across: settings.across,
            atLeast: settings.atLeast, entry, &diagnostics)
        guard settings.warning != nil || settings.critical != nil else {
            diagnostics.error(
                .missing, "the rule “\(settings.name)” has neither warning nor critical", remedy: "add at least one threshold", at: entry.mark)
            return nil
        }
        guard let source else { return nil }
        let scale = RuleThreshold.scale(source.metric, source.reading)
        let warning = settings.warning.flatMap { RuleThreshold.read($0.node, scale, &diagnostics) }
        let critical = settings.critical.flatMap { RuleThreshold.read($0.node, scale, &diagnostics) }
        if let warning, let critical {
            let isReversed = settings.compare.isUpward ? warning.value >= critical.value : warning.value <= critical.value
            if isReversed {
                diagnostics.error(
                    .invalidValue, "the warning (\(warning.text)) is not before critical (\(critical.text))",
                    remedy: settings.compare.isUpward ? "the warning is the lower one" : "the warning is the higher one",
                    at: settings.warning?.node.mark)
            }
        }
        var margin = 0.1
        if let node = settings.margin?.node, let read = RuleThreshold.read(node, .ratio, &diagnostics) {
            margin = read.value
            if margin >= 1 {
                diagnostics.error(.invalidValue, "with a margin of \(read.text) it is never over", remedy: "write for example 10%", at: node.mark)
            }
        }
        // A document of the hotel's own may be meant, so a path will do; a text with blanks is neither.
        if let runbook = settings.runbook, runbook.isEmpty || runbook.contains(where: \.isWhitespace) {
            diagnostics.error(
                .invalidValue, "“\(runbook.prefix(60))” is no address", remedy: "write a URL, or a document's path such as docs/alerts.md#disk-usage",
                at: entry["runbook"]?.mark)
        }
        for label in settings.labels.keys.sorted() where ["alertname", "severity", "type"].contains(label) {
            diagnostics.error(
                .invalidValue, "the label \(label) is set by the rule itself", remedy: label == "type" ? "write type: beside labels" : "leave it out",
                at: entry["labels"]?[label]?.mark)
        }
        guard (warning == nil) == (settings.warning == nil), (critical == nil) == (settings.critical == nil) else { return nil }
        self.init(
            name: settings.name, source: source, compare: settings.compare, warning: warning, critical: critical, lasting: settings.lasting,
            margin: margin, type: settings.type, summary: settings.summary, action: settings.action, runbook: settings.runbook,
            labels: settings.labels, mark: entry.mark)
    }
}
