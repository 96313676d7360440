extension RouteDecision {
    /// The labels by which alerts with these are one group here.
    public func groupLabels(of labels: [String: String]) -> [String: String] {
        switch grouping {
        case .all: labels
        case .labels(let names): labels.filter { names.contains($0.key) }
        }
    }

    /// What tells the group of an alert with these labels from every other, the same in every run: the place and the group's labels, as Alertmanager writes
    /// them: `{}/{severity="critical"}:{alertname="Disk"}`.
    public func groupKey(of labels: [String: String]) -> String {
        let pairs = groupLabels(of: labels).sorted { $0.key.precedes($1.key) }
        return route + ":{" + pairs.map { "\($0.key)=\(MatcherText.quoted($0.value))" }.joined(separator: ", ") + "}"
    }
}
