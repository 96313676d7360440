import Foundation

/// Moments and what is due then, the first on top. What is moved stays in it, and is known by its moment not being the current one.
struct DueHeap: Sendable {
    struct Item: Sendable {
        var due: Date
        var group: UInt64
    }

    private var items: [Item] = []

    var first: Item? { items.first }
    var count: Int { items.count }

    mutating func push(_ item: Item) {
        items.append(item)
        var child = items.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard Self.isBefore(items[child], items[parent]) else { break }
            items.swapAt(child, parent)
            child = parent
        }
    }

    @discardableResult
    mutating func pop() -> Item? {
        guard let first = items.first else { return nil }
        let last = items.removeLast()
        guard !items.isEmpty else { return first }
        items[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in (2 * parent + 1)...(2 * parent + 2) where child < items.count && Self.isBefore(items[child], items[least]) { least = child }
            if least == parent { return first }
            items.swapAt(parent, least)
            parent = least
        }
    }

    /// Those due at once go by their group, so that what happens does not depend on the order in which they came.
    private static func isBefore(_ left: Item, _ right: Item) -> Bool {
        left.due == right.due ? left.group < right.group : left.due < right.due
    }
}
