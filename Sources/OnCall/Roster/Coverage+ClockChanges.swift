import Foundation

extension Roster {
    /// The days within a window on which the clock of one of the plan's zones jumps, and what of the plan falls into the jump.
    func clockChanges(in window: Range<Int>) -> [Coverage.ClockChange] {
        var zones: Set<ZoneClock> = Set(schedules.values.map(\.zone))
        let quiet = policies.values.flatMap(\.quietHours) + people.values.flatMap(\.quietHours)
        zones.formUnion(quiet.map(\.hours.zone))
        return zones.flatMap { zone in
            zone.jumps(in: window).map { jump in
                let affected =
                    scheduleNames.compactMap { schedules[$0] }.filter { $0.zone == zone }.flatMap { schedule in
                        schedule.layers.flatMap { falling(schedule, $0, jump) }
                    }
                    + quiet.filter { $0.hours.zone == zone }.flatMap { hours in
                        hours.hours.bounds(in: jump).map { "quiet hours \(hours.words): \(Self.words($0, jump, zone)), \(hours.mark)" }
                    }
                return Coverage.ClockChange(
                    zone: zone.name, at: Date(moment: jump.at), isGap: jump.isGap,
                    wall: "\(WallTime(jump.wall.lowerBound).text) to \(WallTime(jump.wall.upperBound).text)", affected: Set(affected).sorted())
            }
        }.sorted { ($0.at, $0.zone) < ($1.at, $1.zone) }
    }

    private func falling(_ schedule: OnCallSchedule, _ layer: OnCallSchedule.Layer, _ jump: ZoneClock.Jump) -> [String] {
        var walls = layer.restrictions?.bounds(in: jump) ?? []
        if case .turns(let rotation, let people) = layer.source, people.count > 1, rotation.kind != .hourly {
            // A hand-over at a time of a gap is at the jump; at a time of a fold, an hour at most before it.
            let near = rotation.handovers(in: jump.at - 86400..<jump.at + 86400)
            let day = WallTime(jump.wall.lowerBound).day
            for offset in 0...1 {
                let wall = WallTime(day + offset, rotation.handover)
                if jump.wall.contains(wall.seconds), near.contains(schedule.zone.first(wall)) { walls.append(wall) }
            }
        }
        return walls.map { "schedule \(schedule.id), \(layer.name): \(Self.words($0, jump, schedule.zone)), \(layer.mark)" }
    }

    private static func words(_ wall: WallTime, _ jump: ZoneClock.Jump, _ zone: ZoneClock) -> String {
        jump.isGap
            ? "\(wall.text) does not exist, \(zone.wall(at: jump.at).text) stands in for it" : "\(wall.text) comes twice, the first counts"
    }
}

extension WeeklyHours {
    /// The times at which one of them begins or ends that a jump of the clock leaves out or repeats.
    func bounds(in jump: ZoneClock.Jump) -> [WallTime] {
        let monday = WallTime(jump.wall.lowerBound).day.monday
        return Set(
            [-14, -7, 0, 7].flatMap { days in
                spans.flatMap { [$0.start, $0.end] }.map { WallTime((monday + days).number * 86400 + $0) }.filter { jump.wall.contains($0.seconds) }
            }
        ).sorted()
    }
}
