import Foundation
import PluginAPI

extension OnCallCore {
    /// Says which occurrence of an alert a telling belongs to: the one that is known, or a new one. What a new one takes the place of goes into history.
    mutating func succeed(_ id: UInt64, _ old: AlertRecord?, by next: inout AlertRecord, at now: Date) {
        next.raisedAt = now
        guard let old else { return }
        let wasOver = old.isOver(at: now)
        let isSame = old.severity == next.severity && old.isEmergency == next.isEmergency && old.labels == next.labels
        // Occurrences are told apart by the millisecond.
        let isNew = !next.isOver(at: now) && (wasOver || !isSame) && now.milliseconds > old.raisedAt.milliseconds
        guard isNew else {
            (next.raisedAt, next.left) = (old.raisedAt, old.left)
            return
        }
        keep(id, old, over: wasOver ? old.endsAt : now, goesOn: !wasOver)
    }

    /// Gives an occurrence to history.
    mutating func keep(_ id: UInt64, _ record: AlertRecord, over: Date, goesOn: Bool = false) {
        effects.past.append(PastAlert(id: id, record: record, overAt: max(over, record.raisedAt), goesOn: goesOn))
    }
}
