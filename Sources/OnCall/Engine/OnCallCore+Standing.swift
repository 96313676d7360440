import Foundation
import PluginAPI

extension OnCallCore {
    /// How what a page told of stands, for whoever has a person on the line.
    /// - Parameter reference: a page's id or a matter's key, also of several matters that were told together.
    /// - Returns: nil for what is no page of on call.
    func standing(of reference: String, at now: Date) -> PageStanding? {
        if let person = people.values.first(where: { !$0.matter.isEmpty && ($0.matter == reference || $0.pages[reference] != nil) }) {
            let each = person.told.sorted().map { standing(of: $0, openedAt: nil, at: now) }
            if each.contains(.open) { return .open }
            return each.first { $0 != .over } ?? .over
        }
        if reference.hasPrefix(Self.bundlePage) { return .over }
        guard let (id, openedAt) = Self.parse(reference) else { return nil }
        return standing(of: id, openedAt: openedAt, at: now)
    }

    private func standing(of id: UInt64, openedAt: Int64?, at now: Date) -> PageStanding {
        // A later matter of the same group is another one.
        guard let group = groups[id], let matter = group.matter, matter.isOpen, openedAt == nil || openedAt == matter.openedAt.milliseconds,
            // Its end is told when the group is looked at next, and is known already.
            group.members.contains(where: { alerts[$0]?.isOver(at: now) == false })
        else { return .over }
        return matter.acknowledgement.map { .acknowledged(by: $0.by) } ?? .open
    }
}
