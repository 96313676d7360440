import Foundation
import PluginAPI

/// Times as people read and write them: on the clock of a zone.
extension Roster {
    /// A schedule's time zone; nil where there is no such schedule.
    public func timezone(of schedule: String) -> String? { schedules[schedule]?.zone.name }

    /// What the clock of a schedule's zone shows: `2026-12-24 02:10`.
    public func wall(_ date: Date, of schedule: String) -> String { (schedules[schedule]?.zone ?? .utc).wall(at: date.moment).text }

    /// A moment by `2026-12-24`, `2026-12-24T02:10` or `2026-12-24T02:10Z`, in a zone where it names none; nil for what is no time.
    public static func date(_ text: String, in timezone: String) -> Date? {
        guard let stamp = Stamp(text), let zone = ZoneClock(timezone) else { return nil }
        return Date(moment: stamp.start(in: zone))
    }
}
