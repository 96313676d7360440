import Foundation
import PluginAPI

/// The moves that an incident may make. Each says what happened in ``IncidentEvent``s, and what is impossible by throwing.
extension Incident {
    init(
        id: String, priority: IncidentPriority, title: String, promise: IncidentPlan.Promise, by: String, at now: Date
    ) {
        self.init(
            id: id, priority: priority, title: title, openedBy: by, openedAt: now, promise: promise,
            steps: promise.playbook.map { IncidentStep(name: $0.name, actions: $0.actions, within: $0.within) })
        if !steps.isEmpty { steps[0].startedAt = now }
    }

    /// Somebody has responded.
    /// - Returns: true where nobody had before.
    @discardableResult
    mutating func acknowledge(by person: String, at now: Date) -> Bool {
        guard state == .open else { return false }
        state = .acknowledged
        if acknowledgedAt == nil { acknowledgedAt = now }
        finish("acknowledge", by: person, at: now)
        return true
    }

    /// Somebody leads from now on, and so has responded.
    mutating func take(by person: String, at now: Date) throws {
        try needs(state.isUnderWay || state == .resolved, "it is closed")
        commander = person
        acknowledge(by: person, at: now)
    }

    /// A step of the playbook is done.
    mutating func step(_ name: String, by person: String, at now: Date) throws -> [IncidentEvent] {
        try needs(state.isUnderWay, "it is \(state.rawValue)")
        guard let step = steps.first(where: { $0.name == name }) else {
            let names = steps.map(\.name)
            throw OperationsError(
                .invalid,
                "its playbook has no step “\(name.clipped)”; "
                    + (Suggestion.mend(for: name, among: names) ?? "it has \(names.joined(separator: ", "))"))
        }
        try needs(step.isOpen, "“\(name)” was done already")
        if name == "resolve" { return try resolve(by: person, at: now) }
        var events: [IncidentEvent] = []
        if acknowledge(by: person, at: now), name != "acknowledge" {
            events.append(IncidentEvent("step", at: now, by: person, "acknowledge is done"))
        }
        finish(name, by: person, at: now)
        if name == "mitigate" {
            state = .mitigated
            mitigatedAt = now
        }
        return events + [IncidentEvent("step", at: now, by: person, "\(name) is done")]
    }

    /// It is said to be over, and is watched for a while.
    mutating func resolve(by person: String, at now: Date) throws -> [IncidentEvent] {
        try needs(state.isUnderWay && state != .watching, "it is \(state.rawValue)")
        acknowledge(by: person, at: now)
        finish("resolve", by: person, at: now)
        let left = steps.filter { $0.isOpen }.map(\.name)
        for index in steps.indices where steps[index].isOpen { steps[index].isLeftOut = true }
        if mitigatedAt == nil { mitigatedAt = now }
        resolvedAt = now
        state = promise.watch > 0 ? .watching : .resolved
        watchedUntil = promise.watch > 0 ? now.addingTimeInterval(promise.watch) : nil
        let rest = left.isEmpty ? "" : "; not done: \(left.joined(separator: ", "))"
        return [IncidentEvent("resolved", at: now, by: person, (promise.watch > 0 ? "it is over, and watched" : "it is over") + rest)]
    }

    /// The watching has come to its end without a new alert.
    mutating func settle(at now: Date) -> IncidentEvent {
        state = .resolved
        watchedUntil = nil
        return IncidentEvent("resolved", at: now, by: "Jack", "nothing fired again while it was watched")
    }

    /// An alert fires again while it is watched.
    mutating func reopen(at now: Date) {
        state = commander == nil && acknowledgedAt == nil ? .open : .acknowledged
        (resolvedAt, watchedUntil, mitigatedAt, postmortemLateAt) = (nil, nil, nil, nil)
        for index in steps.indices where ["mitigate", "resolve"].contains(steps[index].name) || steps[index].isLeftOut {
            steps[index] = IncidentStep(name: steps[index].name, actions: steps[index].actions, within: steps[index].within)
        }
        if let first = steps.firstIndex(where: { $0.isOpen }) { steps[first].startedAt = now }
    }

    mutating func close(by person: String, hasPostmortem: Bool, at now: Date) throws {
        try needs(state == .resolved, state == .closed ? "it is closed already" : "it is \(state.rawValue); resolve it first")
        if promise.postmortemWithin > 0, !hasPostmortem {
            throw OperationsError(.conflict, "a \(priority.rawValue) is closed with its post-mortem; write it, and file it with --postmortem FILE")
        }
        state = .closed
        closedAt = now
        if hasPostmortem { postmortemFiledBy = person }
    }

    /// Ends a step; the one after it begins.
    private mutating func finish(_ name: String, by person: String, at now: Date) {
        guard let index = steps.firstIndex(where: { $0.name == name && $0.isOpen }) else { return }
        steps[index].doneAt = now
        steps[index].doneBy = person
        if steps[index].startedAt == nil { steps[index].startedAt = now }
        if let next = steps[index...].dropFirst().first, next.startedAt == nil, next.isOpen { steps[index + 1].startedAt = now }
    }

    private func needs(_ condition: Bool, _ otherwise: String) throws {
        if !condition { throw OperationsError(.conflict, "this cannot be done: \(otherwise)") }
    }
}
