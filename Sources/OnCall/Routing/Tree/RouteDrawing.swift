/// The tree as `amtool config routes` draws it.
struct RouteDrawing {
    private let nodes: [RouteNode]
    private var lines = ["."]

    /// The whole tree.
    static func whole(_ tree: RouteTree) -> String {
        var drawing = RouteDrawing(nodes: tree.nodes)
        drawing.draw(0, "", isLast: true) { node in (true, node.children) }
        return drawing.lines.joined(separator: "\n")
    }

    /// The places that labels come by.
    static func matching(_ tree: RouteTree, _ labels: [String: String]) -> String {
        var drawing = RouteDrawing(nodes: tree.nodes)
        drawing.draw(0, "", isLast: true) { node in
            var taken: [Int] = []
            for child in node.children where tree.nodes[child].matchers.map(\.matcher).match(labels) {
                taken.append(child)
                if !tree.nodes[child].continues { break }
            }
            return (false, taken)
        }
        return drawing.lines.joined(separator: "\n")
    }

    private init(nodes: [RouteNode]) { self.nodes = nodes }

    private mutating func draw(
        _ index: Int, _ indent: String, isLast: Bool, _ choose: (RouteNode) -> (isWhole: Bool, children: [Int])
    ) {
        let node = nodes[index], (isWhole, children) = choose(node)
        var line = node.matchers.isEmpty ? "default-route" : node.matchers.map(\.matcher).text
        if isWhole, node.continues { line += "  continue: true" }
        if isWhole || children.isEmpty { line += "  receiver: \(node.decision.receiver)" }
        lines.append(indent + (isLast ? "└── " : "├── ") + line)
        // The blanks that do not break are amtool's.
        let next = indent + (isLast ? "    " : "│\u{A0}\u{A0} ")
        for child in children { draw(child, next, isLast: child == children.last, choose) }
    }
}
