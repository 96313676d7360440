import PluginAPI

/// What is wrong with a plan as a whole, though each of its parts is sound.
extension RosterReader {
    /// The policy that emergencies follow; where a plan names none and pages by policies, that is a mistake.
    mutating func emergency(at mark: SourceMark, isPlan: Bool) -> String? {
        guard let settings = document.emergency else {
            if document.escalation != nil { return Roster.shortPolicy }
            if !document.policies.entries.isEmpty {
                diagnostics.error(
                    .missing, "emergencies have no policy: nothing proves that they end at a person", remedy: "add emergency: {policy: …}",
                    at: document.policies.entries.first?.mark ?? mark)
            }
            return nil
        }
        let policy = settings.value.policy, names = document.policies.entries.map(\.name) + (document.escalation == nil ? [] : [Roster.shortPolicy])
        used.insert("policy " + policy.value)
        if names.contains(policy.value) { return policy.value }
        diagnostics.error(
            .unknownReference, "there is no policy “\(policy.value.clipped)”", remedy: Suggestion.mend(for: policy.value, among: names),
            at: policy.mark)
        return nil
    }

    mutating func check(_ receivers: [RosterReceiver], _ emergency: String?) {
        checkSeverities()
        checkUse(receivers)
    }

    /// A severity for which a policy has no level is told to nobody.
    private mutating func checkSeverities() {
        for entry in document.policies.entries {
            guard let policy = policies[entry.name], !policy.levels.isEmpty, policy.fallback == nil, policy.then == nil else { continue }
            let none = AlertSeverity.allCases.filter { severity in !policy.levels.contains { $0.severities.contains(severity) } }
            guard !none.isEmpty else { continue }
            diagnostics.warning(
                .invalidValue, "the policy “\(entry.name)” has no level for \(none.map(\.rawValue).joined(separator: ", ")): nobody is told of it",
                remedy: "add a level without min_severity and max_severity, or a fallback", at: entry.mark)
        }
    }

    /// What nobody uses is mostly a name that was misspelt elsewhere.
    private mutating func checkUse(_ receivers: [RosterReceiver]) {
        for entry in document.policies.entries { if let then = entry.value?.then?.value { used.insert("policy " + then) } }
        let unused: [(String, String, SourceMark)] =
            document.schedules.entries.map { ("schedule", $0.name, $0.mark) } + document.teams.entries.map { ("team", $0.name, $0.mark) }
        for (kind, name, mark) in unused where !used.contains(name) {
            diagnostics.warning(
                .invalidValue, "the \(kind) “\(name.clipped)” is never used", remedy: "name it in a policy, or leave it out", at: mark)
        }
        for entry in document.policies.entries where !used.contains("policy " + entry.name) {
            diagnostics.warning(
                .invalidValue, "the policy “\(entry.name)” is never reached: no receiver follows it",
                remedy: "add policy: \(entry.name) to a receiver",
                at: entry.mark)
        }
    }
}
