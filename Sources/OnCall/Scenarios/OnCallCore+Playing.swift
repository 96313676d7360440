import Foundation
import PluginAPI

/// What playing needs beside the engine itself: scenarios, and alerts of the past.
extension OnCallCore {
    /// Carries out what is to be done, with sinks that only write down.
    /// - Returns: each page that left, in order.
    mutating func drainPages() -> [OnCallEffects.Placed] { drain().orders.filter { $0.order.verb == .page } }

    /// The alerts that a page is about, those included that it does not show.
    func alerts(of placed: OnCallEffects.Placed) -> Set<UInt64> {
        let matter = placed.order.page.groupKey
        if let (group, _) = Self.parse(matter) { return groups[group]?.matter?.told ?? [] }
        guard let person = people.values.first(where: { $0.matter == matter }) else { return [] }
        return person.told.reduce(into: []) { $0.formUnion(groups[$1]?.matter?.told ?? []) }
    }
}
