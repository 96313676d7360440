import PluginAPI

extension CoverageProver {
    struct PersonQuestion: Hashable {
        var id: String
        var question: Question
    }

    struct LevelQuestion: Hashable {
        /// `person:ana`, `schedule:desk`, `contact:` and where it stands.
        var targets: [String]
        var question: Question
    }

    mutating func level(_ slot: EscalationSlot, _ question: Question) -> Level {
        let applies = question.isEmergency || slot.level.severities.contains(question.severity)
        return Level(
            timeline: applies ? timeline(slot.level.targets, question) : Timeline(span, changingAt: []) { _ in State() },
            quiet: question.isEmergency || !applies ? [] : slot.policy.quietHours.ranges(for: question.severity, in: span), wait: slot.level.wait,
            skipsEmpty: slot.level.skipsEmpty || !applies, isLast: slot.isLast && applies)
    }

    mutating func timeline(_ targets: [LevelTarget], _ question: Question) -> Timeline<State> {
        let names = targets.map { target in
            switch target.kind {
            case .contact(let contact): "contact:\(contact.mark)"
            case .person(let id): "person:\(id)"
            case .schedule(let id): "schedule:\(id)"
            }
        }
        let key = LevelQuestion(targets: names, question: question)
        if let known = levels[key] { return known }
        var always = State(), timelines: [Timeline<State>] = []
        for target in targets {
            switch target.kind {
            case .contact(let contact): always.add(state(of: contact, after: 0))
            case .person(let id): timelines.append(person(id, question))
            case .schedule(let id): timelines.append(turns(id, question))
            }
        }
        let timeline = Timeline(span, merging: timelines) { states in states.reduce(into: always) { $0.add($1) } }
        levels[key] = timeline
        return timeline
    }

    private func state(of contact: PlannedContact, after: Int) -> State {
        guard !contact.ways.isEmpty else { return State() }
        let sinks = roster.humanSinks(contact)
        return State(reach: sinks.isEmpty ? nil : after, isEmpty: false, plugins: Set(sinks.map(\.carrier)))
    }

    private mutating func turns(_ id: String, _ question: Question) -> Timeline<State> {
        let key = PersonQuestion(id: id, question: question)
        if let known = turns[key] { return known }
        guard let schedule = schedules[id] else { return Timeline(span, changingAt: []) { _ in State() } }
        var states: [String: Timeline<State>] = [:]
        for name in Set(schedule.pieces.flatMap { $0.state.map(\.person) }) { states[name] = person(name, question) }
        let points = schedule.pieces.map(\.start) + states.values.flatMap { $0.pieces.map(\.start) }
        let timeline = Timeline(span, changingAt: points) { moment in
            (schedule.piece(at: moment)?.state ?? []).reduce(into: State()) { state, duty in
                states[duty.person]?.piece(at: moment).map { state.add($0.state) }
            }
        }
        turns[key] = timeline
        return timeline
    }

    private mutating func person(_ id: String, _ question: Question) -> Timeline<State> {
        let key = PersonQuestion(id: id, question: question)
        if let known = people[key] { return known }
        var there = State()
        let person = roster.people[id]
        if let person {
            if question.isEmergency {
                for contact in person.contacts { there.add(state(of: contact, after: 0)) }
            } else {
                for step in person.steps(for: question.severity) {
                    // Whoever is tried where the first way fails is reached too, and no sooner.
                    there.add(state(of: step.contact, after: step.after))
                }
            }
        }
        let quiet = question.isEmergency ? [] : person?.quietHours.ranges(for: question.severity, in: span) ?? []
        let away = roster.absences[id] ?? []
        let timeline = Timeline(span, changingAt: quiet.bounds + away.bounds) { moment in
            quiet.covers(moment) || away.covers(moment) ? State() : there
        }
        people[key] = timeline
        return timeline
    }
}
