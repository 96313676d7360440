import Foundation
import PluginAPI

/// What became of pages.
extension OnCallCore {
    /// Why a page that waits to leave should not any more: it is looked at again at the moment of sending.
    /// - Returns: nil where it should leave.
    public func withdrawal(of order: PageOrder, at now: Date) -> String? {
        guard order.verb == .page else { return nil }
        if order.page.id.hasPrefix(Self.bundlePage) { return withdrawal(ofBundle: order.page.id) }
        guard let (id, openedAt) = Self.parse(order.page.id) else { return nil }
        guard let group = groups[id], let matter = group.matter, matter.openedAt.milliseconds == openedAt, matter.isOpen,
            // That it ended is told when the group is looked at next; nobody is to be woken until then.
            group.members.contains(where: { alerts[$0]?.isOver(at: now) == false })
        else { return "it was over before the page left" }
        if let known = matter.acknowledgement { return "\(known.by) acknowledged it before the page left" }
        // A contact that failed is tried again for long; when it is paged anew meanwhile, the newer page says more.
        if !matter.pages.contains(where: { $0.id == order.page.id }) { return "a later page to the same contact took its place" }
        return nil
    }

    private func withdrawal(ofBundle page: String) -> String? {
        guard let person = people.values.first(where: { $0.pages[page] != nil }) else { return "it was over before the page left, or told anew" }
        let isOpen = person.told.contains { id in
            groups[id].flatMap { group in group.matter.map { $0.isOpen && $0.acknowledgement == nil } } ?? false
        }
        return isOpen ? nil : "all of it was acknowledged or over before the page left"
    }

    /// Whether a delivery changes anything: ``delivered(_:through:at:)``.
    func mustHear(of order: PageOrder, through instance: String, at now: Date) -> Bool {
        if isInTrouble(instance, at: now) { return true }
        guard order.verb == .page, let (id, _) = Self.parse(order.page.id), let matter = groups[id]?.matter else { return false }
        return matter.unheard != nil || matter.pages.contains { $0.id == order.page.id && $0.hasFailed }
    }

    /// Whether an alert stands open that an instance did not deliver a page.
    func isInTrouble(_ instance: String, at now: Date) -> Bool {
        alerts[Self.id(ofOwn: Self.ownOrigin + "sink:\(instance)")].map { !$0.isOver(at: now) } ?? false
    }

    /// A sink has sent an order. A page that arrived after all counts as one that did.
    public mutating func delivered(_ order: PageOrder, through instance: String, at now: Date) {
        endOwn("sink:\(instance)", at: now)
        guard order.verb == .page, let (id, openedAt) = Self.parse(order.page.id) else { return }
        var receiver: String?
        withGroup(id) { core, group in
            guard let matter = group.matter, matter.openedAt.milliseconds == openedAt,
                let index = matter.pages.firstIndex(where: { $0.id == order.page.id })
            else { return }
            receiver = core.decision(of: group).receiver
            core.effects.groups.insert(id)
            group.matter?.pages[index].hasFailed = false
            group.matter?.unheard = nil
        }
        if let receiver { endOwn(Self.unheardOrigin(receiver), at: now) }
    }

    /// A sink could not take a page: the person's next contact is tried at once, and that it failed is an alert.
    /// - Returns: true where somebody else has the page now, and this one need not be tried again.
    public mutating func failed(_ order: PageOrder, through instance: String, _ failure: String, at now: Date) -> Bool {
        failed(page: order.page.id, order.verb, through: instance, failure, isSinkTrouble: true, at: now)
    }

    /// A page left, and came to nobody: the call was not answered, the number is not in use. It is the next contact's turn, and no fault of the sink's.
    public mutating func reachedNobody(_ page: String, through instance: String, _ reason: String, at now: Date) {
        guard let (id, _) = Self.parse(page), groups[id]?.matter?.acknowledgement == nil else { return }
        _ = failed(page: page, .page, through: instance, reason, isSinkTrouble: false, at: now)
    }

    private mutating func failed(
        page pageID: String, _ verb: PageOrder.Verb, through instance: String, _ failure: String, isSinkTrouble: Bool, at now: Date
    ) -> Bool {
        defer { raiseWaiting(at: now) }
        let short = String(failure.prefix(300))
        effects.tallies[.init(receiver: "", outcome: "failed", reason: instance), default: 0] += 1
        if pageID.hasPrefix(Self.bundlePage) {
            if isSinkTrouble { raiseSinkTrouble(instance, short, at: now) }
            return verb == .page && bundleFailed(pageID, short, at: now)
        }
        if pageID.hasPrefix(Self.newsPage) {
            if isSinkTrouble, !pageID.hasPrefix(Self.ownNewsPage) { raiseSinkTrouble(instance, short, at: now) }
            return false
        }
        guard let (id, openedAt) = Self.parse(pageID) else { return false }
        var isTaken = false, isOfOnCall = false
        withGroup(id) { core, group in
            isOfOnCall = group.members.contains { core.alerts[$0]?.isOfOnCall == true }
            guard verb == .page, let matter = group.matter, matter.openedAt.milliseconds == openedAt,
                let index = matter.pages.firstIndex(where: { $0.id == pageID }), !matter.pages[index].hasFailed
            else {
                // Done before, by a process that ended before it could say so.
                isTaken = group.matter?.pages.contains { $0.id != pageID && $0.reason.hasPrefix(Self.after(pageID)) } ?? false
                return
            }
            core.effects.groups.insert(id)
            group.matter?.pages[index].hasFailed = true
            // Who got nothing has nothing to be spared.
            if isSinkTrouble, matter.drill == nil, core.people[matter.pages[index].key]?.sent.popLast() != nil {
                core.effects.people.insert(matter.pages[index].key)
            }
            if matter.drill != nil { core.effects.drills.append(.failed(page: pageID, reason: short)) }
            let page = matter.pages[index]
            if let next = page.rest.first {
                var other = page
                other.contact = next
                other.rest = Array(page.rest.dropFirst())
                other.code = ""
                other.reason = "\(Self.after(page.id)) \(page.reason)"
                core.send(other, id, &group, "\(page.contact.label) failed (\(short))", at: now)
                isTaken = true
                return
            }
            core.record(
                [page.id, matter.id], "page", "failed", "\(page.contact.label): \(short); there is no further contact",
                rule: Self.place(in: page.reason), at: now)
            core.unreached(page, id, &group, isSinkTrouble: isSinkTrouble, at: now)
        }
        if isSinkTrouble, !isOfOnCall { raiseSinkTrouble(instance, short, at: now) }
        return isTaken
    }

    private static func after(_ page: String) -> String { "instead of \(page):" }

    private mutating func raiseSinkTrouble(_ instance: String, _ failure: String, at now: Date) {
        raiseOwn(
            "sink:\(instance)", name: "PageNotDelivered", .error, "\(instance) could not deliver a page: \(failure)", labels: ["instance": instance],
            at: now)
    }
}
