import Foundation
import PluginAPI

/// Whom a level comes to at a moment.
struct LevelResolution {
    struct Step {
        var person: String?
        var contact: PlannedContact
        var fallbacks: [Contact]
        /// Seconds.
        var after: Int
        var reason: String
    }

    var steps: [Step] = []
    /// Whom it does not come to, and why.
    var notes: [String] = []
}

extension Roster {
    /// How far ahead it is looked for somebody when the last level would come to nobody.
    static let patience = 31 * 86400
    /// Quiet hours that last longer have no end.
    static let longestQuiet = 15 * 86400

    /// What a receiver does at a level, for whoever is on call then; nil after the last one.
    ///
    /// - A level that comes to nobody is passed over at once (`wait` 0), unless it says otherwise.
    /// - In a policy's quiet hours nobody is paged: the level's steps are due when they end, to whoever is on call by then, and its wait begins then.
    /// - A person in quiet hours of their own, or away, is passed over. Where so the last level would come to nobody, it is due at the first moment within
    ///   31 days at which it comes to somebody: nothing is lost in silence.
    /// - An emergency knows no quiet hours, follows the policy of `emergency:` at every receiver, and uses all of a person's contacts at once.
    /// - Parameter number: the level, counted from 1 over all rounds.
    public func level(_ number: Int, for matter: PagedMatter, at date: Date) -> EscalationLevel? {
        guard number >= 1 else { return nil }
        if let drill = matter.drill { return level(number, of: drill, at: date) }
        let receiver = receivers[matter.receiver]
        let policy = matter.isEmergency ? emergency ?? self.policy(of: matter.receiver) : self.policy(of: matter.receiver)
        let slots = policy.flatMap { self.slots[$0] } ?? []
        let moment = date.moment
        // What a receiver tells beside its policy is told once, with the first level.
        let direct = number == 1 ? receiver?.direct ?? [] : []
        guard number <= slots.count else {
            guard number == 1, let receiver else { return nil }
            let (due, found) = resolve(receiver.only, matter.severity, matter.isEmergency, at: moment)
            return EscalationLevel(
                number: 1, name: receiver.name, steps: found.steps.map { $0.step(delayed: due - moment) },
                passedOver: found.notes + (direct.isEmpty ? ["the receiver \(receiver.name) tells nobody, \(receiver.mark)"] : []), wait: nil,
                place: "\(receiver.mark)")
        }
        let told = page(direct, matter.severity, matter.isEmergency, at: moment, level: "receiver \(matter.receiver)") { onCall($0, $1) }
        let slot = slots[number - 1]
        let (due, found) = resolve(slot, matter.severity, matter.isEmergency, at: moment)
        let delay = due - moment
        let steps = told.steps.map { $0.step(delayed: 0) } + found.steps.map { $0.step(delayed: delay) }
        let applies = matter.isEmergency || slot.level.severities.contains(matter.severity)
        let isEmpty = found.steps.isEmpty && (slot.level.skipsEmpty || !applies)
        return EscalationLevel(
            number: number, name: slot.level.name, steps: steps, passedOver: told.notes + found.notes,
            wait: slot.isLast ? nil : isEmpty ? 0 : TimeInterval(delay + slot.level.wait), place: "\(slot.level.mark)")
    }

    /// When a level is due that is come to at a moment, and whom it comes to then.
    func resolve(_ slot: EscalationSlot, _ severity: AlertSeverity, _ isEmergency: Bool, at moment: Int) -> (due: Int, LevelResolution) {
        guard isEmergency || slot.level.severities.contains(severity) else {
            let range = slot.level.severities
            return (
                moment,
                LevelResolution(notes: [
                    "only for \(range.lowerBound.rawValue) to \(range.upperBound.rawValue), not \(severity.rawValue), \(slot.level.mark)"
                ])
            )
        }
        var due = moment, notes: [String] = []
        if !isEmergency, let quiet = slot.policy.quietHours.holding(severity, at: moment) {
            let end =
                slot.policy.quietHours.ranges(for: severity, in: moment..<moment + Self.longestQuiet).first { $0.contains(moment) }?.upperBound
                ?? moment
            let words = "quiet hours \(quiet.words) of policy \(slot.policy.id), \(quiet.mark)"
            guard end < moment + Self.longestQuiet else { return (moment, LevelResolution(notes: ["\(words): they have no end"])) }
            notes.append("\(words): nobody is paged before \(quiet.hours.zone.wall(at: end).text) \(quiet.hours.zone.name)")
            due = end
        }
        let found = page(slot.level.targets, severity, isEmergency, at: due, level: slot.level.name) { onCall($0, $1) }
        guard found.steps.isEmpty, slot.isLast, let later = firstFilled(slot, severity, isEmergency, after: due) else {
            return (due, LevelResolution(steps: found.steps, notes: notes + found.notes))
        }
        let then = page(slot.level.targets, severity, isEmergency, at: later, level: slot.level.name) { onCall($0, $1) }
        return (later, LevelResolution(steps: then.steps, notes: notes + found.notes))
    }

    /// The first moment at which a level comes to somebody and its policy is not quiet.
    func firstFilled(_ slot: EscalationSlot, _ severity: AlertSeverity, _ isEmergency: Bool, after moment: Int) -> Int? {
        let window = moment..<moment + Self.patience
        var points = changes(of: slot.level.targets, severity, in: window)
        let quiet = isEmergency ? [] : slot.policy.quietHours.ranges(for: severity, in: window)
        points = (points + quiet.bounds).filter(window.contains).sorted()
        return points.first { point in
            !quiet.covers(point) && !page(slot.level.targets, severity, isEmergency, at: point, level: "") { onCall($0, $1) }.steps.isEmpty
        }
    }

    /// The moments within a window at which it may change whom targets come to.
    func changes(of targets: [LevelTarget], _ severity: AlertSeverity, in window: Range<Int>) -> [Int] {
        var points: [Int] = [], people: Set<String> = []
        for target in targets {
            switch target.kind {
            case .contact: break
            case .person(let id): people.insert(id)
            case .schedule(let id):
                guard let schedule = schedules[id] else { continue }
                points += schedule.timeline(window, absences: absences).pieces.map(\.start)
                people.formUnion(schedule.people)
            }
        }
        for id in people {
            guard let person = self.people[id] else { continue }
            points += person.quietHours.ranges(for: severity, in: window).bounds + (absences[id] ?? []).bounds
        }
        return points
    }

    // MARK: People and contacts

    /// Whom targets come to at a moment.
    /// - Parameter onCall: who is on call by a schedule at a moment.
    func page(
        _ targets: [LevelTarget], _ severity: AlertSeverity, _ isEmergency: Bool, at moment: Int, level: String, _ onCall: (String, Int) -> [Duty]
    ) -> LevelResolution {
        var resolution = LevelResolution(), seen: Set<String> = []
        for target in targets {
            let team = target.teams.isEmpty ? "" : "team \(target.teams.joined(separator: " → ")): "
            switch target.kind {
            case .contact(let contact):
                if contact.ways.isEmpty {
                    resolution.notes.append("\(team)no alert instance carries the contact “\(contact.key)”, \(contact.mark)")
                } else {
                    resolution.steps.append(
                        .init(
                            contact: contact, fallbacks: Array(contact.ways.dropFirst()), after: 0, reason: "\(team)named in \(level), \(target.mark)"
                        ))
                }
            case .person(let id):
                guard seen.insert(id).inserted else { continue }
                page(id, severity, isEmergency, at: moment, "\(team)named in \(level), \(target.mark)", &resolution)
            case .schedule(let id):
                let duties = onCall(id, moment)
                if duties.isEmpty { resolution.notes.append("\(team)nobody is on call in \(id), \(schedules[id]?.mark ?? target.mark)") }
                for duty in duties where seen.insert(duty.person).inserted {
                    page(duty.person, severity, isEmergency, at: moment, "\(team)on call in \(id) (\(duty.by)), \(duty.mark)", &resolution)
                }
            }
        }
        return resolution
    }

    private func page(
        _ id: String, _ severity: AlertSeverity, _ isEmergency: Bool, at moment: Int, _ reason: String, _ resolution: inout LevelResolution
    ) {
        guard let person = people[id] else {
            resolution.notes.append("\(id): their entry under people is not sound")
            return
        }
        if let absence = person.absences.first(where: { $0.range.contains(moment) }) {
            let why = absence.reason.isEmpty ? "" : " (\(absence.reason))"
            resolution.notes.append("\(person.name): away\(why), \(absence.mark)")
            return
        }
        if !isEmergency, let quiet = person.quietHours.holding(severity, at: moment) {
            resolution.notes.append("\(person.name): quiet hours \(quiet.words), \(quiet.mark)")
            return
        }
        guard !person.contacts.isEmpty else {
            resolution.notes.append("\(person.name): no contact that an alert instance carries, \(person.mark)")
            return
        }
        // In an emergency nobody waits for one way to fail before the next is tried.
        let steps = isEmergency ? person.contacts.map { RosterPerson.Rule(contact: $0, after: 0, mark: $0.mark) } : person.steps(for: severity)
        for step in steps {
            let others = person.contacts.filter { $0 != step.contact }.flatMap(\.ways)
            resolution.steps.append(
                .init(
                    person: id, contact: step.contact, fallbacks: Array(step.contact.ways.dropFirst()) + (isEmergency ? [] : others),
                    after: step.after,
                    reason: reason))
        }
    }
}

extension LevelResolution.Step {
    func step(delayed delay: Int) -> PagingStep {
        // A planned contact without a way is never made into a step.
        let contact = contact.ways.first ?? Contact(instance: "", label: contact.key)
        return PagingStep(person: person, contact: contact, fallbacks: fallbacks, delay: TimeInterval(delay + after), reason: reason)
    }
}
