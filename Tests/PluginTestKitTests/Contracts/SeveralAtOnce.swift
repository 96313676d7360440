/// Looks at all cases, four at a time: most of what a suite does is to wait for what must not come.
func severalAtOnce<Case: Sendable>(_ cases: [Case], _ body: @escaping @Sendable (Case) async -> Void) async {
    await withTaskGroup(of: Void.self) { group in
        for (index, one) in cases.enumerated() {
            if index >= 4 { await group.next() }
            group.addTask { await body(one) }
        }
    }
}
