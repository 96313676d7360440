import PluginAPI

/// Reads the routing tree. Receiver, grouping and waits are inherited; matchers, `continue` and time intervals are not.
struct RouteReader {
    let receivers: Set<String>
    let intervals: [NamedInterval]
    private(set) var tree = RouteTree()
    private(set) var table = ConditionTable()
    /// The receivers that routes name.
    private(set) var used: Set<String> = []

    private static let known =
        [
            "receiver", "group_by", "group_wait", "group_interval", "repeat_interval", "continue", "mute_time_intervals", "active_time_intervals",
            "routes", "labels",
        ]
        + MatcherReader.route.keys

    init(receivers: Set<String>, intervals: [NamedInterval]) {
        self.receivers = receivers
        self.intervals = intervals
    }

    mutating func read(_ root: ConfigNode, _ diagnostics: inout Diagnostics) {
        guard let fields = Fields(root, "a route", known: Self.known, &diagnostics) else { return }
        for key in MatcherReader.route.keys + ["mute_time_intervals", "active_time_intervals", "continue"] where Self.says(fields, key) {
            let what = key == "continue" ? "continue" : key.hasSuffix("intervals") ? "time intervals" : "matchers"
            diagnostics.error(
                .invalidValue, "the first route takes every alert and may have no \(what)", remedy: "put \(key) into a route under routes:",
                at: fields.mark(of: key))
        }
        if (fields["receiver"]?.text ?? "").isEmpty, fields["receiver"]?.entries == nil, fields["receiver"]?.elements == nil {
            diagnostics.error(
                .missing, "the first route has no receiver", remedy: "add receiver:, the one of all alerts that no other route takes", at: root.mark)
        }
        read(fields, below: nil, inheriting: RouteDefaults.root("", root.mark), depth: 0, siblings: [:], &diagnostics)
    }

    private static func says(_ fields: Fields, _ key: String) -> Bool {
        guard let node = fields[key] else { return false }
        switch node.content {
        case .scalar: var ignored = Diagnostics(); return key != "continue" || fields.flag(key, &ignored)
        case .sequence(let elements): return !elements.isEmpty
        case .mapping(let entries): return !entries.isEmpty
        }
    }

    @discardableResult private mutating func read(
        _ fields: Fields, below parent: Int?, inheriting: RouteDecision, depth: Int, siblings: [String: Int], _ diagnostics: inout Diagnostics
    ) -> (matchers: [PlacedMatcher], key: String, continues: Bool) {
        let matchers = MatcherReader.route.read(fields, &diagnostics)
        var decision = inheriting
        let text = matchers.map(\.matcher).text
        // Two places with the same matchers, one beside the other, are told apart by their order.
        let repeated = siblings[text].map { "#\($0 + 1)" } ?? ""
        decision.route = parent == nil ? "{}" : inheriting.route + "/" + text + repeated
        decision.mark = fields.mark
        if let name = fields.text("receiver", &diagnostics), !name.isEmpty, let node = fields["receiver"] {
            decision.receiver = name
            decision.receiverMark = node.mark
            used.insert(name)
            if !receivers.contains(name) {
                diagnostics.error(
                    .unknownReference, "there is no receiver “\(name)”",
                    remedy: Suggestion.remedy(for: name, among: Array(receivers)) ?? "add it under receivers:", at: node.mark)
            }
        }
        if let grouping = grouping(fields, &diagnostics) { decision.grouping = grouping }
        decision.groupWait = fields.duration("group_wait", &diagnostics) ?? decision.groupWait
        decision.groupInterval = fields.duration("group_interval", mayBeZero: false, &diagnostics) ?? decision.groupInterval
        decision.repeatInterval = fields.duration("repeat_interval", mayBeZero: false, &diagnostics) ?? decision.repeatInterval
        decision.muteTimeIntervals = names("mute_time_intervals", fields, &diagnostics)
        decision.activeTimeIntervals = names("active_time_intervals", fields, &diagnostics)
        checkActive(decision, fields, &diagnostics)
        if fields["labels"] != nil {
            diagnostics.add(
                Diagnostic(.note, .invalidValue, "labels of routes mean nothing to Jack", remedy: "you may leave them", at: fields.mark(of: "labels"))
            )
        }
        let continues = fields.flag("continue", &diagnostics)
        let number = tree.append(
            RouteNode(
                decision: decision, matchers: matchers, conditions: matchers.map { table.add($0.matcher) }, continues: continues, depth: depth,
                activeMark: fields.mark(of: "active_time_intervals")), below: parent)
        readChildren(fields, of: number, decision, depth: depth + 1, &diagnostics)
        return (matchers, text, continues)
    }

    private mutating func readChildren(_ fields: Fields, of parent: Int, _ decision: RouteDecision, depth: Int, _ diagnostics: inout Diagnostics) {
        var siblings: [String: Int] = [:]
        var closed: SourceMark?
        for node in fields.list("routes", &diagnostics) ?? [] {
            if let closed {
                diagnostics.warning(
                    .invalidValue, "no alert comes to this route: the one at \(closed) takes every one",
                    remedy: "give that one matchers, or continue: true, or put it last",
                    at: node.mark)
            }
            guard let child = Fields(node, "a route", known: Self.known, &diagnostics) else { continue }
            let errors = diagnostics.all.count
            let read = read(child, below: parent, inheriting: decision, depth: depth, siblings: siblings, &diagnostics)
            siblings[read.key, default: 0] += 1
            if read.matchers.isEmpty, !read.continues, closed == nil, diagnostics.all.count == errors { closed = node.mark }
        }
    }

    private func grouping(_ fields: Fields, _ diagnostics: inout Diagnostics) -> RouteDecision.Grouping? {
        guard let names = fields.texts("group_by", &diagnostics) else { return nil }
        var labels: Set<String> = []
        var isAll = false
        for (name, mark) in names {
            if name == "..." {
                isAll = true
            } else if name.isEmpty {
                diagnostics.error(.invalidValue, "a label's name is empty", remedy: "write it, or remove it from the list", at: mark)
            } else if !labels.insert(name).inserted {
                diagnostics.error(.duplicateKey, "“\(name)” stands twice in group_by", remedy: "keep one of them", at: mark)
            }
        }
        if isAll, !labels.isEmpty {
            diagnostics.error(
                .invalidValue, "“...” already stands for every label", remedy: "write group_by: ['...'] alone, or the labels without it",
                at: fields["group_by"]?.mark)
        }
        return isAll ? .all : .labels(labels)
    }

    private func names(_ key: String, _ fields: Fields, _ diagnostics: inout Diagnostics) -> [String] {
        (fields.texts(key, &diagnostics) ?? []).map { name, mark in
            if !intervals.contains(where: { $0.name == name }) {
                diagnostics.error(
                    .unknownReference, "there is no time interval “\(name)”",
                    remedy: Suggestion.remedy(for: name, among: intervals.map(\.name)) ?? "add it under time_intervals:", at: mark)
            }
            return name
        }
    }

    /// A place that is never active is one that tells nobody, ever.
    private func checkActive(_ decision: RouteDecision, _ fields: Fields, _ diagnostics: inout Diagnostics) {
        let active = decision.activeTimeIntervals.compactMap { name in intervals.first { $0.name == name } }
        guard !active.isEmpty, active.count == decision.activeTimeIntervals.count, !active.contains(where: \.matchesEver) else { return }
        diagnostics.error(
            .invalidValue, "this route tells nobody, ever: no moment is in its active time intervals",
            remedy: "mend the time interval at \(active[0].mark)", at: fields.mark(of: "active_time_intervals"))
    }
}
