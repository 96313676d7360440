import Foundation
import PluginAPI

extension Roster {
    /// What a drill does at a level: first it comes to whom it is for, and then it goes on by the levels of the policy that would page them.
    ///
    /// It takes the contacts that a critical alert would take, and heeds quiet hours as if it were the least of alerts: in them it waits for their end.
    /// - Parameter number: the level, counted from 1; nil after the last one. Each level is gone through once.
    func level(_ number: Int, of drill: DrillOrder, at date: Date) -> EscalationLevel? {
        let slots = slots(of: drill.subject)
        guard slots.indices.contains(number - 1) else { return nil }
        let slot = slots[number - 1], moment = date.moment
        let (due, found) = drill.atNight ? loud(slot, at: moment) : awake(slot, at: moment)
        let delay = due - moment, wait = number == 1 ? drill.within : max(60, slot.level.wait)
        return EscalationLevel(
            number: number, name: slot.level.name, steps: found.steps.map { $0.step(delayed: delay) }, passedOver: found.notes,
            wait: found.steps.isEmpty ? 0 : TimeInterval(delay + wait), place: "\(slot.level.mark)")
    }

    private func loud(_ slot: EscalationSlot, at moment: Int) -> (due: Int, LevelResolution) {
        (moment, page(slot.level.targets, .critical, false, at: moment, level: slot.level.name) { onCall($0, $1) })
    }

    private func awake(_ slot: EscalationSlot, at moment: Int) -> (due: Int, LevelResolution) {
        var patient = slot
        patient.isLast = true
        patient.level.severities = .info ... .critical
        let (due, found) = resolve(patient, .info, false, at: moment)
        let people = Set(found.steps.map { $0.person ?? $0.contact.key })
        let steps = loud(slot, at: due).1.steps.filter { people.contains($0.person ?? $0.contact.key) }
        return (due, LevelResolution(steps: steps, notes: found.notes))
    }

    /// The levels that a drill goes through.
    private func slots(of subject: DrillSubject) -> [EscalationSlot] {
        var found: [EscalationSlot]
        switch subject.kind {
        case .receiver:
            found = policy(of: subject.name).flatMap { slots[$0] } ?? receivers[subject.name].map { [$0.only] } ?? []
        case .schedule:
            guard let schedule = schedules[subject.name] else { return [] }
            found = slots(from: LevelTarget(kind: .schedule(subject.name), teams: [], mark: schedule.mark), subject) { target in
                if case .schedule(subject.name) = target.kind { true } else { false }
            }
        case .person:
            guard let person = people[subject.name] else { return [] }
            found = slots(from: LevelTarget(kind: .person(subject.name), teams: [], mark: person.mark), subject) { target in
                switch target.kind {
                case .person(let id): id == subject.name
                case .schedule(let id): schedules[id]?.people.contains(subject.name) ?? false
                case .contact: false
                }
            }
        }
        var seen: Set<SourceMark> = []
        return found.filter { $0.level.severities.contains(.critical) && seen.insert($0.level.mark).inserted }
    }

    /// One target, and then what comes after it in the first policy that would come to it.
    private func slots(from target: LevelTarget, _ subject: DrillSubject, _ isMeant: (LevelTarget) -> Bool) -> [EscalationSlot] {
        func first(_ policy: RosterPolicy) -> EscalationSlot {
            EscalationSlot(
                policy: policy,
                level: PolicyLevel(
                    name: subject.words, targets: [target], wait: 0, severities: .info ... .critical, skipsEmpty: true, mark: target.mark),
                isLast: false)
        }
        for policy in policies.values.sorted(by: { ($0.mark.line, $0.id) < ($1.mark.line, $1.id) }) {
            guard let all = slots[policy.id], let index = all.firstIndex(where: { $0.level.targets.contains(where: isMeant) }) else { continue }
            // A policy that repeats itself comes back to levels that are behind.
            let behind = Set(all[...index].map(\.level.mark))
            return [first(all[index].policy)] + all[(index + 1)...].filter { !behind.contains($0.level.mark) }
        }
        return [
            first(
                RosterPolicy(
                    id: subject.words, levels: [], rounds: 1, fallback: nil, then: nil, promise: [:], acknowledgementLasts: nil, quietHours: [],
                    mark: target.mark))
        ]
    }

    /// Every way by which a person of the plan may be reached, the first instance of each contact.
    var contactWays: [ContactWay] {
        people.values.sorted { $0.id < $1.id }.flatMap { person in
            person.contacts.compactMap { contact in contact.ways.first.map { ContactWay(person: person.id, name: contact.key, contact: $0) } }
        }
    }
}

/// A way by which somebody may be reached.
public struct ContactWay: Sendable, Hashable {
    /// The person's short name.
    public var person: String
    /// What rules call the contact.
    public var name: String
    public var contact: Contact

    public init(person: String, name: String, contact: Contact) {
        self.person = person
        self.name = name
        self.contact = contact
    }
}
