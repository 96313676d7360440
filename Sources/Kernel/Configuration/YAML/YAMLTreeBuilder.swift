import PluginAPI

/// Makes the tree from the events.
struct YAMLTreeBuilder {
    let events: YAMLEvents
    let limits: YAMLLimits
    let start: SourceMark
    private(set) var diagnostics = Diagnostics()
    private var anchors: [String: Anchor] = [:]
    private var count = 0

    init(events: YAMLEvents, limits: YAMLLimits, start: SourceMark) {
        self.events = events
        self.limits = limits
        self.start = start
    }

    /// A node, how many nodes it is, and how high it is.
    private struct Built {
        var node: ConfigNode
        var size = 1
        var height = 1
    }

    private enum Anchor {
        /// Its node is still being read: an alias to it would never end.
        case open
        case closed(Built)
    }

    mutating func document() throws -> ConfigNode {
        var root: ConfigNode?
        while true {
            let event = try events.next()
            switch event.kind {
            case .streamStart, .documentEnd: continue
            case .streamEnd: return root ?? ConfigNode(.scalar("", plain: true), mark: start)
            case .documentStart where root == nil: root = try node(try events.next(), depth: 1).node
            default: throw YAMLRefusal(.syntax, "a second document begins here", remedy: "a file holds one; remove the “---”", at: event.mark)
            }
        }
    }

    private mutating func node(_ event: YAMLEvent, depth: Int) throws -> Built {
        try check(depth, event.mark)
        if case .alias = event.kind { return try expanded(event, depth: depth) }
        try take(1, event.mark)
        if let tag = event.tag {
            diagnostics.error(.syntax, "the tag “\(tag)” is not supported", remedy: "remove it: a value's type is its setting's", at: event.mark)
        }
        if let anchor = event.anchor { anchors[anchor] = .open }
        let built: Built
        switch event.kind {
        case .scalar(let text, let plain): built = Built(node: ConfigNode(.scalar(text, plain: plain), mark: event.mark))
        case .sequenceStart: built = try sequence(event.mark, depth: depth)
        case .mappingStart: built = try mapping(event.mark, depth: depth)
        default: throw YAMLRefusal(.syntax, "a value is missing here", at: event.mark)
        }
        if let anchor = event.anchor { anchors[anchor] = .closed(built) }
        return built
    }

    private mutating func expanded(_ event: YAMLEvent, depth: Int) throws -> Built {
        let name = event.anchor ?? ""
        switch anchors[name] {
        case .closed(let built)?:
            try take(built.size, event.mark)
            try check(depth + built.height - 1, event.mark)
            return built
        case .open?:
            throw YAMLRefusal(.syntax, "the alias *\(name) stands within its own anchor", remedy: "remove it", at: event.mark)
        case nil:
            throw YAMLRefusal(.syntax, "the alias *\(name) has no anchor", remedy: "write &\(name) at a value above it", at: event.mark)
        }
    }

    private mutating func sequence(_ mark: SourceMark, depth: Int) throws -> Built {
        var elements: [ConfigNode] = []
        var size = 1
        var height = 0
        while true {
            let event = try events.next()
            if case .sequenceEnd = event.kind { break }
            let built = try node(event, depth: depth + 1)
            elements.append(built.node)
            size += built.size
            height = max(height, built.height)
        }
        return Built(node: ConfigNode(.sequence(elements), mark: mark), size: size, height: height + 1)
    }

    private mutating func mapping(_ mark: SourceMark, depth: Int) throws -> Built {
        var entries: [ConfigNode.Entry] = []
        var lines: [String: Int] = [:]
        var merged: [ConfigNode] = []
        var size = 1
        var height = 0
        while true {
            let event = try events.next()
            if case .mappingEnd = event.kind { break }
            let key = try node(event, depth: depth + 1)
            let value = try node(try events.next(), depth: depth + 1)
            size += key.size + value.size
            height = max(height, value.height)
            guard case .scalar(let text, let plain) = key.node.content else {
                diagnostics.error(.syntax, "a key must be a text, and this is \(key.node.kindDescription)", at: event.mark)
                continue
            }
            if let line = lines.updateValue(event.mark.line, forKey: text) {
                diagnostics.error(
                    .duplicateKey, "“\(text)” is written twice; the first is on line \(line)", remedy: "keep one of them", at: event.mark)
                lines[text] = line
            } else if text == "<<", plain {
                merged += mergeable(value.node)
            } else {
                entries.append(ConfigNode.Entry(key: text, keyMark: event.mark, value: value.node))
            }
        }
        for entry in merged.flatMap({ $0.entries ?? [] }) where lines.updateValue(entry.keyMark.line, forKey: entry.key) == nil {
            entries.append(entry)
        }
        return Built(node: ConfigNode(.mapping(entries), mark: mark), size: size, height: height + 1)
    }

    /// The mappings that a merge key brings in.
    private mutating func mergeable(_ node: ConfigNode) -> [ConfigNode] {
        let sources = node.elements ?? [node]
        for source in sources where source.entries == nil {
            diagnostics.error(
                .syntax, "“<<” merges mappings, and this is \(source.kindDescription)", remedy: "name an anchor: <<: *name", at: source.mark)
        }
        return sources
    }

    private mutating func take(_ nodes: Int, _ mark: SourceMark) throws {
        count += nodes
        guard count <= limits.nodes else {
            throw YAMLRefusal(
                .limit, "the document grows beyond \(limits.nodes) values here, aliases expanded", remedy: "use fewer aliases, or split the file",
                at: mark)
        }
    }

    private func check(_ depth: Int, _ mark: SourceMark) throws {
        guard depth <= limits.depth else {
            throw YAMLRefusal(.limit, "values stand more than \(limits.depth) deep in one another here", remedy: "nest less", at: mark)
        }
    }
}
