import Foundation
import PluginAPI

extension RosterReader {
    mutating func policy(_ entry: Named<PolicySettings>.Entry, _ settings: PolicySettings) -> RosterPolicy {
        if settings.levels.items.isEmpty {
            diagnostics.error(.missing, "the policy “\(entry.name)” has no level: nobody is paged", remedy: "add levels:", at: entry.mark)
        }
        let levels = settings.levels.items.enumerated().map { level($1, $0) }
        var fallback: PolicyLevel?
        if let first = settings.fallback.items.first {
            fallback = PolicyLevel(
                name: "fallback", targets: targets(settings.fallback), wait: 0, severities: .info ... .critical, skipsEmpty: true, mark: first.mark)
        }
        if let then = settings.then {
            let names = document.policies.entries.map(\.name)
            if !names.contains(then.value) {
                diagnostics.error(
                    .unknownReference, "there is no policy “\(then.value.clipped)”", remedy: Suggestion.mend(for: then.value, among: names),
                    at: then.mark)
            } else if let fallback {
                diagnostics.warning(
                    .invalidValue, "this level is never reached: then: \(then.value) goes on before it",
                    remedy: "write the fallback into “\(then.value.clipped)”",
                    at: fallback.mark)
            }
            loop(entry.name, then)
        }
        return RosterPolicy(
            id: entry.name, levels: levels, rounds: settings.rounds + 1, fallback: fallback, then: settings.then?.value,
            promise: Self.seconds(settings.respondWithin), acknowledgementLasts: settings.acknowledgementLasts,
            quietHours: quietHours(settings.quietHours, hotelZone), mark: entry.mark)
    }

    static func seconds(_ promise: Marked<BySeverity>?) -> [AlertSeverity: Int] { (promise?.value.durations ?? [:]).mapValues { Int($0.seconds) } }

    /// Policies that go on in a circle.
    private mutating func loop(_ name: String, _ then: Marked<String>) {
        var way = [name], next: String? = then.value
        while let step = next, !way.contains(step) {
            way.append(step)
            next = document.policies.entries.first { $0.name == step }?.value?.then?.value
        }
        guard next == name else { return }
        diagnostics.error(
            .invalidValue, "the policies go in a circle: \((way + [name]).joined(separator: " → "))",
            remedy: "leave one then: out, or let a policy repeat: itself", at: then.mark)
    }

    private mutating func level(_ item: Marked<LevelSettings>, _ index: Int) -> PolicyLevel {
        let settings = item.value
        let targets = targets(settings.notify)
        if settings.notify.items.isEmpty {
            diagnostics.error(.missing, "the level pages nobody", remedy: "add notify: with people, schedules, teams or contacts", at: item.mark)
        }
        let least = settings.minSeverity?.severity ?? .info, most = settings.maxSeverity?.severity ?? .critical
        if least > most {
            diagnostics.error(
                .invalidValue, "this level is never reached: no severity is at least \(least.rawValue) and at most \(most.rawValue)",
                remedy: "turn them round, or leave one out", at: item.mark)
        }
        return PolicyLevel(
            name: settings.name ?? "level \(index + 1)", targets: targets, wait: Int(settings.wait.seconds),
            severities: min(least, most)...max(least, most),
            skipsEmpty: settings.skipEmpty, mark: item.mark)
    }

    /// The short form: the one policy of a plan that has no receivers.
    mutating func policy(_ escalation: Marked<EscalationSettings>) -> RosterPolicy {
        let settings = escalation.value
        if settings.levels.items.isEmpty {
            diagnostics.error(.missing, "the escalation has no level: nobody is paged", remedy: "add levels:", at: escalation.mark)
        }
        let levels = settings.levels.items.enumerated().map { index, item in
            if item.value.contacts.items.isEmpty {
                diagnostics.error(.missing, "the level pages nobody", remedy: "add contacts:", at: item.mark)
            }
            let targets = item.value.contacts.items.compactMap { contact -> LevelTarget? in
                book.contact(contact.value.node, of: nil, &diagnostics).map { LevelTarget(kind: .contact($0), teams: [], mark: contact.mark) }
            }
            return PolicyLevel(
                name: item.value.name ?? "level \(index + 1)", targets: targets, wait: item.value.waitMinutes * 60, severities: .info ... .critical,
                skipsEmpty: true, mark: item.mark)
        }
        return RosterPolicy(
            id: Roster.shortPolicy, levels: levels, rounds: settings.rounds + 1, fallback: nil, then: nil,
            promise: Self.seconds(settings.respondWithin),
            acknowledgementLasts: settings.acknowledgementLasts, quietHours: quietHours(settings.quietHours, hotelZone), mark: escalation.mark)
    }

    // MARK: Receivers

    mutating func receiver(_ definition: ReceiverDefinition) -> RosterReceiver {
        var receiver = RosterReceiver(name: definition.name, policy: nil, direct: [], promise: [:], mark: definition.mark)
        for entry in definition.node.entries ?? [] {
            switch entry.key {
            case "name": break
            case "policy":
                guard let name = String.decode(entry.value, &diagnostics) else { continue }
                used.insert("policy " + name)
                let names = document.policies.entries.map(\.name) + (document.escalation == nil ? [] : [Roster.shortPolicy])
                if names.contains(name) {
                    receiver.policy = name
                } else {
                    diagnostics.error(
                        .unknownReference, "there is no policy “\(name.clipped)”",
                        remedy: Suggestion.mend(for: name, among: names) ?? "add it under policies:",
                        at: entry.value.mark)
                }
            case "notify":
                guard let items = Items<AnyNode>.decode(entry.value, &diagnostics) else { continue }
                if definition.node["policy"] != nil {
                    diagnostics.error(
                        .invalidValue, "the receiver has a policy and tells directly too", remedy: "write notify: into a level of the policy",
                        at: entry.keyMark)
                }
                if items.items.isEmpty {
                    diagnostics.error(.missing, "the receiver tells nobody", remedy: "name people, schedules, teams or contacts", at: entry.keyMark)
                }
                receiver.direct += targets(items)
            case "respond_within":
                if let promise = BySeverity.decode(entry.value, &diagnostics) { receiver.promise = promise.durations.mapValues { Int($0.seconds) } }
            default:
                guard entry.key.hasSuffix("_configs") || book.receiverKeys.contains(entry.key) else {
                    let known = ["name", "policy", "notify", "respond_within"] + book.receiverKeys
                    diagnostics.error(
                        .unknownKey, "unknown key “\(entry.key.clipped)”", remedy: Suggestion.mend(for: entry.key, among: known), at: entry.keyMark)
                    continue
                }
                receiver.direct += book.contacts(entry, &diagnostics).map { LevelTarget(kind: .contact($0), teams: [], mark: $0.mark) }
            }
        }
        return receiver
    }
}
