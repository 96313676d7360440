/// People who take turns.
struct Rotation: Sendable {
    var kind: RotationKind
    /// How many units a turn lasts.
    var every: Int
    var zone: ZoneClock
    /// The day of the first turn, and the second of the day at which turns pass on.
    var firstDay: CivilDay
    var handover: Int
    /// The day of the month of a monthly one.
    var dayOfMonth: Int

    /// When turn `number` begins. A hand-over at a time that daylight saving leaves out is at the jump; one at a time that there is twice, at the first.
    /// An hourly turn lasts its hours by any clock.
    func start(of number: Int) -> Int {
        switch kind {
        case .hourly: zone.first(WallTime(firstDay, handover)) + number * every * 3600
        case .daily: zone.first(WallTime(firstDay + number * every, handover))
        case .weekly: zone.first(WallTime(firstDay + number * every * 7, handover))
        case .monthly: zone.first(WallTime(CivilDay.day(dayOfMonth, ofMonth: firstDay.month + number * every), handover))
        }
    }

    /// Whether the count of turns begins with a hand-over on that day.
    func startsTurn(on day: CivilDay) -> Bool { kind == .monthly ? day.components.day == dayOfMonth : day == firstDay }

    /// The turn at a moment; negative before the first.
    func turn(at moment: Int) -> Int {
        let day = zone.wall(at: moment).day
        var number =
            switch kind {
            case .hourly: (moment - start(of: 0)).flooredQuotient(every * 3600)
            case .daily: (day.number - firstDay.number).flooredQuotient(every)
            case .weekly: (day.number - firstDay.number).flooredQuotient(every * 7)
            case .monthly: (day.month - firstDay.month).flooredQuotient(every)
            }
        // On a day of hand-over it depends on the hour.
        while start(of: number) > moment { number -= 1 }
        while start(of: number + 1) <= moment { number += 1 }
        return number
    }

    /// The moments within a window at which the turn passes on.
    func handovers(in window: Range<Int>) -> [Int] {
        guard !window.isEmpty else { return [] }
        var handovers: [Int] = [], number = turn(at: window.lowerBound) + 1
        while true {
            let start = start(of: number)
            guard start < window.upperBound else { return handovers }
            handovers.append(start)
            number += 1
        }
    }
}
