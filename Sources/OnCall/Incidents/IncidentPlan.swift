import PluginAPI

/// What a hotel promises of its incidents, and what opens one. Read once, it never changes.
public struct IncidentPlan: Sendable, Hashable {
    /// One step of a playbook.
    public struct Step: Sendable, Hashable, Codable {
        public var name: String
        /// Seconds that it may take from when the step before it is done; nil for as long as it takes.
        public var within: Double?
        /// What to do.
        public var actions: [String]

        public init(_ name: String, within: Double? = nil, _ actions: [String] = []) {
            self.name = name
            self.within = within
            self.actions = actions
        }
    }

    /// What one priority promises. An incident keeps the promise with which it was opened.
    public struct Promise: Sendable, Hashable, Codable {
        /// Seconds within which somebody must have taken it.
        public var respondWithin: Double
        /// Of the alerts that say that something is late.
        public var severity: AlertSeverity
        /// Seconds that it is watched after it was resolved; 0 for not at all.
        public var watch: Double
        /// Seconds within which the post-mortem is filed once it is resolved; 0 where none is asked for.
        public var postmortemWithin: Double
        public var playbook: [Step]
    }

    /// What opens an incident by itself.
    public struct Rule: Sendable, Hashable {
        public var matchers: [LabelMatcher]
        public var priority: IncidentPriority
        public var title: String?
        public var mark: SourceMark
    }

    public var promises: [IncidentPriority: Promise]
    public var rules: [Rule]

    /// The handbook's, and nothing opens one by itself.
    public static let standard = IncidentPlan(
        promises: Dictionary(uniqueKeysWithValues: IncidentPriority.allCases.map { ($0, usual($0)) }), rules: [])

    public func promise(_ priority: IncidentPriority) -> Promise { promises[priority] ?? Self.usual(priority) }

    /// The names that stand for what is not a step of a playbook, and that no step may have.
    static let reserved = ["respond", "watch", "postmortem"]

    static func usual(_ priority: IncidentPriority) -> Promise {
        switch priority {
        case .p1:
            Promise(
                respondWithin: 900, severity: .critical, watch: 900, postmortemWithin: 172_800,
                playbook: [
                    Step(
                        "acknowledge", within: 300,
                        ["Confirm that the alert was received", "Open a channel for the incident", "Name the incident's commander"]),
                    Step(
                        "diagnose", within: 600,
                        [
                            "Look at the service's state", "Look at the last lines of the log", "Look at processors, memory and disk",
                            "Look at what it depends on",
                        ]),
                    Step(
                        "mitigate",
                        ["Restart what is down", "Scale up or restart what is exhausted", "Fail over, or wait, for what others must mend"]),
                    Step("communicate", ["Write a public status note", "Tell those concerned", "Keep the timeline"]),
                    Step("resolve", ["Confirm that the service is back", "Watch whether it stays so"]),
                ])
        case .p2, .p3, .p4:
            Promise(
                respondWithin: priority == .p2 ? 3600 : priority == .p3 ? 14_400 : 86_400, severity: priority == .p2 ? .error : .warning,
                watch: 900, postmortemWithin: priority == .p2 ? 172_800 : 0,
                playbook: [Step("acknowledge"), Step("diagnose"), Step("mitigate"), Step("resolve")])
        }
    }
}

extension IncidentPlan {
    /// Makes the plan of its section, with every mistake told.
    init(_ settings: IncidentsSettings, _ diagnostics: inout Diagnostics) {
        self = .standard
        for entry in settings.priorities.entries {
            guard let priority = IncidentPriority(rawValue: entry.name) else {
                let known = IncidentPriority.allCases.map(\.rawValue)
                diagnostics.error(
                    .unknownKey, "“\(entry.name.clipped)” is no priority",
                    remedy: Suggestion.mend(for: entry.name, among: known) ?? "write \(known.joined(separator: ", "))", at: entry.mark)
                continue
            }
            guard let value = entry.value else { continue }
            var promise = Self.usual(priority)
            if let respond = value.respondWithin {
                if respond.value <= .zero {
                    diagnostics.error(
                        .invalidValue, "nobody can respond within \(respond.value.text)", remedy: "write for example 15m", at: respond.mark)
                }
                promise.respondWithin = respond.value.seconds
            }
            if let severity = value.severity { promise.severity = severity.severity }
            if let watch = value.watch { promise.watch = watch.seconds }
            if let due = value.postmortemWithin { promise.postmortemWithin = due.seconds }
            if !value.playbook.items.isEmpty { promise.playbook = Self.playbook(value.playbook, &diagnostics) }
            promises[priority] = promise
        }
        rules = settings.open.items.compactMap { item in
            let matchers = item.value.matchers.matchers(&diagnostics)
            guard !matchers.match([:]) else {
                // What cannot be read has been told already.
                if item.value.matchers.items.isEmpty || !matchers.isEmpty {
                    diagnostics.error(
                        .invalidValue, "this rule would open an incident for every alert",
                        remedy: "write matchers:, one of which asks for a label, such as severity=\"critical\"", at: item.mark)
                }
                return nil
            }
            return Rule(matchers: matchers, priority: item.value.priority, title: item.value.title, mark: item.mark)
        }
    }

    private static func playbook(_ items: Items<PlaybookStepSettings>, _ diagnostics: inout Diagnostics) -> [Step] {
        var seen: [String: SourceMark] = [:]
        for item in items.items {
            let step = item.value.step, name = step.value
            if !isName(name) {
                diagnostics.error(
                    .invalidValue, "“\(name.clipped)” is no name of a step", remedy: "use letters, digits, - and _, at most 40 of them", at: step.mark
                )
            } else if reserved.contains(name) {
                diagnostics.error(.invalidValue, "“\(name)” is not a step: Jack counts it by itself", remedy: "choose another name", at: step.mark)
            } else if let first = seen[name] {
                diagnostics.error(.duplicateKey, "there is a step “\(name)” already, at \(first)", remedy: "give it another name", at: step.mark)
            }
            if let within = item.value.within, within.value <= .zero {
                diagnostics.error(
                    .invalidValue, "a step takes longer than \(within.value.text)", remedy: "write for example 10m, or leave it out", at: within.mark)
            }
            if seen[name] == nil { seen[name] = step.mark }
        }
        return items.items.map { Step($0.value.step.value, within: $0.value.within?.value.seconds, $0.value.actions.items.map(\.value)) }
    }

    static func isName(_ text: String) -> Bool {
        (1...40).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D || $0 == 0x5F
            }
    }
}

extension Items<String> {
    /// The matchers that these texts are; what cannot be read is told, and left out.
    func matchers(_ diagnostics: inout Diagnostics) -> [LabelMatcher] {
        items.flatMap { item -> [LabelMatcher] in
            do throws(MatcherFault) {
                return try LabelMatcher.parse(item.value)
            } catch {
                diagnostics.error(
                    .invalidValue, "“\(item.value.clipped)” is not a matcher: \(error.message)",
                    remedy: "look at character \(error.column); write for example severity=\"critical\" or room=~\"2..\"", at: item.mark)
                return []
            }
        }
    }
}
