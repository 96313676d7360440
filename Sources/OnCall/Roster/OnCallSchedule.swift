import PluginAPI

/// Somebody's turn, and by which rule.
struct Duty: Sendable, Hashable {
    /// The person's id.
    var person: String
    /// In words: `layer weekdays`, `override`.
    var by: String
    var mark: SourceMark
}

/// Who is on call when: layers, over them holidays, temporary schedules and overrides.
struct OnCallSchedule: Sendable {
    struct Layer: Sendable {
        enum Source: Sendable {
            case turns(Rotation, people: [String])
            case calendar(CalendarShifts)
        }

        var name: String
        var source: Source
        /// When the layer counts at all.
        var lifetime: Range<Int>
        /// Nil for always.
        var restrictions: WeeklyHours?
        var holidaysOnly: Bool
        var mark: SourceMark
    }

    struct Override: Sendable {
        var range: Range<Int>
        var person: String?
        var replaces: String?
        var mark: SourceMark
    }

    struct Temporary: Sendable {
        struct Shift: Sendable {
            var range: Range<Int>
            var person: String
            var mark: SourceMark
        }

        var name: String
        var range: Range<Int>
        var shifts: [Shift]
        var mark: SourceMark
    }

    struct Holiday: Sendable {
        var name: String
        var days: [Range<Int>]
        /// The index of a layer.
        var layer: Int?
        var person: String?
        var mark: SourceMark
    }

    var id: String
    var zone: ZoneClock
    var layers: [Layer]
    var overrides: [Override]
    var temporary: [Temporary]
    var holidays: [Holiday]
    var mark: SourceMark

    /// Everybody who may ever be on call.
    var people: Set<String> {
        var people = Set(overrides.compactMap(\.person) + temporary.flatMap { $0.shifts.map(\.person) } + holidays.compactMap(\.person))
        for layer in layers {
            switch layer.source {
            case .turns(_, let turns): people.formUnion(turns)
            case .calendar(let calendar): people.formUnion(calendar.people)
            }
        }
        return people
    }

    // MARK: Time

    /// Who is on call over a window, piece by piece.
    /// - Parameter absences: when people are away, by their ids, in order. Who is away is not on call: in a rotation the next one stands in.
    func timeline(_ window: Range<Int>, absences: [String: [Range<Int>]]) -> Timeline<[Duty]> {
        let timelines = layers.map { timeline(of: $0, window, absences) }
        // On a holiday a layer counts whatever its restrictions: a layer of weekends may then stand in on a Tuesday.
        var free: [Int: Timeline<[Duty]>] = [:]
        for index in Set(holidays.compactMap(\.layer)) {
            var layer = layers[index]
            layer.restrictions = nil
            free[index] = timeline(of: layer, window, absences)
        }
        var points = (timelines + free.values).flatMap { $0.pieces.map(\.start) }
        points += overrides.map(\.range).bounds + holidays.flatMap { $0.days.bounds }
        points += temporary.flatMap { [$0.range.lowerBound, $0.range.upperBound] + $0.shifts.map(\.range).bounds }
        for person in Set(overrides.compactMap(\.person) + holidays.compactMap(\.person) + temporary.flatMap { $0.shifts.map(\.person) }) {
            points += (absences[person] ?? []).bounds
        }
        return Timeline(window, changingAt: points) { moment in
            duties(at: moment, timelines, free) { !(absences[$0] ?? []).covers(moment) }
        }
    }

    private func duties(
        at moment: Int, _ timelines: [Timeline<[Duty]>], _ free: [Int: Timeline<[Duty]>], isThere: (String) -> Bool
    ) -> [Duty] {
        var duties = planned(at: moment, timelines, free, isThere: isThere)
        for override in overrides where override.range.contains(moment) {
            let taken = override.replaces.map { replaced in duties.contains { $0.person == replaced } } ?? true
            guard taken else { continue }
            let stands = override.person.flatMap { isThere($0) ? Duty(person: $0, by: "override", mark: override.mark) : nil }
            // Whoever was to take over and is away takes nothing over: the turn stays where it was.
            if override.person != nil, stands == nil { continue }
            duties = duties.filter { override.replaces != nil && $0.person != override.replaces } + (stands.map { [$0] } ?? [])
        }
        return duties
    }

    private func planned(
        at moment: Int, _ timelines: [Timeline<[Duty]>], _ free: [Int: Timeline<[Duty]>], isThere: (String) -> Bool
    ) -> [Duty] {
        if let temporary = temporary.first(where: { $0.range.contains(moment) }) {
            return temporary.shifts.filter { $0.range.contains(moment) && isThere($0.person) }
                .map { Duty(person: $0.person, by: "temporary schedule \(temporary.name)", mark: $0.mark) }
        }
        for holiday in holidays where holiday.days.covers(moment) {
            if let person = holiday.person, isThere(person) { return [Duty(person: person, by: "holiday \(holiday.name)", mark: holiday.mark)] }
            if let layer = holiday.layer, let duties = free[layer]?.piece(at: moment)?.state, !duties.isEmpty {
                return duties.map { Duty(person: $0.person, by: "holiday \(holiday.name), \($0.by)", mark: holiday.mark) }
            }
        }
        for index in timelines.indices.reversed() where !layers[index].holidaysOnly {
            if let duties = timelines[index].piece(at: moment)?.state, !duties.isEmpty { return duties }
        }
        return []
    }

    private func timeline(of layer: Layer, _ window: Range<Int>, _ absences: [String: [Range<Int>]]) -> Timeline<[Duty]> {
        let by = layer.name
        let restricted = layer.restrictions?.ranges(in: window)
        var points = [layer.lifetime.lowerBound, layer.lifetime.upperBound] + (restricted ?? []).bounds
        func counts(_ moment: Int) -> Bool { layer.lifetime.contains(moment) && restricted?.covers(moment) ?? true }
        switch layer.source {
        case .turns(let rotation, let people):
            guard !people.isEmpty else { return Timeline(window, changingAt: []) { _ in [] } }
            if people.count > 1 { points += rotation.handovers(in: window) }
            for person in Set(people) { points += (absences[person] ?? []).bounds }
            return Timeline(window, changingAt: points) { moment in
                guard counts(moment) else { return [] }
                let turn = people.count > 1 ? rotation.turn(at: moment).flooredRemainder(people.count) : 0
                for offset in people.indices {
                    let person = people[(turn + offset) % people.count]
                    guard !(absences[person] ?? []).covers(moment) else { continue }
                    return [Duty(person: person, by: offset == 0 ? by : "\(by), for \(people[turn]) who is away", mark: layer.mark)]
                }
                return []
            }
        case .calendar(let calendar):
            let shifts = calendar.shifts(in: window)
            points += shifts.map(\.range).bounds
            for person in calendar.people { points += (absences[person] ?? []).bounds }
            return Timeline(window, changingAt: points) { moment in
                guard counts(moment) else { return [] }
                var seen: Set<String> = []
                return shifts.filter { $0.range.contains(moment) }.flatMap { shift in
                    shift.people.filter { !(absences[$0] ?? []).covers(moment) && seen.insert($0).inserted }
                        .map { Duty(person: $0, by: by, mark: shift.mark) }
                }
            }
        }
    }
}
