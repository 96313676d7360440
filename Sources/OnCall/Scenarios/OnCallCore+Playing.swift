import Foundation
import PluginAPI

/// What playing needs beside the engine itself: scenarios, and alerts of the past.
extension OnCallCore {
    /// Carries out what is to be done, with sinks that only write down.
    /// - Parameter broken: instances that take nothing.
    /// - Returns: each page that left, in order.
    mutating func drainPages(refusedBy broken: [String] = [], at now: Date) -> [OnCallEffects.Placed] {
        var left: [OnCallEffects.Placed] = []
        // A sink that fails gives the page back at once, and the next contact has it.
        for _ in 0..<20 {
            var failed = false
            for placed in drain().orders where placed.order.verb == .page {
                if broken.contains(placed.instance) {
                    _ = self.failed(placed.order, through: placed.instance, "the scenario says that it cannot be reached", at: now)
                    failed = true
                } else {
                    left.append(placed)
                }
            }
            guard failed else { break }
        }
        return left
    }

    /// The alerts that a page is about, those included that it does not show.
    func alerts(of placed: OnCallEffects.Placed) -> Set<UInt64> {
        let matter = placed.order.page.groupKey
        if let (group, _) = Self.parse(matter) { return groups[group]?.matter?.told ?? [] }
        guard let person = people.values.first(where: { $0.matter == matter }) else { return [] }
        return person.told.reduce(into: []) { $0.formUnion(groups[$1]?.matter?.told ?? []) }
    }
}
