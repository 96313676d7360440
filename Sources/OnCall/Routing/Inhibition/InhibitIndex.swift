import PluginAPI

/// Which alerts are silenced by others that fire, answered in time that does not grow with their number.
///
/// Whoever knows the alerts tells it when one begins to fire and when it ends. It belongs to one plan: for another, make another and tell it all again.
public struct InhibitIndex: Sendable {
    /// Why an alert is silent.
    public struct Inhibition: Sendable, Hashable {
        /// The first rule that silences it.
        public var rule: InhibitRule
        /// An alert that does, as it was named to ``InhibitIndex/begin(_:labels:)``.
        public var source: String
    }

    private let rules: [CompiledRule]
    private let table: ConditionTable
    /// For each rule the firing sources by the values that must be equal.
    private var sources: [[ByteText: Sources]]
    /// Where each alert that fires was entered.
    private var entries: [String: [Entry]] = [:]

    private struct Sources: Sendable {
        /// Those that meet the rule's source alone.
        var oneSided: Set<String> = []
        /// Those that meet both sides: they silence no alert that does so too.
        var twoSided: Set<String> = []
        var isEmpty: Bool { oneSided.isEmpty && twoSided.isEmpty }
    }

    private struct Entry: Sendable {
        var rule: Int
        var key: ByteText
        var isTwoSided: Bool
    }

    public init(_ routing: Routing) {
        rules = routing.compiledRules
        table = routing.table
        sources = Array(repeating: [:], count: rules.count)
    }

    /// The number of alerts that fire and could silence others.
    public var count: Int { entries.count }

    /// An alert fires. Told again of the same alert, it changes nothing.
    /// - Parameter alert: what tells it from all others: its fingerprint.
    public mutating func begin(_ alert: String, labels: [String: String]) {
        guard !rules.isEmpty, entries[alert] == nil else { return }
        var conditions = table.labels(labels)
        var entered: [Entry] = []
        for (number, rule) in rules.enumerated() where conditions.meet(rule.source) {
            let entry = Entry(rule: number, key: rule.rule.key(labels), isTwoSided: conditions.meet(rule.target))
            if entry.isTwoSided {
                sources[number][entry.key, default: Sources()].twoSided.insert(alert)
            } else {
                sources[number][entry.key, default: Sources()].oneSided.insert(alert)
            }
            entered.append(entry)
        }
        if !entered.isEmpty { entries[alert] = entered }
    }

    /// An alert is over.
    public mutating func end(_ alert: String) {
        for entry in entries.removeValue(forKey: alert) ?? [] {
            if entry.isTwoSided {
                sources[entry.rule][entry.key]?.twoSided.remove(alert)
            } else {
                sources[entry.rule][entry.key]?.oneSided.remove(alert)
            }
            if sources[entry.rule][entry.key]?.isEmpty ?? false { sources[entry.rule][entry.key] = nil }
        }
    }

    /// Why an alert with these labels is silent now; nil where it is not.
    public func inhibition(of labels: [String: String]) -> Inhibition? {
        guard !entries.isEmpty else { return nil }
        var conditions = table.labels(labels)
        for (number, rule) in rules.enumerated() where !sources[number].isEmpty && conditions.meet(rule.target) {
            guard let found = sources[number][rule.rule.key(labels)] else { continue }
            if let source = found.oneSided.first ?? (conditions.meet(rule.source) ? nil : found.twoSided.first) {
                return Inhibition(rule: rule.rule, source: source)
            }
        }
        return nil
    }
}

/// A rule with its conditions as numbers of the plan's table.
struct CompiledRule: Sendable {
    var rule: InhibitRule
    var source: [Int32]
    var target: [Int32]
}
