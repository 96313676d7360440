import PluginAPI

/// The way to a node: keys and list positions, joined by dots. `\.` is a dot within a key.
public struct ConfigurationPath: Sendable, Hashable, CustomStringConvertible {
    public let parts: [String]

    public init(_ parts: [String]) { self.parts = parts }

    /// A path from its text, `channels.webchat.settings.welcome`; nil where a part is empty.
    public init?(text: String) {
        var parts = [""]
        var escaped = false
        for character in text {
            switch character {
            case "\\" where !escaped:
                escaped = true
                continue
            case "." where !escaped: parts.append("")
            default: parts[parts.count - 1].append(character)
            }
            escaped = false
        }
        guard !parts.contains("") else { return nil }
        self.parts = parts
    }

    public var description: String { parts.map { $0.replacing(".", with: "\\.") }.joined(separator: ".") }
}

extension ConfigNode {
    /// The node at a path, if there is one.
    public subscript(path: ConfigurationPath) -> ConfigNode? {
        path.parts.reduce(Optional(self)) { node, part in node?.child(part) }
    }

    private func child(_ part: String) -> ConfigNode? {
        guard let elements else { return self[part] }
        guard let index = Int(part), elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    /// Where to look for a path: its node, or the nearest one above it that exists.
    public func nearestMark(_ path: ConfigurationPath) -> SourceMark {
        var node = self
        for part in path.parts {
            guard let next = node.child(part) else { break }
            node = next
        }
        return node.mark
    }

    /// The tree with `value` at `path`; mappings that are missing on the way are made, and a list grows by the position after its last.
    /// - Throws: ``ConfigurationPathProblem`` where something on the way is neither a mapping nor a list.
    func setting(_ path: ArraySlice<String>, to value: ConfigNode) throws(ConfigurationPathProblem) -> ConfigNode {
        guard let part = path.first else { return value }
        let rest = path.dropFirst()
        let fresh = ConfigNode(.scalar("", plain: true), mark: value.mark)
        var result = self
        switch content {
        case .sequence(var elements):
            guard let index = Int(part), (0...elements.count).contains(index) else {
                throw ConfigurationPathProblem(message: "a list of \(elements.count) has no position “\(part)”", remedy: "positions count from 0")
            }
            let element = try (index < elements.count ? elements[index] : fresh).setting(rest, to: value)
            if index < elements.count { elements[index] = element } else { elements.append(element) }
            result.content = .sequence(elements)
        case .mapping(var entries):
            if let index = entries.firstIndex(where: { $0.key == part }) {
                entries[index].value = try entries[index].value.setting(rest, to: value)
            } else {
                entries.append(Entry(key: part, keyMark: value.mark, value: try fresh.setting(rest, to: value)))
            }
            result.content = .mapping(entries)
        case _ where isNull:
            result.content = .mapping([Entry(key: part, keyMark: value.mark, value: try fresh.setting(rest, to: value))])
        case .scalar:
            throw ConfigurationPathProblem(message: "“\(part)” cannot be set in \(kindDescription)", remedy: "the path goes through a single value")
        }
        return result
    }
}

/// Why a path could not be set.
struct ConfigurationPathProblem: Error {
    let message: String
    let remedy: String
}
